//! How the kit adds credentials to a store.

use async_trait::async_trait;

use crate::auth::{Credential, CredentialRecord};
use crate::error::BoxError;

/// Fills a store with credentials.
#[async_trait]
pub trait SeedCredentials: Send + Sync {
    /// Ensures that there is such a credential; one of the same kind and secret is replaced.
    ///
    /// `record` says all there is to keep. The secret itself is for stores that share their table
    /// with an application which keeps it in the clear.
    ///
    /// `false` when the store has no such credentials: no tokens, say, or no scopes. What it can't
    /// keep it can't get wrong, so the rules then ask for nothing more; but API keys with all
    /// scopes or tokens with all scopes there must be.
    ///
    /// # Errors
    /// Whatever went wrong.
    async fn seed_credential(
        &self,
        credential: &Credential<'_>,
        record: CredentialRecord,
    ) -> Result<bool, BoxError>;
}

forward! { SeedCredentials {
    async fn seed_credential(
        &self,
        credential: &Credential<'_>,
        record: CredentialRecord,
    ) -> Result<bool, BoxError>;
} }
