//! Stores that are full: so many uploaded assets, all of one workspace and every fourth with a pair.
//! Databases are filled in their own language, as a million calls take their time.
#![allow(dead_code, reason = "each bench uses its part of it")]

use std::cell::Cell;
use std::future::Future;
use std::num::NonZeroU32;
use std::path::Path;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use rusqlite::{Connection, params};
use time::{Duration, OffsetDateTime};
use tower_asset_upload::asset::{
    AssetId, ChangeOutcome, Clock, ExternalLabel, IdSource, NewAsset, ObjectKey, PendingCaps,
    RandomIds, StateChange, SystemClock, UploadSize, Workspace, WorkspaceSlug,
};
use tower_asset_upload::ports::StoreError;
use tower_asset_upload::purge::{PurgeStep, PurgeStore};
use tower_asset_upload::{AssetStore, DirectoryStore, MemoryStore, SqliteStore};
use uuid::{Uuid, uuid};

pub const ALICE: Uuid = uuid!("11111111-1111-4111-8111-000000000001");
pub const WORKSPACE: Uuid = uuid!("22222222-2222-4222-8222-000000000001");
pub const PROJECT: Uuid = uuid!("33333333-3333-4333-8333-000000000001");
pub const SLUG: &str = "my-workspace";

/// How many of them are asked for: more than caches hold.
pub const ASKED_FOR: u32 = 65_536;

/// A store, what is asked of it, and how to put more into it.
pub struct Filled<Store> {
    pub store: Store,
    pub workspace: Workspace,
    ids: Vec<AssetId>,
    next: Cell<usize>,
    /// Adds so many that wait for their uploads.
    pub add_pending: Box<dyn Fn(u32) -> Adding>,
}

pub type Adding = Pin<Box<dyn Future<Output = ()>>>;

impl<Store: AssetStore + PurgeStore> Filled<Store> {
    pub async fn new(
        store: Store,
        ids: Vec<AssetId>,
        add_pending: impl Fn(u32) -> Adding + 'static,
    ) -> Self {
        let entered = store.enter(&slug(), ALICE.into()).await.unwrap();
        let filled = Self {
            workspace: entered.unwrap(),
            store,
            ids,
            next: Cell::default(),
            add_pending: Box::new(add_pending),
        };
        // The first one has to look at all that was ever made.
        filled.clear().await;
        filled
    }

    /// One of its assets, another one each time.
    pub fn next_id(&self) -> AssetId {
        self.next.set((self.next.get() + 1) % self.ids.len());
        self.ids[self.next.get()]
    }

    /// Forgets all that waits for its upload and all that is deleted.
    pub async fn clear(&self) {
        let mut step = step(NonZeroU32::MAX);
        loop {
            step.gone = self.store.purge(&step).await.unwrap();
            if step.gone.is_empty() {
                break;
            }
        }
    }
}

/// A step for which all that waits has waited long enough, and no form is alive.
/// The result of a call that needs no runtime.
fn done<T>(call: impl Future<Output = Result<T, StoreError>>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(call).unwrap()
}

pub fn step(most: NonZeroU32) -> PurgeStep {
    let end = SystemClock.now() + Duration::HOUR;
    PurgeStep::new(end, end, end + Duration::HOUR, most)
}

pub fn memory(assets: u32) -> Filled<MemoryStore> {
    let store = MemoryStore::new();
    done(store.add_workspace(WORKSPACE.into(), slug()));
    done(store.add_member(WORKSPACE.into(), ALICE.into()));
    done(store.add_project(WORKSPACE.into(), PROJECT.into()));
    let workspace = block_on(store.enter(&slug(), ALICE.into()));
    let workspace = workspace.unwrap().unwrap();
    let mut ids = Vec::new();
    for number in 0..assets {
        let new = match number % 4 {
            0 => with_pair(asset(SystemClock.now())),
            _ => asset(SystemClock.now()),
        };
        let id = new.id;
        block_on(store.create(&workspace, new, PendingCaps::default())).unwrap();
        block_on(complete(&store, &workspace, id));
        if number % assets.div_ceil(ASKED_FOR) == 0 {
            ids.push(id);
        }
    }
    let own = store.clone();
    let add_pending = move |assets| -> Adding {
        let (store, workspace) = (own.clone(), workspace.clone());
        Box::pin(async move {
            for _ in 0..assets {
                let new = asset(SystemClock.now());
                let created = store.create(&workspace, new, PendingCaps::default());
                created.await.unwrap();
            }
        })
    };
    block_on(Filled::new(store, ids, add_pending))
}

const FILL_SQLITE: &str = "\
    INSERT INTO asset (workspace_id, id, object_key, display_name, object_name, media_type, size, \
        external_source, external_id, created_by, created_at, state) \
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1) \
    SELECT ?2, randomblob(16), ?3 || '/' || lower(hex(randomblob(16))) || '-photo3.png', \
        'photo3.png', 'photo3.png', 'image/png', 1048576, CASE WHEN n % 4 = 0 THEN 'github' END, \
        CASE WHEN n % 4 = 0 THEN lower(hex(randomblob(16))) END, ?4, ?5, ?6 FROM numbers";

pub fn sqlite(path: &Path, assets: u32) -> Filled<SqliteStore> {
    let store = SqliteStore::open(path).unwrap();
    done(store.add_workspace(WORKSPACE.into(), slug()));
    done(store.add_member(WORKSPACE.into(), ALICE.into()));
    done(store.add_project(WORKSPACE.into(), PROJECT.into()));
    let beside = Connection::open(path).unwrap();
    // What is lost with the machine is only a bench.
    beside
        .execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000")
        .unwrap();
    let add = move |assets: u32, state: &str| {
        let now = i64::try_from(SystemClock.now().unix_timestamp_nanos()).unwrap();
        let name = WORKSPACE.to_string();
        let values = params![assets, WORKSPACE, name, ALICE, now, state];
        beside.execute(FILL_SQLITE, values).unwrap();
    };
    add(assets, "uploaded");
    let reader = Connection::open(path).unwrap();
    // The log keeps its length, as it does in a store that has run for a while.
    reader
        .execute_batch("PRAGMA wal_checkpoint (RESTART)")
        .unwrap();
    let mut chosen = reader
        .prepare("SELECT id FROM asset ORDER BY random() LIMIT ?1")
        .unwrap();
    let ids = chosen
        .query_map([ASKED_FOR], |row| row.get::<_, Uuid>(0))
        .unwrap()
        .map(|id| id.unwrap().into())
        .collect();
    let add_pending = move |assets| -> Adding {
        add(assets, "pending");
        Box::pin(async {})
    };
    block_on(Filled::new(store, ids, add_pending))
}

/// States that the object of one that waited is there.
pub async fn complete(store: &impl AssetStore, workspace: &Workspace, id: AssetId) {
    let set = store.set_state(workspace, id, StateChange::Complete(None));
    assert_eq!(set.await.unwrap(), ChangeOutcome::Done);
}

pub fn slug() -> WorkspaceSlug {
    WorkspaceSlug::new(SLUG).unwrap()
}

pub fn asset(now: OffsetDateTime) -> NewAsset {
    let id = RandomIds.next_id();
    let key = ObjectKey::new(format!("{WORKSPACE}/{}-photo3.png", id.simple())).unwrap();
    let media_type = "image/png".parse().unwrap();
    let size = UploadSize::new(1_048_576).unwrap();
    NewAsset::new(
        id.into(),
        key,
        "photo3.png",
        media_type,
        size,
        ALICE.into(),
        now,
    )
    .unwrap()
}

/// Of a pair that no other asset has.
pub fn with_pair(mut asset: NewAsset) -> NewAsset {
    let label = |text: &str| ExternalLabel::new(text).ok();
    asset.external.source = label("github");
    asset.external.id = label(&asset.id.to_string());
    asset
}

/// Polls once and again: everything in memory is ready at once, and what isn't wakes nobody here.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}
