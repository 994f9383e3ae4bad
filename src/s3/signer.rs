//! The signer that suits a bucket's store, or a reason why there is none.

use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::bucket::S3Bucket;
use super::checks::{InvalidS3Signer, check_credentials, check_forms};
use super::credentials::FreshSigner;
use super::post::S3PostSigner;
use super::put::S3PutSigner;
use super::rules::Checksums;
use super::target::Target;
use crate::asset::ExpiresIn;
use crate::ports::{
    DownloadIntent, SignerError, UploadData, UploadIntent, UploadMethod, UploadSigner,
};
use crate::s3::credentials::ProvideCredentials;
use crate::sigv4::{Credentials, FormField, FormFields};

/// Signs uploads as the bucket's store takes them: POST forms where it documents POST Object, PUT
/// URLs elsewhere.
///
/// What the store doesn't do is refused when the signer is built: a form for a store that takes none,
/// a field that it would ignore, temporary credentials where there are no session tokens. What only
/// shows with an upload is refused then: a checksum that the store wouldn't compare.
///
/// ```
/// use tower_asset_upload::ports::UploadMethod;
/// use tower_asset_upload::s3::{InvalidS3Signer, S3Bucket, S3PostSigner, S3Signer};
/// use tower_asset_upload::sigv4::Credentials;
///
/// let r2 = S3Bucket::cloudflare_r2("uploads", "0123456789abcdef0123456789abcdef")?;
/// let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?;
/// let signer = S3Signer::new(r2.clone(), credentials.clone())?;
/// assert_eq!(signer.method(), UploadMethod::Put);
///
/// let forms = S3Signer::post(S3PostSigner::new(r2, credentials));
/// assert!(matches!(forms, Err(InvalidS3Signer::PostObject { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct S3Signer(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Post(S3PostSigner),
    Put(S3PutSigner),
}

impl S3Signer {
    /// Signs for that bucket, an hour for uploads and for downloads.
    ///
    /// # Errors
    /// When the credentials are temporary and the store has no session tokens.
    pub fn new(bucket: S3Bucket, credentials: Credentials) -> Result<Self, InvalidS3Signer> {
        match bucket.upload_method() {
            UploadMethod::Post => Self::post(S3PostSigner::new(bucket, credentials)),
            UploadMethod::Put => Self::put(S3PutSigner::new(bucket, credentials)),
        }
    }

    /// Signs for that bucket with credentials that come and go; see
    /// [`S3PostSigner::from_provider`].
    ///
    /// # Errors
    /// When there are no credentials to begin with, or they are temporary and the store has no session
    /// tokens.
    pub async fn from_provider(
        bucket: S3Bucket,
        provider: impl ProvideCredentials + 'static,
    ) -> Result<Self, InvalidS3Signer> {
        match bucket.upload_method() {
            UploadMethod::Post => Self::post(S3PostSigner::from_provider(bucket, provider).await?),
            UploadMethod::Put => Self::put(S3PutSigner::from_provider(bucket, provider).await?),
        }
    }

    pub(super) fn signed_by(
        bucket: S3Bucket,
        signer: Arc<FreshSigner>,
    ) -> Result<Self, InvalidS3Signer> {
        match bucket.upload_method() {
            UploadMethod::Post => Self::post(S3PostSigner::of(Target::signed_by(bucket, signer))),
            UploadMethod::Put => Self::put(S3PutSigner::of(Target::signed_by(bucket, signer))),
        }
    }

    /// Signs forms, as this signer does.
    ///
    /// # Errors
    /// When the store takes no forms, ignores one of the fields, or has no session tokens and the
    /// credentials are temporary.
    pub fn post(signer: S3PostSigner) -> Result<Self, InvalidS3Signer> {
        check_forms(signer.target())?;
        check_credentials(signer.target())?;
        let rules = signer.target().bucket.rules();
        let ignored = |field: &FormField| {
            let name = field.name();
            let word = |word: &str| {
                let rest = name.strip_prefix(word);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            };
            (rules.google && field.is_extended())
                || (rules.checksums == Checksums::Ignored && word("x-amz-checksum"))
                || rules.ignored_fields.iter().any(|w| word(w))
        };
        match signer.form_fields().iter().find(|field| ignored(field)) {
            Some(field) => Err(InvalidS3Signer::Field {
                store: rules.store,
                field: field.name(),
            }),
            None => Ok(Self(Kind::Post(signer))),
        }
    }

    /// Signs PUT URLs, as this signer does. Every store takes them.
    ///
    /// # Errors
    /// When the store has no session tokens and the credentials are temporary.
    pub fn put(signer: S3PutSigner) -> Result<Self, InvalidS3Signer> {
        check_credentials(signer.target())?;
        Ok(Self(Kind::Put(signer)))
    }

    /// The method that clients upload with.
    #[must_use]
    pub fn method(&self) -> UploadMethod {
        match &self.0 {
            Kind::Post(_) => UploadMethod::Post,
            Kind::Put(_) => UploadMethod::Put,
        }
    }

    /// How long an upload may take to begin; an hour by default.
    #[must_use]
    pub fn expires_in(self, lifetime: ExpiresIn) -> Self {
        Self(match self.0 {
            Kind::Post(signer) => Kind::Post(signer.expires_in(lifetime)),
            Kind::Put(signer) => Kind::Put(signer.expires_in(lifetime)),
        })
    }

    /// How long a download URL is good for; an hour by default.
    #[must_use]
    pub fn downloads_expire_in(self, lifetime: ExpiresIn) -> Self {
        Self(match self.0 {
            Kind::Post(signer) => Kind::Post(signer.downloads_expire_in(lifetime)),
            Kind::Put(signer) => Kind::Put(signer.downloads_expire_in(lifetime)),
        })
    }

    /// Fields that every form carries, each with its condition; none by default.
    ///
    /// # Errors
    /// When one of them is unsound, or ignored by the store; and when there is any and uploads are
    /// PUT.
    pub fn fields(self, fields: FormFields) -> Result<Self, InvalidS3Signer> {
        match self.0 {
            Kind::Post(signer) => Self::post(signer.fields(fields)?),
            Kind::Put(signer) => {
                if fields.check()?.is_empty() {
                    return Ok(Self(Kind::Put(signer)));
                }
                let store = signer.target().bucket.rules().store;
                Err(InvalidS3Signer::FieldsWithPut { store })
            }
        }
    }
}

#[async_trait]
impl UploadSigner for S3Signer {
    async fn sign_upload(
        &self,
        upload: &UploadIntent<'_>,
        now: OffsetDateTime,
    ) -> Result<UploadData, SignerError> {
        match &self.0 {
            Kind::Post(signer) => signer.sign_upload(upload, now).await,
            Kind::Put(signer) => signer.sign_upload(upload, now).await,
        }
    }

    async fn sign_download(
        &self,
        download: &DownloadIntent<'_>,
        now: OffsetDateTime,
    ) -> Result<String, SignerError> {
        match &self.0 {
            Kind::Post(signer) => signer.sign_download(download, now).await,
            Kind::Put(signer) => signer.sign_download(download, now).await,
        }
    }
}
