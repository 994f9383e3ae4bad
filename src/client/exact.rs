//! A body that fails unless it has exactly the announced size.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::progress::Meter;
use super::source::SourceBody;
use crate::error::BoxError;

/// Failure of an upload's source. Its type tells it from a failed connection in a chain of causes.
#[derive(Clone, Debug)]
pub(super) struct SourceFault(Arc<BoxError>);

impl SourceFault {
    fn new(cause: impl Into<BoxError>) -> Self {
        Self(Arc::new(cause.into()))
    }
}

impl fmt::Display for SourceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for SourceFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Passes on the data of a body, counts its bytes, and fails if there are fewer or more than
/// announced.
pub(super) struct Exact {
    body: SourceBody,
    left: u64,
    meter: Meter,
}

impl Exact {
    pub(super) fn new(body: SourceBody, size: u64, meter: Meter) -> Self {
        Self {
            body,
            left: size,
            meter,
        }
    }
}

impl Body for Exact {
    type Data = Bytes;
    type Error = SourceFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SourceFault>>> {
        loop {
            let Some(frame) = ready!(self.body.as_mut().poll_frame(context)) else {
                return Poll::Ready((self.left > 0).then(|| {
                    let early = format!("it ended {} bytes before its announced size", self.left);
                    Err(SourceFault::new(early))
                }));
            };
            // A form can't carry trailers.
            let data = match frame.map(Frame::into_data) {
                Ok(Ok(data)) => data,
                Ok(Err(_)) => continue,
                Err(fault) => return Poll::Ready(Some(Err(SourceFault::new(fault)))),
            };
            let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
            let Some(left) = self.left.checked_sub(length) else {
                let fault = SourceFault::new("it has more bytes than its announced size");
                return Poll::Ready(Some(Err(fault)));
            };
            self.left = left;
            self.meter.add(data.len());
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
