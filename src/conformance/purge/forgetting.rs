//! Rules about the removal of rows.

use std::num::NonZeroU32;

use time::Duration;

use super::purge_world::{AFTER_ALL, ALL, BEFORE_ALL, PurgeWorld, exactly};
use crate::asset::{PendingCaps, UploadState};
use crate::conformance::verdict::{Verdict, demand, equal};
use crate::conformance::world::{NO_CAPS, TICK, next};
use crate::ports::DirectoryStore;
use crate::ports::purge::{Condemned, FailedRemoval, PurgeStore};
use crate::ports::{AssetStore, CreateOutcome};

/// A row is removed only after its object was reported as removed, whatever the age of the row and
/// however often the asset was condemned.
///
/// **Why.** Only the row holds the object's key. If a store removed rows first, a crash would leave
/// objects that nobody can find, and for which the host pays.
pub async fn a_row_goes_only_after_its_object<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let (first, second) = (world.deleted().await?, world.deleted().await?);
    let stale = world.pending().await?;
    let stale_before = world.moment().await?;
    for _ in 0..3 {
        let named = world.condemned(stale_before, AFTER_ALL).await?;
        world.must_name(
            &named,
            &[&first, &second, &stale],
            "no object is removed yet",
        )?;
    }
    let named = world.all_deleted().await?;
    let gone: Vec<_> = named
        .into_iter()
        .filter(|condemned| condemned.id == first.id)
        .collect();
    let left = world.report(&gone, AFTER_ALL).await?;
    world.must_name(&left, &[&second, &stale], "one object is removed")?;
    let left = world.all_deleted().await?;
    world.must_name(&left, &[&second, &stale], "one object is removed")
}

/// Reporting an object as removed removes the row, if the asset was deleted before `forget_before`.
/// Otherwise the store records that the object is removed: `purge` doesn't return the asset again
/// until `forget_before` has passed its deletion, and then once more before its row is removed.
///
/// **Why.** A form outlives its asset, so a client can upload the object again after its removal.
/// Without the second removal that object stays for ever. Without the record, every run removes a
/// week's objects again.
pub async fn a_row_waits_for_its_forms<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let new = world.deleted().await?;
    let named = world.due().await?;
    world.must_name(&named, &[&new], "one asset is deleted")?;
    let deleted_at = named[0].deleted_at;

    // An asset that was deleted exactly at `forget_before` was not deleted before it.
    for forget_before in [BEFORE_ALL, deleted_at - Duration::DAY, deleted_at] {
        let named = world.report(&named, forget_before).await?;
        world.must_name(
            &named,
            &[],
            "its object is removed, but its forms may be valid",
        )?;
        let named = world.condemned(BEFORE_ALL, forget_before).await?;
        world.must_name(
            &named,
            &[],
            "its object is removed, but its forms may be valid",
        )?;
    }
    let named = world.condemned(BEFORE_ALL, deleted_at + TICK).await?;
    world.must_name(&named, &[&new], "all of its forms have expired")?;
    // Not reported as removed, so `purge` returns it again.
    let named = world.condemned(BEFORE_ALL, deleted_at + TICK).await?;
    world.must_name(&named, &[&new], "all of its forms have expired")?;
    let left = world.report(&named, deleted_at + TICK).await?;
    world.must_name(&left, &[], "its row is removed")?;
    let left = world.all_deleted().await?;
    world.must_name(&left, &[], "its row is removed")
}

/// Assets that waited for their forms and assets whose objects are not yet removed come in one
/// order, and within `most`.
///
/// **Why.** A run has one cursor. If a store lists one kind after the other, the cursor skips the
/// assets that belong in between.
pub async fn both_sorts_come_in_one_order<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let mut deleted = Vec::new();
    for _ in 0..9 {
        deleted.push(world.deleted().await?);
    }
    let named = world.due().await?;
    let half: Vec<_> = named.iter().step_by(2).cloned().collect();
    world.report(&half, BEFORE_ALL).await?;

    let mut step = world.step(BEFORE_ALL, AFTER_ALL, 2);
    let mut again = Vec::new();
    loop {
        let condemned = world.purge(&step).await?;
        demand(
            condemned.len() <= 2,
            "`purge` returns more than `most` assets",
        )?;
        let Some(last) = condemned.last() else {
            break;
        };
        step.after = Some(last.clone());
        again.extend(condemned);
        demand(again.len() <= named.len(), "`purge` returns an asset twice")?;
    }
    demand(
        again == named,
        format_args!(
            "a run of small steps returns {} of {} assets, or returns them in another order",
            again.len(),
            named.len()
        ),
    )
}

/// Reporting an object as removed affects only the row of that deleted asset in that workspace. It
/// affects no living asset, no asset of another workspace, and nothing if the row doesn't exist.
///
/// **Why.** Concurrent runs report the same object twice, and a slow run may report an object long
/// after its row is gone. By then another asset may have the id.
pub async fn only_the_deleted_are_forgotten<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let (home, abroad) = (world.home.id(), world.abroad.id());
    let living = world.uploaded().await?;
    let waiting = world.pending().await?;
    let deleted = world.deleted().await?;
    let named = world.due().await?;
    world.must_name(&named, &[&deleted], "one asset is deleted")?;
    let condemned = |workspace, new: &crate::asset::NewAsset| Condemned {
        deleted_at: named[0].deleted_at,
        workspace,
        id: new.id,
        key: new.key.clone(),
        failures: 0,
    };
    let mut unknown = world.asset()?;
    unknown.id = next();
    let wrong = [
        condemned(home, &living),
        condemned(home, &waiting),
        condemned(abroad, &deleted),
        condemned(abroad, &living),
        condemned(home, &unknown),
    ];
    for forget_before in [BEFORE_ALL, AFTER_ALL] {
        let left = world.report(&wrong, forget_before).await?;
        exactly(
            &left,
            &[(home, &deleted)],
            "one asset is deleted, and another one was reported",
        )?;
    }
    let mut failed = world.step(BEFORE_ALL, BEFORE_ALL, ALL);
    failed.failed = wrong
        .into_iter()
        .map(|condemned| FailedRemoval {
            condemned,
            retry_at: AFTER_ALL,
        })
        .collect();
    let left = world.purge(&failed).await?;
    exactly(
        &left,
        &[(home, &deleted)],
        "one asset is deleted, and another one was reported",
    )?;
    world
        .must_hold(&living, &UploadState::Uploaded(None))
        .await?;
    world.must_hold(&waiting, &UploadState::Pending).await?;
    for _ in 0..2 {
        let twice = [named.clone(), named.clone()].concat();
        let left = world.report(&twice, AFTER_ALL).await?;
        world.must_name(&left, &[], "its row is removed, and the report repeated")?;
    }
    world.must_hold(&living, &UploadState::Uploaded(None)).await
}

/// A discarded asset counts against the caps on discarded assets until its row is removed, and no
/// longer.
///
/// **Why.** The caps bound the rows that creating and deleting in turn leaves. A cap that is never
/// released locks its caller out for good.
pub async fn what_is_forgotten_counts_no_more<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let caps = PendingCaps {
        discarded_per_workspace: NonZeroU32::new(2),
        discarded_per_caller: NonZeroU32::new(2),
        ..NO_CAPS
    };
    let (stale, successor) = (world.pending().await?, world.asset()?);
    world.deleted().await?;
    let stale_before = world.moment().await?;
    let named = world.condemned(stale_before, BEFORE_ALL).await?;
    let full = world.create_capped(&successor, caps).await?;
    equal(
        &full,
        &CreateOutcome::TooManyDiscarded,
        "`create` after one asset was deleted and one given up",
    )?;
    world.report(&named, BEFORE_ALL).await?;
    let full = world.create_capped(&successor, caps).await?;
    equal(
        &full,
        &CreateOutcome::TooManyDiscarded,
        "`create` while their rows are still there",
    )?;
    let gone: Vec<_> = named
        .into_iter()
        .filter(|condemned| condemned.id == stale.id)
        .collect();
    for _ in 0..2 {
        world.report(&gone, AFTER_ALL).await?;
    }
    let made = world.create_capped(&successor, caps).await?;
    equal(
        &made,
        &CreateOutcome::New,
        "`create` after one row was removed",
    )?;
    equal(&world.delete(successor.id).await?, &true, "`delete`")?;
    let full = world.create_capped(&world.asset()?, caps).await?;
    equal(
        &full,
        &CreateOutcome::TooManyDiscarded,
        "`create` after another asset was deleted",
    )
}
