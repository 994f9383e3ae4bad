//! The rules for a [`PurgeStore`](crate::PurgeStore).
//!
//! The clean-up works across workspaces: each rule needs a store with nothing in it, and to itself.
#![expect(
    clippy::missing_errors_doc,
    reason = "a rule's error is always what the store does wrong"
)]

mod steps;

pub use steps::*;

use super::Rule;

macro_rules! table {
    ($($rule:ident: $why:literal,)*) => {
        /// The rules of this suite, in the order in which they run.
        pub const RULES: &[Rule] = &[$(Rule::new(stringify!($rule), $why)),*];
    };
}

crate::__purge_rules!((table));

/// The one list of these rules; hands them to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __purge_rules {
    (($($then:tt)+) $($with:tt)*) => {
        $($then)+! { $($with)*
            only_the_deleted_and_the_stale_are_condemned:
                "whatever is named here is destroyed, and nothing brings it back",
        }
    };
}
