//! Whether a call costs the same whether a thousand assets are stored or a million.

use tower_asset_upload::purge::PurgeStore;
use tower_asset_upload::{AssetStore, MemoryStore};

use crate::filled::{self, Filled, block_on};
use crate::rounds::{Candidate, side_by_side, verdict};
use crate::{COLLECTION, Uploads, builder, call, create, memory, request};

const FEW: u32 = 1_000;
const MANY: u32 = 1_000_000;

pub fn flatness() {
    println!("\n| store | call | ns with 10^3 assets | ns with 10^6 | ratio | target |");
    println!("|---|---|---:|---:|---:|---|");
    let credentials = memory();
    let stores = [FEW, MANY].map(filled::memory);
    compare("memory", stores, &credentials, 700);
    let directory = tempfile::tempdir().unwrap();
    let stores = [("few", FEW), ("many", MANY)]
        .map(|(name, assets)| filled::sqlite(&directory.path().join(name), assets));
    compare("SQLite", stores, &credentials, 150);
}

fn compare<Store>(name: &str, stores: [Filled<Store>; 2], credentials: &MemoryStore, rounds: usize)
where
    Store: AssetStore + PurgeStore + Clone + 'static,
{
    let worlds = stores.map(|filled| World::new(filled, credentials));
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
    filled: Filled<Store>,
    pub service: Uploads<Store>,
}

impl<Store: AssetStore + PurgeStore + Clone + 'static> World<Store> {
    pub fn new(filled: Filled<Store>, credentials: &MemoryStore) -> Self {
        Self {
            service: builder(filled.store.clone(), credentials).build().unwrap(),
            filled,
        }
    }

    /// The path of one of them.
    pub fn path(&self) -> String {
        format!("{COLLECTION}{}/", self.filled.next_id())
    }

    fn find(&self) {
        let Filled {
            store, workspace, ..
        } = &self.filled;
        let found = block_on(store.find(workspace, self.filled.next_id()));
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

    /// Forgets what was made since.
    pub fn clear(&self) {
        block_on(self.filled.clear());
    }
}
