//! One value for a bucket and its credentials.

use std::fmt;
use std::sync::Arc;

use super::bucket::S3Bucket;
use super::checks::InvalidS3Signer;
use super::credentials::{FreshSigner, ProvideCredentials};
#[cfg(feature = "verify")]
use super::objects::S3Objects;
use super::signer::S3Signer;
use crate::error::Unavailable;
use crate::sigv4::Credentials;

/// A bucket and its credentials. Creates the service's signer and, with the feature `verify`, its
/// [`ObjectStore`](crate::ObjectStore).
///
/// Signer and object store share the credentials, so a provider is asked once for both.
///
/// ```
/// use tower_asset_upload::s3::{S3, S3Bucket};
/// use tower_asset_upload::sigv4::Credentials;
///
/// let bucket = S3Bucket::aws("uploads", "eu-central-1")?;
/// let s3 = S3::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
/// let signer = s3.signer()?;
/// # let _ = signer;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct S3 {
    bucket: S3Bucket,
    signer: Arc<FreshSigner>,
}

impl S3 {
    /// Creates the value with fixed credentials.
    #[must_use]
    pub fn new(bucket: S3Bucket, credentials: Credentials) -> Self {
        let signer = FreshSigner::fixed(&bucket, credentials);
        Self {
            bucket,
            signer: Arc::new(signer),
        }
    }

    /// Creates the value with credentials from a provider. Asks the provider now, and again before
    /// the credentials expire; see
    /// [`S3PostSigner::from_provider`](super::S3PostSigner::from_provider).
    ///
    /// # Errors
    /// If the provider has no credentials now.
    pub async fn from_provider(
        bucket: S3Bucket,
        provider: impl ProvideCredentials + 'static,
    ) -> Result<Self, Unavailable> {
        let signer = FreshSigner::provided(&bucket, Arc::new(provider)).await?;
        Ok(Self {
            bucket,
            signer: Arc::new(signer),
        })
    }

    /// Returns the bucket.
    #[must_use]
    pub fn bucket(&self) -> &S3Bucket {
        &self.bucket
    }

    /// Creates a signer of uploads and downloads. It signs uploads as POST forms if the provider
    /// documents POST Object, and as PUT URLs otherwise.
    ///
    /// # Errors
    /// If the credentials are temporary and the object store has no session tokens.
    pub fn signer(&self) -> Result<S3Signer, InvalidS3Signer> {
        S3Signer::signed_by(self.bucket.clone(), Arc::clone(&self.signer))
    }

    /// Creates an [`ObjectStore`](crate::ObjectStore) for the bucket. Pass it to
    /// [`verify_with`](crate::service::AssetUploadBuilder::verify_with) and to the purge.
    #[cfg(feature = "verify")]
    #[must_use]
    pub fn objects(&self) -> S3Objects {
        S3Objects::signed_by(self.bucket.clone(), Arc::clone(&self.signer))
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}
