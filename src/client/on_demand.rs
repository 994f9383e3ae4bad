//! A body that is sent when the object store asks for it (RFC 9110, section 10.1.1).
//!
//! A store that refuses an upload may close the connection behind its answer. A client that is still
//! sending then finds the connection broken, and never reads the answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::EXPECT;
use http::{HeaderValue, Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use tokio::time::Timeout;

use super::exact::{Exact, SourceFault};
use super::source::SourceBody;

/// How long to wait for a store that may not know how to ask.
const PATIENCE: Duration = Duration::from_secs(1);

/// A body that waits until it is asked for.
struct OnDemand {
    asked: Asked,
    body: Exact,
}

/// The wait begins when the body is polled first: the head has been sent then, and the time that the
/// connection took doesn't count.
enum Asked {
    Unsent(Duration, Option<oneshot::Receiver<()>>),
    Waiting(Pin<Box<Timeout<oneshot::Receiver<()>>>>),
    Done,
}

/// The request, with a body that waits for `100 Continue`; for half of `timeout` at most.
pub(super) fn on_demand(request: Request<Exact>, timeout: Duration) -> Request<SourceBody> {
    let (ask, asked) = oneshot::channel();
    let patience = PATIENCE.min(timeout / 2);
    let mut request = request.map(|body| -> SourceBody {
        let asked = Asked::Unsent(patience, Some(asked));
        Box::pin(OnDemand { asked, body }.map_err(Into::into))
    });
    let expected = HeaderValue::from_static("100-continue");
    request.headers_mut().insert(EXPECT, expected);
    let ask = Mutex::new(Some(ask));
    hyper::ext::on_informational(&mut request, move |answer| {
        if answer.status() == StatusCode::CONTINUE {
            let ask = ask.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Nobody waits where the body was sent unasked.
            _ = ask.map(|ask| ask.send(()));
        }
    });
    request
}

impl Body for OnDemand {
    type Data = Bytes;
    type Error = SourceFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SourceFault>>> {
        if let Asked::Unsent(patience, asked) = &mut self.asked
            && let Some(asked) = asked.take()
        {
            let asked = tokio::time::timeout(*patience, asked);
            self.asked = Asked::Waiting(Box::pin(asked));
        }
        if let Asked::Waiting(asked) = &mut self.asked {
            // Asked for, or waited for long enough.
            _ = ready!(asked.as_mut().poll(context));
            self.asked = Asked::Done;
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
