//! The rules for an [`AssetStore`](crate::AssetStore).
//!
//! A rule's documentation says what it demands and why. Rules touch only the data that they create,
//! so they may run concurrently on one database.
//!
//! A *living* asset is one that isn't deleted. The *external pair* of an asset is
//! [`ExternalRef::pair`](crate::asset::ExternalRef::pair).
#![expect(
    clippy::missing_errors_doc,
    reason = "a rule's error is always a fault of the store"
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

/// The single list of these rules. Passes them to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __asset_rules {
    (($($then:tt)+) $($with:tt)*) => {
        $($then)+! { $($with)*
            only_active_members_enter:
                "otherwise any key opens every workspace, or reveals which workspaces exist",
            nothing_crosses_workspaces:
                "otherwise one tenant reads, completes or deletes another's files",
            projects_are_of_the_workspace_and_alive:
                "otherwise files land in projects that the uploader can't see",
            seeding_again_changes_nothing:
                "hosts seed at each start; that must not restore deleted data or lose living data",
            a_pair_is_unique_while_it_lives:
                "an importer that runs twice must find its assets, not create them twice",
            pairs_are_compared_exactly:
                "a collation that folds case or trims returns another caller's asset",
            half_a_pair_identifies_nothing:
                "a unique index over empty labels accepts one asset and refuses all others",
            a_pending_duplicate_comes_back_whole:
                "a client that crashed before its upload gets new upload data, signed from these fields",
            an_id_is_taken_once:
                "an overwritten asset points to another asset's object",
            project_then_pair_then_caps:
                "a client that resumes must get its asset back, even at its cap",
            of_many_that_create_one_pair_one_wins:
                "a look-up followed by an insert creates two rows when two callers meet",
            caps_count_what_is_pending:
                "a cap that miscounts locks a caller out for good, or never holds",
            caps_count_what_is_discarded:
                "a caller that creates and deletes in turn has one pending asset, and fills the table",
            caps_hold_when_many_create:
                "a count before the insert lets all concurrent callers exceed the cap",
            states_are_kept_and_taken_back:
                "the recorded description of the object is the only proof of the upload",
            a_change_begins_at_its_own_state:
                "otherwise a client that uses its form twice replaces the recorded description",
            of_many_that_decide_one_does:
                "otherwise one caller is told that its file is safe while another has it removed",
            a_rejected_asset_is_final_and_its_pair_free:
                "the client has to create one other asset with the same external pair",
            what_is_not_there_is_not_changed:
                "an update that succeeds without a row tells a client that its file is safe",
            a_deleted_asset_is_gone_and_its_pair_free:
                "a deleted asset that is still found is served, and its external pair can't be imported again",
            of_many_that_delete_one_succeeds:
                "an asset that is deleted twice is counted and purged twice",
            every_field_reads_back:
                "new upload data and downloads are signed from these fields",
            unicode_reads_back_as_it_was:
                "a store that normalises or transliterates a key points to an object that doesn't exist",
            the_longest_values_are_kept:
                "with a column that is too short, a user with a long file name gets a 500",
            what_does_not_fit_is_refused_never_cut:
                "a cut key points to another object, or to none",
            a_dropped_create_is_whole_or_nothing:
                "clients hang up at any moment; half an asset must not stay or block its external pair",
            a_dropped_change_is_whole_or_nothing:
                "a half-made change leaves counts and external pairs that match no asset",
        }
    };
}
