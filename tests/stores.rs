//! The crate's own stores: what every store has to do, and what only one in a file can.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "stores/ported.rs"]
mod ported;
#[cfg(feature = "sqlite")]
#[path = "stores/sqlite.rs"]
mod sqlite;

use std::sync::Arc;

use ported::Ported;
use tower_asset_upload::{AssetStore, MemoryStore, conformance, conformance_tests};

conformance_tests!(memory_store, || async { MemoryStore::new() });
conformance_tests!(memory_store_purges, purge, || async { MemoryStore::new() });
conformance_tests!(memory_store_verifies, credentials, || async {
    MemoryStore::new()
});

#[cfg(feature = "sqlite")]
conformance_tests!(sqlite_store, || async { sqlite::guarded() });
#[cfg(feature = "sqlite")]
conformance_tests!(sqlite_store_purges, purge, || async { sqlite::guarded() });
#[cfg(feature = "sqlite")]
conformance_tests!(sqlite_store_verifies, credentials, || async {
    sqlite::guarded()
});

#[tokio::test(flavor = "multi_thread")]
async fn memory_store_boxed_and_shared() {
    conformance::run(|| async {
        let store = MemoryStore::new();
        let boxed: Box<dyn AssetStore> = Box::new(store.clone());
        Ported::new(boxed, store)
    })
    .await;
    conformance::run(|| async {
        let store = MemoryStore::new();
        let shared: Arc<dyn AssetStore> = Arc::new(store.clone());
        Ported::new(shared, store)
    })
    .await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_store_boxed_and_shared() {
    conformance::run(|| async {
        let (store, directory) = sqlite::fresh();
        let boxed: Box<dyn AssetStore> = Box::new(store.clone());
        conformance::Guarded::new(Ported::new(boxed, store), directory)
    })
    .await;
    conformance::run(|| async {
        let (store, directory) = sqlite::fresh();
        let shared: Arc<dyn AssetStore> = Arc::new(store.clone());
        conformance::Guarded::new(Ported::new(shared, store), directory)
    })
    .await;
}
