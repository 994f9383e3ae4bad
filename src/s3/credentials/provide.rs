//! The port that provides credentials to signers.

use async_trait::async_trait;

use crate::error::Unavailable;
use crate::sigv4::Credentials;

/// Provides the credentials to sign with, for example from the environment, a file or a metadata
/// service.
///
/// A signer asks once when it is created, and again before the credentials expire; see
/// [`S3PostSigner::from_provider`](crate::s3::S3PostSigner::from_provider). It asks every five
/// minutes for credentials with a session token but no [expiry](Credentials::expiring_at), and only
/// once for long-lived credentials.
///
/// ```
/// use async_trait::async_trait;
/// use tower_asset_upload::Unavailable;
/// use tower_asset_upload::s3::ProvideCredentials;
/// use tower_asset_upload::sigv4::Credentials;
///
/// struct Vault;
///
/// #[async_trait]
/// impl ProvideCredentials for Vault {
///     async fn provide_credentials(&self) -> Result<Credentials, Unavailable> {
///         Credentials::new("AKIAIOSFODNN7EXAMPLE", "fetched from the vault").map_err(Unavailable::new)
///     }
/// }
/// ```
#[async_trait]
pub trait ProvideCredentials: Send + Sync {
    /// Returns the current credentials.
    ///
    /// Several requests may poll the same future in turn. It is not dropped with the request that
    /// started it. A future without an answer after one minute is dropped, and the next request
    /// asks again. A panic counts as an error.
    ///
    /// # Errors
    /// If there are no credentials now. The cause is logged, so it must not contain a secret.
    async fn provide_credentials(&self) -> Result<Credentials, Unavailable>;
}

forward! { ProvideCredentials {
    async fn provide_credentials(&self) -> Result<Credentials, Unavailable>;
} }

/// Fixed credentials provide themselves.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ProvideCredentials for Credentials {
    async fn provide_credentials(&self) -> Result<Credentials, Unavailable> {
        Ok(self.clone())
    }
}
