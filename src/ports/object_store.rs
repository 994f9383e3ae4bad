//! The port through which the service asks what really arrived.

use async_trait::async_trait;

use crate::asset::{ObjectKey, StoredObject};
use crate::error::{BoxError, Unavailable};

/// Asks the object store what it holds under a key, so that nobody has to believe a client that
/// says "uploaded"; and has it drop what nobody needs.
///
/// Ready-made: `S3Objects` (feature `verify`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an object store",
    label = "this type doesn't implement `ObjectStore`",
    note = "pass `S3::objects()` (feature `verify`), or implement `ObjectStore`"
)]
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// What the store holds under that key; `None` when the store itself says that there is nothing.
    ///
    /// # Errors
    /// [`ObjectStoreError::Unavailable`] when the store can't be asked, or when a proxy answered in its
    /// place; never `Ok(None)` for that.
    async fn head(&self, key: &ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError>;

    /// Deletes what the store holds under that key. That there is nothing, or not any more, is a success
    /// if the store itself says so.
    ///
    /// # Errors
    /// When the object may still be there: a 404 of a proxy proves nothing.
    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectStoreError>;
}

forward! { ObjectStore {
    async fn head(&self, key: &ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError>;
    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectStoreError>;
} }

/// Why the object store could not be asked, or did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectStoreError {
    /// The store can't be reached, or did not answer in time. 503.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Trying again won't help: wrong credentials, no such bucket. 500.
    #[error("could not verify: {0}")]
    Failed(#[source] BoxError),
}
