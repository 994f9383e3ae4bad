//! What only a store in a file can do, and do wrong.

use std::fs;
use std::io::{BufRead, BufReader};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use time::macros::datetime;
use tower_asset_upload::asset::{
    AssetId, ChangeOutcome, FixedClock, IdSource, NewAsset, ObjectKey, PendingCaps, RandomIds,
    StateChange, UploadSize, UploadState, UserId, Workspace, WorkspaceId, WorkspaceSlug,
};
use tower_asset_upload::auth::{
    Credential, CredentialKind, CredentialRecord, CredentialVerifier, Principal,
};
use tower_asset_upload::conformance::Guarded;
use tower_asset_upload::ports::{CreateOutcome, StoreError};
use tower_asset_upload::{AssetStore, CredentialStore, DirectoryStore, SqliteStore};

const USER: UserId = UserId::new(uuid::Uuid::from_u128(1));
const WORKSPACE: WorkspaceId = WorkspaceId::new(uuid::Uuid::from_u128(2));

pub(crate) fn fresh() -> (SqliteStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(file(directory.path())).unwrap();
    (store, directory)
}

pub(crate) fn guarded() -> Guarded<SqliteStore, TempDir> {
    let (store, directory) = fresh();
    Guarded::new(store, directory)
}

fn file(directory: &Path) -> PathBuf {
    directory.join("assets.sqlite3")
}

async fn with_workspace(store: &SqliteStore) -> WorkspaceSlug {
    let slug = WorkspaceSlug::new("my-workspace").unwrap();
    store.add_workspace(WORKSPACE, slug.clone()).await.unwrap();
    store.add_member(WORKSPACE, USER).await.unwrap();
    slug
}

async fn enter(store: &SqliteStore, slug: &WorkspaceSlug) -> Workspace {
    store.enter(slug, USER).await.unwrap().unwrap()
}

fn asset() -> NewAsset {
    let key = ObjectKey::new("workspace/photo.png").unwrap();
    let (media_type, size) = ("image/png".parse().unwrap(), UploadSize::PLANE_DEFAULT);
    let at = datetime!(2026-01-02 03:04 UTC);
    let id = RandomIds.next_id().into();
    NewAsset::new(id, key, "photo.png", media_type, size, USER, at).unwrap()
}

async fn make(store: &SqliteStore, workspace: &Workspace) -> AssetId {
    let new = asset();
    let id = new.id;
    let created = store.create(workspace, new, PendingCaps::default()).await;
    assert_eq!(created.unwrap(), CreateOutcome::New);
    id
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let (store, directory) = fresh();
    let slug = with_workspace(&store).await;
    let key = Credential::new(CredentialKind::ApiKey, "plane_api_0123456789abcdef");
    let principal = Principal::with_all_scopes(USER);
    store
        .add_credential(CredentialRecord::new(&key, principal.clone()))
        .await
        .unwrap();
    let workspace = enter(&store, &slug).await;
    let [kept, deleted] = [
        make(&store, &workspace).await,
        make(&store, &workspace).await,
    ];
    let uploaded = UploadState::Uploaded(None);
    let complete = StateChange::Complete(None);
    let set = store.set_state(&workspace, kept, complete).await;
    assert_eq!(set.unwrap(), ChangeOutcome::Done);
    assert!(store.delete(&workspace, deleted).await.unwrap());
    drop(store);

    let store = SqliteStore::open(file(directory.path())).unwrap();
    let workspace = enter(&store, &slug).await;
    let found = store.find(&workspace, kept).await.unwrap().unwrap();
    assert_eq!(found.state, uploaded);
    assert_eq!(store.find(&workspace, deleted).await.unwrap(), None);
    let now = datetime!(2026-01-02 03:04 UTC);
    assert_eq!(store.verify(&key, now).await.unwrap(), Some(principal));
}

#[tokio::test]
async fn the_last_handle_leaves_one_clean_file() {
    let (store, directory) = fresh();
    let slug = with_workspace(&store).await;
    let clone = store.clone();
    drop(store);
    let workspace = enter(&clone, &slug).await;
    make(&clone, &workspace).await;
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
    drop(clone);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn the_secret_is_nowhere_on_the_disk() {
    let (store, directory) = fresh();
    let secret = "plane_api_5ecre7a11d0nottellanyone";
    let key = Credential::new(CredentialKind::ApiKey, secret);
    let record = CredentialRecord::new(&key, Principal::with_all_scopes(USER));
    let digest = *record.digest.as_bytes();
    store.add_credential(record).await.unwrap();
    let contains = |needle: &[u8]| {
        fs::read_dir(directory.path()).unwrap().any(|entry| {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(needle.len()).any(|window| window == needle)
        })
    };
    for _ in 0..2 {
        assert!(contains(&digest), "the digest is what is kept");
        assert!(!contains(secret.as_bytes()));
        Connection::open(file(directory.path()))
            .unwrap()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
    }
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let (store, directory) = fresh();
    drop(store);
    let path = file(directory.path());
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "INSERT INTO migration (version, oldest_release) VALUES (1000, 999); \
             PRAGMA user_version = 1000",
        )
        .unwrap();
    let before = fs::read(&path).unwrap();
    let refused = SqliteStore::open(&path).unwrap_err();
    let said = unavailable(refused);
    assert!(said.contains("version 1000"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// 503 and a sentence for the log, and not 500: an upgrade is on its way.
#[tokio::test]
async fn a_running_process_tells_that_another_one_has_migrated_the_file() {
    let (store, directory) = fresh();
    let slug = with_workspace(&store).await;
    let workspace = enter(&store, &slug).await;
    Connection::open(file(directory.path()))
        .unwrap()
        .execute_batch(
            "INSERT INTO migration (version, oldest_release) VALUES (2, 2); \
             PRAGMA user_version = 2; \
             ALTER TABLE asset RENAME COLUMN display_name TO shown_name",
        )
        .unwrap();
    let id = AssetId::from(RandomIds.next_id());
    let found = store.find(&workspace, id).await.unwrap_err();
    let caps = PendingCaps::default();
    let created = store.create(&workspace, asset(), caps).await;
    for refused in [found, created.unwrap_err()] {
        let said = unavailable(refused);
        assert!(
            said.contains("version 2") && said.contains("upgrade"),
            "{said}"
        );
    }
}

fn unavailable(error: StoreError) -> String {
    match error {
        StoreError::Unavailable(cause) => cause.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_can_not_be_opened_is_said_so() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = SqliteStore::open(directory.path().join("no/such/directory.sqlite3"));
    assert!(matches!(nowhere, Err(StoreError::Unavailable(_))));
    let text = directory.path().join("notes.txt");
    fs::write(&text, "not a database, whatever its length may be").unwrap();
    assert!(matches!(
        SqliteStore::open(text),
        Err(StoreError::Failed(_))
    ));
}

#[tokio::test]
async fn a_row_that_no_longer_parses_has_failed() {
    let (store, directory) = fresh();
    let slug = with_workspace(&store).await;
    let workspace = enter(&store, &slug).await;
    let meddler = Connection::open(file(directory.path())).unwrap();
    for change in [
        "media_type = 'none'",
        "object_key = '/a/../b'",
        "object_name = '..'",
        "external_id = ''",
        "size = 9223372036854775807",
        "project_id = x'00'",
    ] {
        let id = make(&store, &workspace).await;
        let sql = format!("UPDATE asset SET {change} WHERE id = ?1");
        let set = |sql| meddler.execute(sql, [id.as_uuid().as_bytes()]);
        meddler.pragma_update(None, "foreign_keys", false).unwrap();
        assert_eq!(set(&sql).unwrap(), 1);
        let found = store.find(&workspace, id).await;
        assert!(matches!(found, Err(StoreError::Failed(_))), "{change}");
    }
}

#[tokio::test]
async fn a_lock_that_stays_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path());
    let store = SqliteStore::options()
        .busy_timeout(Duration::from_millis(20))
        .readers(NonZeroUsize::MIN)
        .open(&path)
        .unwrap();
    let slug = with_workspace(&store).await;
    let workspace = enter(&store, &slug).await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let created = store
        .create(&workspace, asset(), PendingCaps::default())
        .await;
    assert!(matches!(created, Err(StoreError::Unavailable(_))));
    // Readers don't mind.
    enter(&store, &slug).await;
    other.execute_batch("ROLLBACK").unwrap();
    make(&store, &workspace).await;
}

#[tokio::test]
async fn a_slug_is_not_taken_from_another_workspace() {
    let (store, _directory) = fresh();
    let slug = with_workspace(&store).await;
    let other = WorkspaceId::from(RandomIds.next_id());
    let taken = store.add_workspace(other, slug.clone()).await;
    assert!(matches!(taken, Err(StoreError::Failed(_))));
    store.remove_workspace(WORKSPACE).await.unwrap();
    store.add_workspace(other, slug).await.unwrap();
    let strangers = store
        .add_member(WorkspaceId::from(RandomIds.next_id()), USER)
        .await;
    assert!(matches!(strangers, Err(StoreError::Failed(_))));
}

#[tokio::test]
async fn the_clock_tells_when_things_happened() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path());
    let clock = FixedClock(datetime!(1970-01-01 00:00:07 UTC));
    let store = SqliteStore::options().clock(clock).open(&path).unwrap();
    let slug = with_workspace(&store).await;
    let workspace = enter(&store, &slug).await;
    let id = make(&store, &workspace).await;
    let complete = StateChange::Complete(None);
    let set = store.set_state(&workspace, id, complete).await;
    assert_eq!(set.unwrap(), ChangeOutcome::Done);
    assert!(store.delete(&workspace, id).await.unwrap());
    let times = Connection::open(&path).unwrap().query_row(
        "SELECT uploaded_at, deleted_at FROM asset",
        [],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
    );
    assert_eq!(times.unwrap(), (7_000_000_000, 7_000_000_000));
}

#[tokio::test]
async fn several_handles_of_one_file_make_one_pair_once() {
    let (store, directory) = fresh();
    let slug = with_workspace(&store).await;
    let path = file(directory.path());
    let run = || {
        let store = SqliteStore::open(&path).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let workspace = enter(&store, &slug).await;
            let mut made = 0;
            for n in 0..25 {
                let mut new = asset();
                let label = |text: &str| tower_asset_upload::asset::ExternalLabel::new(text).ok();
                new.external.source = label("github");
                new.external.id = label(&n.to_string());
                let created = store.create(&workspace, new, PendingCaps::default()).await;
                made += usize::from(created.unwrap() == CreateOutcome::New);
            }
            made
        })
    };
    let made: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(made, 25);
}

const VICTIM: &str = "ASSET_UPLOAD_TEST_VICTIM";

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let (store, directory) = fresh();
    let slug = with_workspace(&store).await;
    drop(store);
    let path = file(directory.path());
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sqlite::victim", "--ignored", "--nocapture"])
        .env(VICTIM, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let mut answered = Vec::new();
    let made = |line: String| line.strip_prefix("made ")?.parse::<AssetId>().ok();
    while answered.len() < 50 {
        answered.extend(made(lines.next().expect("the victim lives").unwrap()));
    }
    victim.kill().unwrap();
    victim.wait().unwrap();
    answered.extend(lines.map_while(Result::ok).filter_map(made));

    let store = SqliteStore::open(path).unwrap();
    let workspace = enter(&store, &slug).await;
    for id in answered {
        assert!(store.find(&workspace, id).await.unwrap().is_some(), "{id}");
    }
}

#[tokio::test]
#[ignore = "what_was_answered_survives_a_kill starts it, and kills it"]
async fn victim() {
    let Some(path) = std::env::var_os(VICTIM) else {
        return;
    };
    let store = SqliteStore::open(path).unwrap();
    let workspace = enter(&store, &WorkspaceSlug::new("my-workspace").unwrap()).await;
    loop {
        println!("made {}", make(&store, &workspace).await);
    }
}
