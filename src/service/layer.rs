//! A layer that puts the service in front of another service.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::endpoint::{AssetUploadService, ResponseFuture};
use super::response_body::ResponseBody;
use crate::ports::{AssetStore, UploadSigner};

/// Puts an [`AssetUploadService`] in front of another service. Requests whose path is not of the
/// API go to the other service unchanged.
///
/// ```
/// use tower::{Layer, ServiceBuilder, service_fn};
/// # use http::{Request, Response};
/// # use http_body_util::Full;
/// # use bytes::Bytes;
/// # use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
/// # use tower_asset_upload::sigv4::{Credentials, Region};
/// use tower_asset_upload::{AssetUploadService, MemoryStore};
/// use tower_asset_upload::auth::ExtensionAuthenticator;
///
/// # let bucket = S3Bucket::aws("uploads", Region::us_east_1())?;
/// # let signer = S3PostSigner::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
/// let uploads = AssetUploadService::builder(MemoryStore::new(), signer, ExtensionAuthenticator)
///     .trust_clients()
///     .build_layer()?;
/// let service = ServiceBuilder::new().layer(uploads).service(service_fn(|_: Request<Full<Bytes>>| async {
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("the host's own pages")))
/// }));
/// # let _ = service;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AssetUploadLayer<Store, Signer> {
    uploads: AssetUploadService<Store, Signer>,
}

impl<Store, Signer> AssetUploadLayer<Store, Signer> {
    /// Creates a layer from a service.
    #[must_use]
    pub fn new(uploads: AssetUploadService<Store, Signer>) -> Self {
        Self { uploads }
    }
}

impl<Store, Signer, Inner> Layer<Inner> for AssetUploadLayer<Store, Signer> {
    type Service = AssetUploadMiddleware<Store, Signer, Inner>;

    fn layer(&self, inner: Inner) -> Self::Service {
        AssetUploadMiddleware {
            uploads: self.uploads.clone(),
            inner,
        }
    }
}

/// The service that [`AssetUploadLayer`] creates.
pub struct AssetUploadMiddleware<Store, Signer, Inner> {
    uploads: AssetUploadService<Store, Signer>,
    inner: Inner,
}

impl<Store, Signer, Inner, RequestBody, InnerBody> Service<Request<RequestBody>>
    for AssetUploadMiddleware<Store, Signer, Inner>
where
    Store: AssetStore + 'static,
    Signer: UploadSigner + 'static,
    Inner: Service<Request<RequestBody>, Response = Response<InnerBody>>,
    RequestBody: Body + Send + 'static,
    RequestBody::Data: Send,
{
    type Response = Response<ResponseBody<InnerBody>>;
    type Error = Inner::Error;
    type Future = MiddlewareFuture<Inner::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Inner::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let answer = match self.uploads.route(request.uri().path()) {
            Some(path) => Whose::Own {
                answer: self.uploads.respond(Some(path), request),
            },
            None => Whose::Others {
                answer: self.inner.call(request),
            },
        };
        MiddlewareFuture { answer }
    }
}

pin_project! {
    /// The response future of [`AssetUploadMiddleware`].
    #[must_use = "futures do nothing unless polled"]
    pub struct MiddlewareFuture<F> {
        #[pin]
        answer: Whose<F>,
    }
}

pin_project! {
    #[project = WhoseProjection]
    enum Whose<F> {
        Own { #[pin] answer: ResponseFuture },
        Others { #[pin] answer: F },
    }
}

impl<F, InnerBody, Error> Future for MiddlewareFuture<F>
where
    F: Future<Output = Result<Response<InnerBody>, Error>>,
{
    type Output = Result<Response<ResponseBody<InnerBody>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().answer.project() {
            WhoseProjection::Own { answer } => answer.poll(context).map(|answer| {
                let Ok(answer): Result<_, Infallible> = answer;
                Ok(answer.map(ResponseBody::in_middleware))
            }),
            WhoseProjection::Others { answer } => answer
                .poll(context)
                .map(|answer| answer.map(|answer| answer.map(ResponseBody::inner))),
        }
    }
}

impl<Store, Signer> Clone for AssetUploadLayer<Store, Signer> {
    fn clone(&self) -> Self {
        Self {
            uploads: self.uploads.clone(),
        }
    }
}

impl<Store, Signer, Inner: Clone> Clone for AssetUploadMiddleware<Store, Signer, Inner> {
    fn clone(&self) -> Self {
        Self {
            uploads: self.uploads.clone(),
            inner: self.inner.clone(),
        }
    }
}

impl<Store, Signer> fmt::Debug for AssetUploadLayer<Store, Signer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AssetUploadLayer")
            .field(&self.uploads)
            .finish()
    }
}

impl<Store, Signer, Inner: fmt::Debug> fmt::Debug for AssetUploadMiddleware<Store, Signer, Inner> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssetUploadMiddleware")
            .field("uploads", &self.uploads)
            .field("inner", &self.inner)
            .finish()
    }
}

impl<F> fmt::Debug for MiddlewareFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MiddlewareFuture").finish_non_exhaustive()
    }
}
