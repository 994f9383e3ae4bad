//! What a bucket holds, asked by HEAD.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, RETRY_AFTER};
use http::{HeaderMap, Method as HttpMethod, Request, StatusCode};
use http_body_util::Empty;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::bucket::S3Bucket;
use super::credentials::FreshSigner;
use super::target::sign_fault;
use crate::asset::StoredObject;
use crate::auth::Unavailable;
use crate::clock::{Clock, SystemClock};
use crate::limits::Lifetime;
use crate::object_name::ObjectKey;
use crate::provider::ProvideCredentials;
use crate::sigv4::{Credentials, Method, Presign};
use crate::verifier::{ObjectVerifier, VerifyError};

/// Asks a bucket by HEAD, at its internal address, with a URL presigned by this crate's own
/// [`sigv4`](crate::sigv4).
///
/// Needs a Tokio runtime, as hyper's client does, and `s3:GetObject` on the bucket; `s3:ListBucket`
/// too, or S3 answers 403 instead of 404 for objects that are missing (AWS, "HeadObject",
/// "Permissions"). TLS is rustls with the Mozilla roots.
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
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    timeout: Duration,
}

impl S3Verifier {
    /// Asks that bucket, and waits ten seconds at most for an answer.
    #[must_use]
    pub fn new(bucket: S3Bucket, credentials: Credentials) -> Self {
        let signer = FreshSigner::fixed(credentials, bucket.region().clone());
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
        let signer = FreshSigner::provided(Arc::new(provider), bucket.region().clone()).await?;
        Ok(Self::signed_by(bucket, signer))
    }

    fn signed_by(bucket: S3Bucket, signer: FreshSigner) -> Self {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls())
            .https_or_http()
            .enable_http1()
            .build();
        Self {
            bucket,
            signer: Arc::new(signer),
            clock: Arc::new(SystemClock),
            client: Client::builder(TokioExecutor::new()).build(connector),
            timeout: Duration::from_secs(10),
        }
    }

    /// How long to wait for an answer, connecting included.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The clock; the machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

#[async_trait]
impl ObjectVerifier for S3Verifier {
    async fn inspect(&self, key: &ObjectKey) -> Result<Option<StoredObject>, VerifyError> {
        let address = self.bucket.internal();
        let head = Presign::new(Method::Head, &address.origin, &address.prefix, key.as_str())
            .checksum_mode()
            .expires_in(Lifetime::new(Duration::from_mins(5)).unwrap_or_default());
        let now = self.clock.now();
        let url = self
            .signer
            .at(now)
            .await?
            .presign_at(&head, now)
            .map_err(|fault| sign_fault(fault, VerifyError::Failed))?;
        let request = Request::builder()
            .method(HttpMethod::HEAD)
            .uri(url.as_str())
            .header("x-amz-checksum-mode", "ENABLED")
            .body(Empty::new())
            .map_err(|fault| VerifyError::Failed(fault.into()))?;
        let answer = tokio::time::timeout(self.timeout, self.client.request(request))
            .await
            .map_err(|_| Unavailable::new(format!("no answer within {:?}", self.timeout)))?
            .map_err(Unavailable::new)?;
        read(answer.status(), answer.headers())
    }
}

/// The provider is named: with two of them among the host's dependencies rustls panics rather than
/// choose.
#[expect(
    clippy::expect_used,
    reason = "ring has the suites of the versions that are on by default"
)]
fn tls() -> rustls::ClientConfig {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_webpki_roots()
        .with_no_client_auth()
}

fn read(status: StatusCode, headers: &HeaderMap) -> Result<Option<StoredObject>, VerifyError> {
    match status {
        StatusCode::OK => stored(headers).map(Some),
        StatusCode::NOT_FOUND => Ok(None),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(unavailable(status, headers).into()),
        status if status.is_server_error() => Err(unavailable(status, headers).into()),
        StatusCode::FORBIDDEN => Err(VerifyError::Failed(
            "HEAD was answered with 403: the credentials are wrong, or lack s3:GetObject or s3:ListBucket".into(),
        )),
        _ => Err(VerifyError::Failed(format!("HEAD was answered with {status}").into())),
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

fn unavailable(status: StatusCode, headers: &HeaderMap) -> Unavailable {
    let unavailable = Unavailable::new(format!("HEAD was answered with {status}"));
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
            .field("timeout", &self.timeout)
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

    #[test]
    fn answers_are_told_apart() {
        let found = headers(&[
            ("content-length", "5"),
            ("content-type", "image/png"),
            ("etag", "\"e\""),
        ]);
        let object = read(StatusCode::OK, &found).unwrap().unwrap();
        assert_eq!(
            (object.size, object.content_type.as_deref()),
            (5, Some("image/png"))
        );
        assert_eq!(object.etag.as_deref(), Some("\"e\""));
        assert!(read(StatusCode::NOT_FOUND, &found).unwrap().is_none());
        assert!(matches!(
            read(StatusCode::OK, &headers(&[])),
            Err(VerifyError::Failed(_))
        ));
        assert!(matches!(
            read(StatusCode::FORBIDDEN, &found),
            Err(VerifyError::Failed(_))
        ));
        assert!(matches!(
            read(StatusCode::MOVED_PERMANENTLY, &found),
            Err(VerifyError::Failed(_))
        ));
        let slow = headers(&[("retry-after", "17")]);
        match read(StatusCode::SERVICE_UNAVAILABLE, &slow) {
            Err(VerifyError::Unavailable(cause)) => assert_eq!(cause.retry_after_secs(), 17),
            other => panic!("{other:?}"),
        }
    }
}
