//! Conformance tests for stores: the rules that every store must keep, ready to run on your own.
//!
//! The service relies on promises that types can't express. For example: if 64 callers create one
//! external pair at once, one asset is created; the row of a deleted asset stays until its upload
//! forms have expired; a dropped call leaves nothing half-done. Each promise is a rule: a function
//! that takes a fresh store and returns an error if the store breaks the promise.
//!
//! | suite | the store implements | and for seeding | run all rules | one test per rule |
//! |---|---|---|---|---|
//! | [`assets`] | [`AssetStore`] | [`DirectoryStore`] | [`run`] | [`conformance_tests!`](crate::conformance_tests) |
//! | [`purge`] | [`AssetStore`] and [`PurgeStore`] | [`DirectoryStore`] | [`run_purge`] | `conformance_tests!(…, purge, …)` |
//! | [`credentials`] | [`CredentialVerifier`] | [`SeedCredentials`] | [`run_credentials`] | `conformance_tests!(…, credentials, …)` |
//!
//! ```
//! use tower_asset_upload::{conformance, MemoryStore};
//!
//! # #[tokio::main(flavor = "multi_thread", worker_threads = 2)]
//! # async fn main() {
//! conformance::run(|| async { MemoryStore::new() }).await;
//! # }
//! ```
//!
//! With a macro, each rule is a test with its own name:
//!
//! ```
//! use tower_asset_upload::{conformance_tests, MemoryStore};
//!
//! conformance_tests!(memory_store, || async { MemoryStore::new() });
//! # fn main() {}
//! ```
//!
//! # Requirements
//! 1. **Each rule needs its own store.** Rules of [`assets`] and [`credentials`] touch only the
//!    data that they create, so these stores may share a database. Rules of [`purge`] work across
//!    workspaces, and each needs an empty database. Use [`Guarded`] to keep a temporary directory
//!    or the like alive as long as the store.
//! 2. **Tokio with several threads.** Rules about concurrency start 64 tasks at once. On one thread
//!    they would prove little, so the `run` functions panic there. The macro starts its own runtime.
//! 3. **Times to the microsecond**, the precision of PostgreSQL. A store may keep more.
//! 4. **No silent loss.** If a rule's documentation allows it, a store may refuse a value with
//!    [`StoreError::Failed`](crate::ports::StoreError::Failed). A store must never drop or cut a
//!    value silently.
//!
//! # Promises that these tests can't check
//! Test these yourself:
//! 1. Data that was acknowledged with `Ok` survives a crash.
//! 2. An outage is [`Unavailable`](crate::ports::StoreError::Unavailable), not `Failed`.
//! 3. A look-up of a credential takes the same time for every wrong secret.
//! 4. Each call is an index search.

pub mod assets;
pub mod credentials;
mod guarded;
mod own_stores;
pub mod purge;
mod runner;
mod seed;
mod together;
mod verdict;
mod world;

use crate::auth::CredentialVerifier;
use crate::ports::purge::PurgeStore;
use crate::ports::{AssetStore, DirectoryStore};

pub use guarded::Guarded;
#[doc(hidden)]
pub use runner::run_test;
pub use seed::SeedCredentials;
pub use verdict::{Broken, Rule, Verdict};

use runner::Runner;

/// Runs every rule of [`assets`], each on a store that `open` returns.
///
/// # Panics
/// If the store breaks a rule, with the names of the broken rules and the faults. Also outside a
/// Tokio runtime with several threads.
pub async fn run<Store, Open, Opening>(open: Open)
where
    Store: AssetStore + DirectoryStore + 'static,
    Open: Fn() -> Opening,
    Opening: Future<Output = Store>,
{
    let mut runner = Runner::new("AssetStore");
    macro_rules! each {
        ($($rule:ident: $why:literal,)*) => {$(
            runner.run(Rule::new(stringify!($rule), $why), assets::$rule(open().await)).await;
        )*};
    }
    crate::__asset_rules!((each));
    runner.finish();
}

/// Runs every rule of [`purge`], each on an empty store that `open` returns.
///
/// # Panics
/// As [`run`].
pub async fn run_purge<Store, Open, Opening>(open: Open)
where
    Store: AssetStore + PurgeStore + DirectoryStore + 'static,
    Open: Fn() -> Opening,
    Opening: Future<Output = Store>,
{
    let mut runner = Runner::new("PurgeStore");
    macro_rules! each {
        ($($rule:ident: $why:literal,)*) => {$(
            runner.run(Rule::new(stringify!($rule), $why), purge::$rule(open().await)).await;
        )*};
    }
    crate::__purge_rules!((each));
    runner.finish();
}

/// Runs every rule of [`credentials`], each on a store that `open` returns.
///
/// # Panics
/// As [`run`].
pub async fn run_credentials<Store, Open, Opening>(open: Open)
where
    Store: CredentialVerifier + SeedCredentials + 'static,
    Open: Fn() -> Opening,
    Opening: Future<Output = Store>,
{
    let mut runner = Runner::new("CredentialVerifier");
    macro_rules! each {
        ($($rule:ident: $why:literal,)*) => {$(
            runner.run(Rule::new(stringify!($rule), $why), credentials::$rule(open().await)).await;
        )*};
    }
    crate::__credential_rules!((each));
    runner.finish();
}

/// Declares a module with a `#[test]` for each rule of a [conformance](crate::conformance) suite.
///
/// The first argument is the name of the module. The second is the suite: `assets` (the default),
/// `purge` or `credentials`. The last is a closure that opens a store for one rule. Your crate
/// doesn't need Tokio among its dependencies.
///
///
/// ```
/// use tower_asset_upload::{conformance_tests, MemoryStore};
///
/// conformance_tests!(memory_store, || async { MemoryStore::new() });
/// conformance_tests!(memory_store_purge, purge, || async { MemoryStore::new() });
/// conformance_tests!(memory_store_credentials, credentials, || async { MemoryStore::new() });
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! conformance_tests {
    ($module:ident, assets, $open:expr $(,)?) => {
        $crate::__asset_rules!(($crate::__conformance_tests) $module assets ($open));
    };
    ($module:ident, purge, $open:expr $(,)?) => {
        $crate::__purge_rules!(($crate::__conformance_tests) $module purge ($open));
    };
    ($module:ident, credentials, $open:expr $(,)?) => {
        $crate::__credential_rules!(($crate::__conformance_tests) $module credentials ($open));
    };
    ($module:ident, $open:expr $(,)?) => {
        $crate::conformance_tests!($module, assets, $open);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($module:ident $suite:ident ($open:expr) $($rule:ident: $why:literal,)*) => {
        mod $module {
            #[allow(unused_imports, reason = "the closure may need them")]
            use super::*;

            $(
                #[test]
                fn $rule() {
                    $crate::conformance::run_test(
                        $crate::conformance::Rule::new(stringify!($rule), $why),
                        $open,
                        $crate::conformance::$suite::$rule,
                    );
                }
            )*
        }
    };
}
