//! The signer that chooses POST or PUT by the bucket's provider.

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

/// Signs uploads with the method that the bucket's object store documents: POST forms if it
/// documents POST Object, otherwise PUT URLs.
///
/// Creating the signer fails if the object store lacks a feature: POST forms, session tokens for
/// temporary credentials, or a form field that it would ignore. Signing an upload fails if its
/// checksum is one that the object store wouldn't compare.
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
    /// Creates a signer with fixed credentials. Upload data and download URLs expire after one
    /// hour.
    ///
    /// # Errors
    /// If the credentials are temporary and the object store has no session tokens.
    pub fn new(bucket: S3Bucket, credentials: Credentials) -> Result<Self, InvalidS3Signer> {
        match bucket.upload_method() {
            UploadMethod::Post => Self::post(S3PostSigner::new(bucket, credentials)),
            UploadMethod::Put => Self::put(S3PutSigner::new(bucket, credentials)),
        }
    }

    /// Creates a signer with credentials from a provider; see [`S3PostSigner::from_provider`].
    ///
    /// # Errors
    /// If the provider has no credentials now, or if they are temporary and the object store has no
    /// session tokens.
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

    /// Creates a signer of POST forms from an [`S3PostSigner`].
    ///
    /// # Errors
    /// If the object store documents no POST forms or ignores one of the fields, or if the
    /// credentials are temporary and it has no session tokens.
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

    /// Creates a signer of PUT URLs from an [`S3PutSigner`]. Every object store accepts PUT.
    ///
    /// # Errors
    /// If the credentials are temporary and the object store has no session tokens.
    pub fn put(signer: S3PutSigner) -> Result<Self, InvalidS3Signer> {
        check_credentials(signer.target())?;
        Ok(Self(Kind::Put(signer)))
    }

    /// Returns the method that clients upload with.
    #[must_use]
    pub fn method(&self) -> UploadMethod {
        match &self.0 {
            Kind::Post(_) => UploadMethod::Post,
            Kind::Put(_) => UploadMethod::Put,
        }
    }

    /// Sets the lifetime of a form or an upload URL; one hour by default. An upload has to begin
    /// within it.
    #[must_use]
    pub fn expires_in(self, lifetime: ExpiresIn) -> Self {
        Self(match self.0 {
            Kind::Post(signer) => Kind::Post(signer.expires_in(lifetime)),
            Kind::Put(signer) => Kind::Put(signer.expires_in(lifetime)),
        })
    }

    /// Sets the lifetime of a download URL; one hour by default.
    #[must_use]
    pub fn downloads_expire_in(self, lifetime: ExpiresIn) -> Self {
        Self(match self.0 {
            Kind::Post(signer) => Kind::Post(signer.downloads_expire_in(lifetime)),
            Kind::Put(signer) => Kind::Put(signer.downloads_expire_in(lifetime)),
        })
    }

    /// Sets fields that every form carries, each with its condition in the policy; none by default.
    ///
    /// # Errors
    /// If one of the fields is invalid, if the object store ignores it, or if there are fields and
    /// uploads use PUT.
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
