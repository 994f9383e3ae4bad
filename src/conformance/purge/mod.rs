//! The rules for a [`PurgeStore`](crate::purge::PurgeStore).
//!
//! A purge works across workspaces, so each rule needs an empty database of its own.
//!
//! A *stale* asset has been pending since before [`PurgeStep::pending_before`]. A purge *gives up*
//! stale and rejected assets: it deletes them. A *condemned* asset is deleted, and its object is
//! due for removal.
//!
//! [`PurgeStep::pending_before`]: crate::purge::PurgeStep::pending_before
#![expect(
    clippy::missing_errors_doc,
    reason = "a rule's error is always a fault of the store"
)]

mod concurrency;
mod condemning;
mod forgetting;
mod purge_world;

pub use concurrency::*;
pub use condemning::*;
pub use forgetting::*;

use super::Rule;

macro_rules! table {
    ($($rule:ident: $why:literal,)*) => {
        /// The rules of this suite, in the order in which they run.
        pub const RULES: &[Rule] = &[$(Rule::new(stringify!($rule), $why)),*];
    };
}

crate::__purge_rules!((table));

/// The single list of these rules. Passes them to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __purge_rules {
    (($($then:tt)+) $($with:tt)*) => {
        $($then)+! { $($with)*
            the_store_tells_the_time:
                "with a clock that is a week ahead, a purge deletes every upload in progress",
            only_the_deleted_and_the_stale_are_condemned:
                "the host destroys the object of every condemned asset, and can't restore it",
            what_is_given_up_can_not_be_completed:
                "a client discards its copy of the file when its completion succeeds",
            what_was_completed_in_time_stays:
                "a purge that deletes a completed asset destroys a file that a client was told is safe",
            what_is_taken_back_has_its_time_anew:
                "otherwise a purge would destroy an old upload as soon as its client takes it back",
            the_rejected_are_given_up_at_once:
                "nobody can complete them, and only the purge removes objects that their forms still upload",
            a_step_takes_on_so_many_and_no_more:
                "a single statement for a month's assets locks the table for minutes",
            the_cursor_passes_over_what_failed:
                "otherwise one object that can't be removed blocks all others for ever",
            what_fails_is_put_off:
                "otherwise an object that takes ten seconds to fail delays every run",
            a_row_goes_only_after_its_object:
                "only the row holds the key; without the row nobody finds the object, but the host pays for it",
            a_row_waits_for_its_forms:
                "a form outlives its asset, and can upload the object again after the row is removed",
            both_sorts_come_in_one_order:
                "otherwise the cursor skips the assets that belong in between",
            only_the_deleted_are_forgotten:
                "a slow run may report assets whose rows are gone, or that live",
            what_is_forgotten_counts_no_more:
                "a cap that is never released locks its caller out for good",
            many_clean_ups_at_once_do_nothing_wrong:
                "every replica runs the purge on the same schedule",
            completing_and_giving_up_exclude_each_other:
                "a look-up followed by a deletion destroys an upload that was completed in between",
            a_dropped_step_loses_nothing:
                "a host can stop at any moment; an asset that is marked but not returned would be lost",
        }
    };
}
