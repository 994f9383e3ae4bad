//! How a service is put together: three arguments that have no default, and settings that have one.

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

/// Settings of an [`AssetUploadService`]; made by [`AssetUploadService::builder`].
#[must_use]
pub struct AssetUploadBuilder<Store, Signer> {
    inner: Inner<Store, Signer>,
    base_path: Result<BasePath, InvalidBasePath>,
    trusts_clients: bool,
}

/// Why there is no service of these settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Nothing says how the service learns that an upload is complete.
    #[error(
        "nothing verifies uploads: call `verify_with(objects)` to ask the object store, or \
         `trust_clients()` to believe a client that says \"uploaded\""
    )]
    Unverified,
    /// The base path can't be part of a URI.
    #[error(transparent)]
    BasePath(#[from] InvalidBasePath),
}

/// Why a text is not a base path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a base path is empty or starts with `/`, and has neither query nor empty segments")]
#[non_exhaustive]
pub struct InvalidBasePath;

impl<Store, Signer> AssetUploadService<Store, Signer>
where
    Store: AssetStore + 'static,
    Signer: UploadSigner + 'static,
{
    /// Starts with the three arguments that have no default: the store of assets, the signer of uploads,
    /// and the authenticator of requests.
    ///
    /// One more thing has to be said before [`build`](AssetUploadBuilder::build): how uploads are
    /// verified.
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

    /// The path below which the routes lie; `/api/v1` by default. Empty for hosts whose router strips
    /// the prefix, as axum's `nest_service` does; see
    /// [Mounting](AssetUploadService#mounting). [`build`](Self::build) refuses a path that can't be part
    /// of a URI.
    pub fn base_path(mut self, path: &str) -> Self {
        self.base_path = BasePath::new(path).ok_or(InvalidBasePath);
        self
    }

    /// The largest file; 5 MiB by default, as in Plane.
    pub fn max_size(mut self, size: UploadSize) -> Self {
        self.inner.rules.max_size = size;
        self
    }

    /// What becomes of a request for more than [`max_size`](Self::max_size); refused by default.
    pub fn oversize(mut self, oversize: Oversize) -> Self {
        self.inner.rules.oversize = oversize;
        self
    }

    /// The types that may be uploaded; Plane's list by default.
    pub fn allowed_types(mut self, types: AllowedTypes) -> Self {
        self.inner.rules.allowed_types = types;
        self
    }

    /// The longest request body in bytes; 64 KiB by default.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.inner.max_body = bytes;
        self
    }

    /// How many assets may wait for their upload, and how many deleted or rejected ones for the
    /// clean-up; no cap by default. Checked when an asset is created. If the service
    /// [trusts clients](Self::trust_clients), a client gets around the caps by declaring uploads complete that
    /// never happened.
    pub fn pending_caps(mut self, caps: PendingCaps) -> Self {
        self.inner.use_cases.pending_caps = caps;
        self
    }

    /// Serves no `DELETE`: it is 405 then, like any other method that an asset's path doesn't have, and
    /// assets go by the host's own means. By default members delete what
    /// [`Workspace::deletion`] lets them.
    pub fn without_deletion(mut self) -> Self {
        self.inner.deletes = false;
        self
    }

    /// Asks the object store before an upload counts as complete, deletes an object that differs from the
    /// announcement, and asks again before a download is signed; see
    /// [`docs::life_of_an_asset`](crate::docs::life_of_an_asset).
    ///
    /// For S3, pass [`S3::objects`](crate::s3::S3) (feature `verify`).
    pub fn verify_with(mut self, objects: impl ObjectStore + 'static) -> Self {
        self.inner.use_cases.verifier = Some(Arc::new(objects));
        self
    }

    /// Believes a client that says "uploaded", as Plane does, unless the service
    /// [verifies](Self::verify_with).
    ///
    /// **Danger:** an asset counts as complete although nothing was uploaded, or something else. Whoever
    /// downloads it gets an error, or a file that nobody checked. For tests, and for object stores that
    /// the service can't reach.
    pub fn trust_clients(mut self) -> Self {
        self.trusts_clients = true;
        self
    }

    /// Signs downloads of whatever is there under an asset's key. By default a download is pinned to the
    /// version that was recorded when the upload was completed, and where there is none the object store
    /// is asked (HEAD) whether the entity tag still is the recorded one; see
    /// [`docs::life_of_an_asset`](crate::docs::life_of_an_asset).
    ///
    /// **Danger:** whoever has a form can use it again until it ends, and replace a file that others
    /// have looked at and trust. Spares one request to the object store for each download, and the
    /// permission that pinned ones need (`s3:GetObjectVersion`).
    pub fn insecure_unchecked_downloads(mut self) -> Self {
        self.inner.use_cases.checks_downloads = false;
        self
    }

    /// The clock; the machine's by default.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.inner.use_cases.clock = Arc::new(clock);
        self
    }

    /// The source of ids; random by default. **Danger:** ids that can be guessed make keys that can
    /// be guessed.
    pub fn ids(mut self, ids: impl IdSource + 'static) -> Self {
        self.inner.use_cases.ids = Arc::new(ids);
        self
    }

    /// How object keys are made; `{workspace_id}/{32 hex digits}-{clean name}` by default, the digits
    /// being the UUID given here.
    ///
    /// A key that is no [`ObjectKey`](crate::asset::ObjectKey) fails the request with 500. **Danger:** a key
    /// that doesn't contain the UUID lets one upload overwrite another, and the
    /// [clean-up](crate::purge::purge) after one asset remove the file of another.
    pub fn key_strategy(
        mut self,
        strategy: impl Fn(&Workspace, Uuid, &ObjectName) -> String + Send + Sync + 'static,
    ) -> Self {
        self.inner.use_cases.key_strategy = Box::new(strategy);
        self
    }

    /// How `asset_url` is made; Plane's path by default.
    pub fn asset_url(
        mut self,
        url: impl Fn(&Workspace, Option<ProjectId>, AssetId) -> String + Send + Sync + 'static,
    ) -> Self {
        self.inner.use_cases.asset_url = Box::new(url);
        self
    }

    /// The service.
    ///
    /// # Errors
    /// [`BuildError::Unverified`] without [`verify_with`](Self::verify_with) or
    /// [`trust_clients`](Self::trust_clients), and [`BuildError::BasePath`] for a base path that can't be
    /// part of a URI.
    pub fn build(self) -> Result<AssetUploadService<Store, Signer>, BuildError> {
        let mut inner = self.inner;
        inner.base_path = self.base_path?;
        if inner.use_cases.verifier.is_none() && !self.trusts_clients {
            return Err(BuildError::Unverified);
        }
        Ok(AssetUploadService::from_inner(inner))
    }

    /// The service as a layer, to be put in front of another service.
    ///
    /// # Errors
    /// As [`build`](Self::build).
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
