//! A service that serves the document.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response};
use tower_service::Service;

use crate::service::{ApiError, ResponseBody, response};

const ALLOW: &str = "GET, HEAD, OPTIONS";

/// Answers every GET with an [`OpenApi`](crate::openapi::OpenApi) document, whatever its path.
/// [`OpenApi::into_service`](crate::openapi::OpenApi::into_service) creates it. A clone costs one
/// `Arc`.
///
/// The service requires no credentials, because the document holds no secret. To let pages of other
/// origins read the document, add a CORS layer.
#[derive(Clone, Debug)]
pub struct OpenApiService {
    document: Bytes,
}

impl OpenApiService {
    pub(super) fn new(document: String) -> Self {
        Self {
            document: document.into(),
        }
    }

    fn answer(&self, method: &Method) -> Response<ResponseBody> {
        match *method {
            Method::GET => self.document(),
            Method::HEAD => response::without_body(self.document()),
            Method::OPTIONS => response::options(ALLOW).into_response(),
            _ => {
                let error = ApiError::MethodNotAllowed {
                    method: method.clone(),
                    allowed: ALLOW,
                };
                response::refusal(&error).into_response()
            }
        }
    }

    fn document(&self) -> Response<ResponseBody> {
        let mut answer = Response::new(ResponseBody::own(self.document.clone()));
        for (name, value) in [
            (CONTENT_TYPE, "application/json"),
            (CACHE_CONTROL, "no-cache"),
        ] {
            answer
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        answer
    }
}

impl<B> Service<Request<B>> for OpenApiService {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method())))
    }
}
