//! Whether a call costs the same whether a thousand assets are stored or a million.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::path::Path;

use time::OffsetDateTime;
use tower_asset_upload::{
    AssetId, AssetStore, Clock, IdSource, MemoryStore, NewAsset, ObjectKey, PendingCaps, PurgeStep,
    PurgeStore, RandomIds, SqliteStore, StateChange, SystemClock, UploadSize, Workspace,
    WorkspaceSlug,
};

use crate::rounds::{Candidate, side_by_side, verdict};
use crate::{
    ALICE, COLLECTION, PROJECT, SLUG, Uploads, WORKSPACE, block_on, builder, call, create, memory,
    request,
};

const FEW: u32 = 1_000;
const MANY: u32 = 1_000_000;
/// How many of them are asked for: more than caches hold.
const ASKED_FOR: u32 = 65_536;

pub fn flatness() {
    println!("\n| store | call | ns with 10^3 assets | ns with 10^6 | ratio | target |");
    println!("|---|---|---:|---:|---:|---|");
    let credentials = memory();
    compare("memory", [memory(), memory()], &credentials, 700);
    let directory = tempfile::tempdir().unwrap();
    let stores = ["few", "many"].map(|name| sqlite(&directory.path().join(name)));
    compare("SQLite", stores, &credentials, 150);
}

fn sqlite(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path).unwrap();
    let slug = WorkspaceSlug::new(SLUG).unwrap();
    store.add_workspace(WORKSPACE.into(), slug).unwrap();
    store.add_member(WORKSPACE.into(), ALICE.into()).unwrap();
    store.add_project(WORKSPACE.into(), PROJECT.into()).unwrap();
    store
}

fn compare<Store>(name: &str, stores: [Store; 2], credentials: &MemoryStore, rounds: usize)
where
    Store: AssetStore + PurgeStore + Clone + 'static,
{
    let [few, many] = stores;
    let worlds =
        [(few, FEW), (many, MANY)].map(|(store, assets)| World::new(store, assets, credentials));
    let [few, many] = &worlds;
    let mut candidates = [
        Candidate::new("find", || few.find()),
        Candidate::new("find", || many.find()),
        Candidate::new("GET, whole", || few.retrieve()),
        Candidate::new("GET, whole", || many.retrieve()),
        Candidate::new("POST, whole", || few.create()).clearing(|| few.clear()),
        Candidate::new("POST, whole", || many.create()).clearing(|| many.clear()),
    ];
    let measured = side_by_side(&mut candidates, rounds);
    for at in (0..candidates.len()).step_by(2) {
        let ratio = measured.ratio(at + 1, at);
        // A look-up alone is a part of a call, shown for where the difference comes from.
        let target = match candidates[at].name {
            "find" => String::new(),
            _ => verdict("≤ 1.2", ratio <= 1.2),
        };
        println!(
            "| {name} | {} | {:.0} | {:.0} | {ratio:.2} | {target} |",
            candidates[at].name,
            measured.nanos(at),
            measured.nanos(at + 1),
        );
    }
}

pub struct World<Store> {
    store: Store,
    pub service: Uploads<Store>,
    workspace: Workspace,
    ids: Vec<AssetId>,
    next: Cell<usize>,
}

impl<Store: AssetStore + PurgeStore + Clone + 'static> World<Store> {
    pub fn new(store: Store, assets: u32, credentials: &MemoryStore) -> Self {
        let service = builder(store.clone(), credentials).build();
        Self {
            workspace: workspace(&store),
            ids: fill(&store, assets),
            service,
            store,
            next: Cell::default(),
        }
    }

    fn next_id(&self) -> AssetId {
        self.next.set((self.next.get() + 1) % self.ids.len());
        self.ids[self.next.get()]
    }

    /// The path of one of them.
    pub fn path(&self) -> String {
        format!("{COLLECTION}{}/", self.next_id())
    }

    fn find(&self) {
        let found = block_on(self.store.find(&self.workspace, self.next_id()));
        assert!(found.unwrap().is_some());
    }

    fn retrieve(&self) {
        assert_eq!(
            call(&self.service, request("GET", &self.path(), "")).status(),
            200
        );
    }

    pub fn create(&self) {
        assert_eq!(call(&self.service, create()).status(), 200);
    }

    /// Forgets what was made since: all that is pending.
    pub fn clear(&self) {
        let end = SystemClock.now() + time::Duration::hours(1);
        let mut step = PurgeStep::new(end, end, end + time::Duration::hours(1), NonZeroU32::MAX);
        loop {
            step.gone = block_on(self.store.purge(&step)).unwrap();
            if step.gone.is_empty() {
                break;
            }
        }
    }
}

/// Stores assets, and completes those that are going to be asked for; gives their ids.
fn fill(store: &impl AssetStore, assets: u32) -> Vec<AssetId> {
    let workspace = workspace(store);
    let now = SystemClock.now();
    let mut ids = Vec::new();
    many_at_once(0..assets, |number| {
        let asset = asset(now);
        if number % assets.div_ceil(ASKED_FOR) == 0 {
            ids.push(asset.id);
        }
        store.create(&workspace, asset, PendingCaps::default())
    });
    many_at_once(ids.iter(), |id| {
        store.set_state(&workspace, *id, StateChange::Complete(None))
    });
    ids
}

/// Those that wait at the same time share a sync of the disk.
fn many_at_once<T, F: Future>(all: impl Iterator<Item = T>, mut start: impl FnMut(T) -> F) {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut waiting = Vec::new();
    for one in all {
        let mut future = Box::pin(start(one));
        if future.as_mut().poll(&mut context).is_pending() {
            waiting.push(future);
        }
        if waiting.len() == 1_000 {
            waiting.drain(..).for_each(|future| _ = block_on(future));
        }
    }
    for future in waiting {
        _ = block_on(future);
    }
}

fn workspace(store: &impl AssetStore) -> Workspace {
    let slug = WorkspaceSlug::new(SLUG).unwrap();
    block_on(store.enter(&slug, ALICE.into())).unwrap().unwrap()
}

fn asset(now: OffsetDateTime) -> NewAsset {
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
