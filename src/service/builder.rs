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
use crate::ports::ObjectStore;
use crate::usecase::UseCases;

/// Settings of an [`AssetUploadService`]; made by [`AssetUploadService::builder`].
#[must_use]
pub struct AssetUploadBuilder<Store, Signer> {
    inner: Inner<Store, Signer>,
}

/// Why a setting was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a base path is empty or starts with `/`, and has neither query nor empty segments")]
#[non_exhaustive]
pub struct InvalidBasePath;

impl<Store, Signer> AssetUploadService<Store, Signer> {
    /// Starts with the three things there is no default for: where assets are kept, who signs, and
    /// who is calling.
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
        }
    }

    /// The path below which the routes lie; `/api/v1` by default. Empty for hosts whose router strips
    /// the prefix, as axum's `nest_service` does; see
    /// [Mounting](AssetUploadService#mounting).
    ///
    /// # Errors
    /// When it can't be part of a URI.
    pub fn base_path(mut self, path: &str) -> Result<Self, InvalidBasePath> {
        self.inner.base_path = BasePath::new(path).ok_or(InvalidBasePath)?;
        Ok(self)
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
    /// clean-up; no cap by default. Checked when an asset is made: without a [verifier](Self::verifier) a client gets around it by declaring uploads complete
    /// that never happened.
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

    /// Asks the object store before an upload counts as complete, has it remove what differs from what was
    /// announced, and asks again before a download is signed; see
    /// [`docs::life_of_an_asset`](crate::docs::life_of_an_asset). By default there is no verifier and
    /// a client that says "uploaded" is believed, as Plane does: set one in production.
    pub fn verifier(mut self, verifier: impl ObjectStore + 'static) -> Self {
        self.inner.use_cases.verifier = Some(Arc::new(verifier));
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
    #[must_use]
    pub fn build(self) -> AssetUploadService<Store, Signer> {
        AssetUploadService::from_inner(self.inner)
    }

    /// The service as a layer, to be put in front of another service.
    #[must_use]
    pub fn build_layer(self) -> AssetUploadLayer<Store, Signer> {
        AssetUploadLayer::new(self.build())
    }
}

impl<Store, Signer> fmt::Debug for AssetUploadBuilder<Store, Signer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssetUploadBuilder")
            .field("rules", &self.inner.rules)
            .field("base_path", &self.inner.base_path)
            .finish_non_exhaustive()
    }
}
