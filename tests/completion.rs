//! What becomes of an asset: each state and each request, callers that meet, forms that are used
//! twice, and an object store that can't be asked.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use support::*;
use tower_asset_upload::asset::{
    Asset, AssetId, ChangeOutcome, Mismatch, NewAsset, ObjectKey, PendingCaps, StateChange,
    StoredObject, UploadState, UserId, Workspace, WorkspaceSlug,
};
use tower_asset_upload::ports::{CreateOutcome, ObjectStoreError, StoreError};
use tower_asset_upload::purge::{PurgeStep, PurgeStore};
use tower_asset_upload::s3::S3PostSigner;
use tower_asset_upload::service::AssetUploadBuilder;
use tower_asset_upload::{AssetStore, AssetUploadService, MemoryStore, ObjectStore, Unavailable};

type Service = AssetUploadService<Saying, S3PostSigner>;

const PAIRED: &str = r#"{"name":"photo.png","type":"image/png","size":1024,"external_source":"github","external_id":"7"}"#;

/// What stands in for a bucket, and what was asked of it.
#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    objects: BTreeMap<String, StoredObject>,
    fails: Option<Failure>,
    inspected: usize,
    removed: Vec<String>,
    /// What one caller after the other is told, instead of what is there.
    told: Vec<StoredObject>,
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    Down,
    Broken,
    /// Only what removes.
    LegalHold,
}

impl Bucket {
    fn with<T>(&self, what: impl FnOnce(&mut Contents) -> T) -> T {
        what(&mut self.0.lock().unwrap())
    }

    fn put(&self, key: &ObjectKey, object: StoredObject) {
        self.with(|bucket| bucket.objects.insert(key.as_str().to_owned(), object));
    }

    fn inspected(&self) -> usize {
        self.with(|bucket| bucket.inspected)
    }

    fn fail(&self, how: impl Into<Option<Failure>>) {
        self.with(|bucket| bucket.fails = how.into());
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn head(&self, key: &ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError> {
        let found = self.with(|bucket| {
            bucket.inspected += 1;
            match bucket.fails {
                Some(Failure::Down) => Err(Unavailable::new("SECRET-CAUSE").into()),
                Some(Failure::Broken) => Err(ObjectStoreError::Failed("SECRET-CAUSE".into())),
                _ => Ok(bucket
                    .told
                    .pop()
                    .or_else(|| bucket.objects.get(key.as_str()).cloned())),
            }
        });
        // An object store is far away: others go on meanwhile.
        tokio::task::yield_now().await;
        found
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectStoreError> {
        self.with(|bucket| {
            bucket.removed.push(key.as_str().to_owned());
            if bucket.fails.is_some() {
                return Err(ObjectStoreError::Failed("a legal hold".into()));
            }
            bucket.objects.remove(key.as_str());
            Ok(())
        })
    }
}

/// A service with a bucket, and one asset in it.
struct Stage {
    store: MemoryStore,
    bucket: Bucket,
    service: Service,
    workspace: Workspace,
    id: AssetId,
    key: ObjectKey,
}

impl Stage {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(
        set: impl FnOnce(
            AssetUploadBuilder<Saying, S3PostSigner>,
        ) -> AssetUploadBuilder<Saying, S3PostSigner>,
    ) -> Self {
        Self::over(|workspace| workspace, set).await
    }

    async fn over(
        more: impl Fn(Workspace) -> Workspace + Send + Sync + 'static,
        set: impl FnOnce(
            AssetUploadBuilder<Saying, S3PostSigner>,
        ) -> AssetUploadBuilder<Saying, S3PostSigner>,
    ) -> Self {
        let (store, bucket) = (world(), Bucket::default());
        let builder = builder_over(Saying::new(&store, more), &store);
        let service = set(builder.verify_with(bucket.clone())).build().unwrap();
        let made = call(&service, &format!("POST {COLLECTION}"), PAIRED).await;
        assert_eq!(made.status, 200);
        let slug = WorkspaceSlug::new("my-workspace").unwrap();
        let workspace = store.enter(&slug, ALICE.into()).await.unwrap().unwrap();
        let id = made.asset_id().parse::<AssetId>().unwrap();
        let key = made.json()["upload_data"]["fields"]["key"].clone();
        Self {
            store,
            bucket,
            service,
            workspace,
            id,
            key: ObjectKey::new(key.as_str().unwrap()).unwrap(),
        }
    }

    /// An upload of as many bytes as were announced.
    fn upload(&self, etag: &str) {
        let mut object = object(1024);
        object.etag = Some(format!("\"{etag}\""));
        self.bucket.put(&self.key, object);
    }

    async fn ask(&self, method: &str, body: &str) -> Answer {
        ask(&self.service, self.id, method, body).await
    }

    /// Status and code.
    async fn says(&self, method: &str, body: &str) -> (u16, String) {
        said(&self.ask(method, body).await)
    }

    async fn create_again(&self) -> Answer {
        call(&self.service, &format!("POST {COLLECTION}"), PAIRED).await
    }

    async fn state(&self) -> UploadState {
        let found = self.store.find(&self.workspace, self.id).await;
        found.unwrap().expect("the asset").state
    }

    async fn change(&self, change: StateChange) {
        let set = self.store.set_state(&self.workspace, self.id, change);
        assert_eq!(set.await.unwrap(), ChangeOutcome::Done);
    }
}

async fn ask<S: AssetStore + Clone + 'static>(
    service: &AssetUploadService<S, S3PostSigner>,
    id: AssetId,
    method: &str,
    body: &str,
) -> Answer {
    let line = format!("{method} {COLLECTION}{id}/");
    call(service, &line, body.to_owned()).await
}

fn said(answer: &Answer) -> (u16, String) {
    let code = if answer.body.is_empty() {
        String::new()
    } else {
        let code = answer.json()["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(!answer.shown().contains("SECRET-CAUSE"));
        code
    };
    (answer.status.as_u16(), code)
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn object(size: u64) -> StoredObject {
    let mut object = StoredObject::of_size(size);
    object.content_type = Some("image/png".to_owned());
    object
}

const DONE: &str = "";
const CLAIM: &str = r#"{"is_uploaded":true}"#;
const TAKE_BACK: &str = r#"{"is_uploaded":false}"#;

#[tokio::test]
async fn each_state_answers_each_request() {
    let difference = Mismatch::new("The object has 5 bytes; 1024 were announced.");
    let recorded = || {
        let mut object = object(1024);
        object.etag = Some("\"first\"".to_owned());
        object
    };
    let pending = || None;
    let uploaded = || Some(StateChange::Complete(Some(recorded())));
    let believed = || Some(StateChange::Complete(None));
    let rejected = || Some(StateChange::Reject(difference.clone()));
    for (name, change, method, body, wanted) in [
        (
            "pending",
            pending(),
            "GET",
            "",
            is(400, "asset_not_uploaded"),
        ),
        ("pending", pending(), "PATCH", CLAIM, is(204, DONE)),
        ("pending", pending(), "PATCH", TAKE_BACK, is(204, DONE)),
        ("pending", pending(), "DELETE", "", is(204, DONE)),
        ("uploaded", uploaded(), "GET", "", is(200, DONE)),
        ("uploaded", uploaded(), "PATCH", CLAIM, is(204, DONE)),
        ("uploaded", uploaded(), "PATCH", TAKE_BACK, is(204, DONE)),
        ("uploaded", uploaded(), "DELETE", "", is(204, DONE)),
        ("believed", believed(), "GET", "", is(200, DONE)),
        ("believed", believed(), "PATCH", CLAIM, is(204, DONE)),
        ("believed", believed(), "PATCH", TAKE_BACK, is(204, DONE)),
        (
            "rejected",
            rejected(),
            "GET",
            "",
            is(400, "asset_not_uploaded"),
        ),
        (
            "rejected",
            rejected(),
            "PATCH",
            CLAIM,
            is(409, "object_mismatch"),
        ),
        (
            "rejected",
            rejected(),
            "PATCH",
            TAKE_BACK,
            is(409, "asset_rejected"),
        ),
        ("rejected", rejected(), "DELETE", "", is(204, DONE)),
    ] {
        let stage = Stage::new().await;
        stage.bucket.put(&stage.key, recorded());
        if let Some(change) = change {
            stage.change(change).await;
        }
        let before = stage.state().await;
        let answer = stage.ask(method, body).await;
        assert_eq!(said(&answer), wanted, "{method} {body} when {name}");
        if answer.status == 409 {
            let words = answer.json()["error"].as_str().unwrap().to_owned();
            assert!(words.ends_with(difference.as_str()), "{words}");
        }
        match (method, body) {
            ("DELETE", _) => {
                let found = stage.store.find(&stage.workspace, stage.id).await;
                assert_eq!(found.unwrap(), None);
            }
            ("PATCH", CLAIM) if before.is_pending() => {
                assert_eq!(stage.state().await, UploadState::Uploaded(Some(recorded())));
            }
            ("PATCH", TAKE_BACK) if !before.is_rejected() => {
                assert_eq!(stage.state().await, UploadState::Pending);
            }
            // Nothing else changes anything.
            _ => assert_eq!(stage.state().await, before, "{method} {body} when {name}"),
        }
        assert_eq!(stage.bucket.with(|bucket| bucket.removed.len()), 0);
    }
}

#[tokio::test]
async fn what_differs_is_rejected_for_good() {
    let stage = Stage::new().await;
    stage.bucket.put(&stage.key, object(5));
    let words = "The object has 5 bytes; 1024 were announced.";
    // The first one finds out, all others are told.
    for _ in 0..3 {
        let answer = stage.ask("PATCH", CLAIM).await;
        assert_eq!(said(&answer), is(409, "object_mismatch"));
        assert_eq!(answer.json()["error"], words);
        assert_eq!(stage.bucket.inspected(), 1);
        let removed = stage.bucket.with(|bucket| bucket.removed.clone());
        assert_eq!(removed, [stage.key.as_str()]);
    }
    let rejected = UploadState::Rejected(Mismatch::new(words));
    assert_eq!(stage.state().await, rejected);

    // What its form still puts there changes nothing.
    stage.upload("another");
    assert_eq!(stage.says("PATCH", CLAIM).await, is(409, "object_mismatch"));
    assert_eq!(stage.says("GET", "").await, is(400, "asset_not_uploaded"));
    let answer = stage.ask("PATCH", TAKE_BACK).await;
    assert_eq!(said(&answer), is(409, "asset_rejected"));
    let said = "The asset was rejected, so make another one. \
                The object has 5 bytes; 1024 were announced.";
    assert_eq!(answer.json()["error"], said);
    assert_eq!(stage.state().await, rejected);

    // The pair is free, once.
    let heir = stage.create_again().await;
    assert_eq!(heir.status, 200);
    assert_ne!(heir.asset_id(), stage.id.to_string());
    let twin = stage.create_again().await;
    assert_eq!(twin.status, 409);
    assert_eq!(twin.asset_id(), heir.asset_id());
    assert_eq!(stage.says("DELETE", "").await, is(204, DONE));
    assert_eq!(stage.create_again().await.asset_id(), heir.asset_id());
}

/// As over Plane's tables, whose rows hold the largest size and whose objects are others' as well.
#[tokio::test]
async fn what_is_shared_with_another_application_may_be_smaller_and_stays() {
    let largest = async || {
        let shared = |workspace: Workspace| {
            workspace.with_ownership(tower_asset_upload::asset::Ownership::Shared)
        };
        Stage::over(shared, |builder| builder).await
    };
    for size in [0, 1, 1023, 1024] {
        let stage = largest().await;
        let mut smaller = object(size);
        smaller.etag = Some("\"a\"".to_owned());
        stage.bucket.put(&stage.key, smaller.clone());
        assert_eq!(stage.says("PATCH", CLAIM).await, is(204, DONE), "{size}");
        assert_eq!(stage.state().await, UploadState::Uploaded(Some(smaller)));
        assert_eq!(stage.says("PATCH", CLAIM).await, is(204, DONE), "{size}");
        assert_eq!(stage.says("GET", "").await, is(200, DONE), "{size}");
    }
    // One that was believed is held against the announcement later.
    for (size, wanted) in [(5, is(204, DONE)), (1025, is(409, "object_mismatch"))] {
        let stage = largest().await;
        stage.change(StateChange::Complete(None)).await;
        stage.bucket.put(&stage.key, object(size));
        assert_eq!(stage.says("PATCH", CLAIM).await, wanted, "{size}");
        assert_eq!(stage.says("GET", "").await, is(200, DONE), "{size}");
    }
    let mut of_another_type = object(5);
    of_another_type.content_type = Some("text/html".to_owned());
    for differs in [object(1025), of_another_type] {
        let stage = largest().await;
        stage.bucket.put(&stage.key, differs.clone());
        assert_eq!(stage.says("PATCH", CLAIM).await, is(409, "object_mismatch"));
        assert!(stage.state().await.is_rejected());
        let (removed, left) = stage
            .bucket
            .with(|bucket| (bucket.removed.clone(), bucket.objects.len()));
        assert_eq!((removed.len(), left), (0, 1), "{differs:?}");
    }
}

#[tokio::test]
async fn a_rejected_asset_is_not_pending() {
    let caps = PendingCaps {
        per_workspace: std::num::NonZeroU32::new(1),
        ..PendingCaps::default()
    };
    let stage = Stage::with(|builder| builder.pending_caps(caps)).await;
    let more = async || {
        let answer = call(&stage.service, &format!("POST {COLLECTION}"), PHOTO).await;
        said(&answer)
    };
    assert_eq!(more().await, is(429, "too_many_pending"));
    stage.bucket.put(&stage.key, object(5));
    assert_eq!(stage.says("PATCH", CLAIM).await, is(409, "object_mismatch"));
    assert_eq!(more().await, is(200, DONE));
}

/// Whoever creates and deletes in turn leaves rows behind, with one pending asset at a time.
#[tokio::test]
async fn what_is_discarded_counts_until_the_clean_up() {
    let caps = PendingCaps {
        per_caller: std::num::NonZeroU32::new(1),
        discarded_per_caller: std::num::NonZeroU32::new(2),
        ..PendingCaps::default()
    };
    let stage = Stage::with(|builder| builder.pending_caps(caps)).await;
    assert_eq!(stage.says("DELETE", "").await, is(204, DONE));
    let create = async || call(&stage.service, &format!("POST {COLLECTION}"), PHOTO).await;
    let second = create().await;
    assert_eq!(second.status, 200);
    let item = format!("DELETE {COLLECTION}{}/", second.asset_id());
    assert_eq!(call(&stage.service, &item, "").await.status, 204);
    let full = create().await;
    assert_eq!(said(&full), is(429, "too_many_discarded"));
    assert_eq!(full.headers["retry-after"], "3600");
}

/// Browsers undo an encoding by themselves: a few bytes that were let in can become gigabytes.
#[tokio::test]
async fn an_object_with_an_encoding_is_rejected() {
    let tagged = || {
        let mut object = object(1024);
        object.etag = Some("\"9b2cf535f27731c974343645a3985328\"".to_owned());
        object
    };
    let encoded = |encoding: &str| {
        let mut object = tagged();
        object.content_encoding = Some(encoding.to_owned());
        object
    };
    for encoding in ["gzip", "br, gzip", "identity, gzip", "GZIP"] {
        let stage = Stage::new().await;
        stage.bucket.put(&stage.key, encoded(encoding));
        assert_eq!(stage.says("PATCH", CLAIM).await, is(409, "object_mismatch"));
        let UploadState::Rejected(difference) = stage.state().await else {
            panic!("{encoding}");
        };
        assert!(difference.as_str().contains(encoding), "{difference}");
    }
    for none in ["", "identity", " Identity ", "identity,identity"] {
        let stage = Stage::new().await;
        stage.bucket.put(&stage.key, encoded(none));
        assert_eq!(stage.says("PATCH", CLAIM).await, is(204, DONE));
    }

    // The URL is used once more, for the same bytes: their entity tag is the same.
    let stage = Stage::new().await;
    stage.bucket.put(&stage.key, tagged());
    assert_eq!(stage.says("PATCH", CLAIM).await, is(204, DONE));
    assert_eq!(stage.says("GET", "").await, is(200, DONE));
    stage.bucket.put(&stage.key, encoded("gzip"));
    assert_eq!(stage.says("GET", "").await, is(409, "object_changed"));
    assert_eq!(stage.says("PATCH", CLAIM).await, is(409, "object_changed"));
}

#[tokio::test]
async fn an_object_that_can_not_be_removed_is_left_to_the_clean_up() {
    let stage = Stage::new().await;
    stage.bucket.put(&stage.key, object(5));
    stage.bucket.fail(Failure::LegalHold);
    assert_eq!(stage.says("PATCH", CLAIM).await, is(409, "object_mismatch"));
    assert!(stage.state().await.is_rejected());
    assert_eq!(stage.bucket.with(|bucket| bucket.objects.len()), 1);

    stage.bucket.fail(None);
    let long_ago = time::OffsetDateTime::UNIX_EPOCH;
    let step = PurgeStep::new(NOW, long_ago, long_ago, std::num::NonZeroU32::MIN);
    let condemned = stage.store.purge(&step).await.unwrap();
    assert_eq!(condemned.len(), 1);
    assert_eq!((condemned[0].id, &condemned[0].key), (stage.id, &stage.key));
}

#[tokio::test]
async fn what_can_not_be_asked_is_never_uploaded() {
    for (failure, wanted) in [
        (Failure::Down, is(503, "object_store_unavailable")),
        (Failure::Broken, is(500, "internal_error")),
    ] {
        // Neither counts nor is rejected, whatever lies there.
        for size in [1024, 5] {
            let stage = Stage::new().await;
            stage.bucket.put(&stage.key, object(size));
            stage.bucket.fail(failure);
            let answer = stage.ask("PATCH", CLAIM).await;
            assert_eq!(said(&answer), wanted);
            assert_eq!(
                answer.headers.contains_key("retry-after"),
                answer.status == 503
            );
            assert_eq!(stage.state().await, UploadState::Pending);
        }
        // Nor is it signed for, or taken back.
        let stage = Stage::new().await;
        stage.upload("first");
        assert_eq!(stage.says("PATCH", CLAIM).await, is(204, DONE));
        let before = stage.state().await;
        stage.bucket.fail(failure);
        for (method, body) in [("PATCH", CLAIM), ("GET", ""), ("GET", "")] {
            let answer = stage.ask(method, body).await;
            assert_eq!(said(&answer), wanted);
            assert_eq!(stage.state().await, before);
        }
        assert_eq!(stage.ask("HEAD", "").await.status.as_u16(), wanted.0);
        stage.bucket.fail(None);
        assert_eq!(stage.says("GET", "").await, is(200, DONE));
    }
}

#[tokio::test]
async fn a_form_that_is_used_twice_does_not_go_unnoticed() {
    let stage = Stage::new().await;
    stage.upload("first");
    assert_eq!(stage.says("PATCH", CLAIM).await, is(204, DONE));
    assert_eq!(stage.says("GET", "").await, is(200, DONE));
    let recorded = stage.state().await;

    // The same size and the same type, and other bytes.
    stage.upload("second");
    for (method, body) in [("GET", ""), ("PATCH", CLAIM), ("GET", "")] {
        let answer = stage.ask(method, body).await;
        assert_eq!(said(&answer), is(409, "object_changed"), "{method}");
        assert!(answer.json().get("asset_url").is_none());
        assert_eq!(stage.state().await, recorded, "what was recorded stays");
    }
    let head = stage.ask("HEAD", "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (409, 0));

    stage.bucket.with(|bucket| bucket.objects.clear());
    for (method, body) in [("GET", ""), ("PATCH", CLAIM)] {
        assert_eq!(stage.says(method, body).await, is(409, "object_missing"));
        assert_eq!(stage.state().await, recorded, "what was recorded stays");
    }
    // Its owner may settle for what is there now.
    stage.upload("second");
    assert_eq!(stage.says("PATCH", TAKE_BACK).await, is(204, DONE));
    assert_eq!(stage.says("PATCH", CLAIM).await, is(204, DONE));
    assert_eq!(stage.says("GET", "").await, is(200, DONE));
}

#[tokio::test]
async fn a_download_is_pinned_to_its_version() {
    let versioned = |version: &str| {
        let mut object = object(1024);
        object.etag = Some("\"e\"".to_owned());
        object.version = Some(version.to_owned());
        object
    };
    let stage = Stage::new().await;
    stage.bucket.put(&stage.key, versioned("v/1+"));
    assert_eq!(stage.says("PATCH", CLAIM).await, is(204, DONE));
    let asked = stage.bucket.inspected();
    // What comes later, and even that the bucket can't be asked, is of no account.
    for later in [Some(versioned("v2")), None] {
        match later {
            Some(later) => stage.bucket.put(&stage.key, later),
            None => stage.bucket.fail(Failure::Down),
        }
        let answer = stage.ask("GET", "").await;
        assert_eq!(answer.status, 200);
        let url = answer.json()["asset_url"].as_str().unwrap().to_owned();
        assert!(url.contains("versionId=v%2F1%2B&"), "{url}");
    }
    assert_eq!(stage.bucket.inspected(), asked);
    stage.bucket.fail(None);
    assert_eq!(stage.says("PATCH", CLAIM).await, is(409, "object_changed"));

    // The one version that can be overwritten pins nothing.
    let stage = Stage::new().await;
    stage.bucket.put(&stage.key, versioned("null"));
    assert_eq!(stage.says("PATCH", CLAIM).await, is(204, DONE));
    let answer = stage.ask("GET", "").await;
    assert_eq!(said(&answer), is(200, DONE));
    assert!(!answer.shown().contains("versionId"));
    stage.upload("another");
    assert_eq!(stage.says("GET", "").await, is(409, "object_changed"));
}

#[tokio::test]
async fn downloads_are_not_looked_at_where_there_is_nothing_to_compare() {
    // Nothing but a size was told.
    let stage = Stage::new().await;
    stage.bucket.put(&stage.key, object(1024));
    assert_eq!(stage.says("PATCH", CLAIM).await, is(204, DONE));
    let asked = stage.bucket.inspected();
    stage.bucket.with(|bucket| bucket.objects.clear());
    assert_eq!(stage.says("GET", "").await, is(200, DONE));
    assert_eq!(stage.bucket.inspected(), asked);

    // The host has turned it off.
    let stage = Stage::with(AssetUploadBuilder::insecure_unchecked_downloads).await;
    let mut versioned = object(1024);
    (versioned.etag, versioned.version) = (Some("\"e\"".to_owned()), Some("v1".to_owned()));
    stage.bucket.put(&stage.key, versioned);
    assert_eq!(stage.says("PATCH", CLAIM).await, is(204, DONE));
    let asked = stage.bucket.inspected();
    stage.upload("another");
    let answer = stage.ask("GET", "").await;
    assert_eq!(said(&answer), is(200, DONE));
    assert!(!answer.shown().contains("versionId"));
    assert_eq!(stage.bucket.inspected(), asked);
    // That is about downloads alone.
    assert_eq!(stage.says("PATCH", CLAIM).await, is(409, "object_changed"));
}

#[tokio::test]
async fn what_was_believed_is_compared_once_somebody_can() {
    let stage = Stage::new().await;
    stage.change(StateChange::Complete(None)).await;
    assert_eq!(stage.says("PATCH", CLAIM).await, is(409, "object_missing"));
    stage.bucket.put(&stage.key, object(5));
    assert_eq!(stage.says("PATCH", CLAIM).await, is(409, "object_mismatch"));
    assert_eq!(stage.state().await, UploadState::Uploaded(None));
    assert_eq!(stage.bucket.with(|bucket| bucket.removed.len()), 0);
    stage.upload("first");
    assert_eq!(stage.says("PATCH", CLAIM).await, is(204, DONE));
    assert_eq!(stage.state().await, UploadState::Uploaded(None));
}

#[tokio::test]
async fn without_a_verifier_a_word_is_a_word() {
    let store = world();
    let service = builder(&store).build().unwrap();
    let made = call(&service, &format!("POST {COLLECTION}"), PAIRED).await;
    let id = made.asset_id().parse::<AssetId>().unwrap();
    for (method, body, status) in [
        ("PATCH", CLAIM, 204),
        ("PATCH", CLAIM, 204),
        ("GET", "", 200),
        ("PATCH", TAKE_BACK, 204),
        ("PATCH", TAKE_BACK, 204),
        ("GET", "", 400),
        ("PATCH", CLAIM, 204),
    ] {
        assert_eq!(ask(&service, id, method, body).await.status, status);
    }
}

/// As many as a pool has connections, and more.
const CALLERS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_that_meet_are_told_the_same() {
    let mut outcomes = BTreeMap::new();
    for round in 0..40 {
        let stage = Stage::new().await;
        stage.upload("there");
        // Each has looked at another moment: some have seen what was announced, others have not.
        stage.bucket.with(|bucket| {
            bucket.told = (0..CALLERS)
                .map(|n| {
                    let size = if (n + round) % 2 == 0 { 1024 } else { n as u64 };
                    let mut object = object(size);
                    object.etag = Some(format!("\"{n}\""));
                    object
                })
                .collect();
        });
        let start = Arc::new(tokio::sync::Barrier::new(CALLERS));
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (service, id, start) = (stage.service.clone(), stage.id, Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    let answer = ask(&service, id, "PATCH", CLAIM).await;
                    let words = if answer.body.is_empty() {
                        String::new()
                    } else {
                        answer.json()["error"].as_str().unwrap().to_owned()
                    };
                    (said(&answer), words)
                })
            })
            .collect();
        let mut answers = Vec::new();
        for caller in callers {
            answers.push(caller.await.unwrap());
        }
        let removed = stage.bucket.with(|bucket| bucket.removed.len());
        let decided = stage.state().await;
        match &decided {
            UploadState::Uploaded(Some(object)) => {
                // A late one may have looked again, by when another object is there.
                let agreed = |(answer, _): &((u16, String), String)| {
                    *answer == is(204, DONE) || *answer == is(409, "object_changed")
                };
                assert!(answers.iter().all(agreed), "{answers:?}");
                assert_eq!((object.size, removed), (1024, 0));
            }
            UploadState::Rejected(difference) => {
                for (answer, words) in &answers {
                    assert_eq!(*answer, is(409, "object_mismatch"));
                    assert_eq!(words, difference.as_str());
                }
                assert_eq!(removed, 1, "the winner removes, and nobody else");
            }
            other => panic!("{other:?}"),
        }
        *outcomes.entry(decided.kind()).or_insert(0) += 1;
    }
    // Both ways were gone, or this proves half of it.
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_equal_claims_none_is_refused() {
    for size in [1024, 5].repeat(20) {
        let stage = Stage::new().await;
        let mut there = object(size);
        there.etag = Some("\"e\"".to_owned());
        stage.bucket.put(&stage.key, there);
        let wanted = match size {
            1024 => is(204, DONE),
            _ => is(409, "object_mismatch"),
        };
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (service, id) = (stage.service.clone(), stage.id);
                tokio::spawn(async move { said(&ask(&service, id, "PATCH", CLAIM).await) })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), wanted);
        }
        assert_eq!(stage.says("PATCH", CLAIM).await, wanted);
    }
}

/// A store that contradicts itself.
struct Stubborn(MemoryStore);

#[async_trait]
impl AssetStore for Stubborn {
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError> {
        self.0.enter(slug, caller).await
    }

    async fn create(
        &self,
        workspace: &Workspace,
        asset: NewAsset,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError> {
        self.0.create(workspace, asset, caps).await
    }

    async fn find(&self, from: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError> {
        self.0.find(from, id).await
    }

    async fn set_state(
        &self,
        _: &Workspace,
        _: AssetId,
        _: StateChange,
    ) -> Result<ChangeOutcome, StoreError> {
        Ok(ChangeOutcome::Is(UploadState::Pending))
    }

    async fn delete(&self, from: &Workspace, id: AssetId) -> Result<bool, StoreError> {
        self.0.delete(from, id).await
    }
}

#[tokio::test]
async fn a_store_that_contradicts_itself_is_500_and_never_204() {
    let memory = world();
    let service = builder_over(Stubborn(memory.clone()), &memory)
        .build()
        .unwrap();
    let made = call(&service, &format!("POST {COLLECTION}"), PHOTO).await;
    let line = format!("PATCH {COLLECTION}{}/", made.asset_id());
    let answer = call(&service, &line, CLAIM).await;
    assert_eq!(said(&answer), is(500, "internal_error"));
}
