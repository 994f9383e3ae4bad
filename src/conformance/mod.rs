//! What every store has to do, as tests that you run on yours.
//!
//! The service leans on promises that a type can't state: that 64 callers make one pair once, that
//! a form outlives the asset it was signed for, that a caller who hangs up leaves nothing
//! half-done. Each is a rule here: a function that takes a fresh store, and says what the store did
//! instead.
//!
//! | suite | what the store is | seeded through | all at once | a test for each rule |
//! |---|---|---|---|---|
//! | [`assets`] | [`AssetStore`] | [`DirectoryStore`] | [`run`] | [`conformance_tests!`](crate::conformance_tests) |
//! | [`purge`] | also [`PurgeStore`] | [`DirectoryStore`] | [`run_purge`] | `conformance_tests!(…, purge, …)` |
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
//! Or, so that each failure has a name of its own:
//!
//! ```
//! use tower_asset_upload::{conformance_tests, MemoryStore};
//!
//! conformance_tests!(memory_store, || async { MemoryStore::new() });
//! # fn main() {}
//! ```
//!
//! # What the kit asks for
//! 1. **A store of its own for each rule.** [`assets`] and [`credentials`] only look at what they
//!    made, so there the stores may share a database; [`purge`] works across workspaces and needs
//!    an empty one each time. What has to live as long as the store, such as a temporary directory,
//!    goes into [`Guarded`].
//! 2. **Tokio, with several threads.** Rules about concurrency start 64 tasks at once; on one
//!    thread they would prove little, so the kit refuses that. The macro brings its own runtime.
//! 3. **Times to the microsecond**, which is what PostgreSQL keeps. More is welcome and not asked
//!    for.
//! 4. **What can't be kept is refused.** Where a rule's documentation says so, a store may answer
//!    [`StoreError::Failed`](crate::ports::StoreError::Failed) instead; none may drop or cut a value in
//!    silence.
//!
//! # What can't be checked from outside
//! That what was answered `Ok` survives a crash; that an outage is
//! [`Unavailable`](crate::ports::StoreError::Unavailable) and not `Failed`; that looking a credential up
//! takes the same time whether it is nearly right or not; that each call is an index search. Those
//! are yours to test.

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

/// Runs every rule of [`assets`], each on a store that `open` makes for it.
///
/// # Panics
/// With the names of the rules that the store breaks, and how; and outside a Tokio runtime of
/// several threads.
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

/// Runs every rule of [`purge`], each on an empty store that `open` makes for it.
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

/// Runs every rule of [`credentials`], each on a store that `open` makes for it.
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

/// A module with a `#[test]` for each rule of a suite of the [kit](crate::conformance).
///
/// The first argument names the module, the last is a closure that opens a store for a rule.
/// Between them stands the suite: `assets` (and so when left out), `purge` or `credentials`.
/// Neither Tokio nor its macros have to be among your dependencies.
///
/// ```
/// use tower_asset_upload::{conformance_tests, MemoryStore};
///
/// conformance_tests!(memory_store, || async { MemoryStore::new() });
/// conformance_tests!(purging_memory_store, purge, || async { MemoryStore::new() });
/// conformance_tests!(asking_memory_store, credentials, || async { MemoryStore::new() });
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
            #[allow(unused_imports, reason = "what the closure names")]
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
