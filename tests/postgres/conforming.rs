//! The store keeps the rules: by value, boxed and shared, and with a pooler in between.

use std::sync::Arc;

use tower_asset_upload::AssetStore;
use tower_asset_upload::conformance::{run, run_credentials, run_purge};

use crate::cluster::{Bouncer, Cluster};
use crate::ported::Ported;
use crate::world::fresh;

#[tokio::test(flavor = "multi_thread")]
async fn by_value() {
    let Some(cluster) = Cluster::shared("by_value") else {
        return;
    };
    let url = cluster.database().await;
    run(|| fresh(&url)).await;
    run_credentials(|| fresh(&url)).await;
    run_purge(|| fresh(&url)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boxed_and_shared() {
    let Some(cluster) = Cluster::shared("boxed_and_shared") else {
        return;
    };
    let url = cluster.database().await;
    run(|| async {
        let store = fresh(&url).await;
        let boxed: Box<dyn AssetStore> = Box::new(store.clone());
        Ported::new(boxed, store)
    })
    .await;
    run(|| async {
        let store = fresh(&url).await;
        let shared: Arc<dyn AssetStore> = Arc::new(store.clone());
        Ported::new(shared, store)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_pgbouncer() {
    let Some(cluster) = Cluster::shared("through_pgbouncer") else {
        return;
    };
    let Some(bouncer) = Bouncer::start("through_pgbouncer", cluster) else {
        return;
    };
    let url = bouncer.url(&cluster.database().await);
    run(|| fresh(&url)).await;
    run_credentials(|| fresh(&url)).await;
    run_purge(|| fresh(&url)).await;
}
