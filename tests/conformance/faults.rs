//! What a store can do wrong, and which rule is there for it.

/// One mistake, as it is made in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Any call panics that has a cap.
    Panics,

    // Tenancy.
    LetsStrangersIn,
    FoldsTheCaseOfSlugs,
    FindsByIdAlone,
    ChangesByIdAlone,
    TakesAnyProject,
    SeedsMembersOnce,

    // Uniqueness.
    ForgetsThePairsOfUploads,
    FoldsTheCaseOfPairs,
    TakesHalfAPairForOne,
    AnswersWithTheNewRequest,
    CallsATakenIdUnavailable,
    ReplacesATakenId,
    LooksAtCapsFirst,
    LooksForThePairFirst,

    // Caps and states.
    CountsNothing,
    CountsDeletedOnes,
    CountsBeforeItInserts,
    DropsTheEntityTag,
    DropsTheDifference,
    ChangesFromAnyState,
    LooksBeforeItDecides,
    TellsTheStateItLookedAt,
    KeepsThePairsOfTheRejected,
    FreesPairsTwice,
    CountsTheRejected,
    CountsTheLivingOnly,
    SaysYesToAnything,
    KeepsThePairsOfTheDead,
    LooksBeforeItDeletes,

    // Values.
    DropsTheProject,
    DropsTheTime,
    KeepsAsciiOnly,
    HasShortColumns,
    CutsLongKeys,
    DropsTheChecksum,

    // Cancellation.
    CreatesInTwoSteps,
    DeletesInTwoSteps,

    // Clean-up.
    ItsClockStandsStill,
    GoesByTheMakersClock,
    MeasuresSinceItWasMade,
    TriesAgainAtOnce,
    NeverForgetsWhatItCounted,
    CondemnsTheFresh,
    SparesTheWorkspacesThatAreGone,
    SparesTheRejected,
    GivesUpAllTheRejected,
    NamesWithoutDeleting,
    ForgetsThatItIsUploaded,
    KnowsNoBounds,
    KnowsNoCursor,
    ForgetsRowsBeforeObjects,
    ForgetsRowsAtOnce,
    NeverLooksAgain,
    NamesOneSortAfterTheOther,
    ForgetsByIdAlone,
    NamesNothingTwice,
    GivesUpInTwoStatements,
    LooksBeforeItGivesUp,
    MarksWhatItWillName,

    // Credentials.
    KeepsTheFirstOwner,
    FoldsTheCaseOfKeys,
    TakesAKeyForAToken,
    GrantsEverything,
    KnowsNoEnd,
    KnowsNoSwitch,
}

/// Each rule is here at least once.
pub(crate) const CAUGHT: &[(Fault, &str)] = &[
    (Fault::LetsStrangersIn, "only_active_members_enter"),
    (Fault::FoldsTheCaseOfSlugs, "only_active_members_enter"),
    (Fault::FindsByIdAlone, "nothing_crosses_workspaces"),
    (Fault::ChangesByIdAlone, "nothing_crosses_workspaces"),
    (
        Fault::TakesAnyProject,
        "projects_are_of_the_workspace_and_alive",
    ),
    (Fault::SeedsMembersOnce, "seeding_again_changes_nothing"),
    (
        Fault::ForgetsThePairsOfUploads,
        "a_pair_is_unique_while_it_lives",
    ),
    (Fault::FoldsTheCaseOfPairs, "pairs_are_compared_exactly"),
    (
        Fault::TakesHalfAPairForOne,
        "half_a_pair_identifies_nothing",
    ),
    (
        Fault::AnswersWithTheNewRequest,
        "a_pending_duplicate_comes_back_whole",
    ),
    (Fault::CallsATakenIdUnavailable, "an_id_is_taken_once"),
    (Fault::ReplacesATakenId, "an_id_is_taken_once"),
    (Fault::LooksAtCapsFirst, "project_then_pair_then_caps"),
    (
        Fault::LooksForThePairFirst,
        "of_many_that_create_one_pair_one_wins",
    ),
    (Fault::CountsNothing, "caps_count_what_is_pending"),
    (Fault::CountsDeletedOnes, "caps_count_what_is_pending"),
    (Fault::CountsBeforeItInserts, "caps_hold_when_many_create"),
    (Fault::DropsTheEntityTag, "states_are_kept_and_taken_back"),
    (Fault::DropsTheDifference, "states_are_kept_and_taken_back"),
    (
        Fault::ChangesFromAnyState,
        "a_change_begins_at_its_own_state",
    ),
    (Fault::LooksBeforeItDecides, "of_many_that_decide_one_does"),
    (
        Fault::TellsTheStateItLookedAt,
        "of_many_that_decide_one_does",
    ),
    (
        Fault::KeepsThePairsOfTheRejected,
        "a_rejected_asset_is_final_and_its_pair_free",
    ),
    (
        Fault::FreesPairsTwice,
        "a_rejected_asset_is_final_and_its_pair_free",
    ),
    (Fault::CountsTheRejected, "caps_count_what_is_pending"),
    (Fault::SaysYesToAnything, "what_is_not_there_is_not_changed"),
    (
        Fault::KeepsThePairsOfTheDead,
        "a_deleted_asset_is_gone_and_its_pair_free",
    ),
    (
        Fault::LooksBeforeItDeletes,
        "of_many_that_delete_one_succeeds",
    ),
    (Fault::DropsTheProject, "every_field_reads_back"),
    (Fault::DropsTheTime, "every_field_reads_back"),
    (Fault::KeepsAsciiOnly, "unicode_reads_back_as_it_was"),
    (Fault::HasShortColumns, "the_longest_values_are_kept"),
    (
        Fault::CutsLongKeys,
        "what_does_not_fit_is_refused_never_cut",
    ),
    (
        Fault::DropsTheChecksum,
        "what_does_not_fit_is_refused_never_cut",
    ),
    (
        Fault::CreatesInTwoSteps,
        "a_dropped_create_is_whole_or_nothing",
    ),
    (
        Fault::DeletesInTwoSteps,
        "a_dropped_change_is_whole_or_nothing",
    ),
    (Fault::CountsTheLivingOnly, "caps_count_what_is_discarded"),
    (Fault::ItsClockStandsStill, "the_store_tells_the_time"),
    (
        Fault::GoesByTheMakersClock,
        "only_the_deleted_and_the_stale_are_condemned",
    ),
    (
        Fault::MeasuresSinceItWasMade,
        "what_is_taken_back_has_its_time_anew",
    ),
    (Fault::TriesAgainAtOnce, "what_fails_is_put_off"),
    (
        Fault::NeverForgetsWhatItCounted,
        "what_is_forgotten_counts_no_more",
    ),
    (
        Fault::CondemnsTheFresh,
        "only_the_deleted_and_the_stale_are_condemned",
    ),
    (
        Fault::SparesTheWorkspacesThatAreGone,
        "only_the_deleted_and_the_stale_are_condemned",
    ),
    (
        Fault::SparesTheRejected,
        "the_rejected_are_given_up_at_once",
    ),
    (
        Fault::GivesUpAllTheRejected,
        "the_rejected_are_given_up_at_once",
    ),
    (
        Fault::NamesWithoutDeleting,
        "what_is_given_up_can_not_be_completed",
    ),
    (
        Fault::ForgetsThatItIsUploaded,
        "what_was_completed_in_time_stays",
    ),
    (Fault::KnowsNoBounds, "a_step_takes_on_so_many_and_no_more"),
    (Fault::KnowsNoCursor, "the_cursor_passes_over_what_failed"),
    (
        Fault::ForgetsRowsBeforeObjects,
        "a_row_goes_only_after_its_object",
    ),
    (Fault::ForgetsRowsAtOnce, "a_row_waits_for_its_forms"),
    (Fault::NeverLooksAgain, "a_row_waits_for_its_forms"),
    (
        Fault::NamesOneSortAfterTheOther,
        "both_sorts_come_in_one_order",
    ),
    (Fault::ForgetsByIdAlone, "only_the_deleted_are_forgotten"),
    (
        Fault::NamesNothingTwice,
        "many_clean_ups_at_once_do_nothing_wrong",
    ),
    (
        Fault::GivesUpInTwoStatements,
        "many_clean_ups_at_once_do_nothing_wrong",
    ),
    (
        Fault::LooksBeforeItGivesUp,
        "completing_and_giving_up_exclude_each_other",
    ),
    (Fault::MarksWhatItWillName, "a_dropped_step_loses_nothing"),
    (Fault::KeepsTheFirstOwner, "a_credential_tells_whose_it_is"),
    (
        Fault::FoldsTheCaseOfKeys,
        "what_is_almost_a_credential_is_none",
    ),
    (
        Fault::TakesAKeyForAToken,
        "what_is_almost_a_credential_is_none",
    ),
    (
        Fault::GrantsEverything,
        "a_credential_carries_what_it_was_granted",
    ),
    (Fault::KnowsNoEnd, "a_credential_ends_at_its_end"),
    (Fault::KnowsNoSwitch, "a_disabled_credential_is_none"),
];
