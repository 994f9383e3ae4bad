//! The signer of presigned PUT URLs.

use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::bucket::S3Bucket;
use super::rules::Condition;
use super::target::Target;
use crate::asset::{ExpiresIn, Pairs};
use crate::error::Unavailable;
use crate::ports::{DownloadIntent, SignerError, UploadData, UploadIntent, UploadSigner};
use crate::s3::credentials::ProvideCredentials;
use crate::sigv4::{Credentials, Method};

/// Signs uploads as presigned PUT URLs. Some object stores have no POST Object: Cloudflare R2 and
/// Backblaze B2 answer it with 501. [`S3Signer`](super::S3Signer) chooses between POST and PUT by
/// the bucket's provider.
///
/// # Security
/// 1. `content-type` and `content-length` are signed headers: the object store itself refuses
///    another type and any size but the announced one.
/// 2. If the object store is known to enforce it, a URL is valid for one upload only:
///    `If-None-Match: *` is a signed header, and the object store answers 412 if the object exists.
///    See [`S3Bucket::has_single_use_puts`].
/// 3. Nothing that is signed outlives the credentials.
///
/// With other object stores a URL can be used several times until it expires, as a form can.
///
/// A 412 means that the object exists. It may be the client's own, from an attempt whose answer was
/// lost. Completing the upload checks whether the object is the announced one.
///
/// ```
/// use tower_asset_upload::s3::{S3Bucket, S3PutSigner};
/// use tower_asset_upload::sigv4::{Credentials, Region};
///
/// let bucket = S3Bucket::backblaze_b2("uploads", Region::new("us-west-004")?)?;
/// let signer = S3PutSigner::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
/// # let _ = signer;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct S3PutSigner {
    target: Arc<Target>,
}

impl S3PutSigner {
    /// Creates a signer with fixed credentials. Upload and download URLs expire after one hour.
    #[must_use]
    pub fn new(bucket: S3Bucket, credentials: Credentials) -> Self {
        Self::of(Target::new(bucket, credentials))
    }

    /// Creates a signer with credentials from a provider. Asks the provider now, and again before
    /// the credentials expire; see
    /// [`S3PostSigner::from_provider`](super::S3PostSigner::from_provider).
    ///
    /// # Errors
    /// If the provider has no credentials now.
    pub async fn from_provider(
        bucket: S3Bucket,
        provider: impl ProvideCredentials + 'static,
    ) -> Result<Self, Unavailable> {
        Target::provided(bucket, Arc::new(provider))
            .await
            .map(Self::of)
    }

    pub(super) fn of(target: Target) -> Self {
        Self {
            target: Arc::new(target),
        }
    }

    /// Sets the lifetime of an upload URL; one hour by default.
    #[must_use]
    pub fn expires_in(mut self, lifetime: ExpiresIn) -> Self {
        Arc::make_mut(&mut self.target).upload_lifetime = lifetime;
        self
    }

    /// Sets the lifetime of a download URL; one hour by default.
    #[must_use]
    pub fn downloads_expire_in(mut self, lifetime: ExpiresIn) -> Self {
        Arc::make_mut(&mut self.target).download_lifetime = lifetime;
        self
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }
}

#[async_trait]
impl UploadSigner for S3PutSigner {
    async fn sign_upload(
        &self,
        upload: &UploadIntent<'_>,
        now: OffsetDateTime,
    ) -> Result<UploadData, SignerError> {
        self.target.check_checksum(upload)?;
        let size = upload.size.bytes();
        let request = self
            .target
            .request(Method::Put, upload.key)
            .expires_in(self.target.upload_lifetime)
            .content_type(upload.media_type.as_str())
            .content_length(size);
        let request = match upload.checksum {
            Some(checksum) => request.checksum_sha256(checksum),
            None => request,
        };
        let condition = self.target.bucket.put_condition();
        let request = match condition {
            Some(condition) => condition.sign_into(request),
            None => request,
        };
        let url = self.target.presign(&request, now).await?;
        let mut headers = Pairs::with_capacity(64);
        headers.push("Content-Type", upload.media_type.as_str());
        headers.push("Content-Length", &size.to_string());
        if let Some(checksum) = upload.checksum {
            headers.push("x-amz-checksum-sha256", &checksum.to_base64());
        }
        if let Some((name, value)) = condition.map(Condition::header) {
            headers.push(name, value);
        }
        Ok(UploadData::put(url.into(), headers))
    }

    async fn sign_download(
        &self,
        download: &DownloadIntent<'_>,
        now: OffsetDateTime,
    ) -> Result<String, SignerError> {
        self.target.sign_download(download, now).await
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::asset::{ObjectKey, UploadSize};
    use crate::sigv4::Region;

    #[tokio::test]
    async fn type_and_size_are_signed() {
        let bucket =
            S3Bucket::custom("uploads", Region::us_east_1(), "https://s3.example.com").unwrap();
        let signer = S3PutSigner::new(bucket, Credentials::new("AKID", "secret").unwrap());
        let key = ObjectKey::new("w/a b.png").unwrap();
        let media_type = "image/png".parse().unwrap();
        let intent = UploadIntent::new(&key, &media_type, UploadSize::new(1024).unwrap());
        let data = signer
            .sign_upload(&intent, datetime!(2026-05-19 10:11:12 UTC))
            .await
            .unwrap();
        assert_eq!(data.method().as_str(), "PUT");
        assert!(
            data.url()
                .starts_with("https://s3.example.com/uploads/w/a%20b.png?X-Amz-Algorithm=")
        );
        assert!(
            data.url()
                .contains("X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost")
        );
        let headers: Vec<_> = data.headers().iter().collect();
        assert_eq!(
            headers,
            [("Content-Type", "image/png"), ("Content-Length", "1024")]
        );
        assert!(data.fields().is_empty());
    }

    /// The expected URL was signed by botocore at the same time: `put_object` with `IfNoneMatch`.
    #[tokio::test]
    async fn a_single_use_url_equals_botocores() {
        let bucket = S3Bucket::aws("uploads", Region::new("eu-central-1").unwrap()).unwrap();
        let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret").unwrap();
        let signer = S3PutSigner::new(bucket, credentials);
        let key = ObjectKey::new("w/a b.png").unwrap();
        let media_type = "image/png".parse().unwrap();
        let intent = UploadIntent::new(&key, &media_type, UploadSize::new(1024).unwrap());
        let data = signer
            .sign_upload(&intent, datetime!(2026-05-19 10:11:12 UTC))
            .await
            .unwrap();
        assert_eq!(
            data.url(),
            "https://uploads.s3.eu-central-1.amazonaws.com/w/a%20b.png?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260519%2Feu-central-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20260519T101112Z&X-Amz-Expires=3600\
             &X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bif-none-match\
             &X-Amz-Signature=d4a35114a612ed3d1e390890bdae8c7355d91f2cebe61bf3979714165bf4816a"
        );
        assert_eq!(data.headers().get("If-None-Match"), Some("*"));
    }
}
