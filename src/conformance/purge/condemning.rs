//! Rules about the assets that a purge condemns.

use time::Duration;

use super::purge_world::{AFTER_ALL, BEFORE_ALL, PurgeWorld, exactly, near};
use crate::asset::{ChangeOutcome, Mismatch, StateChange, UploadState};
use crate::conformance::verdict::{Verdict, demand, equal, seeded};
use crate::conformance::world::{NOW, TICK, caps};
use crate::ports::DirectoryStore;
use crate::ports::purge::{FailedRemoval, PurgeStore};
use crate::ports::{AssetStore, CreateOutcome};

/// The store's clock runs. If the store returns the newest moment that it has recorded, this moment
/// is not before the creation of the last asset.
///
/// **Why.** A purge measures ages by this clock. If a host's clock is a week ahead, the purge would
/// delete every upload in progress. Only the newest recorded moment reveals the wrong clock.
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
            format_args!("`time` returns {} after it returned {before}", time.now),
        )?;
        let recorded = time.last_recorded.unwrap_or(time.now);
        demand(
            recorded > before && recorded <= time.now + TICK,
            format_args!(
                "an asset was created between {before} and {}, but `last_recorded` is {recorded}",
                time.now
            ),
        )?;
    }
    Ok(())
}

/// A purge condemns deleted assets, and stale assets after deleting them as of `now`. It does so in
/// every workspace, also in deleted ones, and changes no other asset.
///
/// An asset is pending since its creation or since it was last taken back, by the store's clock.
/// The asset's `created_at` doesn't matter.
///
/// **Why.** The host destroys the object of every condemned asset, and can't restore it. An object
/// that is never condemned fills the bucket for ever.
///
pub async fn only_the_deleted_and_the_stale_are_condemned<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let uploaded = world.uploaded().await?;
    let mut stale = world.asset()?;
    stale.created_at = AFTER_ALL;
    world.must_create(&stale).await?;
    let taken_back = world.uploaded().await?;
    world
        .must_change(taken_back.id, StateChange::TakeBack)
        .await?;
    let deleted = world.deleted().await?;
    let abroad = world.asset()?;
    world.must_create_abroad(&abroad).await?;
    let removed = world.store.remove_workspace(world.abroad.id()).await;
    seeded("remove_workspace", removed)?;
    let taken_back_later = world.uploaded().await?;
    let twice = world.uploaded().await?;
    world.must_change(twice.id, StateChange::TakeBack).await?;
    world
        .must_change(twice.id, StateChange::Complete(None))
        .await?;

    let stale_before = world.moment().await?;
    let fresh = world.pending().await?;
    for back in [&taken_back_later, &twice] {
        world.must_change(back.id, StateChange::TakeBack).await?;
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
    // Assets that aren't reported as removed are condemned in every run.
    for _ in 0..2 {
        let named = world.condemned(stale_before, BEFORE_ALL).await?;
        exactly(&named, &wanted, "5 assets are deleted or stale")?;
        for condemned in &named {
            if [stale.id, taken_back.id, abroad.id].contains(&condemned.id) {
                let purged_at = world.purged_at();
                demand(
                    near(condemned.deleted_at, purged_at),
                    format_args!(
                        "the purge deleted it at {purged_at}, but `deleted_at` differs: {condemned:?}"
                    ),
                )?;
            }
        }
    }
    world
        .must_hold(&uploaded, &UploadState::Uploaded(None))
        .await?;
    for pending in [&fresh, &taken_back_later, &twice] {
        world.must_hold(pending, &UploadState::Pending).await?;
    }
    world.must_lack(stale.id, "the purge deleted it").await?;
    world.must_lack(taken_back.id, "the purge deleted it").await
}

/// An asset that a purge deleted behaves like one that its owner deleted: it can't be completed or
/// found, its external pair is free, and it doesn't count as pending. A later asset with the pair
/// isn't condemned with it.
///
/// **Why.** A client may complete the upload at the same moment. If the completion succeeds, the
/// purge destroys a file that the client was told is safe.
pub async fn what_is_given_up_can_not_be_completed<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let stale = world.asset_with("github", "7")?;
    world.must_create(&stale).await?;
    let stale_before = world.moment().await?;
    let named = world.condemned(stale_before, BEFORE_ALL).await?;
    world.must_name(&named, &[&stale], "one asset is stale")?;

    for change in [StateChange::Complete(None), StateChange::TakeBack] {
        let set = world.set_state(stale.id, &change).await?;
        equal(
            &set,
            &ChangeOutcome::NotFound,
            "`set_state` of an asset that the purge deleted",
        )?;
    }
    let again = world.delete(stale.id).await?;
    equal(
        &again,
        &false,
        "`delete` of an asset that the purge deleted",
    )?;
    world.must_lack(stale.id, "the purge deleted it").await?;
    let successor = world.asset_with("github", "7")?;
    let created = world.create_capped(&successor, caps(1, 1)).await?;
    equal(
        &created,
        &CreateOutcome::New,
        "`create` after the purge deleted the stale asset",
    )?;

    let named = world.condemned(stale_before, AFTER_ALL).await?;
    world.must_name(&named, &[&stale], "one asset is stale")?;
    world.report(&named, AFTER_ALL).await?;
    world.must_hold(&successor, &UploadState::Pending).await?;
    let named = world.all_deleted().await?;
    world.must_name(&named, &[], "every object is removed")
}

/// An asset that was completed before the purge stays unchanged, however old it is.
///
/// **Why.** Otherwise the purge destroys a file that a client was told is safe, and nothing
/// restores it.
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
    // A purge that saw the asset while it was pending must not remember it as pending.
    let fresh_since = world.moment().await?;
    let late = world.pending().await?;
    let named = world.condemned(fresh_since, BEFORE_ALL).await?;
    world.must_name(&named, &[], "no asset is stale")?;
    world
        .must_change(late.id, StateChange::Complete(None))
        .await?;
    kept.push(late);
    for before in [world.moment().await?, AFTER_ALL] {
        let named = world.condemned(before, AFTER_ALL).await?;
        world.must_name(&named, &[], "every asset is uploaded")?;
    }
    for new in &kept {
        world.must_hold(new, &uploaded).await?;
    }
    // A purge must not remember an asset as uploaded after it was taken back.
    let back = &kept[0];
    world.must_change(back.id, StateChange::TakeBack).await?;
    let before = world.moment().await?;
    let named = world.condemned(before, BEFORE_ALL).await?;
    world.must_name(&named, &[back], "one asset was taken back")
}

/// An asset that is taken back becomes stale as late as a new asset, however old it is. If it is
/// completed before that, it stays.
///
/// **Why.** A client that takes an upload back gets the full time for another one. Measured from
/// the asset's creation, an old asset would be destroyed as soon as it is taken back.
pub async fn what_is_taken_back_has_its_time_anew<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let new = world.uploaded().await?;
    for _ in 0..3 {
        let stale_before = world.moment().await?;
        world.must_change(new.id, StateChange::TakeBack).await?;
        let named = world.condemned(stale_before, AFTER_ALL).await?;
        world.must_name(&named, &[], "the asset was taken back just now")?;
        world.must_hold(&new, &UploadState::Pending).await?;
        world
            .must_change(new.id, StateChange::Complete(None))
            .await?;
    }
    world.must_hold(&new, &UploadState::Uploaded(None)).await
}

/// The next purge deletes a rejected asset as of `now` and condemns it, whatever its age, at most
/// `most` assets in a step. A later asset with its external pair doesn't change.
///
/// **Why.** Nobody can use a rejected asset. Only the purge removes its object, and any object that
/// its form still uploads.
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
        world.must_create(&new).await?;
        let difference = Mismatch::new("The object has 5 bytes; 7 were announced.");
        world
            .must_change(new.id, StateChange::Reject(difference))
            .await?;
        rejected.push(new);
    }
    let successor = world.asset_with("github", "1")?;
    world.must_create(&successor).await?;
    let uploaded = world.uploaded().await?;

    let mut named = Vec::new();
    let mut step = world.step(BEFORE_ALL, AFTER_ALL, 2);
    loop {
        let condemned = world.purge(&step).await?;
        demand(
            condemned.len() <= MOST,
            "`purge` returns more than `most` assets",
        )?;
        let mut left = 0;
        for new in &rejected {
            left += usize::from(world.find(new.id).await?.is_some());
        }
        demand(
            left + MOST + named.len() >= rejected.len(),
            format_args!("`purge` deletes more than {MOST} assets in a step: {left} are left"),
        )?;
        let Some(last) = condemned.last() else {
            break;
        };
        step.after = Some(last.clone());
        step.now += Duration::SECOND;
        named.extend(condemned);
        demand(
            named.len() <= rejected.len(),
            "`purge` returns an asset twice",
        )?;
    }
    let wanted: Vec<_> = rejected.iter().collect();
    world.must_name(&named, &wanted, "5 assets are rejected")?;
    for condemned in &named {
        demand(
            condemned.deleted_at >= world.purged_at() - TICK,
            format_args!("`deleted_at` is before the purge: {condemned:?}"),
        )?;
        world
            .must_lack(condemned.id, "the purge deleted it")
            .await?;
    }
    world.report(&named, AFTER_ALL).await?;
    world.must_hold(&successor, &UploadState::Pending).await?;
    world
        .must_hold(&uploaded, &UploadState::Uploaded(None))
        .await
}

/// A step deletes at most `most` stale assets, the longest pending first, and returns at most
/// `most` assets in order. Step by step, a run handles all of them.
///
/// **Why.** After a month without a purge there may be a million. One statement for all of them
/// locks the table for minutes, and its result fills the memory.
pub async fn a_step_takes_on_so_many_and_no_more<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    const MOST: usize = 3;
    let world = PurgeWorld::new(store).await?;
    let mut stale = Vec::new();
    for hours in [5, 1, 7, 3, 8, 2, 6, 4] {
        let mut new = world.asset()?;
        // `created_at` has no relation to the order of creation.
        new.created_at = NOW - Duration::hours(hours);
        world.must_create(&new).await?;
        stale.push(new);
        world.moment().await?;
    }
    let stale_before = world.moment().await?;
    let mut deleted = Vec::new();
    for _ in 0..4 {
        deleted.push(world.deleted().await?);
    }
    let mut named = Vec::new();
    let mut step = world.step(stale_before, BEFORE_ALL, 3);
    for round in 1.. {
        // Later in each step, so that the assets that it deletes sort after those before.
        step.now = AFTER_ALL - Duration::days(1_000 - round);
        let condemned = world.purge(&step).await?;
        demand(
            condemned.len() <= MOST,
            format_args!(
                "`purge` returns {} assets; `most` is {MOST}",
                condemned.len()
            ),
        )?;
        let given_up = usize::try_from(round).unwrap_or(usize::MAX) * MOST;
        for (place, new) in stale.iter().enumerate() {
            let found = world.find(new.id).await?;
            demand(
                found.is_none() == (place < given_up),
                format_args!(
                    "after step {round}, number {} of {} assets, longest pending first, is {}",
                    place + 1,
                    stale.len(),
                    if found.is_none() { "deleted" } else { "kept" }
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
            "`purge` returns an asset twice",
        )?;
    }
    let all: Vec<_> = stale.iter().chain(&deleted).collect();
    world.must_name(&named, &all, "a run returns every deleted and stale asset")
}

/// Within a run, `purge` doesn't return an asset again whose object was not removed. The next run
/// returns it again.
///
/// **Why.** An object that can't be removed (because of a legal hold or a missing permission) would
/// come first for ever, and the run would never reach the assets after it.
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
        let mut step = world.step(BEFORE_ALL, BEFORE_ALL, 3);
        loop {
            let condemned = world.purge(&step).await?;
            let Some(last) = condemned.last() else {
                break;
            };
            step.after = Some(last.clone());
            named.extend(condemned);
            demand(named.len() <= all.len(), "`purge` returns an asset twice")?;
        }
        world.must_name(&named, &all, "no object was removed")?;
    }
    // Reports every third object as removed.
    let named = world.due().await?;
    let gone: Vec<_> = named.iter().step_by(3).cloned().collect();
    let mut rest = named.clone();
    rest.retain(|condemned| !gone.contains(condemned));
    let mut step = world.step(BEFORE_ALL, BEFORE_ALL, 3);
    step.after = named.last().cloned();
    step.gone = gone;
    let behind = world.purge(&step).await?;
    demand(behind.is_empty(), "`purge` returns assets up to `after`")?;
    demand(
        world.due().await? == rest,
        "the next run returns other assets than those whose objects were not removed",
    )
}

/// If an object could not be removed, `purge` doesn't return its asset before its `retry_at`. It
/// returns the other assets. After `retry_at`, it returns the asset with the number of consecutive
/// failures.
///
/// **Why.** Otherwise an object that takes ten seconds to fail delays every run.
pub async fn what_fails_is_put_off<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let (failing, other) = (world.deleted().await?, world.deleted().await?);
    let mut now = world.purged_at();
    for failures in 0..3 {
        let mut step = world.step(BEFORE_ALL, BEFORE_ALL, 10);
        step.now = now;
        let named = world.purge(&step).await?;
        world.must_name(&named, &[&failing, &other], "both assets are due")?;
        let condemned = named.into_iter().find(|named| named.id == failing.id);
        let Some(condemned) = condemned else { continue };
        equal(&condemned.failures, &failures, "`failures`")?;
        let retry_at = now + Duration::HOUR;
        step.failed = vec![FailedRemoval {
            condemned,
            retry_at,
        }];
        let named = world.purge(&step).await?;
        world.must_name(&named, &[&other], "one asset waits for its `retry_at`")?;
        step.failed.clear();
        step.now = retry_at - TICK;
        let named = world.purge(&step).await?;
        world.must_name(&named, &[&other], "one asset waits for its `retry_at`")?;
        now = retry_at;
    }
    let mut step = world.step(BEFORE_ALL, BEFORE_ALL, 10);
    step.now = now;
    step.gone = world.purge(&step).await?;
    let named = world.purge(&step).await?;
    world.must_name(&named, &[], "both objects are removed")?;
    // Only consecutive failures count, and this attempt succeeded.
    for condemned in world.all_deleted().await? {
        equal(
            &condemned.failures,
            &0,
            "`failures` after a successful removal",
        )?;
    }
    Ok(())
}
