//! The way in which the conformance rules add credentials to a store.

use async_trait::async_trait;

use crate::auth::{Credential, CredentialRecord};
use crate::error::BoxError;

/// Adds credentials to a store, for the rules of [`credentials`](crate::conformance::credentials).
#[async_trait]
pub trait SeedCredentials: Send + Sync {
    /// Adds a credential, or replaces the one of the same kind and secret. Returns `true` if the
    /// store has added it.
    ///
    /// Store the data of `record`. Use the secret in `credential` only if the table belongs to an
    /// application that keeps secrets in plain text.
    ///
    /// Return `false` if the store doesn't support such a credential, for example tokens or scopes.
    /// The rules then skip the credential. A store must support API keys with all scopes, or tokens
    /// with all scopes.
    ///
    /// # Errors
    /// Any failure of the store. The rule then counts as broken.
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
