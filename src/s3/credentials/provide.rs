//! The port through which signers get credentials that come and go.

use async_trait::async_trait;

use crate::error::Unavailable;
use crate::sigv4::Credentials;

/// Gives out the credentials to sign with: from the environment, a file, a metadata service.
///
/// A signer asks once when it is made, and again before the credentials end; see
/// [`S3PostSigner::from_provider`](crate::s3::S3PostSigner::from_provider). Credentials with a session
/// token and no [end](Credentials::expiring_at) are asked for every five minutes, and long-lived ones
/// once.
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
    /// The credentials as they are now.
    ///
    /// The future may be polled by one request and then by another, and is not dropped when the
    /// request that caused it is. A future that has not answered after a minute is dropped, and the
    /// next request asks again; a panic counts as an error.
    ///
    /// # Errors
    /// When there are none to be had now. The cause goes to the log: it must not hold a secret.
    async fn provide_credentials(&self) -> Result<Credentials, Unavailable>;
}

forward! { ProvideCredentials {
    async fn provide_credentials(&self) -> Result<Credentials, Unavailable>;
} }

/// Credentials that stay as they are provide themselves.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ProvideCredentials for Credentials {
    async fn provide_credentials(&self) -> Result<Credentials, Unavailable> {
        Ok(self.clone())
    }
}
