//! What has to go.

use time::Duration;

use super::yard::{ALWAYS, NEVER, PURGED_AT, STALE_BEFORE, Yard, exactly, near, step};
use crate::conformance::seed::Seed;
use crate::conformance::verdict::{Verdict, demand, equal, seeded};
use crate::conformance::world::{TICK, caps};
use crate::difference::Difference;
use crate::purge::PurgeStore;
use crate::state::{Changed, StateChange, UploadState};
use crate::store::{AssetStore, Created};

/// Condemned are: assets that are deleted, and those that wait for their upload since before
/// `pending_before`, which are deleted by that as of `now`. In every workspace, also in one that is
/// deleted. No other asset is touched.
///
/// **Why.** What is named here is destroyed, and nothing brings it back. What is never named fills
/// the bucket for ever.
pub async fn only_the_deleted_and_the_stale_are_condemned<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + Seed,
{
    let yard = Yard::new(store).await?;
    let uploaded = yard.uploaded(-Duration::DAY).await?;
    let on_the_dot = yard.pending(Duration::ZERO).await?;
    let fresh = yard.pending(Duration::DAY).await?;
    let stale = yard.pending(-TICK).await?;
    let taken_back = yard.uploaded(-Duration::DAY).await?;
    yard.change(taken_back.id, StateChange::TakeBack).await?;
    let deleted = yard.deleted().await?;
    let deleted_pending = yard.pending(Duration::DAY).await?;
    equal(&yard.delete(deleted_pending.id).await?, &true, "`delete`")?;
    let mut abroad = yard.asset()?;
    abroad.created_at = STALE_BEFORE - Duration::DAY;
    yard.make_abroad(&abroad).await?;
    let removed = yard.store.remove_workspace(yard.abroad.id()).await;
    seeded("remove_workspace", removed)?;

    let home = yard.home.id();
    let wanted = [
        (home, &stale),
        (home, &taken_back),
        (home, &deleted),
        (home, &deleted_pending),
        (yard.abroad.id(), &abroad),
    ];
    // What is not said to be gone is named in every run.
    for _ in 0..2 {
        let named = yard.condemned(STALE_BEFORE, NEVER).await?;
        exactly(&named, &wanted, "the deleted and the stale")?;
        for condemned in &named {
            if [stale.id, taken_back.id, abroad.id].contains(&condemned.id) {
                demand(
                    near(condemned.deleted_at, PURGED_AT),
                    format_args!("given up at {PURGED_AT}, yet it is {condemned:?}"),
                )?;
            }
        }
    }
    yard.holds(&uploaded, &UploadState::Uploaded(None)).await?;
    yard.holds(&on_the_dot, &UploadState::Pending).await?;
    yard.holds(&fresh, &UploadState::Pending).await?;
    yard.lacks(stale.id, "given up").await?;
    yard.lacks(taken_back.id, "given up").await
}

/// What the clean-up gave up is as deleted as by its owner: it can't be completed, is found by
/// nobody, its pair is free and it doesn't count as pending. What takes the pair then is not
/// condemned with it.
///
/// **Why.** A client may complete its upload at that very moment. If the answer is yes, the file
/// that it was promised is destroyed a moment later.
pub async fn what_is_given_up_can_not_be_completed<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + Seed,
{
    let yard = Yard::new(store).await?;
    let mut stale = yard.asset_with("github", "7")?;
    stale.created_at = STALE_BEFORE - Duration::DAY;
    yard.make(&stale).await?;
    let named = yard.condemned(STALE_BEFORE, NEVER).await?;
    yard.are(&named, &[&stale], "the stale one")?;

    for change in [StateChange::Complete(None), StateChange::TakeBack] {
        let set = yard.set_state(stale.id, &change).await?;
        equal(&set, &Changed::NotFound, "`set_state` of what was given up")?;
    }
    let again = yard.delete(stale.id).await?;
    equal(&again, &false, "`delete` of what was given up")?;
    yard.lacks(stale.id, "given up").await?;
    let heir = yard.asset_with("github", "7")?;
    let created = yard.create_capped(&heir, caps(1, 1)).await?;
    equal(&created, &Created::New, "after giving up, `create`")?;

    let named = yard.condemned(STALE_BEFORE, ALWAYS).await?;
    yard.are(&named, &[&stale], "the stale one")?;
    yard.report(&named, ALWAYS).await?;
    yard.holds(&heir, &UploadState::Pending).await?;
    let named = yard.graves().await?;
    yard.are(&named, &[], "after all is gone")
}

/// An asset that was completed before the clean-up came stays, however old it is, and so do its
/// fields.
///
/// **Why.** The one mistake that can't be made good.
pub async fn what_was_completed_in_time_stays<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + Seed,
{
    let yard = Yard::new(store).await?;
    let uploaded = UploadState::Uploaded(None);
    let mut kept = Vec::new();
    for days in 1..=3 {
        kept.push(yard.uploaded(Duration::days(-400 * days)).await?);
    }
    // A clean-up that passed while it was still fresh must not remember it as pending.
    let late = yard.pending(-Duration::HOUR).await?;
    let named = yard.condemned(STALE_BEFORE - Duration::DAY, NEVER).await?;
    yard.are(&named, &[], "nothing is stale")?;
    yard.change(late.id, StateChange::Complete(None)).await?;
    kept.push(late);
    for before in [STALE_BEFORE, ALWAYS] {
        let named = yard.condemned(before, ALWAYS).await?;
        yard.are(&named, &[], "all is uploaded")?;
    }
    for new in &kept {
        yard.holds(new, &uploaded).await?;
    }
    // Nor may it remember as uploaded what is taken back.
    let back = &kept[0];
    yard.change(back.id, StateChange::TakeBack).await?;
    let named = yard.condemned(STALE_BEFORE, NEVER).await?;
    yard.are(&named, &[back], "one was taken back")
}

/// A rejected asset is given up by the first clean-up that comes, whenever it was made: it is deleted
/// as of `now` and named, at most `most` of them in a step. What has its pair since is left alone.
///
/// **Why.** Nobody can do anything with it any more. What was uploaded in its stead, and all that its
/// form may still put there, is removed by no one else.
pub async fn the_rejected_are_given_up_at_once<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + Seed,
{
    const MOST: usize = 2;
    let yard = Yard::new(store).await?;
    let mut rejected = Vec::new();
    for days in [-400, -1, 0, 1, 5] {
        let mut new = yard.asset_with("github", &days.to_string())?;
        new.created_at = STALE_BEFORE + Duration::days(days);
        yard.make(&new).await?;
        let difference = Difference::new("The object has 5 bytes; 7 were announced.");
        yard.change(new.id, StateChange::Reject(difference)).await?;
        rejected.push(new);
    }
    let heir = yard.asset_with("github", "1")?;
    yard.make(&heir).await?;
    let uploaded = yard.uploaded(-Duration::DAY).await?;

    let mut named = Vec::new();
    let mut step = step(NEVER, ALWAYS, 2);
    loop {
        let condemned = yard.purge(&step).await?;
        demand(condemned.len() <= MOST, "`purge` names more than `most`")?;
        let mut left = 0;
        for new in &rejected {
            left += usize::from(yard.find(new.id).await?.is_some());
        }
        demand(
            left + MOST + named.len() >= rejected.len(),
            format_args!("`purge` gives up more than {MOST} in a step: {left} are left"),
        )?;
        let Some(last) = condemned.last() else {
            break;
        };
        step.after = Some(last.clone());
        step.now += Duration::SECOND;
        named.extend(condemned);
        demand(
            named.len() <= rejected.len(),
            "`purge` names something twice",
        )?;
    }
    let wanted: Vec<_> = rejected.iter().collect();
    yard.are(&named, &wanted, "the rejected")?;
    for condemned in &named {
        demand(
            condemned.deleted_at >= PURGED_AT - TICK,
            format_args!("given up at {PURGED_AT} or later, yet it is {condemned:?}"),
        )?;
        yard.lacks(condemned.id, "given up").await?;
    }
    yard.report(&named, ALWAYS).await?;
    yard.holds(&heir, &UploadState::Pending).await?;
    yard.holds(&uploaded, &UploadState::Uploaded(None)).await
}

/// A step gives up at most `most` assets, the oldest first, and names at most `most`, in their
/// order. Step by step all of them get their turn.
///
/// **Why.** After a month without a clean-up there are a million. A statement for all of them locks
/// the table for minutes, and its answer fills the memory.
pub async fn a_step_takes_on_so_many_and_no_more<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + Seed,
{
    const MOST: usize = 3;
    let yard = Yard::new(store).await?;
    let mut stale = Vec::new();
    // In no order of time.
    for hours in [5, 1, 7, 3, 8, 2, 6, 4] {
        stale.push(yard.pending(Duration::hours(-hours)).await?);
    }
    stale.sort_by_key(|new| new.created_at);
    let mut deleted = Vec::new();
    for _ in 0..4 {
        deleted.push(yard.deleted().await?);
    }
    let mut named = Vec::new();
    let mut step = step(STALE_BEFORE, NEVER, 3);
    for round in 1.. {
        // Later each time, so that what is given up stands at the end of the line.
        step.now = ALWAYS - Duration::days(1_000 - round);
        let condemned = yard.purge(&step).await?;
        demand(
            condemned.len() <= MOST,
            format_args!("`purge` names {} of {MOST} at most", condemned.len()),
        )?;
        let given_up = usize::try_from(round).unwrap_or(usize::MAX) * MOST;
        for (place, new) in stale.iter().enumerate() {
            let found = yard.find(new.id).await?;
            demand(
                found.is_none() == (place < given_up),
                format_args!(
                    "after step {round} the {}. oldest of {} is {}",
                    place + 1,
                    stale.len(),
                    if found.is_none() { "given up" } else { "kept" }
                ),
            )?;
        }
        step.after = condemned.last().cloned();
        if condemned.is_empty() {
            break;
        }
        named.extend(condemned);
        demand(
            named.len() <= stale.len() + deleted.len(),
            "`purge` names something twice",
        )?;
    }
    let all: Vec<_> = stale.iter().chain(&deleted).collect();
    yard.are(&named, &all, "the steps of a run together")
}

/// A run that passes over some of what it was told to remove is not told of them again; the next
/// run is.
///
/// **Why.** One object that can't be removed (a legal hold, a wrong grant) would be named first for
/// ever, and nothing behind it would ever get its turn.
pub async fn the_cursor_passes_over_what_failed<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + Seed,
{
    let yard = Yard::new(store).await?;
    let mut deleted = Vec::new();
    for _ in 0..10 {
        deleted.push(yard.deleted().await?);
    }
    let all: Vec<_> = deleted.iter().collect();
    for _ in 0..2 {
        let mut named = Vec::new();
        let mut step = step(NEVER, NEVER, 3);
        loop {
            let condemned = yard.purge(&step).await?;
            let Some(last) = condemned.last() else {
                break;
            };
            step.after = Some(last.clone());
            named.extend(condemned);
            demand(named.len() <= all.len(), "`purge` names something twice")?;
        }
        yard.are(&named, &all, "a run in which nothing works")?;
    }
    // Every third works.
    let named = yard.due().await?;
    let gone: Vec<_> = named.iter().step_by(3).cloned().collect();
    let mut rest = named.clone();
    rest.retain(|condemned| !gone.contains(condemned));
    let mut step = step(NEVER, NEVER, 3);
    step.after = named.last().cloned();
    step.gone = gone;
    let behind = yard.purge(&step).await?;
    demand(behind.is_empty(), "`purge` names what is before `after`")?;
    demand(
        yard.due().await? == rest,
        "the next run names something else than what has failed",
    )
}
