//! The client and its calls of the API.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Request};
use time::OffsetDateTime;

use super::address::{Address, InvalidClient, header};
use super::answer::{Announced, Located, announced, done, located};
use super::error::{ClientError, Peer};
use super::new_upload::NewUpload;
use super::progress::{Listener, Progress};
use super::retry::{Attempts, RetryPolicy};
use super::transport::{Reply, Transport};
use crate::asset::{AssetId, Clock, IdSource, RandomIds, SystemClock, UploadSize, WorkspaceSlug};
use crate::auth::Credential;
use crate::http_client::{HttpClient, whole};
use crate::tls::TrustRoots;

/// The default of [`AssetClient::timeout`].
const TIMEOUT: Duration = Duration::from_mins(1);

/// Calls the API for one workspace, with one API key or token.
///
/// Cloning is cheap, and clones share their connections. The client needs a Tokio runtime with time
/// and I/O enabled.
///
/// A future that is dropped stops its call. A dropped upload can leave a pending asset; a dropped
/// download leaves no file.
///
/// ```
/// use tower_asset_upload::asset::WorkspaceSlug;
/// use tower_asset_upload::auth::{Credential, CredentialKind};
/// use tower_asset_upload::client::AssetClient;
///
/// let key = Credential::new(CredentialKind::ApiKey, "plane_api_0123456789abcdef");
/// let workspace = WorkspaceSlug::new("my-workspace").unwrap();
/// let client = AssetClient::new("https://assets.example.com", &workspace, &key)?;
/// # let _ = client;
/// # Ok::<(), tower_asset_upload::client::InvalidClient>(())
/// ```
#[derive(Clone)]
pub struct AssetClient {
    address: Address,
    credential: (HeaderName, HeaderValue),
    pub(super) transport: Transport,
    retry: RetryPolicy,
    clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) listener: Listener,
}

impl AssetClient {
    /// Creates a client for one workspace.
    ///
    /// `server` is an `http` or `https` URL with a host. The API is expected below `/api/v1`, or
    /// below the path in `server` if there is one.
    ///
    /// # Errors
    /// [`InvalidClient`] if `server` is not such a URL, or if the credential can't be sent in a
    /// header.
    pub fn new(
        server: &str,
        workspace: &WorkspaceSlug,
        credential: &Credential<'_>,
    ) -> Result<Self, InvalidClient> {
        Ok(Self {
            address: Address::new(server, workspace)?,
            credential: header(credential)?,
            transport: Transport {
                http: HttpClient::new(TIMEOUT, &TrustRoots::mozilla()),
            },
            retry: RetryPolicy::new(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            listener: Listener::default(),
        })
    }

    /// Sets how often a failed call is tried again, and the waits in between; [`RetryPolicy::new`]
    /// by default.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets how long a call may go without progress; one minute by default.
    ///
    /// The timeout applies to the wait for an answer and to each step of a transfer. A transfer
    /// that makes progress may take as long as it needs. A stalled transfer fails after at most
    /// twice the timeout.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.transport.http.set_timeout(timeout);
        self
    }

    /// Sets the certificate authorities to trust, for the server and the object store;
    /// [`TrustRoots::mozilla`] by default.
    #[must_use]
    pub fn trust_roots(mut self, roots: &TrustRoots) -> Self {
        self.transport.http.set_trust_roots(roots);
        self
    }

    /// Sets a function that is called as a transfer progresses; none by default.
    ///
    /// It is called for each piece that is sent or written, and delays the transfer until it
    /// returns. To follow one file, clone the client and set the function on the clone.
    #[must_use]
    pub fn on_progress(mut self, listener: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.listener = Listener::new(listener);
        self
    }

    /// Sets the clock that dates in `Retry-After` are compared with; [`SystemClock`] by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the source of randomness; [`RandomIds`] by default.
    ///
    /// The client draws from it the random part of waits, the boundaries of forms and the names of
    /// unfinished downloads.
    #[must_use]
    pub fn ids(mut self, ids: impl IdSource + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Announces a file of `size` bytes. This creates a pending asset, unless one with the same
    /// external reference exists.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn announce(
        &self,
        upload: &NewUpload,
        size: UploadSize,
    ) -> Result<Announced, ClientError> {
        let body = Bytes::from(upload.to_json(size));
        let mut attempts = self.attempts();
        loop {
            let url = self.address.collection();
            let answer = self.call(Method::POST, url, body.clone()).await;
            match answer.and_then(|reply| announced(&reply, self.now())) {
                Err(error) => attempts.pause(error, upload.is_repeatable()).await?,
                announced => return announced,
            }
        }
    }

    /// Completes an upload: tells the server that the file has been sent. The server checks the
    /// object if it is configured to.
    ///
    /// # Errors
    /// See [`ClientError`]. With the code `object_missing` the server found no object; with
    /// `object_mismatch` the object differs from the announcement.
    pub async fn complete(&self, id: AssetId) -> Result<(), ClientError> {
        let body = Bytes::from_static(br#"{"is_uploaded":true}"#);
        let reply = self.repeated(Method::PATCH, id, body).await?;
        done(Peer::Server, &reply, self.now())
    }

    /// Returns a URL to download an uploaded file from.
    ///
    /// # Errors
    /// See [`ClientError`]. With the code `asset_not_uploaded` the upload has not been completed
    /// yet.
    pub async fn locate(&self, id: AssetId) -> Result<Located, ClientError> {
        let reply = self.repeated(Method::GET, id, Bytes::new()).await?;
        located(&reply, self.now())
    }

    /// Deletes an asset. Returns `false` if the asset doesn't exist, for example because the answer
    /// to an earlier deletion was lost.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delete(&self, id: AssetId) -> Result<bool, ClientError> {
        match self.repeated(Method::DELETE, id, Bytes::new()).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("asset_not_found") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends a call that may be repeated without harm.
    async fn repeated(
        &self,
        method: Method,
        id: AssetId,
        body: Bytes,
    ) -> Result<Reply, ClientError> {
        let url = self.address.item(id);
        let mut attempts = self.attempts();
        loop {
            let answer = self.call(method.clone(), &url, body.clone()).await;
            let answer = answer.and_then(|reply| {
                done(Peer::Server, &reply, self.now())?;
                Ok(reply)
            });
            match answer {
                Err(error) => attempts.pause(error, true).await?,
                reply => return reply,
            }
        }
    }

    async fn call(&self, method: Method, url: &str, body: Bytes) -> Result<Reply, ClientError> {
        let (name, secret) = &self.credential;
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header(name, secret);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(whole(body));
        // Can't fail: the address was parsed, and an id needs no escaping.
        let request = request.map_err(|fault| ClientError::Answer(fault.to_string()))?;
        self.transport.ask(Peer::Server, request, || 0).await
    }

    pub(super) fn attempts(&self) -> Attempts<'_> {
        Attempts::new(self.retry, &*self.ids)
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }
}

impl fmt::Debug for AssetClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssetClient")
            .field("address", &self.address)
            .field("retry", &self.retry)
            .field("timeout", &self.transport.http.timeout())
            .finish_non_exhaustive()
    }
}
