//! Asks a bucket for its objects, and removes them.

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

/// How long to wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest body of an error that is looked at, in bytes.
const ERROR_BODY: usize = 64 * 1024;
/// The permissions that asking takes.
const READ: &str = "s3:GetObject or s3:ListBucket";

/// Asks a bucket by HEAD, GET and DELETE, at its internal address, with URLs presigned by this crate's
/// own [`sigv4`](crate::sigv4).
///
/// Only the object store itself is believed. An object counts as missing or removed if the store's
/// error says so in its `<Code>` (`NoSuchKey`, `NoSuchVersion`); the answer to HEAD has no body, so a
/// 404 to it is followed by a GET of one byte. A 404 from anything in between, such as a proxy, is
/// [`ObjectStoreError::Unavailable`], and a bucket that does not exist is [`ObjectStoreError::Failed`].
///
/// Needs a Tokio runtime, and `s3:GetObject` on the bucket; `s3:ListBucket` too, or S3 answers 403
/// instead of 404 for objects that are missing (AWS, "HeadObject", "Permissions"); and for the clean-up
/// `s3:DeleteObject`. TLS is rustls with [the roots of your choice](Self::trust_roots). The environment's
/// proxies (`HTTPS_PROXY` and the like) are not used.
///
/// ```
/// use tower_asset_upload::s3::{S3Bucket, S3Objects};
/// use tower_asset_upload::sigv4::{Credentials, Region};
///
/// let bucket = S3Bucket::custom("uploads", Region::us_east_1(), "http://127.0.0.1:9000")?;
/// let verifier = S3Objects::new(bucket, Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret")?);
/// # let _ = verifier;
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
    /// Asks that bucket, and waits ten seconds at most for each answer.
    #[must_use]
    pub fn new(bucket: S3Bucket, credentials: Credentials) -> Self {
        let signer = FreshSigner::fixed(&bucket, credentials);
        Self::signed_by(bucket, Arc::new(signer))
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

    /// How long to wait for each answer, connecting included; ten seconds by default. Where there is
    /// no object, two or three are waited for.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.client.set_timeout(timeout);
        self
    }

    /// The certificate authorities to trust; [`TrustRoots::mozilla`] by default. An object store whose
    /// certificate is a private authority's needs that authority here.
    #[must_use]
    pub fn trust_roots(mut self, roots: &TrustRoots) -> Self {
        self.client.set_trust_roots(roots);
        self
    }

    /// The clock; the machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl S3Objects {
    async fn ask(&self, method: Method, key: &ObjectKey) -> Result<Answer, ObjectStoreError> {
        let address = self.bucket.internal();
        let mut presign = Presign::new(method, &address.origin, &address.prefix, key.as_str())
            .expires_in(ExpiresIn::new(Duration::from_mins(5)).unwrap_or_default());
        let mut request = Request::builder().method(method.as_str());
        // Stores that know no checksums refuse the question, or can't read it.
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
        let answer = self.ask(Method::Head, key).await?;
        match answer.status() {
            StatusCode::OK => {
                let object = stored(answer.headers())?;
                if !bears_marks(answer.headers()) && could_be_a_page(&object) {
                    self.expect_no_page().await?;
                }
                Ok(Some(object))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refused(Method::Head, READ, answer).await),
        }
    }

    /// Fails unless the object store itself answers: a server that has a page for every path has one for
    /// a key that nobody has, too. A page that is taken for the object would have it rejected, and then
    /// removed.
    async fn expect_no_page(&self) -> Result<(), ObjectStoreError> {
        let nobodys = ObjectKey::new(RandomIds.next_id().to_string());
        let nobodys = nobodys.map_err(|fault| ObjectStoreError::Failed(fault.into()))?;
        let answer = self.ask(Method::Get, &nobodys).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return self.is_missing(Method::Get, answer.into_body()).await;
        }
        let status = answer.status();
        let page = format!(
            "GET of a key that nobody has was answered with {status}: that is not the object store"
        );
        Err(Unavailable::new(page).into())
    }

    /// What an answer means that is neither a yes nor a no.
    async fn refused(&self, method: Method, permissions: &str, answer: Answer) -> ObjectStoreError {
        let (head, body) = answer.into_parts();
        let mut is_own = bears_marks(&head.headers);
        if !is_own && method != Method::Head {
            match self.client.read(body, ERROR_BODY).await {
                Ok(body) => is_own = ErrorBody::parse(&body).is_some(),
                Err(unread) => return unread.into(),
            }
        }
        refusal(method.as_str(), permissions, &head, is_own)
    }

    /// `Ok` if a 404 is the store's own, and is about the object.
    async fn is_missing(&self, method: Method, answer: AnswerBody) -> Result<(), ObjectStoreError> {
        let body = self.client.read(answer, ERROR_BODY).await?;
        judge(method.as_str(), &body)
    }
}

/// What a 404 with this body says.
fn judge(method: &str, body: &[u8]) -> Result<(), ObjectStoreError> {
    let error = ErrorBody::parse(body);
    let said = match error.as_ref().and_then(ErrorBody::code) {
        Some("NoSuchKey" | "NoSuchVersion") => return Ok(()),
        // Its objects may well be in another bucket.
        Some("NoSuchBucket") => {
            return Err(ObjectStoreError::Failed("there is no such bucket".into()));
        }
        Some(code) => format!("{method} was answered with 404 and the code {code:?}"),
        None => format!(
            "{method} was answered with 404, and not by the object store: the body is no error of S3's"
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
        // HEAD's 404 has no body, and is the same for a missing object, a missing bucket and a proxy
        // that has lost its store.
        let answer = self.ask(Method::Get, key).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => {
                self.is_missing(Method::Get, answer.into_body()).await?;
                Ok(None)
            }
            // It has arrived meanwhile; 416 is an empty object's.
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                let object = self.head(key).await?;
                let undecided = "GET finds the object, and HEAD doesn't";
                object
                    .map(Some)
                    .ok_or_else(|| Unavailable::new(undecided).into())
            }
            _ => Err(self.refused(Method::Get, READ, answer).await),
        }
    }

    /// In a bucket that keeps versions the object is hidden behind a delete marker, and its versions
    /// stay (AWS, "Deleting object versions from a versioning-enabled bucket"). How to end them, and
    /// which lifecycle rule must not: "Versions" in `docs/object-stores.md`.
    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectStoreError> {
        let answer = self.ask(Method::Delete, key).await?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(()),
            StatusCode::OK if bears_marks(answer.headers()) => Ok(()),
            StatusCode::OK => {
                let body = self.client.read(answer.into_body(), ERROR_BODY).await?;
                if body.is_empty() {
                    return Ok(());
                }
                let page = "DELETE was answered with a page, and not by the object store";
                Err(Unavailable::new(page).into())
            }
            // S3 answers 204 when there is no object, others 404 (Google Cloud, "Delete object").
            StatusCode::NOT_FOUND => self.is_missing(Method::Delete, answer.into_body()).await,
            _ => Err(self
                .refused(Method::Delete, "s3:DeleteObject", answer)
                .await),
        }
    }
}

/// `is_own` if the answer bears the object store's marks. Anything in between may refuse as well, and
/// stop to.
fn refusal(method: &str, permissions: &str, head: &Parts, is_own: bool) -> ObjectStoreError {
    let mut answered = format!("{method} was answered with {}", head.status);
    if head.status == StatusCode::FORBIDDEN {
        answered += ": the credentials are wrong, or lack ";
        answered += permissions;
    }
    let passes = head.status.is_server_error()
        || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&head.status);
    if is_own && !passes {
        return ObjectStoreError::Failed(answered.into());
    }
    if !is_own {
        answered += "; the answer bears no mark of an object store";
    }
    unavailable(answered, &head.headers).into()
}

fn stored(headers: &HeaderMap) -> Result<StoredObject, ObjectStoreError> {
    if !bears_marks(headers) && !headers.contains_key(ETAG) {
        let page = "HEAD was answered with 200, and not by the object store: there is no ETag";
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

/// Whether headers are an object store's own for certain. Not all stores send such, but all send an
/// `ETag` for an object (AWS, "HeadObject"), as web servers do for their pages.
fn bears_marks(headers: &HeaderMap) -> bool {
    let own = |name: &str| name.starts_with("x-amz-") || name.starts_with("x-goog-");
    headers.keys().any(|name| own(name.as_str()))
}

/// Whether an object is of a type that servers make their own pages of.
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
    fn answers_are_told_apart() {
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
