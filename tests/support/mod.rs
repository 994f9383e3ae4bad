//! What the tests of the service share: a small world, and requests written as one line.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its part of it"
)]

use futures_util::FutureExt;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::datetime;
use tower::{Service, ServiceExt};
use tower_asset_upload::asset::{
    Asset, AssetId, ChangeOutcome, FixedClock, NewAsset, ObjectKey, PendingCaps, SequentialIds,
    StateChange, StoredObject, UserId, Workspace, WorkspaceSlug,
};
use tower_asset_upload::auth::{Credential, CredentialKind, CredentialRecord, Principal, Scopes};
use tower_asset_upload::ports::{CreateOutcome, ObjectStoreError, StoreError};
use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
use tower_asset_upload::service::AssetUploadBuilder;
use tower_asset_upload::sigv4::{Credentials, Region};
use tower_asset_upload::{
    AssetStore, AssetUploadService, CredentialStore, DirectoryStore, HeaderAuthenticator,
    MemoryStore, ObjectStore,
};
use uuid::{Uuid, uuid};

pub const NOW: OffsetDateTime = datetime!(2026-05-19 10:11:12 UTC);

pub const ALICE: Uuid = uuid!("11111111-1111-4111-8111-000000000001");
pub const BOB: Uuid = uuid!("11111111-1111-4111-8111-000000000002");
pub const MINE: Uuid = uuid!("22222222-2222-4222-8222-000000000001");
pub const OTHERS: Uuid = uuid!("22222222-2222-4222-8222-000000000002");
pub const MY_PROJECT: Uuid = uuid!("33333333-3333-4333-8333-000000000001");
pub const OTHERS_PROJECT: Uuid = uuid!("33333333-3333-4333-8333-000000000002");

pub const KEY: &str = "plane_api_valid0000000000000000000000000000";
pub const COLLECTION: &str = "/api/v1/workspaces/my-workspace/assets/";
pub const PHOTO: &str = r#"{"name":"photo.png","type":"image/png","size":1024}"#;

/// The result of a call that never waits, as those of a `MemoryStore`.
pub fn done<T, E: std::fmt::Debug>(call: impl Future<Output = Result<T, E>>) -> T {
    call.now_or_never().expect("it waits").unwrap()
}

/// Alice is in `my-workspace`, Bob in `other-workspace`; each has a project.
pub fn world() -> MemoryStore {
    use CredentialKind::{ApiKey, Bearer};

    let store = MemoryStore::new();
    for (workspace, slug, member, project) in [
        (MINE, "my-workspace", ALICE, MY_PROJECT),
        (OTHERS, "other-workspace", BOB, OTHERS_PROJECT),
    ] {
        done(store.add_workspace(workspace.into(), WorkspaceSlug::new(slug).unwrap()));
        done(store.add_member(workspace.into(), member.into()));
        done(store.add_project(workspace.into(), project.into()));
    }
    let add = |kind, secret, user: Uuid, scopes, change: fn(&mut CredentialRecord)| {
        let principal = Principal::new(user.into(), scopes);
        let mut record = CredentialRecord::new(&Credential::new(kind, secret), principal);
        change(&mut record);
        done(store.add_credential(record));
    };
    add(ApiKey, KEY, ALICE, Scopes::all(), |_| {});
    add(ApiKey, "key-of-bob", BOB, Scopes::all(), |_| {});
    add(ApiKey, "key-expired", ALICE, Scopes::all(), |record| {
        record.expires_at = Some(NOW);
    });
    add(ApiKey, "key-disabled", ALICE, Scopes::all(), |record| {
        record.active = false;
    });
    add(Bearer, "token-all", ALICE, Scopes::all(), |_| {});
    add(
        Bearer,
        "token-read",
        ALICE,
        Scopes::parse("assets:read"),
        |_| {},
    );
    add(
        Bearer,
        "token-write",
        ALICE,
        Scopes::parse("assets:write"),
        |_| {},
    );
    store
}

pub fn signer() -> S3PostSigner {
    let bucket = S3Bucket::aws("uploads", Region::us_east_1()).unwrap();
    S3PostSigner::new(bucket, example_credentials())
}

/// The access key of AWS's documentation.
pub fn example_credentials() -> Credentials {
    Credentials::new(
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    .unwrap()
}

/// A service under a clock that stands still, with ids that count.
pub fn builder(store: &MemoryStore) -> AssetUploadBuilder<MemoryStore, S3PostSigner> {
    builder_over(store.clone(), store)
}

pub fn builder_over<S: AssetStore + 'static>(
    store: S,
    credentials: &MemoryStore,
) -> AssetUploadBuilder<S, S3PostSigner> {
    let authenticator = HeaderAuthenticator::new(credentials.clone()).clock(FixedClock(NOW));
    AssetUploadService::builder(store, signer(), authenticator)
        .clock(FixedClock(NOW))
        .ids(SequentialIds::starting_at(1))
        .trust_clients()
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|fault| panic!("{fault}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub fn asset_id(&self) -> String {
        self.json()["asset_id"]
            .as_str()
            .expect("an asset_id")
            .to_owned()
    }

    /// Status, headers and body as one reads them, the policy decoded.
    pub fn shown(&self) -> String {
        let mut text = self.status.as_u16().to_string();
        for (name, value) in &self.headers {
            write!(text, "\n{name}: {}", value.to_str().unwrap()).unwrap();
        }
        if !self.body.is_empty() {
            let mut json = self.json();
            if let Some(policy) = json.pointer_mut("/upload_data/fields/policy") {
                *policy = decoded_policy(policy.as_str().unwrap());
            }
            write!(text, "\n{}", serde_json::to_string_pretty(&json).unwrap()).unwrap();
        }
        text
    }
}

pub fn decoded_policy(base64: &str) -> Value {
    let document = base64_simd::STANDARD.decode_to_vec(base64).unwrap();
    serde_json::from_slice(&document).unwrap()
}

/// Builds a request from `METHOD path` and headers.
pub fn request(
    line: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let (method, path) = line.split_once(' ').expect("METHOD path");
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(
            *name,
            http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    request.body(Full::new(body.into())).unwrap()
}

/// Sends a request to a service that can't fail.
pub async fn send<S, B>(service: &S, request: Request<Full<Bytes>>) -> Answer
where
    S: Service<Request<Full<Bytes>>, Response = http::Response<B>> + Clone,
    S::Error: std::fmt::Debug,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let answer = service.clone().oneshot(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: head.status,
        headers: head.headers,
        body,
    }
}

/// Sends a request with Alice's key.
pub async fn call<S, B>(service: &S, line: &str, body: impl Into<Bytes>) -> Answer
where
    S: Service<Request<Full<Bytes>>, Response = http::Response<B>> + Clone,
    S::Error: std::fmt::Debug,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    send(service, request(line, &[("x-api-key", KEY)], body)).await
}

/// A verifier that says what it was told to.
#[derive(Clone)]
pub struct Says(Arc<Inspect>);

type Inspect = dyn Fn(&ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError> + Send + Sync;

impl Says {
    pub fn new(
        answer: impl Fn(&ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(answer))
    }
}

#[async_trait]
impl ObjectStore for Says {
    async fn head(&self, key: &ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError> {
        (self.0)(key)
    }

    async fn delete(&self, _: &ObjectKey) -> Result<(), ObjectStoreError> {
        Ok(())
    }
}

/// A store that is down, or broken.
#[derive(Clone, Copy, Debug)]
pub enum Broken {
    Unreachable,
    Corrupt,
}

impl Broken {
    fn error(self) -> StoreError {
        match self {
            Self::Unreachable => StoreError::unavailable("SECRET-CAUSE: connection refused"),
            Self::Corrupt => StoreError::failed("SECRET-CAUSE: malformed row"),
        }
    }
}

#[async_trait]
impl AssetStore for Broken {
    async fn enter(&self, _: &WorkspaceSlug, _: UserId) -> Result<Option<Workspace>, StoreError> {
        Err(self.error())
    }

    async fn create(
        &self,
        _: &Workspace,
        _: NewAsset,
        _: PendingCaps,
    ) -> Result<CreateOutcome, StoreError> {
        Err(self.error())
    }

    async fn find(&self, _: &Workspace, _: AssetId) -> Result<Option<Asset>, StoreError> {
        Err(self.error())
    }

    async fn set_state(
        &self,
        _: &Workspace,
        _: AssetId,
        _: StateChange,
    ) -> Result<ChangeOutcome, StoreError> {
        Err(self.error())
    }

    async fn delete(&self, _: &Workspace, _: AssetId) -> Result<bool, StoreError> {
        Err(self.error())
    }
}

/// What `tracing` was told.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Takes what this thread tells for as long as the guard lives.
    pub fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || log.clone())
            .with_ansi(false)
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A store that says more of a workspace to those who enter it.
#[derive(Clone)]
pub struct Saying(
    MemoryStore,
    Arc<dyn Fn(Workspace) -> Workspace + Send + Sync>,
);

impl Saying {
    pub fn new(
        store: &MemoryStore,
        more: impl Fn(Workspace) -> Workspace + Send + Sync + 'static,
    ) -> Self {
        Self(store.clone(), Arc::new(more))
    }
}

#[async_trait]
impl AssetStore for Saying {
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError> {
        let entered = self.0.enter(slug, caller).await?;
        Ok(entered.map(|workspace| (self.1)(workspace)))
    }

    async fn create(
        &self,
        workspace: &Workspace,
        asset: NewAsset,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError> {
        self.0.create(workspace, asset, caps).await
    }

    async fn find(&self, workspace: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError> {
        self.0.find(workspace, id).await
    }

    async fn set_state(
        &self,
        workspace: &Workspace,
        id: AssetId,
        change: StateChange,
    ) -> Result<ChangeOutcome, StoreError> {
        self.0.set_state(workspace, id, change).await
    }

    async fn delete(&self, workspace: &Workspace, id: AssetId) -> Result<bool, StoreError> {
        self.0.delete(workspace, id).await
    }
}
