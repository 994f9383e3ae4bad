//! The signer of POST forms.

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

/// Signs uploads as POST forms with a policy, and downloads as presigned URLs.
///
/// For an object store without POST Object, signing an upload fails. [`S3Signer`](super::S3Signer)
/// reports this when it is created.
///
/// # Security
/// 1. The policy allows one object key, one media type, 1 to `size` bytes and, if the client
///    announced one, one SHA-256. Every condition is exact.
/// 2. Nothing that is signed outlives the credentials.
/// 3. Conditions that can't be enforced are refused when the signer or the form is created: `${`, a
///    field without a condition, more than S3's 20 KB.
///
/// A form can be used several times until it expires, because S3 has no condition against that. (A
/// PUT URL can be valid for one upload only: see [`S3PutSigner`](super::S3PutSigner).) The key is
/// random, so only those who have the form can overwrite the object.
/// [`docs::life_of_an_asset`](crate::docs::life_of_an_asset) describes how an overwrite is
/// detected, and when it can't be.
///
/// A download of a specific version needs the permission `s3:GetObjectVersion`.
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
    /// Creates a signer with fixed credentials. Forms and download URLs expire after one hour.
    #[must_use]
    pub fn new(bucket: S3Bucket, credentials: Credentials) -> Self {
        Self::of(Target::new(bucket, credentials))
    }

    /// Creates a signer with credentials from a provider. Asks the provider now, and again five
    /// minutes before the credentials expire.
    ///
    /// The request that starts a refresh waits for the provider. Other requests sign with the
    /// current credentials while these are valid, and wait once they have expired. If the waiting
    /// request is dropped, the next request continues the refresh.
    ///
    /// A provider that fails is not asked again for ten seconds. Meanwhile, requests without valid
    /// credentials fail with [`SignerError::Unavailable`] (503).
    ///
    /// The expiry of a session token may be unknown, as it often is in the environment and in
    /// profiles. Such a token is read again every five minutes. Its signatures expire at most ten
    /// minutes after it was last read, so a form lasts five to ten minutes, whatever
    /// [`expires_in`](Self::expires_in) sets.
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
            inner: Arc::new(Inner {
                target,
                fields: Vec::new(),
            }),
        }
    }

    /// Sets the lifetime of a form; one hour by default.
    #[must_use]
    pub fn expires_in(mut self, lifetime: ExpiresIn) -> Self {
        Arc::make_mut(&mut self.inner).target.upload_lifetime = lifetime;
        self
    }

    /// Sets the lifetime of a download URL; one hour by default.
    #[must_use]
    pub fn downloads_expire_in(mut self, lifetime: ExpiresIn) -> Self {
        Arc::make_mut(&mut self.inner).target.download_lifetime = lifetime;
        self
    }

    /// Sets fields that every form carries, each with its condition in the policy; none by default.
    ///
    /// # Errors
    /// If one of the fields is invalid, or is a `Content-Encoding`. The service rejects objects
    /// with an encoding (see
    /// [`StoredObject::content_encoding`](crate::asset::StoredObject::content_encoding)), so no
    /// upload with such a form could be completed.
    pub fn fields(mut self, fields: FormFields) -> Result<Self, PolicyError> {
        let fields = fields.check()?;
        if fields.iter().any(|field| field.name() == CONTENT_ENCODING) {
            return Err(PolicyError::Value {
                field: CONTENT_ENCODING.to_string(),
                accepted: "omitted: an object with an encoding is rejected when its upload is completed",
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
        // There is no await from here on, so the policy is never moved with the future.
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
    fn the_field_content_encoding_is_refused() {
        let bucket = S3Bucket::aws("uploads", Region::us_east_1()).unwrap();
        let signer = S3PostSigner::new(bucket, Credentials::new("AKID", "secret").unwrap());
        let fields = FormFields::new().cache_control("private");
        let refused = signer
            .clone()
            .fields(fields.clone().content_encoding("gzip"));
        let said = refused.unwrap_err().to_string();
        assert!(
            said.contains("`Content-Encoding` must be omitted"),
            "{said}"
        );
        signer.fields(fields).unwrap();
    }
}
