//! The body type of responses.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a response: a body that this crate wrote, or, in a middleware, the body of the
    /// inner service.
    ///
    /// `B` is the type of the inner service's body. The default, [`NoBody`], is for services
    /// without an inner service.
    pub struct ResponseBody<B = NoBody> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        Own { #[pin] body: Full<Bytes> },
        Inner { #[pin] body: B },
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn own(body: impl Into<Bytes>) -> Self {
        let body = Full::new(body.into());
        Self {
            kind: Kind::Own { body },
        }
    }

    /// Returns the inner service's body. `None` if this crate wrote the response.
    #[must_use]
    pub fn into_inner(self) -> Option<B> {
        match self.kind {
            Kind::Own { .. } => None,
            Kind::Inner { body } => Some(body),
        }
    }

    pub(crate) fn inner(body: B) -> Self {
        Self {
            kind: Kind::Inner { body },
        }
    }
}

impl ResponseBody {
    /// Converts the body for a middleware around a service with the body `B`.
    pub(crate) fn in_middleware<B>(self) -> ResponseBody<B> {
        let kind = match self.kind {
            Kind::Own { body } => Kind::Own { body },
            Kind::Inner { body } => match body {},
        };
        ResponseBody { kind }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Own { body } => body.poll_frame(context).map(|frame| {
                frame.map(|frame| {
                    let Ok(frame): Result<_, Infallible> = frame;
                    Ok(frame)
                })
            }),
            KindProjection::Inner { body } => body.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Own { body } => body.is_end_stream(),
            Kind::Inner { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Own { body } => body.size_hint(),
            Kind::Inner { body } => body.size_hint(),
        }
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}

/// The body type for services without an inner service. It has no values.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum NoBody {}

impl Body for NoBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match *self {}
    }
}
