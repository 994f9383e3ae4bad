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

/// How many keys are held unless it is set.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// Lets so many requests in a time through for each credential, and answers 429 to the rest; 60 a
/// minute by default.
///
/// Every answer then has two more headers:
///
/// | header | on | what it says |
/// |---|---|---|
/// | `X-RateLimit-Remaining` | every answer | how many requests would still pass at once |
/// | `X-RateLimit-Reset` | every answer | the second since 1970 from which the whole quota is there again, if none pass until then |
/// | `Retry-After` | 429 | in how many seconds the next one passes; or the [whole quota is there](Self::retry_when_full) |
///
/// The 429's body is Plane's, and like every error here it has a word for programs besides:
/// `{"error_code":5900,"error_message":"RATE_LIMIT_EXCEEDED","code":"rate_limit_exceeded"}`. See
/// [`RateLimit`] for what "60 a minute" means to a burst.
///
/// # What is counted
/// By default every request with a credential, by [`RateKey::from_headers`]: before anybody knows
/// whether it is valid, so that hammering with one that isn't costs nothing but itself. A request
/// without a credential is **not** counted: it costs no more than the 401 that it gets, and if all
/// of them shared one quota anybody could use it up, preflights of browsers included. Its answer
/// shows the whole quota.
///
/// A client that invents another credential for each request is **never** limited: each of them has a
/// quota of its own, and each costs one look-up. Only a limit by address holds such a client; set one
/// in the proxy in front, which knows the address.
///
/// [`by_principal`](Self::by_principal) and [`by`](Self::by) count by something else,
/// [`only`](Self::only) leaves requests out altogether.
///
/// # Where to put it
/// Around the [`AssetUploadService`](crate::AssetUploadService) itself, so that nothing but
/// requests for this API count; the result is mounted as the service is:
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
///     .route("/", get(|| async { "the host's own pages, as often as one likes" }))
///     .fallback_service(limited);
/// # let _ = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Around a whole router, or an [`AssetUploadLayer`](crate::AssetUploadLayer), say which requests
/// it is for; the others are handed on untouched:
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
/// // In axum the layer that is added last sees a request first: the host's own middleware, which
/// // puts in the `Principal`, is added after both.
/// let app: Router = Router::new().fallback(|| async { "the host's" }).layer(uploads).layer(limit);
/// # let _ = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The counts belong to the layer and its clones: services made from them count together, as axum
/// makes one for each route. Two replicas each count for themselves.
///
/// # Memory
/// At most [`capacity`](Self::capacity) keys are held, each as a digest and one moment: some 130
/// bytes, taken as they come, so 8 MiB by default when full. When there are more, those that were
/// seen once go first, and whoever is forgotten has the whole quota again: nobody is ever locked
/// out for want of room. A flood of invented keys so drives out the invented ones.
///
/// # Time
/// By the [`Clock`], the machine's by default. Set ahead it fills every quota; set back it locks
/// nobody out. Nothing is spawned, and no lock is held while anything is waited for.
///
/// # For browsers
/// Scripts of other origins see the headers only if the host's CORS layer exposes them
/// (`Access-Control-Expose-Headers`).
#[derive(Clone)]
pub struct RateLimitLayer {
    rules: Arc<CountingRules>,
}

impl RateLimitLayer {
    /// A layer that holds each credential to that limit.
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

    /// A layer that lets that many requests a minute through for each credential.
    #[must_use]
    pub fn per_minute(requests: NonZeroU32) -> Self {
        Self::new(RateLimit::per_minute(requests))
    }

    /// Counts by the user of the [`Principal`](crate::auth::Principal) that the host's own middleware has
    /// put into the request, as one mounts it with [`ExtensionAuthenticator`](crate::auth::ExtensionAuthenticator). That
    /// middleware has to come before this layer: a request without a principal isn't counted.
    #[must_use]
    pub fn by_principal(self) -> Self {
        self.by(|head| RateKey::from_extensions(&head.extensions))
    }

    /// Counts by what the function makes of a request's head; a request that it gives no key isn't
    /// counted.
    ///
    /// **Danger:** the function sees the request before the service has authenticated anybody.
    /// 1. A key that clients choose at will, such as one of a header that any of them can send, limits
    ///    nobody. The text of the path is such a key: `%77` and `w` name one workspace.
    /// 2. A quota that several callers share is used up by whoever can name it. So take its key from
    ///    the host's own middleware, and only for callers that may use it.
    /// 3. A middleware that finds no key lets every request through, without a word.
    ///    [`workspace_of`](crate::AssetUploadService::workspace_of) finds no workspace in a path that still
    ///    has the prefix of axum's `nest_service`: the middleware goes around the nested service, not
    ///    around the router.
    ///
    /// A workspace of many callers, as one:
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
    /// /// The workspace of a request, once its caller is known to be a member.
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
    /// // Comes behind the host's middleware that authenticates and puts in the `Principal`.
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
    /// // Around the service, as both have to see the same path.
    /// let app: Router = Router::new().nest_service("/files", enter.layer(limited));
    /// # let _ = app;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn by(mut self, key: impl Fn(&Parts) -> Option<RateKey> + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.rules).key = Arc::new(key);
        self
    }

    /// Only the requests that the function says yes to are limited: by default all. The others are
    /// handed on as they are, and so are their answers.
    #[must_use]
    pub fn only(mut self, only: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.rules).only = Some(Arc::new(only));
        self
    }

    /// Has the `Retry-After` of a 429 name the moment of `X-RateLimit-Reset`, at which the whole quota is
    /// there again. By default it names the moment at which one more request passes. Plane tells its
    /// clients the rest of the window, and those that go on with a burst then meet no second 429.
    #[must_use]
    pub fn retry_when_full(mut self) -> Self {
        Arc::make_mut(&mut self.rules).retry_when_full = true;
        self
    }

    /// How many keys are held at most (a few more where that doesn't divide evenly); 65,536 by
    /// default. More credentials than that within one period get through more often than they
    /// should. Forgets what was counted.
    #[must_use]
    pub fn capacity(self, keys: NonZeroUsize) -> Self {
        let Limiter { limit, clock, .. } = &*self.rules.limiter;
        let limiter = Limiter::new(*limit, keys, Arc::clone(clock));
        self.with_limiter(limiter)
    }

    /// The clock; the machine's by default. Forgets what was counted.
    #[must_use]
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        let Limiter {
            limit, capacity, ..
        } = *self.rules.limiter;
        self.with_limiter(Limiter::new(limit, capacity, Arc::new(clock)))
    }

    /// How many keys are held now, for the host's metrics.
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
    /// 60 a minute for each credential.
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
