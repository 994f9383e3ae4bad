//! What has to go.

use time::Duration;

use super::purge_world::{ALWAYS, NEVER, PurgeWorld, exactly, near};
use crate::asset::{ChangeOutcome, Mismatch, StateChange, UploadState};
use crate::conformance::verdict::{Verdict, demand, equal, seeded};
use crate::conformance::world::{NOW, TICK, caps};
use crate::ports::DirectoryStore;
use crate::ports::purge::{FailedRemoval, PurgeStore};
use crate::ports::{AssetStore, CreateOutcome};

/// The store's clock runs. Where the store tells the newest moment that it has recorded, that is no
/// earlier than the last asset made.
///
/// **Why.** Ages are measured by this clock. A host's clock that is a week ahead would give up every
/// upload that is going on; what was recorded last is all that tells.
pub async fn the_store_tells_the_time<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::before_any_run(store).await?;
    for _ in 0..3 {
        let before = world.moment().await?;
        world.pending().await?;
        let time = world.time().await?;
        demand(
            time.now > before,
            format_args!("`time` says {} after it said {before}", time.now),
        )?;
        let recorded = time.last_recorded.unwrap_or(time.now);
        demand(
            recorded > before && recorded <= time.now + TICK,
            format_args!(
                "an asset was made between {before} and {}, and the newest moment is {recorded}",
                time.now
            ),
        )?;
    }
    Ok(())
}

/// Condemned are: assets that are deleted, and those that are pending since before `pending_before`,
/// which are deleted by that as of `now`. In every workspace, also in one that is deleted. No other
/// asset is touched.
///
/// An asset is pending since it was made or taken back, by the store's clock. When it was made by the
/// clock of its maker doesn't matter.
///
/// **Why.** What is named here is destroyed, and nothing brings it back. What is never named fills
/// the bucket for ever.
pub async fn only_the_deleted_and_the_stale_are_condemned<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let uploaded = world.uploaded().await?;
    let mut stale = world.asset()?;
    stale.created_at = ALWAYS;
    world.make(&stale).await?;
    let taken_back = world.uploaded().await?;
    world.change(taken_back.id, StateChange::TakeBack).await?;
    let deleted = world.deleted().await?;
    let abroad = world.asset()?;
    world.make_abroad(&abroad).await?;
    let removed = world.store.remove_workspace(world.abroad.id()).await;
    seeded("remove_workspace", removed)?;
    let taken_back_later = world.uploaded().await?;
    let twice = world.uploaded().await?;
    world.change(twice.id, StateChange::TakeBack).await?;
    world.change(twice.id, StateChange::Complete(None)).await?;

    let stale_before = world.moment().await?;
    let fresh = world.pending().await?;
    for back in [&taken_back_later, &twice] {
        world.change(back.id, StateChange::TakeBack).await?;
    }
    let deleted_pending = world.pending().await?;
    equal(&world.delete(deleted_pending.id).await?, &true, "`delete`")?;

    let home = world.home.id();
    let wanted = [
        (home, &stale),
        (home, &taken_back),
        (home, &deleted),
        (home, &deleted_pending),
        (world.abroad.id(), &abroad),
    ];
    // What is not said to be gone is named in every run.
    for _ in 0..2 {
        let named = world.condemned(stale_before, NEVER).await?;
        exactly(&named, &wanted, "the deleted and the stale")?;
        for condemned in &named {
            if [stale.id, taken_back.id, abroad.id].contains(&condemned.id) {
                let purged_at = world.purged_at();
                demand(
                    near(condemned.deleted_at, purged_at),
                    format_args!("given up at {purged_at}, yet it is {condemned:?}"),
                )?;
            }
        }
    }
    world.holds(&uploaded, &UploadState::Uploaded(None)).await?;
    for pending in [&fresh, &taken_back_later, &twice] {
        world.holds(pending, &UploadState::Pending).await?;
    }
    world.lacks(stale.id, "given up").await?;
    world.lacks(taken_back.id, "given up").await
}

/// What the clean-up gave up is as deleted as by its owner: it can't be completed, is found by
/// nobody, its pair is free and it doesn't count as pending. What takes the pair then is not
/// condemned with it.
///
/// **Why.** A client may complete its upload at that very moment. If the answer is yes, the file
/// that it was promised is destroyed a moment later.
pub async fn what_is_given_up_can_not_be_completed<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let stale = world.asset_with("github", "7")?;
    world.make(&stale).await?;
    let stale_before = world.moment().await?;
    let named = world.condemned(stale_before, NEVER).await?;
    world.are(&named, &[&stale], "the stale one")?;

    for change in [StateChange::Complete(None), StateChange::TakeBack] {
        let set = world.set_state(stale.id, &change).await?;
        equal(
            &set,
            &ChangeOutcome::NotFound,
            "`set_state` of what was given up",
        )?;
    }
    let again = world.delete(stale.id).await?;
    equal(&again, &false, "`delete` of what was given up")?;
    world.lacks(stale.id, "given up").await?;
    let heir = world.asset_with("github", "7")?;
    let created = world.create_capped(&heir, caps(1, 1)).await?;
    equal(&created, &CreateOutcome::New, "after giving up, `create`")?;

    let named = world.condemned(stale_before, ALWAYS).await?;
    world.are(&named, &[&stale], "the stale one")?;
    world.report(&named, ALWAYS).await?;
    world.holds(&heir, &UploadState::Pending).await?;
    let named = world.graves().await?;
    world.are(&named, &[], "after all is gone")
}

/// An asset that was completed before the clean-up came stays, however old it is, and so do its
/// fields.
///
/// **Why.** The one mistake that can't be made good.
pub async fn what_was_completed_in_time_stays<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let uploaded = UploadState::Uploaded(None);
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(world.uploaded().await?);
    }
    // A clean-up that passed while it was still fresh must not remember it as pending.
    let fresh_since = world.moment().await?;
    let late = world.pending().await?;
    let named = world.condemned(fresh_since, NEVER).await?;
    world.are(&named, &[], "nothing is stale")?;
    world.change(late.id, StateChange::Complete(None)).await?;
    kept.push(late);
    for before in [world.moment().await?, ALWAYS] {
        let named = world.condemned(before, ALWAYS).await?;
        world.are(&named, &[], "all is uploaded")?;
    }
    for new in &kept {
        world.holds(new, &uploaded).await?;
    }
    // Nor may it remember as uploaded what is taken back.
    let back = &kept[0];
    world.change(back.id, StateChange::TakeBack).await?;
    let before = world.moment().await?;
    let named = world.condemned(before, NEVER).await?;
    world.are(&named, &[back], "one was taken back")
}

/// An asset that was complete and is taken back waits for its upload anew, however old it is. If it is
/// complete again before its time is up, it stays.
///
/// **Why.** Whoever takes an upload back still has all the time that a new one has. Measured since the
/// asset was made, an old one would be destroyed the moment it is taken back.
pub async fn what_is_taken_back_has_its_time_anew<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let new = world.uploaded().await?;
    for _ in 0..3 {
        let stale_before = world.moment().await?;
        world.change(new.id, StateChange::TakeBack).await?;
        let named = world.condemned(stale_before, ALWAYS).await?;
        world.are(&named, &[], "it was taken back just now")?;
        world.holds(&new, &UploadState::Pending).await?;
        world.change(new.id, StateChange::Complete(None)).await?;
    }
    world.holds(&new, &UploadState::Uploaded(None)).await
}

/// A rejected asset is given up by the first clean-up that comes, whenever it was made: it is deleted
/// as of `now` and named, at most `most` of them in a step. What has its pair since is left alone.
///
/// **Why.** Nobody can do anything with it any more. What was uploaded in its stead, and all that its
/// form may still put there, is removed by no one else.
pub async fn the_rejected_are_given_up_at_once<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    const MOST: usize = 2;
    let world = PurgeWorld::new(store).await?;
    let mut rejected = Vec::new();
    for days in [-400, -1, 0, 1, 5] {
        let mut new = world.asset_with("github", &days.to_string())?;
        new.created_at = NOW + Duration::days(days);
        world.make(&new).await?;
        let difference = Mismatch::new("The object has 5 bytes; 7 were announced.");
        world
            .change(new.id, StateChange::Reject(difference))
            .await?;
        rejected.push(new);
    }
    let heir = world.asset_with("github", "1")?;
    world.make(&heir).await?;
    let uploaded = world.uploaded().await?;

    let mut named = Vec::new();
    let mut step = world.step(NEVER, ALWAYS, 2);
    loop {
        let condemned = world.purge(&step).await?;
        demand(condemned.len() <= MOST, "`purge` names more than `most`")?;
        let mut left = 0;
        for new in &rejected {
            left += usize::from(world.find(new.id).await?.is_some());
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
    world.are(&named, &wanted, "the rejected")?;
    for condemned in &named {
        demand(
            condemned.deleted_at >= world.purged_at() - TICK,
            format_args!("given up too early: {condemned:?}"),
        )?;
        world.lacks(condemned.id, "given up").await?;
    }
    world.report(&named, ALWAYS).await?;
    world.holds(&heir, &UploadState::Pending).await?;
    world.holds(&uploaded, &UploadState::Uploaded(None)).await
}

/// A step gives up at most `most` assets, those first that wait longest, and names at most `most`, in their
/// order. Step by step all of them get their turn.
///
/// **Why.** After a month without a clean-up there are a million. A statement for all of them locks
/// the table for minutes, and its answer fills the memory.
pub async fn a_step_takes_on_so_many_and_no_more<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    const MOST: usize = 3;
    let world = PurgeWorld::new(store).await?;
    let mut stale = Vec::new();
    for hours in [5, 1, 7, 3, 8, 2, 6, 4] {
        let mut new = world.asset()?;
        // In no order of time, by the clock of its maker.
        new.created_at = NOW - Duration::hours(hours);
        world.make(&new).await?;
        stale.push(new);
        world.moment().await?;
    }
    let stale_before = world.moment().await?;
    let mut deleted = Vec::new();
    for _ in 0..4 {
        deleted.push(world.deleted().await?);
    }
    let mut named = Vec::new();
    let mut step = world.step(stale_before, NEVER, 3);
    for round in 1.. {
        // Later each time, so that what is given up stands at the end of the line.
        step.now = ALWAYS - Duration::days(1_000 - round);
        let condemned = world.purge(&step).await?;
        demand(
            condemned.len() <= MOST,
            format_args!("`purge` names {} of {MOST} at most", condemned.len()),
        )?;
        let given_up = usize::try_from(round).unwrap_or(usize::MAX) * MOST;
        for (place, new) in stale.iter().enumerate() {
            let found = world.find(new.id).await?;
            demand(
                found.is_none() == (place < given_up),
                format_args!(
                    "after step {round} number {} of the {} that wait longest is {}",
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
    world.are(&named, &all, "the steps of a run together")
}

/// A run that passes over some of what it was told to remove is not told of them again; the next
/// run is.
///
/// **Why.** One object that can't be removed (a legal hold, a wrong grant) would be named first for
/// ever, and nothing behind it would ever get its turn.
pub async fn the_cursor_passes_over_what_failed<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let mut deleted = Vec::new();
    for _ in 0..10 {
        deleted.push(world.deleted().await?);
    }
    let all: Vec<_> = deleted.iter().collect();
    for _ in 0..2 {
        let mut named = Vec::new();
        let mut step = world.step(NEVER, NEVER, 3);
        loop {
            let condemned = world.purge(&step).await?;
            let Some(last) = condemned.last() else {
                break;
            };
            step.after = Some(last.clone());
            named.extend(condemned);
            demand(named.len() <= all.len(), "`purge` names something twice")?;
        }
        world.are(&named, &all, "a run in which nothing works")?;
    }
    // Every third works.
    let named = world.due().await?;
    let gone: Vec<_> = named.iter().step_by(3).cloned().collect();
    let mut rest = named.clone();
    rest.retain(|condemned| !gone.contains(condemned));
    let mut step = world.step(NEVER, NEVER, 3);
    step.after = named.last().cloned();
    step.gone = gone;
    let behind = world.purge(&step).await?;
    demand(behind.is_empty(), "`purge` names what is before `after`")?;
    demand(
        world.due().await? == rest,
        "the next run names something else than what has failed",
    )
}

/// An object that could not be removed is left alone until its `retry_at`, and so is its row; nothing
/// else is. Then it is named again, with the number of failures in a row.
///
/// **Why.** An object that takes ten seconds to fail takes them from all others, run after run.
pub async fn what_fails_is_put_off<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let (failing, other) = (world.deleted().await?, world.deleted().await?);
    let mut now = world.purged_at();
    for failures in 0..3 {
        let mut step = world.step(NEVER, NEVER, 10);
        step.now = now;
        let named = world.purge(&step).await?;
        world.are(&named, &[&failing, &other], "both are due")?;
        let condemned = named.into_iter().find(|named| named.id == failing.id);
        let Some(condemned) = condemned else { continue };
        equal(&condemned.failures, &failures, "`failures`")?;
        let retry_at = now + Duration::HOUR;
        step.failed = vec![FailedRemoval {
            condemned,
            retry_at,
        }];
        let named = world.purge(&step).await?;
        world.are(&named, &[&other], "one is put off")?;
        step.failed.clear();
        step.now = retry_at - TICK;
        let named = world.purge(&step).await?;
        world.are(&named, &[&other], "one is put off")?;
        now = retry_at;
    }
    let mut step = world.step(NEVER, NEVER, 10);
    step.now = now;
    step.gone = world.purge(&step).await?;
    let named = world.purge(&step).await?;
    world.are(&named, &[], "both are gone")?;
    // In a row: it did not fail this time.
    for condemned in world.graves().await? {
        equal(&condemned.failures, &0, "`failures` of one that is gone")?;
    }
    Ok(())
}
