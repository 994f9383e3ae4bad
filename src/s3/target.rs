//! A bucket, its credentials and lifetimes: the state that the POST and the PUT signer share.

use std::sync::Arc;

use time::OffsetDateTime;

use super::bucket::S3Bucket;
use super::credentials::FreshSigner;
use super::disposition::content_disposition;
use super::rules::Checksums;
use crate::asset::{ExpiresIn, ObjectKey};
use crate::error::{BoxError, Unavailable};
use crate::ports::{DownloadIntent, SignerError, UploadIntent};
use crate::s3::credentials::ProvideCredentials;
use crate::sigv4::{Credentials, Method, Presign, SignError, SignedUrl};

/// A bucket with the signer and lifetimes for its URLs and forms.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) bucket: S3Bucket,
    pub(super) signer: Arc<FreshSigner>,
    pub(super) upload_lifetime: ExpiresIn,
    pub(super) download_lifetime: ExpiresIn,
}

impl Target {
    pub(super) fn new(bucket: S3Bucket, credentials: Credentials) -> Self {
        let signer = FreshSigner::fixed(&bucket, credentials);
        Self::signed_by(bucket, Arc::new(signer))
    }

    pub(super) async fn provided(
        bucket: S3Bucket,
        provider: Arc<dyn ProvideCredentials>,
    ) -> Result<Self, Unavailable> {
        let signer = FreshSigner::provided(&bucket, provider).await?;
        Ok(Self::signed_by(bucket, Arc::new(signer)))
    }

    pub(super) fn signed_by(bucket: S3Bucket, signer: Arc<FreshSigner>) -> Self {
        Self {
            bucket,
            signer,
            upload_lifetime: ExpiresIn::default(),
            download_lifetime: ExpiresIn::default(),
        }
    }

    /// Refuses a checksum that the object store wouldn't compare.
    pub(super) fn check_checksum(&self, upload: &UploadIntent<'_>) -> Result<(), SignerError> {
        if upload.checksum.is_some() && self.bucket.rules().checksums == Checksums::Ignored {
            return Err(SignerError::Checksum);
        }
        Ok(())
    }

    /// Creates a request for an object at the public address.
    pub(super) fn request<'a>(&'a self, method: Method, key: &'a ObjectKey) -> Presign<'a> {
        let address = self.bucket.public();
        Presign::new(method, &address.origin, &address.prefix, key.as_str())
    }

    pub(super) async fn presign(
        &self,
        request: &Presign<'_>,
        now: OffsetDateTime,
    ) -> Result<String, SignerError> {
        let signer = self.signer.at(now).await?;
        signer
            .presign_at(request, now)
            .map(SignedUrl::into_string)
            .map_err(|fault| sign_fault(fault, SignerError::Failed))
    }

    pub(super) async fn sign_download(
        &self,
        download: &DownloadIntent<'_>,
        now: OffsetDateTime,
    ) -> Result<String, SignerError> {
        let mut request = self
            .request(Method::Get, download.key)
            .expires_in(self.download_lifetime)
            .response_content_disposition(content_disposition(download.inline, download.name))
            .response_content_type(download.media_type.as_str());
        if let Some(version) = download.version {
            request = request.version_id(version);
        }
        self.presign(&request, now).await
    }
}

/// Converts a failed signature to a port's error. Expired credentials may be replaced, so their
/// error is `Unavailable`; any other failure is permanent.
pub(super) fn sign_fault<E: From<Unavailable>>(fault: SignError, failed: fn(BoxError) -> E) -> E {
    match fault {
        SignError::CredentialsExpired => Unavailable::new(fault).into(),
        _ => failed(fault.into()),
    }
}
