//! The rules for an [`AssetStore`](crate::AssetStore).
//!
//! Each says what it demands, and what goes wrong where it is broken. They look at nothing but what
//! they made, so any number of them may run on one database at once.
#![expect(
    clippy::missing_errors_doc,
    reason = "a rule's error is always what the store does wrong"
)]

mod cancellation;
mod caps;
mod states;
mod tenancy;
mod uniqueness;
mod values;

pub(super) use cancellation::dropped;
pub use cancellation::*;
pub use caps::*;
pub use states::*;
pub use tenancy::*;
pub use uniqueness::*;
pub use values::*;

use super::Rule;

macro_rules! table {
    ($($rule:ident: $why:literal,)*) => {
        /// The rules of this suite, in the order in which they run.
        pub const RULES: &[Rule] = &[$(Rule::new(stringify!($rule), $why)),*];
    };
}

crate::__asset_rules!((table));

/// The one list of these rules; hands them to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __asset_rules {
    (($($then:tt)+) $($with:tt)*) => {
        $($then)+! { $($with)*
            only_active_members_enter:
                "else whoever has a key is at home everywhere, or learns which workspaces there are",
            nothing_crosses_workspaces:
                "else one tenant reads, completes or deletes another's files",
            projects_are_of_the_workspace_and_alive:
                "else files land in projects that their sender can't see",
            seeding_again_changes_nothing:
                "hosts seed at each start; that must not bring back the dead or lose the living",
            a_pair_is_unique_while_it_lives:
                "an importer that runs twice must find what it made, not make it twice",
            pairs_are_compared_exactly:
                "a collation that folds case or trims gives one caller another's asset",
            half_a_pair_identifies_nothing:
                "a unique index over empty labels lets one asset in and refuses all others",
            a_pending_duplicate_comes_back_whole:
                "the service signs again from it, for a client that crashed before its upload",
            an_id_is_taken_once:
                "an asset that is overwritten points to another's object",
            project_then_pair_then_caps:
                "a client that resumes must not be told that too much is pending",
            of_many_that_create_one_pair_one_wins:
                "looking first and inserting then makes two rows as soon as two callers meet",
            caps_count_what_is_pending:
                "a cap that miscounts locks a caller out for good or never holds",
            caps_count_what_is_discarded:
                "whoever creates and deletes in turn fills the table with one pending asset at a time",
            caps_hold_when_many_create:
                "a count before the insert lets as many past the cap as come at once",
            states_are_kept_and_taken_back:
                "what the object store said is the only proof of what was uploaded",
            a_change_begins_at_its_own_state:
                "what was recorded first is replaced by whoever uses a form twice",
            of_many_that_decide_one_does:
                "one caller is told that its file is safe while another has it removed",
            a_rejected_asset_is_final_and_its_pair_free:
                "its client has to make another one under the same pair, and just one",
            what_is_not_there_is_not_changed:
                "an update that answers yes for nothing tells a client that its file is safe",
            a_deleted_asset_is_gone_and_its_pair_free:
                "a deleted asset that is still found is served, and its pair can't be imported again",
            of_many_that_delete_one_succeeds:
                "what is deleted twice is counted and cleaned up twice",
            every_field_reads_back:
                "the form that is signed again and the download are made of these fields",
            unicode_reads_back_as_it_was:
                "a store that normalises or transliterates names an object that is not there",
            the_longest_values_are_kept:
                "a column that is too short answers 500 to the one user with a long file name",
            what_does_not_fit_is_refused_never_cut:
                "a key that was cut names another object, or none",
            a_dropped_create_is_whole_or_nothing:
                "clients hang up at any moment, and no half of an asset may stay or block its pair",
            a_dropped_change_is_whole_or_nothing:
                "a change that was half-made leaves counts and pairs that fit no asset",
        }
    };
}
