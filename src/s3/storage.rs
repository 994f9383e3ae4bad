//! A bucket and the credentials for it, in one value.

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

/// A bucket and the credentials for it: gives the service its signer and, with the feature `verify`, its
/// [`ObjectStore`](crate::ObjectStore).
///
/// Both share the credentials, so that a provider is asked once for both.
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
    /// Uses the same credentials for as long as it lives.
    #[must_use]
    pub fn new(bucket: S3Bucket, credentials: Credentials) -> Self {
        let signer = FreshSigner::fixed(&bucket, credentials);
        Self {
            bucket,
            signer: Arc::new(signer),
        }
    }

    /// Asks the provider for credentials now, and again before they end; see
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

    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &S3Bucket {
        &self.bucket
    }

    /// A signer of uploads and downloads, in the way that the bucket's provider documents: POST forms or
    /// PUT URLs.
    ///
    /// # Errors
    /// If the credentials are temporary and the provider has no session tokens.
    pub fn signer(&self) -> Result<S3Signer, InvalidS3Signer> {
        S3Signer::signed_by(self.bucket.clone(), Arc::clone(&self.signer))
    }

    /// The objects in the bucket: for
    /// [`verify_with`](crate::service::AssetUploadBuilder::verify_with) and the purge.
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
