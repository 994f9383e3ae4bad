//! The state that all checks share, and the requests that they send.

use bytes::Bytes;
use http::{Method as HttpMethod, Request};
use time::{Duration, OffsetDateTime};

use super::answer::{Answer, causes};
use super::options::DoctorOptions;
use crate::asset::ExpiresIn;
use crate::error::Unavailable;
use crate::http_client::{HttpClient, whole};
use crate::ports::UploadMethod;
use crate::s3::bucket::{Address, S3Bucket};
use crate::sigv4::{Credentials, Method, Presign, SignedUrl, Signer};

/// The longest body that is read, in bytes.
const LONGEST_BODY: usize = 256 * 1024;

pub(super) struct Checkup<'a> {
    pub(super) bucket: &'a S3Bucket,
    pub(super) credentials: &'a Credentials,
    pub(super) options: &'a DoctorOptions,
    /// How far the object store's clock is ahead of this machine's, if that affects signatures.
    /// Signatures use the object store's time, so a wrong clock doesn't hide other problems.
    pub(super) ahead: Duration,
    pub(super) created: Vec<Created>,
    signer: Signer,
    client: HttpClient,
    folder: String,
}

/// A key that the doctor has sent an upload to.
pub(super) struct Created {
    pub(super) key: String,
    /// Whether the object store accepted the upload.
    pub(super) accepted: bool,
}

impl<'a> Checkup<'a> {
    pub(super) fn begin(
        bucket: &'a S3Bucket,
        credentials: &'a Credentials,
        options: &'a DoctorOptions,
    ) -> Self {
        let id = options.ids.next_id().simple();
        Self {
            bucket,
            credentials,
            options,
            ahead: Duration::ZERO,
            created: Vec::new(),
            signer: bucket.signer(credentials.clone()),
            client: HttpClient::new(options.timeout, &options.roots),
            folder: format!("tower-asset-upload-doctor/{id}"),
        }
    }

    /// Returns a key that is unique to this run.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}/{name}.txt", self.folder)
    }

    /// Returns the upload method of clients.
    pub(super) fn method(&self) -> UploadMethod {
        let method = self.options.method;
        method.unwrap_or_else(|| self.bucket.upload_method())
    }

    /// Returns the current time by the object store's clock.
    pub(super) fn now(&self) -> OffsetDateTime {
        let now = self.options.clock.now();
        now.checked_add(self.ahead).unwrap_or(now)
    }

    /// Sends a request with a small body. The error is half a sentence that says why there was no
    /// answer.
    pub(super) async fn send(
        &self,
        method: HttpMethod,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, String> {
        let request = headers
            .iter()
            .fold(Request::builder(), |request, (name, value)| {
                request.header(*name, *value)
            });
        let request = request
            .method(method)
            .uri(url)
            .body(whole(body))
            .map_err(|fault| fault.to_string())?;
        let message = |fault| causes(&Unavailable::from(fault));
        let answer = self.client.send(request, || 0).await;
        let (head, body) = answer.map_err(message)?.into_parts();
        let body = self.client.read(body, LONGEST_BODY).await;
        let body = body.map_err(message)?;
        Ok(Answer::new(head.status, head.headers, body))
    }

    pub(super) async fn get(&self, url: &str) -> Result<Answer, String> {
        self.send(HttpMethod::GET, url, &[], "").await
    }

    /// Returns whether the object exists. `false` if the object store doesn't say.
    pub(super) async fn holds(&self, key: &str) -> bool {
        let Ok(url) = self.object_url(Method::Head, key, None) else {
            return false;
        };
        let answer = self.send(HttpMethod::HEAD, &url, &[], "").await;
        answer.is_ok_and(|answer| answer.status.is_success())
    }

    /// Returns a URL for an object that is signed with the right access key id and a wrong secret.
    /// This works with expired credentials, too.
    pub(super) fn falsely_signed(&self, address: &Address, key: &str) -> Result<String, String> {
        let id = self.credentials.access_key_id();
        let stranger = Credentials::new(id, "not the secret").map_err(|fault| fault.to_string())?;
        let Address { origin, prefix, .. } = address;
        let request = Presign::new(Method::Get, origin, prefix, key);
        self.presign_by(&self.bucket.signer(stranger), request)
    }

    /// Returns a signed URL for an object at the internal address.
    pub(super) fn object_url(
        &self,
        method: Method,
        key: &str,
        version: Option<&str>,
    ) -> Result<String, String> {
        let Address { origin, prefix, .. } = self.bucket.internal();
        let request = Presign::new(method, origin, prefix, key);
        self.presign(match version {
            Some(version) => request.version_id(version),
            None => request,
        })
    }

    /// Requests a setting of the bucket, or a list of its objects.
    pub(super) async fn ask_bucket(
        &self,
        query: &[(&'static str, &str)],
    ) -> Result<Answer, String> {
        let Address { origin, prefix, .. } = self.bucket.internal();
        let url = self.presign(Presign::of_bucket(origin, prefix, query))?;
        self.get(&url).await
    }

    fn presign(&self, request: Presign<'_>) -> Result<String, String> {
        self.presign_by(&self.signer, request)
    }

    fn presign_by(&self, by: &Signer, request: Presign<'_>) -> Result<String, String> {
        let lifetime = ExpiresIn::new(std::time::Duration::from_mins(5)).unwrap_or_default();
        let signed = by.presign_at(&request.expires_in(lifetime), self.now());
        signed
            .map(SignedUrl::into_string)
            .map_err(|fault| fault.to_string())
    }
}
