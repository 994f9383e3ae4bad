//! A request body that is sent when the server asks for it (RFC 9110, section 10.1.1).
//!
//! A server that refuses an upload may close the connection after its answer. A client that is
//! still sending then gets a connection error and never reads the answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::EXPECT;
use http::{HeaderValue, Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::Timeout;

use super::client::RequestBody;
use crate::error::BoxError;

/// The longest wait for `100 Continue`. Some servers never send it.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A body that waits for `100 Continue`.
struct OnDemand {
    asked: Asked,
    body: RequestBody,
}

/// The wait starts when the body is first polled. The request's head has been sent by then, so the
/// time to connect doesn't count.
enum Asked {
    Unsent(Duration, Option<oneshot::Receiver<()>>),
    Waiting(Pin<Box<Timeout<oneshot::Receiver<()>>>>),
    Done,
}

/// Adds `Expect: 100-continue`. The body waits for the server's `100 Continue` for at most one
/// second, and at most half of `timeout`.
pub(crate) fn on_demand(request: Request<RequestBody>, timeout: Duration) -> Request<RequestBody> {
    let (ask, asked) = oneshot::channel();
    let asked = Asked::Unsent(LONGEST_WAIT.min(timeout / 2), Some(asked));
    let mut request = request.map(|body| -> RequestBody { Box::pin(OnDemand { asked, body }) });
    let expected = HeaderValue::from_static("100-continue");
    request.headers_mut().insert(EXPECT, expected);
    let ask = Mutex::new(Some(ask));
    hyper::ext::on_informational(&mut request, move |answer| {
        if answer.status() == StatusCode::CONTINUE {
            let ask = ask.lock().unwrap_or_else(PoisonError::into_inner).take();
            // The receiver is gone if the wait has timed out.
            _ = ask.map(|ask| ask.send(()));
        }
    });
    request
}

impl Body for OnDemand {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Asked::Unsent(patience, asked) = &mut self.asked
            && let Some(asked) = asked.take()
        {
            let asked = tokio::time::timeout(*patience, asked);
            self.asked = Asked::Waiting(Box::pin(asked));
        }
        if let Asked::Waiting(asked) = &mut self.asked {
            // `100 Continue` has arrived, or the wait has timed out.
            _ = ready!(asked.as_mut().poll(context));
            self.asked = Asked::Done;
        }
        self.body.as_mut().poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
