//! What the signers for forms and for bodies share: a bucket, and who signs for it.

use std::sync::Arc;

use time::OffsetDateTime;

use super::bucket::S3Bucket;
use super::disposition::content_disposition;
use crate::auth::Unavailable;
use crate::limits::Lifetime;
use crate::object_name::ObjectKey;
use crate::signer::{DownloadIntent, SignerError};
use crate::sigv4::{Credentials, Method, Presign, SignError, SignedUrl, Signer};

/// A bucket as clients see it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) bucket: S3Bucket,
    pub(super) signer: Arc<Signer>,
    pub(super) upload_lifetime: Lifetime,
    pub(super) download_lifetime: Lifetime,
}

impl Target {
    pub(super) fn new(bucket: S3Bucket, credentials: Credentials) -> Self {
        let signer = Arc::new(Signer::new(credentials, bucket.region().clone()));
        Self {
            bucket,
            signer,
            upload_lifetime: Lifetime::default(),
            download_lifetime: Lifetime::default(),
        }
    }

    /// A request for an object, at the public address.
    pub(super) fn request<'a>(&'a self, method: Method, key: &'a ObjectKey) -> Presign<'a> {
        let address = self.bucket.public();
        Presign::new(method, &address.origin, &address.prefix, key.as_str())
    }

    pub(super) fn presign(
        &self,
        request: &Presign<'_>,
        now: OffsetDateTime,
    ) -> Result<String, SignerError> {
        self.signer
            .presign_at(request, now)
            .map(SignedUrl::into_string)
            .map_err(signer_error)
    }

    pub(super) fn sign_download(
        &self,
        download: &DownloadIntent<'_>,
        now: OffsetDateTime,
    ) -> Result<String, SignerError> {
        let request = self
            .request(Method::Get, download.key)
            .expires_in(self.download_lifetime)
            .response_content_disposition(content_disposition(download.inline, download.name))
            .response_content_type(download.media_type.as_str());
        self.presign(&request, now)
    }
}

/// Expired credentials may be replaced; anything else stays as it is.
pub(super) fn signer_error(error: SignError) -> SignerError {
    match error {
        SignError::CredentialsExpired => Unavailable::new(error).into(),
        _ => SignerError::Failed(error.into()),
    }
}
