//! A million assets: what Plane's own indexes leave to scans, and what the proposed ones make of it.
//!
//! ```text
//! cargo test --release --test plane -- --ignored --nocapture a_million_assets
//! ```

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use tower_asset_upload::asset::{PendingCaps, StateChange, UserId};
use tower_asset_upload::auth::{Credential, CredentialKind, CredentialVerifier};
use tower_asset_upload::purge::{PurgeStep, PurgeStore};
use tower_asset_upload::{AssetStore, PlaneStore};

use crate::cluster::Cluster;
use crate::fixture::{Database, add_workspace, asset, options, proposed_indexes, slug, with_pair};
use crate::support::{ALICE, KEY, NOW};

/// In ten workspaces; of a hundred, one is pending and two are deleted; of ten, eight are attached.
const FILL: &str = "\
    INSERT INTO issues VALUES ('00000000-0000-0000-0000-000000000007'); \
    INSERT INTO file_assets (created_at, updated_at, id, attributes, asset, workspace_id, \
    is_deleted, deleted_at, is_archived, is_uploaded, size, entity_type, created_by_id, issue_id, \
    external_source, external_id, storage_metadata) \
    SELECT '2026-05-01 UTC', '2026-05-01 UTC', gen_random_uuid(), \
    '{\"name\": \"photo.png\", \"size\": 1024, \"type\": \"image/png\"}', \
    homes.ids[n % 10 + 1] || '/' || md5(n::text) || '-photo.png', homes.ids[n % 10 + 1], \
    n % 100 / 2 = 7, CASE WHEN n % 100 / 2 = 7 THEN '2026-05-02 UTC'::timestamptz END, false, \
    n / 10 % 100 <> 0, 1024, 'ISSUE_ATTACHMENT', users.id, \
    CASE WHEN n / 10 % 10 < 8 AND n / 10 % 100 <> 0 THEN '00000000-0000-0000-0000-000000000007'::uuid END, \
    CASE WHEN n % 4 = 0 THEN 'github' END, CASE WHEN n % 4 = 0 THEN n::text END, '{}' \
    FROM generate_series(1, 1000000) n, (SELECT array_agg(id) AS ids FROM workspaces) homes, \
    (SELECT id FROM users LIMIT 1) users; \
    ANALYZE";

async fn timed<T>(what: &str, mut call: impl AsyncFnMut() -> T) {
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        call().await;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    println!("{what:28} {:>10.2?} (median of 20)", times[10]);
}

#[tokio::test]
#[ignore = "takes a minute and proves nothing: it measures"]
async fn a_million_assets() {
    let Some(cluster) = Cluster::start("a_million_assets", &[]) else {
        return;
    };
    let database = Database::make(&cluster).await;
    for n in 1..=8 {
        let slug = format!("workspace-{n}");
        add_workspace(&database.admin, uuid::Uuid::from_u128(n), &slug).await;
    }
    database.admin.batch_execute(FILL).await.unwrap();
    let store = options().connect(&database.url).await.unwrap();
    println!("--- Plane's own indexes");
    every_call(&store).await;
    for index in proposed_indexes() {
        database.admin.batch_execute(&index).await.unwrap();
    }
    database.admin.batch_execute("ANALYZE").await.unwrap();
    println!("--- and the proposed ones");
    every_call(&store).await;
    let note = "UPDATE file_assets SET storage_metadata = '{\"ObjectRemoved\": true}' \
                WHERE deleted_at IS NOT NULL; ANALYZE";
    database.admin.batch_execute(note).await.unwrap();
    let before = NOW - time::Duration::weeks(9);
    let step = PurgeStep::new(NOW, before, before, NonZeroU32::MIN);
    timed("purge, 20,000 waiting", async || {
        assert_eq!(store.purge(&step).await.unwrap(), []);
    })
    .await;
}

async fn every_call(store: &PlaneStore) {
    let slug = slug("my-workspace");
    let alice = UserId::new(ALICE);
    let workspace = store.enter(&slug, alice).await.unwrap().unwrap();
    let key = Credential::new(CredentialKind::ApiKey, KEY);
    let none = PendingCaps::default();
    let caps = PendingCaps {
        per_workspace: NonZeroU32::new(10_000),
        per_caller: NonZeroU32::new(10_000),
        ..PendingCaps::default()
    };
    let new = asset(NOW);
    let id = new.id;
    store.create(&workspace, new, none).await.unwrap();
    timed("verify", async || store.verify(&key, NOW).await.unwrap()).await;
    timed("enter", async || store.enter(&slug, alice).await.unwrap()).await;
    timed("find", async || store.find(&workspace, id).await.unwrap()).await;
    timed("set_state", async || {
        let set = store.set_state(&workspace, id, StateChange::TakeBack).await;
        set.unwrap()
    })
    .await;
    timed("create", async || {
        store.create(&workspace, asset(NOW), none).await.unwrap()
    })
    .await;
    timed("create, with a pair", async || {
        let new = with_pair(asset(NOW), "gitlab", &asset(NOW).id.to_string());
        store.create(&workspace, new, none).await.unwrap()
    })
    .await;
    timed("create, under caps", async || {
        store.create(&workspace, asset(NOW), caps).await.unwrap()
    })
    .await;
    let before = NOW - time::Duration::HOUR;
    let most = NonZeroU32::new(100).unwrap();
    let step = PurgeStep::new(NOW, NOW - time::Duration::WEEK, before, most);
    timed("purge, a step of 100", async || {
        store.purge(&step).await.unwrap()
    })
    .await;
    let mut step = PurgeStep::new(
        NOW,
        step.pending_before,
        NOW - time::Duration::weeks(9),
        most,
    );
    timed("purge, and 100 to note", async || {
        step.gone = store.purge(&step).await.unwrap();
    })
    .await;
}
