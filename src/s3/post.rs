//! Forms to post: the signer for every store that has POST Object.

use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::bucket::S3Bucket;
use super::checks::check_forms;
use super::rules::Checksums;
use super::target::{Target, sign_fault};
use crate::asset::ExpiresIn;
use crate::error::Unavailable;
use crate::ports::{DownloadIntent, SignerError, UploadData, UploadIntent, UploadSigner};
use crate::s3::credentials::ProvideCredentials;
use crate::sigv4::{Credentials, FormField, FormFields, PolicyError, PostPolicy, Signer};

const CONTENT_ENCODING: &str = "Content-Encoding";

/// Signs uploads as POST forms with a policy, and downloads as presigned URLs. For stores that have no
/// POST Object it signs no uploads; [`S3Signer`](super::S3Signer) says so when it is built.
///
/// # Security
/// 1. The policy is for one key, one type, 1 to `size` bytes and, where one was announced, one SHA-256;
///    every condition is exact.
/// 2. Nothing signed outlives the credentials.
/// 3. What can't be enforced is refused when the signer or the form is built: `${`, a field without
///    its condition, more than S3's 20 KB.
///
/// A form can be used more than once until it ends: S3 has no condition for that. (A PUT URL can be
/// good for one upload: [`S3PutSigner`](super::S3PutSigner).) The key is random, so only who has the form
/// can overwrite the object;
/// [`docs::life_of_an_asset`](crate::docs::life_of_an_asset) says how that shows, and where it can't.
///
/// A download that names a version needs `s3:GetObjectVersion`.
///
/// ```
/// use tower_asset_upload::asset::ExpiresIn;
/// use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
/// use tower_asset_upload::sigv4::{Credentials, FormFields, Region};
///
/// let bucket = S3Bucket::aws("uploads", Region::new("eu-central-1")?)?;
/// let signer = S3PostSigner::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?)
///     .expires_in(ExpiresIn::new(std::time::Duration::from_secs(600)).unwrap())
///     .fields(FormFields::new().success_action_status(201))?;
/// # let _ = signer;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct S3PostSigner {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    target: Target,
    fields: Vec<FormField>,
}

impl S3PostSigner {
    /// Signs for that bucket, an hour for uploads and for downloads.
    #[must_use]
    pub fn new(bucket: S3Bucket, credentials: Credentials) -> Self {
        Self::of(Target::new(bucket, credentials))
    }

    /// Signs for that bucket with credentials that come and go: asked for now, and again five minutes
    /// before they end.
    ///
    /// The request that begins such a refresh waits for its answer; all others sign with the
    /// credentials that still hold. Once those have ended, every request waits. A request that is
    /// dropped leaves the refresh to the next one, which carries it on. A provider that fails is left
    /// alone for ten seconds; meanwhile requests without valid credentials are refused
    /// ([`SignerError::Unavailable`]: 503).
    ///
    /// The end of a session token may be unknown, as it often is in the environment and in profiles.
    /// Such a token is read again every five minutes, and nothing signed with it is good for longer
    /// than ten minutes after it was last read: a form lasts five to ten minutes, whatever
    /// [`expires_in`](Self::expires_in) says.
    ///
    /// # Errors
    /// When there are no credentials to begin with.
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
            inner: Arc::new(Inner {
                target,
                fields: Vec::new(),
            }),
        }
    }

    /// How long a form is good for; an hour by default.
    #[must_use]
    pub fn expires_in(mut self, lifetime: ExpiresIn) -> Self {
        Arc::make_mut(&mut self.inner).target.upload_lifetime = lifetime;
        self
    }

    /// How long a download URL is good for; an hour by default.
    #[must_use]
    pub fn downloads_expire_in(mut self, lifetime: ExpiresIn) -> Self {
        Arc::make_mut(&mut self.inner).target.download_lifetime = lifetime;
        self
    }

    /// Fields that every form carries, each with its condition; none by default.
    ///
    /// # Errors
    /// When one of them is unsound, and when there is a `Content-Encoding`: the service rejects objects
    /// that have one (see [`StoredObject::content_encoding`](crate::asset::StoredObject::content_encoding)), so
    /// no upload by such a form would ever be complete.
    pub fn fields(mut self, fields: FormFields) -> Result<Self, PolicyError> {
        let fields = fields.check()?;
        if fields.iter().any(|field| field.name() == CONTENT_ENCODING) {
            return Err(PolicyError::Value {
                field: CONTENT_ENCODING.to_string(),
                accepted: "left out: an object with an encoding is rejected when its upload is completed",
            });
        }
        Arc::make_mut(&mut self.inner).fields = fields;
        Ok(self)
    }

    pub(super) fn target(&self) -> &Target {
        &self.inner.target
    }

    pub(super) fn form_fields(&self) -> &[FormField] {
        &self.inner.fields
    }
}

impl Inner {
    fn sign(
        &self,
        signer: &Signer,
        upload: &UploadIntent<'_>,
        now: OffsetDateTime,
    ) -> Result<UploadData, SignerError> {
        let Self { target, fields } = self;
        target.check_checksum(upload)?;
        check_forms(target).map_err(|fault| SignerError::Failed(fault.into()))?;
        let mut policy = PostPolicy::builder(target.bucket.name(), upload.key.as_str())
            .content_type(upload.media_type.as_str())
            .content_length(1..=upload.size.bytes())
            .expires_in(target.upload_lifetime)
            .fields(fields);
        if let Some(checksum) = upload.checksum {
            policy = policy.checksum_sha256(checksum);
            if target.bucket.rules().checksums == Checksums::ComparedWhenNamed {
                policy = policy.extra(FormFields::checksum_algorithm_sha256);
            }
        }
        let policy = policy
            .build()
            .map_err(|fault| SignerError::Failed(fault.into()))?;
        let form = signer
            .sign_post_at(&policy, now)
            .map_err(|fault| sign_fault(fault, SignerError::Failed))?;
        Ok(UploadData::post(
            Arc::clone(&target.bucket.public().post_url),
            form.into_fields(),
        ))
    }
}

#[async_trait]
impl UploadSigner for S3PostSigner {
    async fn sign_upload(
        &self,
        upload: &UploadIntent<'_>,
        now: OffsetDateTime,
    ) -> Result<UploadData, SignerError> {
        let signer = self.inner.target.signer.at(now).await?;
        // No await from here on: what is put together stays where it is.
        self.inner.sign(&signer, upload, now)
    }

    async fn sign_download(
        &self,
        download: &DownloadIntent<'_>,
        now: OffsetDateTime,
    ) -> Result<String, SignerError> {
        self.inner.target.sign_download(download, now).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigv4::Region;

    #[test]
    fn an_encoding_that_no_completion_would_accept_is_refused() {
        let bucket = S3Bucket::aws("uploads", Region::us_east_1()).unwrap();
        let signer = S3PostSigner::new(bucket, Credentials::new("AKID", "secret").unwrap());
        let fields = FormFields::new().cache_control("private");
        let refused = signer
            .clone()
            .fields(fields.clone().content_encoding("gzip"));
        let said = refused.unwrap_err().to_string();
        assert!(
            said.contains("`Content-Encoding` must be left out"),
            "{said}"
        );
        signer.fields(fields).unwrap();
    }
}
