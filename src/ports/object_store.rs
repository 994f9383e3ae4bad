//! The port through which the service asks what really arrived.

use std::sync::Arc;

use async_trait::async_trait;

use crate::asset::{ObjectKey, StoredObject};
use crate::error::{BoxError, Unavailable};

/// Asks the object store what it holds under a key, so that nobody has to believe a client that
/// says "uploaded"; and has it drop what nobody needs.
///
/// Ready-made: `S3Verifier` (feature `verify`).
#[async_trait]
pub trait ObjectVerifier: Send + Sync {
    /// What the store holds under that key; `None` when the store itself says that there is nothing.
    ///
    /// # Errors
    /// [`VerifyError::Unavailable`] when the store can't be asked, or when a proxy answered in its
    /// place; never `Ok(None)` for that.
    async fn inspect(&self, key: &ObjectKey) -> Result<Option<StoredObject>, VerifyError>;

    /// Deletes what the store holds under that key. That there is nothing, or not any more, is a success
    /// if the store itself says so.
    ///
    /// # Errors
    /// When the object may still be there: a 404 of a proxy proves nothing.
    async fn remove(&self, key: &ObjectKey) -> Result<(), VerifyError>;
}

/// Why the object store could not be asked, or did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The store can't be reached, or did not answer in time. 503.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Trying again won't help: wrong credentials, no such bucket. 500.
    #[error("could not verify: {0}")]
    Failed(#[source] BoxError),
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: ObjectVerifier + ?Sized> ObjectVerifier for Arc<T> {
    async fn inspect(&self, key: &ObjectKey) -> Result<Option<StoredObject>, VerifyError> {
        T::inspect(self, key).await
    }

    async fn remove(&self, key: &ObjectKey) -> Result<(), VerifyError> {
        T::remove(self, key).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: ObjectVerifier + ?Sized> ObjectVerifier for Box<T> {
    async fn inspect(&self, key: &ObjectKey) -> Result<Option<StoredObject>, VerifyError> {
        T::inspect(self, key).await
    }

    async fn remove(&self, key: &ObjectKey) -> Result<(), VerifyError> {
        T::remove(self, key).await
    }
}
