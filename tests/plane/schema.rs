//! The schema: looked at, found wanting, never touched.

use std::num::NonZeroU32;
use std::process::Command;

use time::OffsetDateTime;
use time::macros::datetime;
use tokio_postgres::Client;
use tower_asset_upload::{
    AssetStore, Changed, Created, Credential, CredentialKind, CredentialVerifier, PendingCaps,
    PlaneStore, PurgeStep, PurgeStore, StateChange, StoreError, UserId,
};

use crate::cluster::{Cluster, Stop, connect};
use crate::fixture::{
    Database, asset, options, plane, proposed_indexes, slug, wait_for, with_pair,
};
use crate::process::available;
use crate::support::{ALICE, KEY, NOW};

const CAPS: PendingCaps = PendingCaps {
    per_workspace: NonZeroU32::new(7),
    per_caller: NonZeroU32::new(7),
    discarded_per_workspace: None,
    discarded_per_caller: None,
};

/// After whatever is made by the server's clock.
const AGES_HENCE: OffsetDateTime = datetime!(2999-01-01 0:00 UTC);

/// Every call there is, once and more.
async fn everything(store: &PlaneStore) {
    let key = Credential::new(CredentialKind::ApiKey, KEY);
    assert!(store.verify(&key, NOW).await.unwrap().is_some());
    let slug = slug("my-workspace");
    let entered = store.enter(&slug, UserId::new(ALICE)).await.unwrap();
    let workspace = entered.unwrap();
    for (new, caps) in [
        (asset(NOW), PendingCaps::default()),
        (with_pair(asset(NOW), "github", "7"), CAPS),
    ] {
        let id = new.id;
        let created = store.create(&workspace, new.into(), caps).await.unwrap();
        assert_eq!(created, Created::New);
        let set = store.set_state(&workspace, id, StateChange::Complete(None));
        assert_eq!(set.await.unwrap(), Changed::Done);
        assert!(store.find(&workspace, id).await.unwrap().is_some());
        assert!(store.delete(&workspace, id).await.unwrap());
    }
    let later = NOW + time::Duration::DAY;
    // First the objects go, and then the rows.
    for forget_before in [NOW, later] {
        let mut step = PurgeStep::new(later, later, forget_before, NonZeroU32::MIN);
        loop {
            step.gone = store.purge(&step).await.unwrap();
            if step.gone.is_empty() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn the_schema_stays_as_it_is() {
    const TEST: &str = "the_schema_stays_as_it_is";
    let Some(plane) = plane(TEST).await else {
        return;
    };
    if !available(&["pg_dump"], TEST) {
        return;
    }
    let dump = || {
        let dumped = Command::new("pg_dump")
            .args(["--schema-only", "--dbname", &plane.admin_url])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&dumped.stderr);
        assert!(dumped.status.success(), "pg_dump: {said}");
        let dump = String::from_utf8(dumped.stdout).unwrap();
        // Newer ones guard their dumps with a key drawn at random.
        let lines = dump.lines().filter(|line| !line.contains("restrict "));
        lines.collect::<Vec<_>>().join("\n")
    };
    let before = dump();
    assert!(before.contains("CREATE TABLE public.file_assets"));
    everything(&plane.store).await;
    assert_eq!(dump(), before);
    assert_eq!(plane.count("true").await, 0);
}

#[tokio::test]
async fn a_database_that_is_not_planes_is_refused() {
    let Some(cluster) = Cluster::shared("a_database_that_is_not_planes_is_refused") else {
        return;
    };
    let empty = cluster.database().await;
    let refused = PlaneStore::connect(&empty).await.unwrap_err();
    assert!(matches!(refused, StoreError::Failed(_)), "{refused}");
    assert!(refused.to_string().contains("\"workspaces\""), "{refused}");

    let Database { admin, url, .. } = Database::make(cluster).await;
    let role = url.split("//").nth(1).unwrap().split('@').next().unwrap();
    let revoke = format!("REVOKE SELECT ON users FROM {role}");
    for (change, said) in [
        (&*revoke, "permission denied for table users"),
        (
            "ALTER TABLE file_assets RENAME entity_identifier TO x",
            "permission denied for table users",
        ),
        (
            &revoke.replace("REVOKE", "GRANT").replace(" FROM ", " TO "),
            "\"entity_identifier\"",
        ),
        ("DROP TABLE api_tokens", "\"api_tokens\""),
    ] {
        admin.batch_execute(change).await.unwrap();
        let refused = PlaneStore::connect(&url).await.unwrap_err();
        assert!(matches!(refused, StoreError::Failed(_)), "{refused}");
        assert!(refused.to_string().contains(said), "{change}: {refused}");
    }
}

#[tokio::test]
async fn a_password_is_not_repeated() {
    let Some(cluster) = Cluster::shared("a_password_is_not_repeated") else {
        return;
    };
    let port = cluster.port();
    for url in [
        "postgres://plane:s3cret@127.0.0.1:notaport/plane".to_owned(),
        "mysql://plane:s3cret@127.0.0.1/plane".to_owned(),
        format!("postgres://nobody:s3cret@127.0.0.1:{port}/plane"),
        "postgres://plane:s3cret@127.0.0.1:1/plane".to_owned(),
    ] {
        let refused = PlaneStore::connect(&url).await.unwrap_err();
        assert!(
            !format!("{refused} {refused:?}").contains("s3cret"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_database_that_is_down_is_unavailable_and_comes_back() {
    const TEST: &str = "a_database_that_is_down_is_unavailable_and_comes_back";
    let Some(mut cluster) = Cluster::start(TEST, &[]) else {
        return;
    };
    let Database { url, .. } = Database::make(&cluster).await;
    let store = options().connect(&url).await.unwrap();
    everything(&store).await;
    let slug = slug("my-workspace");
    let workspace = store.enter(&slug, UserId::new(ALICE)).await.unwrap();
    let workspace = workspace.unwrap();
    cluster.stop(Stop::Immediate);
    let key = Credential::new(CredentialKind::ApiKey, KEY);
    assert!(store.verify(&key, NOW).await.is_err());
    let down = |fault: StoreError| assert!(matches!(fault, StoreError::Unavailable(_)), "{fault}");
    down(store.enter(&slug, UserId::new(ALICE)).await.unwrap_err());
    let new = with_pair(asset(NOW), "github", "8");
    let id = new.id;
    down(
        store
            .create(&workspace, new.clone().into(), CAPS)
            .await
            .unwrap_err(),
    );
    down(store.find(&workspace, id).await.unwrap_err());
    down(store.delete(&workspace, id).await.unwrap_err());
    let step = PurgeStep::new(NOW, NOW, NOW, NonZeroU32::MIN);
    down(store.purge(&step).await.unwrap_err());
    down(PlaneStore::connect(&url).await.unwrap_err());
    cluster.resume();
    let created = store.create(&workspace, new.into(), CAPS).await;
    assert_eq!(created.unwrap(), Created::New);
    everything(&store).await;
}

/// How often each table was read from its beginning to its end.
async fn scans(admin: &Client) -> Vec<(String, i64)> {
    let sql = "SELECT relname::text, seq_scan FROM pg_stat_user_tables WHERE seq_scan > 0 \
               ORDER BY relname";
    let rows = admin.query_typed(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Where there is an index, it is used: with scans as the very last resort there are none. Plane has
/// indexes for ids, slugs, members and keys, and none for external references and for what is pending.
#[tokio::test]
async fn plans_use_what_indexes_plane_has() {
    const TEST: &str = "plans_use_what_indexes_plane_has";
    let Some(cluster) = Cluster::start(TEST, &["-c", "enable_seqscan=off"]) else {
        return;
    };
    let Database { url, admin_url, .. } = Database::make(&cluster).await;
    // What a connection has counted is told when it ends, this one's own aside.
    let clerk = connect(&admin_url).await;
    let counted = async || {
        wait_for("all other connections are closed", async || {
            let sql = "SELECT 1 FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
            let others = clerk.query_typed(sql, &[]).await.unwrap();
            others.is_empty().then_some(())
        })
        .await;
        let scans = scans(&clerk).await;
        clerk.batch_execute("SELECT pg_stat_reset()").await.unwrap();
        scans
    };
    let prepare = async |sql: &str| {
        connect(&admin_url).await.batch_execute(sql).await.unwrap();
        counted().await;
    };
    prepare(
        "INSERT INTO file_assets (created_at, updated_at, id, attributes, asset, workspace_id, \
         is_deleted, is_archived, is_uploaded, size, entity_type, created_by_id) \
         SELECT now(), now(), gen_random_uuid(), '{}', n::text, workspaces.id, false, false, \
         false, 1, 'ISSUE_ATTACHMENT', users.id FROM generate_series(1, 1000) n, workspaces, users; \
         ANALYZE",
    )
    .await;

    let store = options().connect(&url).await.unwrap();
    let key = Credential::new(CredentialKind::ApiKey, KEY);
    assert!(store.verify(&key, NOW).await.unwrap().is_some());
    let slug = slug("my-workspace");
    let entered = store.enter(&slug, UserId::new(ALICE)).await.unwrap();
    let workspace = entered.unwrap();
    let mut new = asset(NOW);
    new.project = Some(crate::support::MY_PROJECT.into());
    let id = new.id;
    let created = store
        .create(&workspace, new.into(), PendingCaps::default())
        .await;
    assert_eq!(created.unwrap(), Created::New);
    assert!(store.find(&workspace, id).await.unwrap().is_some());
    let set = store.set_state(&workspace, id, StateChange::Complete(None));
    assert_eq!(set.await.unwrap(), Changed::Done);
    assert!(store.delete(&workspace, id).await.unwrap());
    drop(store);
    assert_eq!(counted().await, [], "with Plane's own indexes alone");

    // These can't do without, as the sidecar's page says; with the indexes that it proposes they can.
    let calls = async || {
        let mut scanned = Vec::new();
        for call in ["pair", "caps", "purge"] {
            let store = options().connect(&url).await.unwrap();
            let (new, caps) = match call {
                "pair" => (with_pair(asset(NOW), "github", "9"), PendingCaps::default()),
                _ => (asset(NOW), CAPS),
            };
            if call == "purge" {
                let mut step = PurgeStep::new(NOW, AGES_HENCE, NOW, NonZeroU32::MIN);
                // The second one notes what the first one has named.
                for _ in 0..2 {
                    step.gone = store.purge(&step).await.unwrap();
                    assert_eq!(step.gone.len(), 1);
                }
            } else {
                store.create(&workspace, new.into(), caps).await.unwrap();
            }
            drop(store);
            let tables = counted().await.into_iter().map(|(table, _)| table);
            scanned.push((call, tables.collect::<Vec<_>>()));
        }
        scanned
    };
    let without = ["pair", "caps", "purge"].map(|call| (call, vec!["file_assets".to_owned()]));
    assert_eq!(calls().await, without, "without an index");
    let indexes = proposed_indexes();
    assert_eq!(indexes.len(), 3);
    prepare(&indexes.join(";")).await;
    let with = ["pair", "caps", "purge"].map(|call| (call, vec![]));
    assert_eq!(calls().await, with, "with the proposed indexes");
}
