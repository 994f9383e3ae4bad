//! The port to the object store.

use async_trait::async_trait;

use crate::asset::{ObjectKey, StoredObject};
use crate::error::{BoxError, Unavailable};

/// Looks objects up in the object store, and deletes them.
///
/// The service asks before an upload counts as complete, so it need not believe a client that says
/// "uploaded". The purge deletes objects. For S3 there is `S3Objects` (feature `verify`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an object store",
    label = "this type doesn't implement `ObjectStore`",
    note = "pass `S3::objects()` (feature `verify`), or implement `ObjectStore`"
)]
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// Returns the object's metadata, or `None` if the object store itself says that there is no object.
    ///
    /// # Errors
    /// [`ObjectStoreError::Unavailable`] if the object store can't be asked, or if a proxy answers in its
    /// place. Neither is ever `Ok(None)`.
    async fn head(&self, key: &ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError>;

    /// Deletes the object. A missing object is a success if the object store itself says so.
    ///
    /// # Errors
    /// If the object may still exist. A proxy's 404 proves nothing.
    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectStoreError>;
}

forward! { ObjectStore {
    async fn head(&self, key: &ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError>;
    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectStoreError>;
} }

/// Why a call to the object store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectStoreError {
    /// The object store can't be reached, or did not answer in time. A retry may succeed. Clients get 503.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A retry won't help: the credentials are wrong, or there is no such bucket. Clients get 500.
    #[error("could not verify: {0}")]
    Failed(#[source] BoxError),
}
