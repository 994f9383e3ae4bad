//! The store of the example `redb_store` follows every conformance rule, and its guide quotes it word for
//! word.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../examples/redb_store/mod.rs"]
mod redb_store;

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;

use async_trait::async_trait;
use redb::{Database, TableDefinition};
use redb_store::RedbStore;
use tempfile::TempDir;
use time::OffsetDateTime;
use time::macros::datetime;
use tower_asset_upload::asset::{
    AssetId, ChangeOutcome, FixedClock, NewAsset, ObjectKey, PendingCaps, StateChange, UploadSize,
    UploadState, UserId, Workspace, WorkspaceId, WorkspaceSlug,
};
use tower_asset_upload::auth::{
    Credential, CredentialKind, CredentialRecord, CredentialVerifier, Principal,
};
use tower_asset_upload::conformance::{Guarded, SeedCredentials};
use tower_asset_upload::ports::{CreateOutcome, StoreError};
use tower_asset_upload::purge::{PurgeStep, PurgeStore};
use tower_asset_upload::{
    AssetStore, BoxError, CredentialStore, DirectoryStore, conformance_tests,
};
use uuid::Uuid;

async fn fresh() -> Guarded<RedbStore, TempDir> {
    let (store, directory) = in_directory();
    Guarded::new(store, directory)
}

conformance_tests!(assets, fresh);
conformance_tests!(credentials, credentials, fresh);
conformance_tests!(purge, purge, fresh);

#[async_trait]
impl SeedCredentials for RedbStore {
    async fn seed_credential(
        &self,
        _: &Credential<'_>,
        record: CredentialRecord,
    ) -> Result<bool, BoxError> {
        CredentialStore::add_credential(self, record).await?;
        Ok(true)
    }
}

// ---------------------------------------------------------------- Rules of a store in a file

const NOW: OffsetDateTime = datetime!(2026-01-02 03:04 UTC);
const USER: UserId = UserId::new(Uuid::from_u128(1));
const WORKSPACE: WorkspaceId = WorkspaceId::new(Uuid::from_u128(2));

fn in_directory() -> (RedbStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = RedbStore::open(file(directory.path())).unwrap();
    (store, directory)
}

fn file(directory: &Path) -> impl AsRef<Path> + use<> {
    directory.join("assets.redb")
}

async fn enter(store: &RedbStore) -> Workspace {
    let slug = WorkspaceSlug::new("my-workspace").unwrap();
    store.add_workspace(WORKSPACE, slug.clone()).await.unwrap();
    store.add_member(WORKSPACE, USER).await.unwrap();
    store.enter(&slug, USER).await.unwrap().unwrap()
}

async fn make(store: &RedbStore, workspace: &Workspace, id: u128) -> AssetId {
    let key = ObjectKey::new(format!("workspace/{id}.png")).unwrap();
    let (media_type, size) = ("image/png".parse().unwrap(), UploadSize::PLANE_DEFAULT);
    let id = AssetId::new(Uuid::from_u128(id));
    let new = NewAsset::new(id, key, "photo.png", media_type, size, USER, NOW).unwrap();
    let created = store.create(workspace, new, PendingCaps::default()).await;
    assert_eq!(created.unwrap(), CreateOutcome::New);
    id
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let (store, directory) = in_directory();
    let store = store.clock(FixedClock(NOW));
    let workspace = enter(&store).await;
    let [kept, deleted] = [
        make(&store, &workspace, 1).await,
        make(&store, &workspace, 2).await,
    ];
    let uploaded = UploadState::Uploaded(None);
    let complete = StateChange::Complete(None);
    let set = store.set_state(&workspace, kept, complete).await;
    assert_eq!(set.unwrap(), ChangeOutcome::Done);
    assert!(store.delete(&workspace, deleted).await.unwrap());
    let key = Credential::new(CredentialKind::ApiKey, "plane_api_5ecre7a11d0nottellanyone");
    let principal = Principal::with_all_scopes(USER);
    let record = CredentialRecord::new(&key, principal.clone());
    store.add_credential(record).await.unwrap();
    drop(store);

    let bytes = fs::read(file(directory.path())).unwrap();
    let secret = key.expose_secret().as_bytes();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    let store = RedbStore::open(file(directory.path())).unwrap();
    let workspace = enter(&store).await;
    let found = store.find(&workspace, kept).await.unwrap().unwrap();
    assert_eq!(found.state, uploaded);
    assert_eq!(store.find(&workspace, deleted).await.unwrap(), None);
    assert_eq!(store.verify(&key, NOW).await.unwrap(), Some(principal));
    let step = PurgeStep::new(NOW, NOW, NOW, NonZeroU32::MAX);
    let condemned = store.purge(&step).await.unwrap();
    assert_eq!(condemned.len(), 1);
    assert_eq!((condemned[0].id, condemned[0].deleted_at), (deleted, NOW));
}

#[tokio::test]
async fn a_row_that_no_longer_parses_is_an_error() {
    for row in ["", "{}", "null", "[1]", r#"{"key":"a"}"#] {
        let (store, directory) = in_directory();
        let workspace = enter(&store).await;
        let id = make(&store, &workspace, 1).await;
        drop(store);
        let key = (WORKSPACE.as_uuid().as_u128(), id.as_uuid().as_u128());
        let meddler = Database::create(file(directory.path())).unwrap();
        let transaction = meddler.begin_write().unwrap();
        let assets = TableDefinition::<(u128, u128), &[u8]>::new("assets");
        let mut table = transaction.open_table(assets).unwrap();
        assert!(table.insert(key, row.as_bytes()).unwrap().is_some());
        drop(table);
        transaction.commit().unwrap();
        drop(meddler);

        let store = RedbStore::open(file(directory.path())).unwrap();
        let found = store.find(&workspace, id).await;
        assert!(
            matches!(found, Err(StoreError::Failed(_))),
            "{row}: {found:?}"
        );
        let set = store.set_state(&workspace, id, StateChange::TakeBack).await;
        assert!(matches!(set, Err(StoreError::Failed(_))), "{row}: {set:?}");
        make(&store, &workspace, 2).await;
    }
}

#[test]
fn a_file_that_can_not_be_opened_is_reported() {
    let (store, directory) = in_directory();
    let again = RedbStore::open(file(directory.path()));
    assert!(
        matches!(again, Err(StoreError::Unavailable(_))),
        "{again:?}"
    );
    drop(store);
    RedbStore::open(file(directory.path())).unwrap();
    let nowhere = RedbStore::open(directory.path().join("no/such/directory.redb"));
    assert!(
        matches!(nowhere, Err(StoreError::Unavailable(_))),
        "{nowhere:?}"
    );
    let text = directory.path().join("notes.txt");
    fs::write(
        &text,
        "not a database, whatever its length may be. ".repeat(1000),
    )
    .unwrap();
    let foreign = RedbStore::open(text);
    assert!(matches!(foreign, Err(StoreError::Failed(_))), "{foreign:?}");
}

// ---------------------------------------------------------------- The guide

/// The guide marks its own snippets as `rust`, and doctests compile them. Snippets marked as `rs` are
/// quotes of the example, which is compiled above.
#[test]
fn the_guide_quotes_the_example_word_for_word() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("docs/bring-your-own-store.md")).unwrap();
    let folder = fs::read_dir(root.join("examples/redb_store")).unwrap();
    let sources: Vec<_> = folder
        .map(|file| unindented(&fs::read_to_string(file.unwrap().path()).unwrap()))
        .collect();
    let quotes: Vec<_> = guide
        .split("\n```rs\n")
        .skip(1)
        .map(|rest| rest.split_once("\n```").unwrap().0)
        .collect();
    assert!(quotes.len() >= 6, "{}", quotes.len());
    for quote in quotes {
        let quote = unindented(quote);
        assert!(
            sources.iter().any(|source| source.contains(&quote)),
            "{quote}"
        );
    }
}

fn unindented(text: &str) -> String {
    let lines = text.lines().map(str::trim_start);
    lines.flat_map(|line| [line, "\n"]).collect()
}
