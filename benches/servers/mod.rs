//! PostgreSQL, thrown away afterwards, with the tables of this crate or Plane's. Unlike in the tests it
//! syncs what it commits.

use std::sync::Arc;

use tokio_postgres::Client;
use tower_asset_upload::asset::AssetId;
use tower_asset_upload::purge::PurgeStore;
use tower_asset_upload::{AssetStore, DirectoryStore, PlaneStore, PostgresStore};
use uuid::Uuid;

use crate::cluster::{Cluster, connect};
use crate::filled::{ALICE, ASKED_FOR, Adding, Filled, PROJECT, WORKSPACE, slug};
use crate::fixture::{Database, proposed_indexes};

const FILL_OWN: &str = "\
    INSERT INTO asset_upload.asset (workspace_id, id, object_key, display_name, object_name, \
        media_type, size, external_source, external_id, created_by, created_at, state) \
    SELECT '{workspace}', gen_random_uuid(), '{workspace}/' || md5(random()::text) || '-photo3.png', \
        'photo3.png', 'photo3.png', 'image/png', 1048576, CASE WHEN n % 4 = 0 THEN 'github' END, \
        CASE WHEN n % 4 = 0 THEN gen_random_uuid()::text END, '{alice}', now(), \
        CASE WHEN {uploaded} THEN 'uploaded' ELSE 'pending' END \
    FROM generate_series(1, {assets}) AS n";

const FILL_PLANE: &str = "\
    INSERT INTO file_assets (created_at, updated_at, id, attributes, asset, workspace_id, \
        is_deleted, is_archived, is_uploaded, size, entity_type, created_by_id, \
        external_source, external_id, storage_metadata) \
    SELECT now(), now(), gen_random_uuid(), \
        '{\"name\": \"photo3.png\", \"size\": 1048576, \"type\": \"image/png\"}', \
        '{workspace}/' || md5(random()::text) || '-photo3.png', '{workspace}', \
        false, false, {uploaded}, 1048576, 'ISSUE_ATTACHMENT', '{alice}', \
        CASE WHEN n % 4 = 0 THEN 'github' END, CASE WHEN n % 4 = 0 THEN gen_random_uuid()::text END, \
        '{}' FROM generate_series(1, {assets}) AS n";

/// `None` where PostgreSQL is not installed; then the bench is skipped, and says so.
pub fn cluster(bench: &str) -> Option<Cluster> {
    Cluster::start(bench, &["-c", "fsync=on", "-c", "full_page_writes=on"])
}

pub async fn own(cluster: &Cluster, assets: u32) -> Filled<PostgresStore> {
    let url = cluster.database().await;
    let store = PostgresStore::connect(&url).await.unwrap();
    store.add_workspace(WORKSPACE.into(), slug()).await.unwrap();
    store
        .add_member(WORKSPACE.into(), ALICE.into())
        .await
        .unwrap();
    store
        .add_project(WORKSPACE.into(), PROJECT.into())
        .await
        .unwrap();
    let admin = connect(&url).await;
    filled(store, admin, FILL_OWN, "asset_upload.asset", assets).await
}

/// With the indexes that the sidecar's page proposes.
pub async fn plane(cluster: &Cluster, assets: u32) -> Filled<PlaneStore> {
    let database = Database::make(cluster).await;
    for index in proposed_indexes() {
        database.admin.batch_execute(&index).await.unwrap();
    }
    let store = PlaneStore::connect(&database.url).await.unwrap();
    filled(store, database.admin, FILL_PLANE, "file_assets", assets).await
}

async fn filled<Store: AssetStore + PurgeStore>(
    store: Store,
    admin: Client,
    fill: &'static str,
    table: &str,
    assets: u32,
) -> Filled<Store> {
    let fill = fill
        .replace("{workspace}", &WORKSPACE.to_string())
        .replace("{alice}", &ALICE.to_string());
    let of = move |assets: u32, uploaded: bool| {
        fill.replace("{uploaded}", &uploaded.to_string())
            .replace("{assets}", &assets.to_string())
    };
    admin.batch_execute(&of(assets, true)).await.unwrap();
    for settle in ["VACUUM ANALYZE", "CHECKPOINT"] {
        admin.batch_execute(settle).await.unwrap();
    }
    let choose = format!("SELECT id FROM {table} ORDER BY random() LIMIT {ASKED_FOR}");
    let chosen = admin.query_typed(&choose, &[]).await.unwrap();
    let ids: Vec<AssetId> = chosen
        .iter()
        .map(|row| row.get::<_, Uuid>("id").into())
        .collect();
    let admin = Arc::new(admin);
    let add_pending = move |assets| -> Adding {
        let (admin, more) = (Arc::clone(&admin), of(assets, false));
        Box::pin(async move { admin.batch_execute(&more).await.unwrap() })
    };
    Filled::new(store, ids, add_pending).await
}
