//! The rules for a [`PurgeStore`](crate::purge::PurgeStore).
//!
//! The clean-up works across workspaces: each rule needs a store with nothing in it, and to itself.
#![expect(
    clippy::missing_errors_doc,
    reason = "a rule's error is always what the store does wrong"
)]

mod condemning;
mod crowd;
mod forgetting;
mod purge_world;

pub use condemning::*;
pub use crowd::*;
pub use forgetting::*;

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
            the_store_tells_the_time:
                "a clock that is a week ahead gives up every upload that is going on",
            only_the_deleted_and_the_stale_are_condemned:
                "whatever is named here is destroyed, and nothing brings it back",
            what_is_given_up_can_not_be_completed:
                "a client that is told yes has thrown away its copy of what is destroyed next",
            what_was_completed_in_time_stays:
                "the one mistake that can't be made good",
            what_is_taken_back_has_its_time_anew:
                "an old upload would be destroyed the moment it is taken back",
            the_rejected_are_given_up_at_once:
                "nobody can complete them, and nothing else removes what their forms put there",
            a_step_takes_on_so_many_and_no_more:
                "a statement for a month's worth locks the table for minutes",
            the_cursor_passes_over_what_failed:
                "one object that can't be removed would hold up all behind it for ever",
            what_fails_is_put_off:
                "an object that takes ten seconds to fail takes them from all others, run after run",
            a_row_goes_only_after_its_object:
                "the row is all that knows the key; without it the object is paid for and never found",
            a_row_waits_for_its_forms:
                "a form outlives its asset and can put the object back once the row is gone",
            both_sorts_come_in_one_order:
                "the cursor would pass over what belongs in between",
            only_the_deleted_are_forgotten:
                "a late clean-up reports what is long forgotten, or lives",
            what_is_forgotten_counts_no_more:
                "a cap that is never given back locks its caller out for good",
            many_clean_ups_at_once_do_nothing_wrong:
                "every replica runs it by the same schedule",
            completing_and_giving_up_exclude_each_other:
                "deciding in one statement and deleting in the next destroys what was completed in between",
            a_dropped_step_loses_nothing:
                "hosts stop at any moment, and what was marked and not named is left to nobody",
        }
    };
}
