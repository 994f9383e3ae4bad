//! The service. Every request gets a response; the service itself never fails.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Once};
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::read_json;
use super::command::{CreateRules, parse_complete, parse_create};
use super::error_table::ApiError;
use super::response::{self, Answer};
use super::response_body::ResponseBody;
use super::route::{Action, BasePath, Path};
use crate::asset::{Workspace, WorkspaceSlug};
use crate::auth::{Authenticator, Principal, Scope};
use crate::ports::{AssetStore, UploadSigner};
use crate::usecase::{DeletePermit, UseCases};

/// Serves the asset upload API, for any host that speaks [`tower::Service`](tower_service::Service).
///
/// | method | path | scope |
/// |---|---|---|
/// | POST | `{base}/workspaces/{slug}/assets/` | `assets:write` |
/// | GET | `{base}/workspaces/{slug}/assets/{asset_id}/` | `assets:read` |
/// | PATCH | `{base}/workspaces/{slug}/assets/{asset_id}/` | `assets:write` |
/// | DELETE | `{base}/workspaces/{slug}/assets/{asset_id}/` | `assets:write` |
///
/// [`without_deletion`](crate::service::AssetUploadBuilder::without_deletion) turns `DELETE` off.
///
/// The service accepts any body type, is always ready, answers every failure with a response, and
/// spawns no tasks. A clone costs one `Arc`.
///
/// # Mounting
/// Mount the service in axum with `route_service`, `nest_service` or `fallback_service`, in hyper
/// as the service of a connection, or in front of another service with
/// [`AssetUploadLayer`](crate::AssetUploadLayer).
///
/// axum's `nest_service` strips the prefix from the path, so set an empty
/// [base path](crate::service::AssetUploadBuilder::base_path) there. Otherwise the service answers every
/// request with 404, code `path_not_found`, and logs this remedy once:
///
/// ```
/// use axum::Router;
/// # use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
/// # use tower_asset_upload::sigv4::{Credentials, Region};
/// use tower_asset_upload::{AssetUploadService, HeaderAuthenticator, MemoryStore};
///
/// # let bucket = S3Bucket::aws("uploads", Region::us_east_1())?;
/// # let signer = S3PostSigner::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
/// # let store = MemoryStore::new();
/// # let authenticator = HeaderAuthenticator::new(store.clone());
/// let uploads = AssetUploadService::builder(store, signer, authenticator);
/// let uploads = uploads.trust_clients().base_path("").build()?;
/// let app: Router = Router::new().nest_service("/api/v1", uploads);
/// # let _ = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
/// 1. The service authenticates first. Without valid credentials it reads no body and calls no
///    store of assets.
/// 2. A missing workspace and a workspace that the caller isn't a member of get the same response.
/// 3. Upload data is valid for one key, one type and one size.
/// 4. Error responses never contain the text of a cause. Causes are logged with `tracing`.
///
/// The host must limit how long a client may take to send its body, and must provide TLS.
///
/// # Example
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use tower::ServiceExt;
/// use tower_asset_upload::{AssetUploadService, HeaderAuthenticator, MemoryStore};
/// use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
/// use tower_asset_upload::sigv4::{Credentials, Region};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bucket = S3Bucket::aws("uploads", Region::new("eu-central-1")?)?;
/// let signer = S3PostSigner::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
/// let store = MemoryStore::new();
/// let service = AssetUploadService::builder(store.clone(), signer, HeaderAuthenticator::new(store))
///     .trust_clients() // or `.verify_with(s3.objects())`
///     .build()?;
///
/// let request =
///     Request::post("/api/v1/workspaces/my-workspace/assets/").body(Full::<Bytes>::from("{}"))?;
/// let answer = service.oneshot(request).await?;
/// assert_eq!(answer.status(), 401);
/// # Ok(())
/// # }
/// ```
pub struct AssetUploadService<Store, Signer> {
    pub(crate) inner: Arc<Inner<Store, Signer>>,
}

pub(crate) struct Inner<Store, Signer> {
    pub(crate) use_cases: UseCases<Store, Signer>,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) rules: CreateRules,
    pub(crate) max_body: usize,
    pub(crate) base_path: BasePath,
    /// Completed after the warning that a router strips the base path.
    pub(crate) warned_of_router: Once,
    pub(crate) deletes: bool,
}

impl<Store, Signer> AssetUploadService<Store, Signer> {
    pub(crate) fn from_inner(inner: Inner<Store, Signer>) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Returns the workspace slug in a request's path, decoded as the service decodes it. `None` if
    /// the path is not one of the service's routes, or if the slug is invalid. Pass the path as the
    /// service receives it.
    ///
    /// For a host's middleware, such as one that checks memberships: `%77` and `w` are one slug.
    /// The workspace may not exist, and the caller may not be a member of it.
    ///
    /// Under axum's `nest_service` the service receives the path without the prefix. A middleware
    /// around the router sees the whole path, for which this method returns `None`. Put the
    /// middleware around the nested service instead.
    ///
    /// ```
    /// # use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
    /// # use tower_asset_upload::sigv4::{Credentials, Region};
    /// use tower_asset_upload::{AssetUploadService, MemoryStore};
    /// use tower_asset_upload::auth::ExtensionAuthenticator;
    ///
    /// # let bucket = S3Bucket::aws("uploads", Region::us_east_1())?;
    /// # let signer = S3PostSigner::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
    /// let uploads = AssetUploadService::builder(MemoryStore::new(), signer, ExtensionAuthenticator)
    ///     .trust_clients()
    ///     .build()?;
    /// let named = uploads.workspace_of("/api/v1/workspaces/%77/assets/");
    /// assert_eq!(named, Some("w".parse()?));
    /// assert_eq!(uploads.workspace_of("/another/path"), None);
    ///
    /// // For `nest_service("/api/v1", nested)`.
    /// # let bucket = S3Bucket::aws("uploads", Region::us_east_1())?;
    /// # let signer = S3PostSigner::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
    /// let nested = AssetUploadService::builder(MemoryStore::new(), signer, ExtensionAuthenticator)
    ///     .base_path("")
    ///     .trust_clients()
    ///     .build()?;
    /// assert_eq!(nested.workspace_of("/workspaces/%77/assets/"), Some("w".parse()?));
    /// assert_eq!(nested.workspace_of("/api/v1/workspaces/%77/assets/"), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn workspace_of(&self, path: &str) -> Option<WorkspaceSlug> {
        self.route(path)?.slug().cloned()
    }

    /// Returns the route of a path. `None` if the path is not of this API.
    pub(crate) fn route(&self, path: &str) -> Option<Path> {
        Path::parse(path, &self.inner.base_path)
    }
}

impl<Store, Signer> AssetUploadService<Store, Signer>
where
    Store: AssetStore + 'static,
    Signer: UploadSigner + 'static,
{
    /// Answers a request. `path` is `None` if the path is not of this API.
    pub(crate) fn respond<B>(&self, path: Option<Path>, request: Request<B>) -> ResponseFuture
    where
        B: Body + Send + 'static,
        B::Data: Send,
    {
        let inner = Arc::clone(&self.inner);
        let (head, body) = request.into_parts();
        ResponseFuture(Box::pin(async move {
            let body = pin!(body);
            let answer = match &path {
                Some(path) => inner.answer(path, &head, body).await,
                None => response::refusal(&ApiError::PathNotFound),
            };
            answer.to(&head.method)
        }))
    }
}

impl<Store, Signer> Inner<Store, Signer> {
    /// Logs, once, that a router seems to strip the base path. Called with a path that matches no
    /// route.
    fn warn_of_router(&self, path: &str) {
        if self.warned_of_router.is_completed() {
            return;
        }
        if let Some(rest) = self.base_path.rest_of(path) {
            let base = self.base_path.as_str();
            self.warned_of_router.call_once(|| {
                tracing::warn!(
                    "a request was answered with 404 because its path is not under the base path \
                     {base:?}; the router in front seems to strip the prefix, as axum's `nest_service` \
                     does: build the service with `.base_path({rest:?})`"
                );
            });
        }
    }
}

impl<Store: AssetStore, Signer: UploadSigner> Inner<Store, Signer> {
    /// Takes head and body by reference: they are large, and a nested future that owned them would
    /// move them.
    async fn answer<B: Body>(&self, path: &Path, head: &Parts, body: Pin<&mut B>) -> Answer {
        let action = path.action(&head.method, self.deletes);
        if action == Action::Options {
            return response::options(path.allow(self.deletes));
        }
        let answered = self.fulfil(&action, path, head, body).await;
        answered.unwrap_or_else(|error| response::refusal(&error))
    }

    async fn fulfil<B: Body>(
        &self,
        action: &Action,
        path: &Path,
        head: &Parts,
        body: Pin<&mut B>,
    ) -> Result<Answer, ApiError> {
        let caller = self.admit(head, action).await?;
        match action {
            Action::Create => self.create(&caller, path, head, body).await,
            Action::Retrieve => self.retrieve(&caller, path).await,
            Action::Complete => self.complete(&caller, path, head, body).await,
            Action::Delete => self.delete(&caller, path).await,
            Action::Options | Action::NotAllowed => Err(ApiError::MethodNotAllowed {
                method: head.method.clone(),
                allowed: path.allow(self.deletes),
            }),
        }
    }

    /// Authenticates the caller and checks the scope of its credentials.
    async fn admit(&self, head: &Parts, action: &Action) -> Result<Principal, ApiError> {
        // Dereferenced, because the forwarding impl of `Arc` would allocate a second future.
        let caller = (*self.authenticator).authenticate(head).await?;
        let scope = match action {
            Action::Retrieve => Scope::AssetsRead,
            Action::Create | Action::Complete | Action::Delete => Scope::AssetsWrite,
            Action::Options | Action::NotAllowed => return Ok(caller),
        };
        if caller.scopes.contains(scope) {
            Ok(caller)
        } else {
            Err(ApiError::InsufficientScope { scope })
        }
    }

    /// Enters the workspace that the path names.
    async fn enter(&self, caller: &Principal, path: &Path) -> Result<Workspace, ApiError> {
        let slug = path.slug().ok_or(ApiError::WorkspaceNotFound)?;
        Ok(self.use_cases.enter(caller, slug).await?)
    }

    async fn create<B: Body>(
        &self,
        caller: &Principal,
        path: &Path,
        head: &Parts,
        body: Pin<&mut B>,
    ) -> Result<Answer, ApiError> {
        let body = read_json(&head.headers, body, self.max_body).await?;
        let command = parse_create(&body, &self.rules)?;
        let workspace = self.enter(caller, path).await?;
        let upload = self
            .use_cases
            .create_upload(caller, &workspace, command)
            .await?;
        Ok(response::created(&upload))
    }

    async fn retrieve(&self, caller: &Principal, path: &Path) -> Result<Answer, ApiError> {
        let workspace = self.enter(caller, path).await?;
        let id = path.asset_id().ok_or(ApiError::AssetNotFound)?;
        let download = self.use_cases.retrieve(&workspace, id).await?;
        Ok(response::retrieved(&download))
    }

    async fn complete<B: Body>(
        &self,
        caller: &Principal,
        path: &Path,
        head: &Parts,
        body: Pin<&mut B>,
    ) -> Result<Answer, ApiError> {
        let body = read_json(&head.headers, body, self.max_body).await?;
        let is_uploaded = parse_complete(&body)?;
        let workspace = self.enter(caller, path).await?;
        let id = path.asset_id().ok_or(ApiError::AssetNotFound)?;
        self.use_cases.complete(&workspace, id, is_uploaded).await?;
        Ok(response::no_content())
    }

    async fn delete(&self, caller: &Principal, path: &Path) -> Result<Answer, ApiError> {
        let workspace = self.enter(caller, path).await?;
        // Before the id: a caller that may delete nothing gets 403 for every id, even for an
        // invalid one.
        let permit = DeletePermit::new(&workspace)?;
        let id = path.asset_id().ok_or(ApiError::AssetNotFound)?;
        self.use_cases.delete(caller, permit, id).await?;
        Ok(response::no_content())
    }
}

impl<Store, Signer, B> Service<Request<B>> for AssetUploadService<Store, Signer>
where
    Store: AssetStore + 'static,
    Signer: UploadSigner + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let path = self.route(request.uri().path());
        if path.is_none() {
            self.inner.warn_of_router(request.uri().path());
        }
        self.respond(path, request)
    }
}

/// The response future of [`AssetUploadService`].
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Answer> + Send>>);

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = self.0.as_mut().poll(context);
        answer.map(|answer| Ok(answer.into_response()))
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<Store, Signer> Clone for AssetUploadService<Store, Signer> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<Store, Signer> fmt::Debug for AssetUploadService<Store, Signer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssetUploadService")
            .field("base_path", &self.inner.base_path)
            .field("rules", &self.inner.rules)
            .field("max_body", &self.inner.max_body)
            .field("deletes", &self.inner.deletes)
            .field("use_cases", &self.inner.use_cases)
            .finish_non_exhaustive()
    }
}
