//! The layer and its settings.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use http::request::Parts;
use tower_layer::Layer;

use super::key::RateKey;
use super::limit::RateLimit;
use super::limiter::Limiter;
use super::rules::CountingRules;
use super::service::RateLimitService;
use crate::asset::{Clock, SystemClock};

/// The default number of keys.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// Limits the rate of requests for each credential, and answers requests over the limit with 429.
/// The default is 60 requests a minute.
///
/// The layer adds these headers to the responses of limited requests:
///
/// | header | on | value |
/// |---|---|---|
/// | `X-RateLimit-Remaining` | every response | how many more requests would pass right now |
/// | `X-RateLimit-Reset` | every response | the second since 1970 at which the whole quota is available again, if no requests pass until then |
/// | `Retry-After` | 429 | in how many seconds one more request passes, or the [whole quota is available](Self::retry_when_full) |
///
/// The body of the 429 is Plane's, with a code for programs added:
/// `{"error_code":5900,"error_message":"RATE_LIMIT_EXCEEDED","code":"rate_limit_exceeded"}`. See
/// [`RateLimit`] for the bursts that a limit allows.
///
/// # Which requests count
/// By default, every request with a credential counts, by [`RateKey::from_headers`].
///
/// 1. A request counts before its credential is checked. So a flood of requests with one invalid
///    credential exhausts only the quota of that credential.
/// 2. A request without a credential **does not count**, and its response shows the whole quota. It
///    costs only a 401. If such requests shared a quota, anybody could exhaust it, and block the
///    preflights of browsers too.
/// 3. A client that sends a new invented credential with each request is **never limited**. Each
///    credential has its own quota, and each request costs a look-up. Only a limit by address stops
///    such a client; set one in the proxy in front, which knows the address.
///
/// [`by_principal`](Self::by_principal) and [`by`](Self::by) count by another key.
/// [`only`](Self::only) excludes requests from the limit.
///
/// # Where to put it
/// Wrap the [`AssetUploadService`](crate::AssetUploadService) itself, so that only requests for
/// this API count. Mount the result in place of the service:
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
/// use tower::ServiceBuilder;
/// # use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
/// # use tower_asset_upload::sigv4::{Credentials, Region};
/// use tower_asset_upload::{AssetUploadService, HeaderAuthenticator, MemoryStore};
/// use tower_asset_upload::rate_limit::RateLimitLayer;
///
/// # let bucket = S3Bucket::aws("uploads", Region::us_east_1())?;
/// # let signer = S3PostSigner::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
/// # let store = MemoryStore::new();
/// let authenticator = HeaderAuthenticator::new(store.clone());
/// let uploads = AssetUploadService::builder(store, signer, authenticator).trust_clients().build()?;
/// let limited = ServiceBuilder::new().layer(RateLimitLayer::default()).service(uploads);
///
/// let app: Router = Router::new()
///     .route("/", get(|| async { "the host's own pages, without a limit" }))
///     .fallback_service(limited);
/// # let _ = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// To wrap a whole router or an [`AssetUploadLayer`](crate::AssetUploadLayer), use
/// [`only`](Self::only) to select the requests of this API. Other requests pass unchanged:
///
/// ```
/// use axum::Router;
/// # use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
/// # use tower_asset_upload::sigv4::{Credentials, Region};
/// use tower_asset_upload::{AssetUploadService, MemoryStore};
/// use tower_asset_upload::auth::ExtensionAuthenticator;
/// use tower_asset_upload::rate_limit::RateLimitLayer;
///
/// # let bucket = S3Bucket::aws("uploads", Region::us_east_1())?;
/// # let signer = S3PostSigner::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
/// let store = MemoryStore::new();
/// let uploads = AssetUploadService::builder(store, signer, ExtensionAuthenticator).trust_clients().build_layer()?;
/// let limit = RateLimitLayer::default()
///     .by_principal()
///     .only(|head| head.uri.path().starts_with("/api/v1/workspaces/"));
///
/// // In axum the layer that is added last sees a request first. So add the host's middleware,
/// // which inserts the `Principal`, after both.
/// let app: Router = Router::new().fallback(|| async { "the host's" }).layer(uploads).layer(limit);
/// # let _ = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The layer, its clones, and the services made from them share their counts; axum makes a service
/// for each route. Two replicas count separately.
///
/// # Memory
/// The layer holds at most [`capacity`](Self::capacity) keys. A key takes about 130 bytes (a digest
/// and a moment), allocated on demand: 8 MiB by default when full.
///
/// Beyond the capacity, keys that were seen once are dropped first. So a flood of invented keys
/// mostly drops invented keys. A dropped key has its whole quota again: lack of room never locks a
/// caller out.
///
/// # Time
/// The layer reads the [`Clock`]; the machine's by default. A clock that is set ahead refills every
/// quota. A clock that is set back locks nobody out.
///
/// The layer spawns no tasks, and holds no lock across an `await`.
///
/// # For browsers
/// Scripts of other origins can read the headers only if the host's CORS layer exposes them
/// (`Access-Control-Expose-Headers`).
#[derive(Clone)]
pub struct RateLimitLayer {
    rules: Arc<CountingRules>,
}

impl RateLimitLayer {
    /// Creates a layer with the given limit for each credential.
    #[must_use]
    pub fn new(limit: RateLimit) -> Self {
        let limiter = Limiter::new(limit, CAPACITY, Arc::new(SystemClock));
        Self {
            rules: Arc::new(CountingRules {
                limiter: Arc::new(limiter),
                key: Arc::new(|head| RateKey::from_headers(&head.headers)),
                only: None,
                retry_when_full: false,
            }),
        }
    }

    /// Creates a layer that allows the given number of requests a minute for each credential.
    #[must_use]
    pub fn per_minute(requests: NonZeroU32) -> Self {
        Self::new(RateLimit::per_minute(requests))
    }

    /// Counts by the user of the [`Principal`](crate::auth::Principal) that the host's middleware
    /// put into the request, as for
    /// [`ExtensionAuthenticator`](crate::auth::ExtensionAuthenticator). Put that middleware before
    /// this layer: a request without a principal doesn't count.
    #[must_use]
    pub fn by_principal(self) -> Self {
        self.by(|head| RateKey::from_extensions(&head.extensions))
    }

    /// Counts by a key that the function takes from a request's head. A request for which it
    /// returns `None` doesn't count.
    ///
    /// **Danger:** the function sees the request before the service has authenticated the caller.
    /// 1. Don't use a key that clients choose freely, such as a header that anyone can send: it
    ///    limits nobody. The text of the path is such a key, because `%77` and `w` name one
    ///    workspace.
    /// 2. If several callers share a quota, anyone who can name its key can exhaust it. So take the
    ///    key from the host's middleware, and only for callers that may use it.
    /// 3. A middleware that finds no key silently lets every request through.
    ///    [`workspace_of`](crate::AssetUploadService::workspace_of) returns `None` for a path that
    ///    still has the prefix of axum's `nest_service`: put the middleware around the nested
    ///    service, not around the router.
    ///
    /// One quota for all members of a workspace:
    ///
    /// ```
    /// use axum::Router;
    /// use axum::extract::Request;
    /// use axum::middleware::{Next, from_fn};
    /// # use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
    /// # use tower_asset_upload::sigv4::{Credentials, Region};
    /// use tower::Layer;
    /// use tower_asset_upload::{AssetStore, AssetUploadService, MemoryStore};
    /// use tower_asset_upload::asset::WorkspaceSlug;
    /// use tower_asset_upload::auth::{ExtensionAuthenticator, Principal};
    /// use tower_asset_upload::rate_limit::{RateKey, RateLimitLayer};
    ///
    /// /// The workspace of a request whose caller is a member.
    /// #[derive(Clone)]
    /// struct Entered(WorkspaceSlug);
    ///
    /// # let bucket = S3Bucket::aws("uploads", Region::us_east_1())?;
    /// # let signer = S3PostSigner::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
    /// let store = MemoryStore::new();
    /// let uploads = AssetUploadService::builder(store.clone(), signer, ExtensionAuthenticator)
    ///     .base_path("") // axum strips the prefix of a nested service
    ///     .trust_clients()
    ///     .build()?;
    /// let limit = RateLimitLayer::default().by(|head| {
    ///     let Entered(workspace) = head.extensions.get()?;
    ///     Some(RateKey::new(workspace.as_str()))
    /// });
    /// let limited = limit.layer(uploads.clone());
    ///
    /// // Runs after the host's middleware that authenticates and inserts the `Principal`.
    /// let enter = from_fn(move |mut request: Request, next: Next| {
    ///     let (store, slug) = (store.clone(), uploads.workspace_of(request.uri().path()));
    ///     async move {
    ///         if let Some(caller) = request.extensions().get::<Principal>()
    ///             && let Some(slug) = slug
    ///             && let Ok(Some(_)) = store.enter(&slug, caller.user).await
    ///         {
    ///             request.extensions_mut().insert(Entered(slug));
    ///         }
    ///         next.run(request).await
    ///     }
    /// });
    /// // Around the nested service, because both must see the same path.
    /// let app: Router = Router::new().nest_service("/files", enter.layer(limited));
    /// # let _ = app;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn by(mut self, key: impl Fn(&Parts) -> Option<RateKey> + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.rules).key = Arc::new(key);
        self
    }

    /// Limits only requests for which the function returns `true`; by default all. Other requests,
    /// and their responses, pass unchanged.
    #[must_use]
    pub fn only(mut self, only: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.rules).only = Some(Arc::new(only));
        self
    }

    /// Sets `Retry-After` of a 429 to the time until the whole quota is available again, as in
    /// `X-RateLimit-Reset`. By default it is the time until one more request passes.
    ///
    /// Plane sends the rest of the window. A client that continues with a burst after that wait
    /// gets no second 429.
    #[must_use]
    pub fn retry_when_full(mut self) -> Self {
        Arc::make_mut(&mut self.rules).retry_when_full = true;
        self
    }

    /// Sets the largest number of keys; 65,536 by default. The layer may round it up a little.
    /// Resets all counts.
    ///
    /// If more credentials than this call within one period, some of them exceed the limit.
    #[must_use]
    pub fn capacity(self, keys: NonZeroUsize) -> Self {
        let Limiter { limit, clock, .. } = &*self.rules.limiter;
        let limiter = Limiter::new(*limit, keys, Arc::clone(clock));
        self.with_limiter(limiter)
    }

    /// Sets the clock; the machine's by default. Resets all counts.
    #[must_use]
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        let Limiter {
            limit, capacity, ..
        } = *self.rules.limiter;
        self.with_limiter(Limiter::new(limit, capacity, Arc::new(clock)))
    }

    /// Returns the current number of keys, for the host's metrics.
    #[must_use]
    pub fn held(&self) -> usize {
        self.rules.limiter.held()
    }

    fn with_limiter(mut self, limiter: Limiter) -> Self {
        Arc::make_mut(&mut self.rules).limiter = Arc::new(limiter);
        self
    }
}

impl Default for RateLimitLayer {
    /// Creates a layer with a limit of 60 requests a minute.
    fn default() -> Self {
        Self::new(RateLimit::default())
    }
}

impl<Inner> Layer<Inner> for RateLimitLayer {
    type Service = RateLimitService<Inner>;

    fn layer(&self, inner: Inner) -> Self::Service {
        RateLimitService::new(Arc::clone(&self.rules), inner)
    }
}

impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limiter {
            limit, capacity, ..
        } = &*self.rules.limiter;
        f.debug_struct("RateLimitLayer")
            .field("limit", limit)
            .field("capacity", capacity)
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}
