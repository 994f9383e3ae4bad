//! The service that applies the rate limit.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderName, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::limiter::QuotaState;
use super::rules::CountingRules;
use crate::service::{ApiError, ResponseBody, response};

const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The service that [`RateLimitLayer`](crate::rate_limit::RateLimitLayer) creates.
#[derive(Clone, Debug)]
pub struct RateLimitService<Inner> {
    rules: Arc<CountingRules>,
    inner: Inner,
}

impl<Inner> RateLimitService<Inner> {
    pub(super) fn new(rules: Arc<CountingRules>, inner: Inner) -> Self {
        Self { rules, inner }
    }
}

impl<Inner, RequestBody, InnerBody> Service<Request<RequestBody>> for RateLimitService<Inner>
where
    Inner: Service<Request<RequestBody>, Response = Response<InnerBody>>,
{
    type Response = Response<ResponseBody<InnerBody>>;
    type Error = Inner::Error;
    type Future = RateLimitFuture<Inner::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Inner::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let CountingRules {
            limiter,
            key,
            only,
            retry_when_full,
        } = &*self.rules;
        let (head, body) = request.into_parts();
        let quota = match only {
            Some(only) if !only(&head) => None,
            _ => Some(match key(&head) {
                Some(key) => limiter.check(key),
                None => Ok(limiter.uncounted()),
            }),
        };
        let state = match quota.transpose() {
            Ok(quota) => State::Passed {
                answer: self.inner.call(Request::from_parts(head, body)),
                quota,
            },
            Err(over) => {
                let wait = if *retry_when_full {
                    over.full_after
                } else {
                    over.retry_after
                };
                let error = ApiError::RateLimitExceeded {
                    retry_after_secs: wait,
                };
                let answer = response::refusal(&error).to(&head.method);
                let mut answer = answer.into_response();
                show(over.quota, answer.headers_mut());
                State::Refused {
                    answer: Some(answer),
                }
            }
        };
        RateLimitFuture { state }
    }
}

fn show(quota: QuotaState, headers: &mut HeaderMap) {
    headers.insert(REMAINING, quota.remaining.into());
    headers.insert(RESET, quota.reset.into());
}

pin_project! {
    /// The response future of [`RateLimitService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RateLimitFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Passed { #[pin] answer: F, quota: Option<QuotaState> },
        /// `None` after the response was returned.
        Refused { answer: Option<Response<ResponseBody>> },
    }
}

impl<F, InnerBody, Error> Future for RateLimitFuture<F>
where
    F: Future<Output = Result<Response<InnerBody>, Error>>,
{
    type Output = Result<Response<ResponseBody<InnerBody>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passed { answer, quota } => {
                let mut answer = ready!(answer.poll(context))?;
                if let Some(quota) = *quota {
                    show(quota, answer.headers_mut());
                }
                Poll::Ready(Ok(answer.map(ResponseBody::inner)))
            }
            StateProjection::Refused { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer.map(ResponseBody::in_middleware))),
                // Polled after completion, which callers must not do.
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
