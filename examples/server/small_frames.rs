//! Request bodies in small pieces.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::http::Request;
use http_body::{Body as HttpBody, Frame};

/// s3s 0.14 refuses a form whose file has a piece of more than 64 KiB behind a piece that ends as a
/// boundary begins, with a carriage return: of large binary files that is now and then one.
const LARGEST: usize = 16 * 1024;

/// A body none of whose pieces is large.
struct SmallFrames {
    inner: Body,
    rest: Bytes,
}

pub(crate) fn in_small_frames(request: Request<Body>) -> Request<Body> {
    request.map(|inner| {
        let rest = Bytes::new();
        Body::new(SmallFrames { inner, rest })
    })
}

impl HttpBody for SmallFrames {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(LARGEST);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }
}
