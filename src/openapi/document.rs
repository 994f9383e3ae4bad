//! The document and its options.

use std::fmt;

use serde_json::Value;

use super::service::OpenApiService;
use super::settings::Settings;
use super::{refusals, template};
use crate::service::AssetUploadService;

/// The [OpenAPI 3.1](https://spec.openapis.org/oas/v3.1.1) document of an [`AssetUploadService`]:
/// its paths and limits as configured, every header, and every response, errors included.
///
/// [`AssetUploadService::openapi`] creates it. The schemas accept exactly the requests that the
/// service accepts, with two exceptions that JSON Schema can't express: whether a `project_id`
/// names a project, and whether the service can derive a missing type from the name.
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
/// let authenticator = HeaderAuthenticator::new(store.clone());
/// let uploads = AssetUploadService::builder(store, signer, authenticator).trust_clients().build()?;
///
/// let document = uploads.openapi();
/// assert!(document.to_json().contains("/api/v1/workspaces/{slug}/assets/"));
///
/// let app: Router = Router::new()
///     .route_service("/openapi.json", document.into_service())
///     .fallback_service(uploads);
/// # let _ = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct OpenApi {
    settings: Settings,
}

impl<Store, Signer> AssetUploadService<Store, Signer> {
    /// Returns the OpenAPI document of this service.
    pub fn openapi(&self) -> OpenApi {
        let inner = &*self.inner;
        OpenApi {
            settings: Settings {
                base_path: inner.base_path.as_str().to_owned(),
                rules: inner.rules.clone(),
                max_body: inner.max_body,
                deletes: inner.deletes,
                rate_limited: false,
                header_credentials: true,
                servers: Vec::new(),
            },
        }
    }
}

impl OpenApi {
    /// Adds a server: a URL, or a path that is relative to the document's own address. Without a
    /// server, the paths start at the root of the server that serves the document. If the host's
    /// router strips a prefix, add the prefix here.
    ///
    /// ```
    /// # use tower_asset_upload::{AssetUploadService, MemoryStore};
    /// # use tower_asset_upload::auth::ExtensionAuthenticator;
    /// # use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
    /// # use tower_asset_upload::sigv4::{Credentials, Region};
    /// # let bucket = S3Bucket::aws("uploads", Region::us_east_1())?;
    /// # let signer = S3PostSigner::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
    /// let uploads = AssetUploadService::builder(MemoryStore::new(), signer, ExtensionAuthenticator)
    ///     .base_path("")
    ///     .trust_clients()
    ///     .build()?;
    /// let document = uploads.openapi().server("/files").without_credentials();
    ///
    /// let app: axum::Router = axum::Router::new()
    ///     .route_service("/openapi.json", document.into_service())
    ///     .nest_service("/files", uploads);
    /// # let _ = app;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn server(mut self, url: impl Into<String>) -> Self {
        self.settings.servers.push(url.into());
        self
    }

    /// Documents a rate limit in front of the service: two headers of every response, and a 429 of
    /// every operation. Not documented by default.
    pub fn rate_limited(mut self) -> Self {
        self.settings.rate_limited = true;
        self
    }

    /// Leaves out the headers that [`HeaderAuthenticator`](crate::HeaderAuthenticator) reads, for
    /// hosts with another authenticator. Documented by default.
    pub fn without_credentials(mut self) -> Self {
        self.settings.header_credentials = false;
        self
    }

    /// Returns the document as indented JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        format!("{:#}", self.document())
    }

    /// Creates a service that answers every GET with the document. Mount it at any path.
    #[must_use]
    pub fn into_service(self) -> OpenApiService {
        OpenApiService::new(self.to_json())
    }

    fn document(&self) -> Value {
        let mut document = template::template();
        refusals::add(&mut document, self.settings.rate_limited);
        template::fit(&mut document, &self.settings);
        document
    }
}

impl fmt::Debug for OpenApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenApi")
            .field("base_path", &self.settings.base_path)
            .field("rules", &self.settings.rules)
            .field("rate_limited", &self.settings.rate_limited)
            .field("servers", &self.settings.servers)
            .finish_non_exhaustive()
    }
}
