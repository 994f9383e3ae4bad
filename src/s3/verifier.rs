//! What a bucket holds, asked by HEAD, and has to drop, told by DELETE.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, RETRY_AFTER};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use super::bucket::S3Bucket;
use super::client::StoreClient;
use super::credentials::FreshSigner;
use super::rules::Checksums;
use super::target::sign_fault;
use crate::asset::StoredObject;
use crate::auth::Unavailable;
use crate::clock::{Clock, SystemClock};
use crate::limits::Lifetime;
use crate::object_name::ObjectKey;
use crate::provider::ProvideCredentials;
use crate::sigv4::{Credentials, Method, Presign};
use crate::verifier::{ObjectVerifier, VerifyError};

/// The longest body of an error that is looked at, in bytes.
const ERROR_BODY: usize = 64 * 1024;

/// Asks a bucket by HEAD and DELETE, at its internal address, with URLs presigned by this crate's own
/// [`sigv4`](crate::sigv4).
///
/// Needs a Tokio runtime, as hyper's client does, and `s3:GetObject` on the bucket; `s3:ListBucket`
/// too, or S3 answers 403 instead of 404 for objects that are missing (AWS, "HeadObject",
/// "Permissions"); and for the clean-up `s3:DeleteObject`. TLS is rustls with the Mozilla roots.
///
/// ```
/// use tower_asset_upload::s3::{S3Bucket, S3Verifier};
/// use tower_asset_upload::sigv4::{Credentials, Region};
///
/// let bucket = S3Bucket::custom("uploads", Region::us_east_1(), "http://127.0.0.1:9000")?;
/// let verifier = S3Verifier::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
/// # let _ = verifier;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct S3Verifier {
    bucket: S3Bucket,
    signer: Arc<FreshSigner>,
    clock: Arc<dyn Clock>,
    client: StoreClient,
}

impl S3Verifier {
    /// Asks that bucket, and waits ten seconds at most for an answer.
    #[must_use]
    pub fn new(bucket: S3Bucket, credentials: Credentials) -> Self {
        let signer = FreshSigner::fixed(&bucket, credentials);
        Self::signed_by(bucket, signer)
    }

    /// Asks that bucket with credentials that come and go; see
    /// [`S3PostSigner::from_provider`](super::S3PostSigner::from_provider).
    ///
    /// # Errors
    /// When there are no credentials to begin with.
    pub async fn from_provider(
        bucket: S3Bucket,
        provider: impl ProvideCredentials + 'static,
    ) -> Result<Self, Unavailable> {
        let signer = FreshSigner::provided(&bucket, Arc::new(provider)).await?;
        Ok(Self::signed_by(bucket, signer))
    }

    fn signed_by(bucket: S3Bucket, signer: FreshSigner) -> Self {
        Self {
            bucket,
            signer: Arc::new(signer),
            clock: Arc::new(SystemClock),
            client: StoreClient::new(),
        }
    }

    /// How long to wait for an answer, connecting included.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.client.set_timeout(timeout);
        self
    }

    /// The clock; the machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl S3Verifier {
    async fn ask(
        &self,
        method: Method,
        key: &ObjectKey,
    ) -> Result<Response<Incoming>, VerifyError> {
        let address = self.bucket.internal();
        let mut presign = Presign::new(method, &address.origin, &address.prefix, key.as_str())
            .expires_in(Lifetime::new(Duration::from_mins(5)).unwrap_or_default());
        let mut request = Request::builder().method(method.as_str());
        // Stores that know no checksums refuse the question, or can't read it.
        if method == Method::Head && self.bucket.rules().checksums != Checksums::Ignored {
            presign = presign.checksum_mode();
            request = request.header("x-amz-checksum-mode", "ENABLED");
        }
        let now = self.clock.now();
        let url = self
            .signer
            .at(now)
            .await?
            .presign_at(&presign, now)
            .map_err(|fault| sign_fault(fault, VerifyError::Failed))?;
        let request = request
            .uri(url.as_str())
            .body(Full::<Bytes>::default())
            .map_err(|fault| VerifyError::Failed(fault.into()))?;
        Ok(self.client.send(request).await?)
    }

    /// Whether an error's body says that not even the bucket is there (AWS, "Error responses").
    async fn lacks_bucket(&self, answer: Incoming) -> Result<bool, VerifyError> {
        let body = self.client.read(answer, ERROR_BODY).await?;
        Ok(memchr::memmem::find(&body, b"NoSuchBucket").is_some())
    }
}

#[async_trait]
impl ObjectVerifier for S3Verifier {
    async fn inspect(&self, key: &ObjectKey) -> Result<Option<StoredObject>, VerifyError> {
        let answer = self.ask(Method::Head, key).await?;
        match answer.status() {
            StatusCode::OK => stored(answer.headers()).map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(refusal("HEAD", "s3:GetObject or s3:ListBucket", &answer)),
        }
    }

    /// In a bucket that keeps versions the object is hidden behind a delete marker, and older versions
    /// stay until a lifecycle rule ends them (AWS, "Deleting object versions from a
    /// versioning-enabled bucket").
    async fn remove(&self, key: &ObjectKey) -> Result<(), VerifyError> {
        let answer = self.ask(Method::Delete, key).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(()),
            // S3 answers 204 here, others 404. A bucket that is missing is another's: its objects may
            // well be somewhere.
            StatusCode::NOT_FOUND => {
                if self.lacks_bucket(answer.into_body()).await? {
                    return Err(VerifyError::Failed("there is no such bucket".into()));
                }
                Ok(())
            }
            _ => Err(refusal("DELETE", "s3:DeleteObject", &answer)),
        }
    }
}

/// What an answer means that is neither a yes nor a no.
fn refusal<B>(method: &str, permissions: &str, answer: &Response<B>) -> VerifyError {
    let (status, headers) = (answer.status(), answer.headers());
    let answered = format!("{method} was answered with {status}");
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            unavailable(answered, headers).into()
        }
        status if status.is_server_error() => unavailable(answered, headers).into(),
        StatusCode::FORBIDDEN => VerifyError::Failed(
            format!("{answered}: the credentials are wrong, or lack {permissions}").into(),
        ),
        _ => VerifyError::Failed(answered.into()),
    }
}

fn stored(headers: &HeaderMap) -> Result<StoredObject, VerifyError> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let size = text(CONTENT_LENGTH.as_str())
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| VerifyError::Failed("HEAD was answered without a Content-Length".into()))?;
    let mut object = StoredObject::of_size(size);
    object.content_type = text(CONTENT_TYPE.as_str());
    object.etag = text(ETAG.as_str());
    object.version = text("x-amz-version-id");
    object.checksum = text("x-amz-checksum-sha256").and_then(|checksum| checksum.parse().ok());
    Ok(object)
}

fn unavailable(cause: String, headers: &HeaderMap) -> Unavailable {
    let unavailable = Unavailable::new(cause);
    let asked = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    match asked {
        Some(seconds) => unavailable.retry_after(Duration::from_secs(seconds)),
        None => unavailable,
    }
}

impl fmt::Debug for S3Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Verifier")
            .field("bucket", &self.bucket)
            .field("signer", &self.signer)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()))
            .collect()
    }

    fn answer(status: StatusCode, pairs: &[(&'static str, &'static str)]) -> Response<()> {
        let mut answer = Response::new(());
        *answer.status_mut() = status;
        *answer.headers_mut() = headers(pairs);
        answer
    }

    #[test]
    fn answers_are_told_apart() {
        let found = headers(&[
            ("content-length", "5"),
            ("content-type", "image/png"),
            ("etag", "\"e\""),
        ]);
        let object = stored(&found).unwrap();
        assert_eq!(
            (object.size, object.content_type.as_deref()),
            (5, Some("image/png"))
        );
        assert_eq!(object.etag.as_deref(), Some("\"e\""));
        assert!(matches!(stored(&headers(&[])), Err(VerifyError::Failed(_))));

        let refused = |status| refusal("HEAD", "s3:GetObject", &answer(status, &[]));
        for status in [StatusCode::FORBIDDEN, StatusCode::MOVED_PERMANENTLY] {
            assert!(
                matches!(refused(status), VerifyError::Failed(_)),
                "{status}"
            );
        }
        let said = refused(StatusCode::FORBIDDEN).to_string();
        assert!(
            said.contains("403") && said.contains("s3:GetObject"),
            "{said}"
        );
        let slow = answer(StatusCode::SERVICE_UNAVAILABLE, &[("retry-after", "17")]);
        match refusal("HEAD", "", &slow) {
            VerifyError::Unavailable(cause) => assert_eq!(cause.retry_after_secs(), 17),
            other @ VerifyError::Failed(_) => panic!("{other:?}"),
        }
    }
}
