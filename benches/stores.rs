//! What a store's calls cost: for one caller and for 64 at once, among 10^3 to 10^6 assets.
//!
//! ```text
//! cargo bench --bench stores
//! cargo bench --bench stores -- memory   # or sqlite, postgres, plane
//! ```
//!
//! A store is full four times over, and the four are measured in turns; see `crowd`. PostgreSQL is
//! started for it and thrown away; where it is not installed, what needs it is skipped, and says so.
#![allow(
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a bench is no library"
)]
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

use std::process::ExitCode;

use tokio::runtime::Runtime;

use rounds::is_wanted;

#[cfg(unix)]
#[path = "../tests/support/cluster.rs"]
mod cluster;
mod crowd;
mod filled;
#[cfg(unix)]
#[path = "../tests/plane/fixture.rs"]
mod fixture;
#[path = "../tests/support/process.rs"]
mod process;
mod rounds;
#[cfg(unix)]
mod servers;
#[cfg(unix)]
#[path = "../tests/support/mod.rs"]
#[allow(clippy::wildcard_imports, reason = "a test may import all there is")]
mod support;

/// How many assets each store has.
const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];

type Measure = fn(&Runtime);

const STORES: [(&str, Measure); 4] = [
    ("memory", memory),
    ("sqlite", sqlite),
    ("postgres", postgres),
    ("plane", plane),
];

fn main() -> ExitCode {
    let asked: Vec<_> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is = |asked: &String| STORES.iter().any(|(name, _)| name == asked);
    if let Some(unknown) = asked.iter().find(|asked| !is(asked)) {
        eprintln!("there is no store called {unknown:?}: memory, sqlite, postgres, plane");
        return ExitCode::FAILURE;
    }
    if is_wanted() {
        let runtime = Runtime::new().unwrap();
        for (name, measure) in STORES {
            if asked.is_empty() || asked.iter().any(|asked| asked == name) {
                measure(&runtime);
            }
        }
    }
    ExitCode::SUCCESS
}

fn memory(runtime: &Runtime) {
    let stores = SIZES.map(filled::memory);
    runtime.block_on(crowd::measure("memory", &stores));
}

fn sqlite(runtime: &Runtime) {
    let directory = tempfile::tempdir().unwrap();
    let stores = SIZES.map(|assets| {
        let path = directory.path().join(assets.to_string());
        filled::sqlite(&path, assets)
    });
    runtime.block_on(crowd::measure("SQLite", &stores));
}

#[cfg(unix)]
fn postgres(runtime: &Runtime) {
    let Some(cluster) = servers::cluster("stores: postgres") else {
        return;
    };
    let stores = SIZES.map(|assets| runtime.block_on(servers::own(&cluster, assets)));
    runtime.block_on(crowd::measure("PostgreSQL", &stores));
}

#[cfg(unix)]
fn plane(runtime: &Runtime) {
    let Some(cluster) = servers::cluster("stores: plane") else {
        return;
    };
    let stores = SIZES.map(|assets| runtime.block_on(servers::plane(&cluster, assets)));
    runtime.block_on(crowd::measure("Plane's tables", &stores));
}

#[cfg(not(unix))]
fn postgres(_: &Runtime) {
    process::skip("stores: postgres needs Unix to start a server on");
}

#[cfg(not(unix))]
fn plane(_: &Runtime) {
    process::skip("stores: plane needs Unix to start a server on");
}
