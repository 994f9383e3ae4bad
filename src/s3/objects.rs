//! Verifies and deletes the objects of a bucket.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, RANGE, RETRY_AFTER};
use http::response::Parts;
use http::{HeaderMap, Request, StatusCode};

use super::bucket::S3Bucket;
use super::credentials::FreshSigner;
use super::error_body::ErrorBody;
use super::rules::Checksums;
use super::target::sign_fault;
use crate::asset::{Clock, ExpiresIn, IdSource, ObjectKey, RandomIds, StoredObject, SystemClock};
use crate::error::Unavailable;
use crate::http_client::{Answer, AnswerBody, CallError, HttpClient, whole};
use crate::ports::{ObjectStore, ObjectStoreError};
use crate::s3::credentials::ProvideCredentials;
use crate::sigv4::{Credentials, Method, Presign};
use crate::tls::TrustRoots;

/// The default timeout of each request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest error body that is read, in bytes.
const ERROR_BODY: usize = 64 * 1024;
/// The permissions that HEAD and GET need.
const READ: &str = "s3:GetObject or s3:ListBucket";

/// Looks up objects in a bucket with HEAD and GET, and deletes them with DELETE. Requests go to the
/// bucket's internal address, with URLs presigned by this crate's own [`sigv4`](crate::sigv4).
///
/// An object counts as missing or deleted only if the object store's own error says so in its
/// `<Code>`: `NoSuchKey` or `NoSuchVersion`. The answer to HEAD has no body, so a 404 to HEAD is
/// followed by a GET of one byte. A 404 from anything in between, such as a proxy, is
/// [`ObjectStoreError::Unavailable`]. A missing bucket is [`ObjectStoreError::Failed`].
///
/// Needs a Tokio runtime. The credentials need these permissions:
///
/// | permission | for |
/// |---|---|
/// | `s3:GetObject` | looking up objects |
/// | `s3:ListBucket` | telling missing objects from forbidden ones: without it S3 answers 403 instead of 404 (AWS, "HeadObject", "Permissions") |
/// | `s3:DeleteObject` | removing objects, for the purge and for rejected uploads |
///
/// TLS is rustls with [the roots of your choice](Self::trust_roots). The environment's proxies
/// (`HTTPS_PROXY` and the like) are ignored.
///
/// ```
/// use tower_asset_upload::s3::{S3Bucket, S3Objects};
/// use tower_asset_upload::sigv4::{Credentials, Region};
///
/// let bucket = S3Bucket::custom("uploads", Region::us_east_1(), "http://127.0.0.1:9000")?;
/// let objects = S3Objects::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
/// # let _ = objects;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct S3Objects {
    bucket: S3Bucket,
    signer: Arc<FreshSigner>,
    clock: Arc<dyn Clock>,
    client: HttpClient,
}

impl S3Objects {
    /// Creates an object store with fixed credentials. Each request times out after ten seconds.
    #[must_use]
    pub fn new(bucket: S3Bucket, credentials: Credentials) -> Self {
        let signer = FreshSigner::fixed(&bucket, credentials);
        Self::signed_by(bucket, Arc::new(signer))
    }

    /// Creates an object store with credentials from a provider; see
    /// [`S3PostSigner::from_provider`](super::S3PostSigner::from_provider).
    ///
    /// # Errors
    /// If the provider has no credentials now.
    pub async fn from_provider(
        bucket: S3Bucket,
        provider: impl ProvideCredentials + 'static,
    ) -> Result<Self, Unavailable> {
        let signer = FreshSigner::provided(&bucket, Arc::new(provider)).await?;
        Ok(Self::signed_by(bucket, Arc::new(signer)))
    }

    pub(super) fn signed_by(bucket: S3Bucket, signer: Arc<FreshSigner>) -> Self {
        Self {
            bucket,
            signer,
            clock: Arc::new(SystemClock),
            client: HttpClient::new(TIMEOUT, &TrustRoots::mozilla()),
        }
    }

    /// Sets the timeout of each request, including the time to connect; ten seconds by default.
    /// Looking up a missing object takes two or three requests.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.client.set_timeout(timeout);
        self
    }

    /// Sets the certificate authorities to trust; [`TrustRoots::mozilla`] by default. Add the
    /// private authority here if it issued the object store's certificate.
    #[must_use]
    pub fn trust_roots(mut self, roots: &TrustRoots) -> Self {
        self.client.set_trust_roots(roots);
        self
    }

    /// Sets the clock that requests are signed with; [`SystemClock`] by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl S3Objects {
    async fn request(&self, method: Method, key: &ObjectKey) -> Result<Answer, ObjectStoreError> {
        let address = self.bucket.internal();
        let mut presign = Presign::new(method, &address.origin, &address.prefix, key.as_str())
            .expires_in(ExpiresIn::new(Duration::from_mins(5)).unwrap_or_default());
        let mut request = Request::builder().method(method.as_str());
        // Object stores without checksums refuse this header, or fail to parse the request.
        if method == Method::Head && self.bucket.rules().checksums != Checksums::Ignored {
            presign = presign.checksum_mode();
            request = request.header("x-amz-checksum-mode", "ENABLED");
        }
        if method == Method::Get {
            request = request.header(RANGE, "bytes=0-0");
        }
        let now = self.clock.now();
        let url = self
            .signer
            .at(now)
            .await?
            .presign_at(&presign, now)
            .map_err(|fault| sign_fault(fault, ObjectStoreError::Failed))?;
        let request = request
            .uri(url.as_str())
            .body(whole(""))
            .map_err(|fault| ObjectStoreError::Failed(fault.into()))?;
        Ok(self.client.send(request, || 0).await?)
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError> {
        let answer = self.request(Method::Head, key).await?;
        match answer.status() {
            StatusCode::OK => {
                let object = stored(answer.headers())?;
                if !has_store_headers(answer.headers()) && could_be_a_page(&object) {
                    self.ensure_random_key_is_missing().await?;
                }
                Ok(Some(object))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refused(Method::Head, READ, answer).await),
        }
    }

    /// Fails unless a random key is missing.
    ///
    /// A server with a page for every path has one for this key too, so its page is no object.
    /// Without this check the page would be compared with the announcement, the asset rejected, and
    /// the object removed.
    async fn ensure_random_key_is_missing(&self) -> Result<(), ObjectStoreError> {
        let random = ObjectKey::new(RandomIds.next_id().to_string());
        let random = random.map_err(|fault| ObjectStoreError::Failed(fault.into()))?;
        let answer = self.request(Method::Get, &random).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return self.is_missing(Method::Get, answer.into_body()).await;
        }
        let status = answer.status();
        let page = format!(
            "GET of a random key was answered with {status}, so the answer is not the object store's"
        );
        Err(Unavailable::new(page).into())
    }

    /// Converts an answer other than success and 404 to an error.
    async fn refused(&self, method: Method, permissions: &str, answer: Answer) -> ObjectStoreError {
        let (head, body) = answer.into_parts();
        let mut is_own = has_store_headers(&head.headers);
        if !is_own && method != Method::Head {
            match self.client.read(body, ERROR_BODY).await {
                Ok(body) => is_own = ErrorBody::parse(&body).is_some(),
                Err(unread) => return unread.into(),
            }
        }
        refusal(method.as_str(), permissions, &head, is_own)
    }

    /// Returns `Ok` if the 404 is the object store's own and says that the object is missing.
    async fn is_missing(&self, method: Method, answer: AnswerBody) -> Result<(), ObjectStoreError> {
        let body = self.client.read(answer, ERROR_BODY).await?;
        check_missing(method.as_str(), &body)
    }
}

/// Returns `Ok` if the body of a 404 says that the object is missing.
fn check_missing(method: &str, body: &[u8]) -> Result<(), ObjectStoreError> {
    let error = ErrorBody::parse(body);
    let said = match error.as_ref().and_then(ErrorBody::code) {
        Some("NoSuchKey" | "NoSuchVersion") => return Ok(()),
        // The object may be in another bucket, so it doesn't count as missing.
        Some("NoSuchBucket") => {
            return Err(ObjectStoreError::Failed("the bucket does not exist".into()));
        }
        Some(code) => format!("{method} was answered with 404 and the code {code:?}"),
        None => format!(
            "{method} was answered with 404, but not by the object store: the body is not an S3 error"
        ),
    };
    Err(Unavailable::new(said).into())
}

#[async_trait]
impl ObjectStore for S3Objects {
    async fn head(&self, key: &ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError> {
        if let Some(object) = self.head(key).await? {
            return Ok(Some(object));
        }
        // A 404 to HEAD has no body. It is the same for a missing object, a missing bucket, and a
        // proxy that can't reach the object store.
        let answer = self.request(Method::Get, key).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => {
                self.is_missing(Method::Get, answer.into_body()).await?;
                Ok(None)
            }
            // The object was uploaded in the meantime. 416 is the answer for an empty object.
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                let object = self.head(key).await?;
                let undecided = "GET finds the object, but HEAD doesn't";
                object
                    .map(Some)
                    .ok_or_else(|| Unavailable::new(undecided).into())
            }
            _ => Err(self.refused(Method::Get, READ, answer).await),
        }
    }

    /// Deletes the object. In a bucket with versioning the object is hidden behind a delete marker,
    /// and its versions stay (AWS, "Deleting object versions from a versioning-enabled bucket").
    /// The section "Versions" in `docs/object-stores.md` says how to delete them, and which
    /// lifecycle rule to avoid.
    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectStoreError> {
        let answer = self.request(Method::Delete, key).await?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(()),
            StatusCode::OK if has_store_headers(answer.headers()) => Ok(()),
            StatusCode::OK => {
                let body = self.client.read(answer.into_body(), ERROR_BODY).await?;
                if body.is_empty() {
                    return Ok(());
                }
                let page = "DELETE was answered with a page, so not by the object store";
                Err(Unavailable::new(page).into())
            }
            // For a missing object S3 answers 204, other object stores 404 (Google Cloud, "Delete
            // object").
            StatusCode::NOT_FOUND => self.is_missing(Method::Delete, answer.into_body()).await,
            _ => Err(self
                .refused(Method::Delete, "s3:DeleteObject", answer)
                .await),
        }
    }
}

/// Converts an error answer. `is_own` says that the answer is the object store's own. A refusal by
/// a proxy may be temporary, so it is `Unavailable`.
fn refusal(method: &str, permissions: &str, head: &Parts, is_own: bool) -> ObjectStoreError {
    let mut answered = format!("{method} was answered with {}", head.status);
    if head.status == StatusCode::FORBIDDEN {
        answered += ": the credentials are wrong, or lack ";
        answered += permissions;
    }
    let is_transient = head.status.is_server_error()
        || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&head.status);
    if is_own && !is_transient {
        return ObjectStoreError::Failed(answered.into());
    }
    if !is_own {
        answered += "; the answer has no header or body of an object store";
    }
    unavailable(answered, &head.headers).into()
}

fn stored(headers: &HeaderMap) -> Result<StoredObject, ObjectStoreError> {
    if !has_store_headers(headers) && !headers.contains_key(ETAG) {
        let page = "HEAD was answered with 200, but not by the object store: the ETag is missing";
        return Err(Unavailable::new(page).into());
    }
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let size = text(CONTENT_LENGTH.as_str())
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| {
            ObjectStoreError::Failed("HEAD was answered without a Content-Length".into())
        })?;
    let mut object = StoredObject::of_size(size);
    object.content_type = text(CONTENT_TYPE.as_str());
    object.content_encoding = text(CONTENT_ENCODING.as_str());
    object.etag = text(ETAG.as_str());
    object.version = text("x-amz-version-id");
    object.checksum = text("x-amz-checksum-sha256").and_then(|checksum| checksum.parse().ok());
    Ok(object)
}

/// Returns whether headers are certainly an object store's. Not all object stores send such
/// headers. All send an `ETag` for an object (AWS, "HeadObject"), but web servers send one for
/// their pages, too.
fn has_store_headers(headers: &HeaderMap) -> bool {
    let own = |name: &str| name.starts_with("x-amz-") || name.starts_with("x-goog-");
    headers.keys().any(|name| own(name.as_str()))
}

/// Returns whether an object has a type that web pages and error messages have.
fn could_be_a_page(object: &StoredObject) -> bool {
    let Some(of_type) = &object.content_type else {
        return false;
    };
    let essence = of_type.split(';').next().unwrap_or_default().trim();
    ["text/html", "text/plain", "application/json"]
        .iter()
        .any(|page| essence.eq_ignore_ascii_case(page))
}

fn unavailable(cause: String, headers: &HeaderMap) -> Unavailable {
    let unavailable = Unavailable::new(cause);
    let asked = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    match asked {
        Some(seconds) => unavailable.with_retry_after(Duration::from_secs(seconds)),
        None => unavailable,
    }
}

impl From<CallError> for ObjectStoreError {
    fn from(fault: CallError) -> Self {
        Unavailable::from(fault).into()
    }
}

impl fmt::Debug for S3Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Objects")
            .field("bucket", &self.bucket)
            .field("signer", &self.signer)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()))
            .collect()
    }

    fn answer(status: StatusCode, pairs: &[(&'static str, &'static str)]) -> Parts {
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = status;
        head.headers = headers(pairs);
        head
    }

    #[test]
    fn answers_are_converted_to_objects_and_errors() {
        let found = headers(&[
            ("content-length", "5"),
            ("content-type", "image/png"),
            ("content-encoding", "gzip"),
            ("etag", "\"e\""),
        ]);
        let object = stored(&found).unwrap();
        assert_eq!(
            (object.size, object.content_type.as_deref()),
            (5, Some("image/png"))
        );
        assert_eq!(object.etag.as_deref(), Some("\"e\""));
        assert_eq!(object.content_encoding.as_deref(), Some("gzip"));
        let no_length = headers(&[("etag", "\"e\"")]);
        assert!(matches!(
            stored(&no_length),
            Err(ObjectStoreError::Failed(_))
        ));
        let page = headers(&[("content-length", "5"), ("content-type", "text/html")]);
        assert!(matches!(
            stored(&page),
            Err(ObjectStoreError::Unavailable(_))
        ));

        let refused = |status| refusal("HEAD", "s3:GetObject", &answer(status, &[]), true);
        for status in [StatusCode::FORBIDDEN, StatusCode::MOVED_PERMANENTLY] {
            assert!(
                matches!(refused(status), ObjectStoreError::Failed(_)),
                "{status}"
            );
        }
        let said = refused(StatusCode::FORBIDDEN).to_string();
        assert!(
            said.contains("403") && said.contains("s3:GetObject"),
            "{said}"
        );
        let slow = answer(StatusCode::SERVICE_UNAVAILABLE, &[("retry-after", "17")]);
        match refusal("HEAD", "", &slow, true) {
            ObjectStoreError::Unavailable(cause) => assert_eq!(cause.retry_after_secs(), 17),
            other @ ObjectStoreError::Failed(_) => panic!("{other:?}"),
        }
    }
}
