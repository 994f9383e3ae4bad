//! The client, and its calls of the API.

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

/// How long nothing may happen.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Calls the API for one workspace, with one key or token.
///
/// Cheap to clone; clones share their connections. Needs a Tokio runtime with time and I/O. A future
/// that is dropped stops what it does; what a half-done upload leaves is a pending asset, and what a
/// half-done download leaves is nothing.
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
    /// Calls the server at that address. The API is below `/api/v1` there, or below the address's own
    /// path if it has one.
    ///
    /// # Errors
    /// When the address is none, or the credential can't be sent; see [`InvalidClient`].
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

    /// How often to try, and how long to wait in between.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How long to wait while nothing happens; a minute by default. It is the time for an answer, and
    /// for each step of a transfer; a transfer that goes on may take as long as it likes. (Twice as
    /// long at most: a step that came early in one wait ends with the next.)
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.transport.http.set_timeout(timeout);
        self
    }

    /// The certificate authorities to trust, for the server and for the object store;
    /// [`TrustRoots::mozilla`] by default.
    #[must_use]
    pub fn trust_roots(mut self, roots: &TrustRoots) -> Self {
        self.transport.http.set_trust_roots(roots);
        self
    }

    /// Whom to tell how far a transfer is; nobody by default. Called for each piece that moves, on
    /// the way: be brief. For one file, clone the client and tell the clone.
    #[must_use]
    pub fn on_progress(mut self, listener: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.listener = Listener::new(listener);
        self
    }

    /// The clock by which dates in `Retry-After` are read; the machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where randomness comes from: the spread of waits, the boundaries of forms, the names of
    /// unfinished downloads. [`RandomIds`] by default.
    #[must_use]
    pub fn ids(mut self, ids: impl IdSource + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Announces a file of `size` bytes.
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

    /// Says that the file is where it should be.
    ///
    /// # Errors
    /// See [`ClientError`]; with the codes `object_missing` and `object_mismatch` the server found
    /// out that it is not.
    pub async fn complete(&self, id: AssetId) -> Result<(), ClientError> {
        let body = Bytes::from_static(br#"{"is_uploaded":true}"#);
        let reply = self.repeated(Method::PATCH, id, body).await?;
        done(Peer::Server, &reply, self.now())
    }

    /// Where to download an uploaded file from.
    ///
    /// # Errors
    /// See [`ClientError`]; with the code `asset_not_uploaded` nobody has completed it yet.
    pub async fn locate(&self, id: AssetId) -> Result<Located, ClientError> {
        let reply = self.repeated(Method::GET, id, Bytes::new()).await?;
        located(&reply, self.now())
    }

    /// Deletes an asset. `false` when there is none, as after a deletion whose answer was lost.
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

    /// A call that does no harm twice.
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
        // The address was parsed, and an id is plain.
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
