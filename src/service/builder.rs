//! The builder: three required arguments, then optional settings.

use std::fmt;
use std::sync::{Arc, Once};

use uuid::Uuid;

use super::command::CreateRules;
use super::endpoint::{AssetUploadService, Inner};
use super::layer::AssetUploadLayer;
use super::route::BasePath;
use crate::asset::{
    AllowedTypes, AssetId, Clock, IdSource, ObjectName, Oversize, PendingCaps, ProjectId,
    UploadSize, Workspace,
};
use crate::auth::Authenticator;
use crate::ports::{AssetStore, ObjectStore, UploadSigner};
use crate::usecase::UseCases;

/// A builder of an [`AssetUploadService`]. [`AssetUploadService::builder`] creates one.
#[must_use]
pub struct AssetUploadBuilder<Store, Signer> {
    inner: Inner<Store, Signer>,
    base_path: Result<BasePath, InvalidBasePath>,
    trusts_clients: bool,
}

/// The error of [`AssetUploadBuilder::build`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The settings don't say how the service verifies uploads.
    #[error(
        "nothing verifies uploads: call `verify_with(objects)` to ask the object store, or \
         `trust_clients()` to believe a client that says \"uploaded\""
    )]
    Unverified,
    /// The base path is not valid in a URI.
    #[error(transparent)]
    BasePath(#[from] InvalidBasePath),
}

/// The error for text that isn't a base path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a base path is empty or starts with `/`, and has neither query nor empty segments")]
#[non_exhaustive]
pub struct InvalidBasePath;

impl<Store, Signer> AssetUploadService<Store, Signer>
where
    Store: AssetStore + 'static,
    Signer: UploadSigner + 'static,
{
    /// Starts a builder with the three arguments that have no default: the store of assets, the
    /// signer of uploads, and the authenticator of requests.
    ///
    /// Before [`build`](AssetUploadBuilder::build), also choose how the service verifies uploads:
    /// [`verify_with`](AssetUploadBuilder::verify_with) or
    /// [`trust_clients`](AssetUploadBuilder::trust_clients).
    pub fn builder(
        store: Store,
        signer: Signer,
        authenticator: impl Authenticator + 'static,
    ) -> AssetUploadBuilder<Store, Signer> {
        AssetUploadBuilder::new(store, signer, authenticator)
    }
}

impl<Store, Signer> AssetUploadBuilder<Store, Signer> {
    fn new(store: Store, signer: Signer, authenticator: impl Authenticator + 'static) -> Self {
        Self {
            inner: Inner {
                use_cases: UseCases::new(store, signer),
                authenticator: Arc::new(authenticator),
                rules: CreateRules::default(),
                max_body: 64 * 1024,
                base_path: BasePath::default(),
                warned_of_router: Once::new(),
                deletes: true,
            },
            base_path: Ok(BasePath::default()),
            trusts_clients: false,
        }
    }

    /// Sets the path before all routes; `/api/v1` by default. Pass an empty path if the host's
    /// router strips the prefix, as axum's `nest_service` does; see
    /// [Mounting](AssetUploadService#mounting). [`build`](Self::build) refuses a path that isn't
    /// valid in a URI.
    pub fn base_path(mut self, path: &str) -> Self {
        self.base_path = BasePath::new(path).ok_or(InvalidBasePath);
        self
    }

    /// Sets the largest size of a file; 5 MiB by default, as in Plane.
    pub fn max_size(mut self, size: UploadSize) -> Self {
        self.inner.rules.max_size = size;
        self
    }

    /// Sets how the service answers a create request over [`max_size`](Self::max_size);
    /// [`Oversize::Refuse`] by default.
    pub fn oversize(mut self, oversize: Oversize) -> Self {
        self.inner.rules.oversize = oversize;
        self
    }

    /// Sets the media types that clients may upload; Plane's list by default.
    pub fn allowed_types(mut self, types: AllowedTypes) -> Self {
        self.inner.rules.allowed_types = types;
        self
    }

    /// Sets the largest request body, in bytes; 64 KiB by default.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.inner.max_body = bytes;
        self
    }

    /// Sets the caps on pending assets, and on deleted or rejected assets that the purge has not
    /// yet removed; no caps by default. The store checks them when an asset is created.
    ///
    /// If the service [trusts clients](Self::trust_clients), a client can evade the caps on pending
    /// assets by completing uploads that never happened.
    pub fn pending_caps(mut self, caps: PendingCaps) -> Self {
        self.inner.use_cases.pending_caps = caps;
        self
    }

    /// Answers `DELETE` with 405, as for any other unsupported method. The host then deletes assets
    /// by its own means. By default members may delete the assets that [`Workspace::deletion`]
    /// allows.
    pub fn without_deletion(mut self) -> Self {
        self.inner.deletes = false;
        self
    }

    /// Verifies uploads with an object store. The service asks it before an upload counts as
    /// complete, removes an object that differs from the announcement, and asks again before it
    /// signs a download; see [`docs::life_of_an_asset`](crate::docs::life_of_an_asset).
    ///
    /// For S3, pass [`S3::objects`](crate::s3::S3) (feature `verify`).
    pub fn verify_with(mut self, objects: impl ObjectStore + 'static) -> Self {
        self.inner.use_cases.verifier = Some(Arc::new(objects));
        self
    }

    /// Trusts a client that completes an upload, as Plane does. Has no effect together with
    /// [`verify_with`](Self::verify_with).
    ///
    /// **Danger:** an asset can be complete although its object is missing or differs from the
    /// announcement. Downloads of it fail, or return a file that nobody checked. Use this setting
    /// for tests, and for object stores that the service can't reach.
    pub fn trust_clients(mut self) -> Self {
        self.trusts_clients = true;
        self
    }

    /// Signs downloads of the current object, without a check. By default a download is pinned to
    /// the version that was recorded when the upload was completed. If no version was recorded, the
    /// service asks the object store (HEAD) whether the entity tag is still the recorded one; see
    /// [`docs::life_of_an_asset`](crate::docs::life_of_an_asset).
    ///
    /// **Danger:** a client can use its upload form again until it expires, and replace a file that
    /// others have checked and trust. The setting saves one request to the object store for each
    /// download, and the permission that pinned downloads need (`s3:GetObjectVersion`).
    pub fn insecure_unchecked_downloads(mut self) -> Self {
        self.inner.use_cases.checks_downloads = false;
        self
    }

    /// Sets the clock; the machine's by default.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.inner.use_cases.clock = Arc::new(clock);
        self
    }

    /// Sets the source of ids; random by default. **Danger:** guessable ids make guessable object
    /// keys.
    pub fn ids(mut self, ids: impl IdSource + 'static) -> Self {
        self.inner.use_cases.ids = Arc::new(ids);
        self
    }

    /// Sets the function that creates object keys from the workspace, a fresh UUID and the object
    /// name. The default is `{workspace_id}/{32 hex digits}-{object name}`, with the digits of the
    /// UUID.
    ///
    /// If the function returns text that isn't an [`ObjectKey`](crate::asset::ObjectKey), the
    /// request fails with 500.
    ///
    /// **Danger:** include the UUID in every key. Without it, one upload can overwrite another, and
    /// the [purge](crate::purge::purge) of one asset can remove the object of another.
    pub fn key_strategy(
        mut self,
        strategy: impl Fn(&Workspace, Uuid, &ObjectName) -> String + Send + Sync + 'static,
    ) -> Self {
        self.inner.use_cases.key_strategy = Box::new(strategy);
        self
    }

    /// Sets the function that creates `asset_url`; Plane's path by default.
    pub fn asset_url(
        mut self,
        url: impl Fn(&Workspace, Option<ProjectId>, AssetId) -> String + Send + Sync + 'static,
    ) -> Self {
        self.inner.use_cases.asset_url = Box::new(url);
        self
    }

    /// Builds the service.
    ///
    /// # Errors
    /// [`BuildError::Unverified`] without [`verify_with`](Self::verify_with) or
    /// [`trust_clients`](Self::trust_clients), and [`BuildError::BasePath`] for a base path that
    /// isn't valid in a URI.
    pub fn build(self) -> Result<AssetUploadService<Store, Signer>, BuildError> {
        let mut inner = self.inner;
        inner.base_path = self.base_path?;
        if inner.use_cases.verifier.is_none() && !self.trusts_clients {
            return Err(BuildError::Unverified);
        }
        Ok(AssetUploadService::from_inner(inner))
    }

    /// Builds the service as a layer that goes in front of another service.
    ///
    /// # Errors
    /// See [`build`](Self::build).
    pub fn build_layer(self) -> Result<AssetUploadLayer<Store, Signer>, BuildError> {
        self.build().map(AssetUploadLayer::new)
    }
}

impl<Store, Signer> fmt::Debug for AssetUploadBuilder<Store, Signer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssetUploadBuilder")
            .field("rules", &self.inner.rules)
            .field("base_path", &self.base_path)
            .finish_non_exhaustive()
    }
}
