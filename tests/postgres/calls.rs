//! Calls that take too long, callers that hang up, and callers from elsewhere.

use std::num::{NonZeroU32, NonZeroUsize};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_postgres::Client;
use tower_asset_upload::asset::{
    ChangeOutcome, ObjectKey, PendingCaps, StateChange, StoredObject, UploadState, WorkspaceId,
};
use tower_asset_upload::auth::{Credential, CredentialKind, CredentialVerifier};
use tower_asset_upload::ports::{CreateOutcome, ObjectStoreError, StoreError};
use tower_asset_upload::purge::{PurgeOptions, PurgeStore, purge};
use tower_asset_upload::stores::PostgresOptions;
use tower_asset_upload::{AssetStore, DirectoryStore, ObjectStore, PostgresStore};

use crate::cluster::{Cluster, connect, told};
use crate::world::{AT, NO_CAPS, USER, asset, enter, make, open, slug, with_pair};

const LOCK: &str = "BEGIN; LOCK TABLE asset_upload.asset IN ACCESS EXCLUSIVE MODE";

/// One connection, and little patience.
fn hasty() -> PostgresOptions {
    PostgresStore::options()
        .max_connections(NonZeroUsize::MIN)
        .acquire_timeout(Duration::from_millis(400))
        .call_timeout(Duration::from_millis(400))
}

fn is_unavailable<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(cause)) if cause.retry_after() <= Duration::from_secs(5))
}

/// Waits until no connection waits for a lock. (In a transaction the view would stay as it was.)
async fn nobody_waits(watcher: &Client) {
    let sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() \
               AND wait_event_type = 'Lock'";
    let begun = Instant::now();
    while !watcher.query_typed(sql, &[]).await.unwrap().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it still waits");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whoever logs an error shows its causes and its `Debug`, and PostgreSQL's DETAIL repeats whole rows.
#[tokio::test]
async fn no_error_repeats_a_row() {
    let Some(cluster) = Cluster::shared("no_error_repeats_a_row") else {
        return;
    };
    let url = cluster.database().await;
    let (store, home) = open(&PostgresStore::options(), &url).await;
    let admin = connect(&url).await;
    let check = "ALTER TABLE asset_upload.asset ADD CHECK (size < 0)";
    admin.batch_execute(check).await.unwrap();
    let new = with_pair("s3cret source", "s3cret id");
    let refused = store.create(&home, new, NO_CAPS).await.unwrap_err();
    let said = told(&refused);
    assert!(said.contains("23514"), "{said}");
    assert!(
        !said.contains("s3cret") && !said.contains("photo"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_takes_too_long_is_unavailable_and_ends() {
    let test = "a_call_that_takes_too_long_is_unavailable_and_ends";
    let Some(cluster) = Cluster::shared(test) else {
        return;
    };
    let url = cluster.database().await;
    let (store, home) = open(&hasty(), &url).await;
    let id = make(&store, &home).await;
    let (admin, watcher) = (connect(&url).await, connect(&url).await);
    let caps = PendingCaps {
        per_workspace: NonZeroU32::new(10),
        ..PendingCaps::default()
    };
    for _ in 0..2 {
        admin.batch_execute(LOCK).await.unwrap();
        let begun = Instant::now();
        assert!(is_unavailable(&store.find(&home, id).await));
        nobody_waits(&watcher).await;
        assert!(is_unavailable(&store.create(&home, asset(), NO_CAPS).await));
        nobody_waits(&watcher).await;
        assert!(is_unavailable(&store.create(&home, asset(), caps).await));
        nobody_waits(&watcher).await;
        let complete = StateChange::Complete(None);
        assert!(is_unavailable(&store.set_state(&home, id, complete).await));
        nobody_waits(&watcher).await;
        assert!(is_unavailable(&store.delete(&home, id).await));
        nobody_waits(&watcher).await;
        assert!(begun.elapsed() < Duration::from_secs(10));
        admin.batch_execute("ROLLBACK").await.unwrap();

        let found = store.find(&home, id).await.unwrap().unwrap();
        assert_eq!(found.state, UploadState::Pending);
    }
    let rows = admin.query_typed("SELECT 1 FROM asset_upload.asset", &[]);
    assert_eq!(rows.await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_at_once_is_unavailable() {
    let Some(cluster) = Cluster::shared("one_too_many_at_once_is_unavailable") else {
        return;
    };
    let url = cluster.database().await;
    let options = hasty()
        .acquire_timeout(Duration::from_millis(50))
        .call_timeout(Duration::from_secs(20));
    let (store, home) = open(&options, &url).await;
    let admin = connect(&url).await;
    admin.batch_execute(LOCK).await.unwrap();
    let (busy, place) = (store.clone(), home.clone());
    let first = tokio::spawn(async move { busy.create(&place, asset(), NO_CAPS).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let second = store.enter(&slug(), USER).await;
    assert!(is_unavailable(&second), "{second:?}");
    let said = second.unwrap_err().to_string();
    assert!(said.contains("no connection was free"), "{said}");
    let key = Credential::new(CredentialKind::ApiKey, "x");
    assert!(store.verify(&key, AT).await.is_err());
    admin.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(first.await.unwrap().unwrap(), CreateOutcome::New);
    enter(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_hang_up_leave_whole_calls_and_a_connection() {
    let test = "callers_that_hang_up_leave_whole_calls_and_a_connection";
    let Some(cluster) = Cluster::shared(test) else {
        return;
    };
    let url = cluster.database().await;
    let options = PostgresStore::options().max_connections(NonZeroUsize::MIN);
    let (store, home) = open(&options, &url).await;
    let admin = connect(&url).await;
    let caps = PendingCaps {
        per_workspace: NonZeroU32::new(1),
        ..PendingCaps::default()
    };
    admin.batch_execute(LOCK).await.unwrap();
    // The first has the connection and goes on to its end; the others wait for one, and give that up.
    let patience = Duration::from_millis(100);
    for n in 0..5 {
        let new = with_pair("github", &n.to_string());
        let caps = if n == 0 { caps } else { NO_CAPS };
        let call = tokio::time::timeout(patience, store.create(&home, new, caps));
        assert!(call.await.is_err(), "it can't be done");
    }
    admin.batch_execute("ROLLBACK").await.unwrap();
    // Whoever comes next gets the connection, with no transaction open on it and no lock held.
    let full = store.create(&home, asset(), caps).await.unwrap();
    assert_eq!(full, CreateOutcome::TooManyPending);
    let sql = "SELECT external_id FROM asset_upload.asset";
    let rows = admin.query_typed(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, String>(0), "0");
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND application_name = 'tower-asset-upload'";
    let connections: i64 = admin.query_typed(sql, &[]).await.unwrap()[0].get(0);
    assert_eq!(connections, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_may_come_from_any_thread_and_runtime() {
    let Some(cluster) = Cluster::shared("a_call_may_come_from_any_thread_and_runtime") else {
        return;
    };
    let url = cluster.database().await;
    let (store, home) = open(&hasty(), &url).await;
    let elsewhere = std::thread::spawn(move || {
        // Without time and I/O.
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let id = make(&store, &home).await;
            store.find(&home, id).await.unwrap().is_some()
        })
    });
    assert!(elsewhere.join().unwrap());
}

#[test]
fn a_store_is_connected_inside_a_runtime() {
    let mut connecting = pin!(PostgresStore::connect("postgres://127.0.0.1:1/x"));
    let mut context = Context::from_waker(Waker::noop());
    match connecting.as_mut().poll(&mut context) {
        Poll::Ready(Err(StoreError::Failed(cause))) => {
            assert!(cause.to_string().contains("Tokio runtime"), "{cause}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_store_ends_with_its_runtime() {
    let Some(cluster) = Cluster::shared("a_store_ends_with_its_runtime") else {
        return;
    };
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let first = runtime();
    let store = first.block_on(async {
        let url = cluster.database().await;
        open(&hasty(), &url).await.0
    });
    first.shutdown_timeout(Duration::from_secs(10));
    let answer = runtime().block_on(store.enter(&slug(), USER));
    assert!(is_unavailable(&answer), "{answer:?}");
}

/// Whatever the clock of a replica says: [`NewAsset::created_at`] is that, and long ago here.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_tells_when_things_happened() {
    let Some(cluster) = Cluster::shared("the_server_tells_when_things_happened") else {
        return;
    };
    let url = cluster.database().await;
    let (store, home) = open(&PostgresStore::options(), &url).await;
    let before = store.time().await.unwrap();
    assert_eq!(
        before.last_recorded, None,
        "the server's clock needs no witness"
    );
    let id = make(&store, &home).await;
    let complete = StateChange::Complete(None);
    for change in [complete.clone(), StateChange::TakeBack, complete] {
        let set = store.set_state(&home, id, change);
        assert_eq!(set.await.unwrap(), ChangeOutcome::Done);
    }
    assert!(store.delete(&home, id).await.unwrap());
    store.remove_workspace(home.id()).await.unwrap();
    let after = store.time().await.unwrap();
    let sql = "SELECT pending_since, uploaded_at, asset.deleted_at, workspace.deleted_at \
               FROM asset_upload.asset, asset_upload.workspace";
    let row = &connect(&url).await.query_typed(sql, &[]).await.unwrap()[0];
    let mut last = before.now;
    for column in 0..4 {
        let at: time::OffsetDateTime = row.get(column);
        assert!(last <= at && at <= after.now, "{column}: {at}");
        last = at;
    }
}

/// A replica whose clock is a week behind makes assets that are a week old, and one whose clock is a week
/// ahead cleans up: nothing is given up by that.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_whose_clocks_are_wrong_give_up_nothing() {
    let test = "replicas_whose_clocks_are_wrong_give_up_nothing";
    let Some(cluster) = Cluster::shared(test) else {
        return;
    };
    let url = cluster.database().await;
    let (store, home) = open(&PostgresStore::options(), &url).await;
    let id = make(&store, &home).await;
    let report = purge(&store, &NoBucket, &PurgeOptions::new())
        .await
        .unwrap();
    assert_eq!(report.condemned, 0);
    assert!(store.find(&home, id).await.unwrap().is_some());
    let admin = connect(&url).await;
    let week = "UPDATE asset_upload.asset SET pending_since = now() - interval '169 hours'";
    admin.batch_execute(week).await.unwrap();
    let report = purge(&store, &NoBucket, &PurgeOptions::new())
        .await
        .unwrap();
    assert_eq!(report.condemned, 1);
}

struct NoBucket;

#[async_trait]
impl ObjectStore for NoBucket {
    async fn head(&self, _: &ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError> {
        unreachable!("the clean-up asks for nothing")
    }

    async fn delete(&self, _: &ObjectKey) -> Result<(), ObjectStoreError> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_no_longer_parses_has_failed() {
    let Some(cluster) = Cluster::shared("a_row_that_no_longer_parses_has_failed") else {
        return;
    };
    let url = cluster.database().await;
    let (store, home) = open(&PostgresStore::options(), &url).await;
    let meddler = connect(&url).await;
    for change in [
        "media_type = 'none'",
        "object_key = '/a/../b'",
        "object_name = '..'",
        "external_id = ''",
        "size = 9223372036854775807",
        "created_at = 'infinity'",
        "created_at = '294276-01-01Z'",
    ] {
        let id = make(&store, &home).await;
        let sql = format!("UPDATE asset_upload.asset SET {change} WHERE id = '{id}'");
        meddler.batch_execute(&sql).await.unwrap();
        let found = store.find(&home, id).await;
        assert!(matches!(found, Err(StoreError::Failed(_))), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_is_not_taken_from_another_workspace() {
    let Some(cluster) = Cluster::shared("a_slug_is_not_taken_from_another_workspace") else {
        return;
    };
    let url = cluster.database().await;
    let (store, home) = open(&PostgresStore::options(), &url).await;
    let other = WorkspaceId::new(uuid::Uuid::from_u128(7));
    let taken = store.add_workspace(other, slug()).await;
    assert!(matches!(taken, Err(StoreError::Failed(_))), "{taken:?}");
    let strangers = store.add_member(other, USER).await;
    assert!(matches!(strangers, Err(StoreError::Failed(_))));
    store.remove_workspace(home.id()).await.unwrap();
    store.add_workspace(other, slug()).await.unwrap();
}
