//! The limit before another service.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::{Either, Full};
use pin_project_lite::pin_project;
use tower::Service;

use super::limiter::Standing;
use super::rules::Rules;
use crate::service::response;

const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What [`RateLimitLayer`](crate::rate_limit::RateLimitLayer) makes of a service.
#[derive(Clone, Debug)]
pub struct RateLimitService<Inner> {
    rules: Arc<Rules>,
    inner: Inner,
}

impl<Inner> RateLimitService<Inner> {
    pub(super) fn new(rules: Arc<Rules>, inner: Inner) -> Self {
        Self { rules, inner }
    }
}

impl<Inner, RequestBody, ResponseBody> Service<Request<RequestBody>> for RateLimitService<Inner>
where
    Inner: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
{
    type Response = Response<Either<Full<Bytes>, ResponseBody>>;
    type Error = Inner::Error;
    type Future = RateLimitFuture<Inner::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Inner::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let Rules {
            limiter,
            key,
            only,
            retry_when_full,
        } = &*self.rules;
        let (head, body) = request.into_parts();
        let standing = match only {
            Some(only) if !only(&head) => None,
            _ => Some(match key(&head) {
                Some(key) => limiter.check(key),
                None => Ok(limiter.uncounted()),
            }),
        };
        let fate = match standing.transpose() {
            Ok(standing) => Fate::Passed {
                answer: self.inner.call(Request::from_parts(head, body)),
                standing,
            },
            Err(over) => {
                let wait = if *retry_when_full {
                    over.full_after
                } else {
                    over.retry_after
                };
                let answer = response::rate_limit_exceeded(wait);
                let mut answer = answer.to(&head.method).into_response();
                show(over.standing, answer.headers_mut());
                Fate::Refused {
                    answer: Some(answer),
                }
            }
        };
        RateLimitFuture { fate }
    }
}

fn show(standing: Standing, headers: &mut HeaderMap) {
    headers.insert(REMAINING, standing.remaining.into());
    headers.insert(RESET, standing.reset.into());
}

pin_project! {
    /// The answer to come of a [`RateLimitService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RateLimitFuture<F> {
        #[pin]
        fate: Fate<F>,
    }
}

pin_project! {
    #[project = FateProjection]
    enum Fate<F> {
        Passed { #[pin] answer: F, standing: Option<Standing> },
        /// `None` once it was taken.
        Refused { answer: Option<Response<Full<Bytes>>> },
    }
}

impl<F, ResponseBody, Error> Future for RateLimitFuture<F>
where
    F: Future<Output = Result<Response<ResponseBody>, Error>>,
{
    type Output = Result<Response<Either<Full<Bytes>, ResponseBody>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().fate.project() {
            FateProjection::Passed { answer, standing } => {
                let mut answer = ready!(answer.poll(context))?;
                if let Some(standing) = *standing {
                    show(standing, answer.headers_mut());
                }
                Poll::Ready(Ok(answer.map(Either::Right)))
            }
            FateProjection::Refused { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer.map(Either::Left))),
                // Polled after its end, which is for the caller not to do.
                None => Poll::Pending,
            },
        }
    }
}

impl<F> fmt::Debug for RateLimitFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitFuture").finish_non_exhaustive()
    }
}
