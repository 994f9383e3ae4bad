//! When a row goes.

use std::num::NonZeroU32;

use time::Duration;

use super::purge_world::{ALL, ALWAYS, NEVER, PurgeWorld, exactly};
use crate::asset::{PendingCaps, UploadState};
use crate::conformance::verdict::{Verdict, demand, equal};
use crate::conformance::world::{NO_CAPS, TICK, next};
use crate::ports::DirectoryStore;
use crate::ports::purge::{Condemned, FailedRemoval, PurgeStore};
use crate::ports::{AssetStore, CreateOutcome};

/// A row goes when its object was said to be gone, and not before, however long ago it was deleted
/// and however often it was named.
///
/// **Why.** The row is the only thing that knows the object's key. Rows first, and a crash in
/// between leaves objects that nobody can name: paid for, and never found again.
pub async fn a_row_goes_only_after_its_object<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let (first, second) = (world.deleted().await?, world.deleted().await?);
    let stale = world.pending().await?;
    let stale_before = world.moment().await?;
    for _ in 0..3 {
        let named = world.condemned(stale_before, ALWAYS).await?;
        world.are(&named, &[&first, &second, &stale], "nothing is gone yet")?;
    }
    let named = world.graves().await?;
    let gone: Vec<_> = named
        .into_iter()
        .filter(|condemned| condemned.id == first.id)
        .collect();
    let left = world.report(&gone, ALWAYS).await?;
    world.are(&left, &[&second, &stale], "one object is gone")?;
    let left = world.graves().await?;
    world.are(&left, &[&second, &stale], "one object is gone")
}

/// Of an asset that was deleted before `forget_before` the row goes with its object. Of the others
/// it is noted that the object is gone: they are not named again until `forget_before` has passed
/// them, and then once more before they go.
///
/// **Why.** A form outlives its asset, and whoever has it can put the object back after it was
/// removed. Without the second look that object stays for ever; without the note every run removes
/// a week's objects again.
pub async fn a_row_waits_for_its_forms<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let new = world.deleted().await?;
    let named = world.due().await?;
    world.are(&named, &[&new], "a deleted one")?;
    let deleted_at = named[0].deleted_at;

    // Deleted just then is not deleted before.
    for forget_before in [NEVER, deleted_at - Duration::DAY, deleted_at] {
        let named = world.report(&named, forget_before).await?;
        world.are(&named, &[], "its object is gone, its forms may live")?;
        let named = world.condemned(NEVER, forget_before).await?;
        world.are(&named, &[], "its object is gone, its forms may live")?;
    }
    let named = world.condemned(NEVER, deleted_at + TICK).await?;
    world.are(&named, &[&new], "no form of it is alive any more")?;
    // Whoever removes it then and fails to say so is told again.
    let named = world.condemned(NEVER, deleted_at + TICK).await?;
    world.are(&named, &[&new], "no form of it is alive any more")?;
    let left = world.report(&named, deleted_at + TICK).await?;
    world.are(&left, &[], "its row went")?;
    let left = world.graves().await?;
    world.are(&left, &[], "its row went")
}

/// Those that wait for their forms and those whose objects are still to go are named in one order,
/// and in bounds.
///
/// **Why.** The cursor is one. Where the two sorts are listed one after the other, it passes over
/// what belongs in between.
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
    world.report(&half, NEVER).await?;

    let mut step = world.step(NEVER, ALWAYS, 2);
    let mut again = Vec::new();
    loop {
        let condemned = world.purge(&step).await?;
        demand(condemned.len() <= 2, "`purge` names more than `most`")?;
        let Some(last) = condemned.last() else {
            break;
        };
        step.after = Some(last.clone());
        again.extend(condemned);
        demand(again.len() <= named.len(), "`purge` names something twice")?;
    }
    demand(
        again == named,
        format_args!(
            "a run of small steps names {} of {}, or in another order",
            again.len(),
            named.len()
        ),
    )
}

/// Saying that an object is gone touches no row but that of the deleted asset in that workspace:
/// not a living one, not one of another workspace, and nothing when there is none (any more).
///
/// **Why.** Two clean-ups at once say the same thing twice, and a late one says what is long
/// forgotten. By then anything may be under that id.
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
    world.are(&named, &[&deleted], "a deleted one")?;
    let grave = |workspace, new: &crate::asset::NewAsset| Condemned {
        deleted_at: named[0].deleted_at,
        workspace,
        id: new.id,
        key: new.key.clone(),
        failures: 0,
    };
    let mut unknown = world.asset()?;
    unknown.id = next();
    let wrong = [
        grave(home, &living),
        grave(home, &waiting),
        grave(abroad, &deleted),
        grave(abroad, &living),
        grave(home, &unknown),
    ];
    for forget_before in [NEVER, ALWAYS] {
        let left = world.report(&wrong, forget_before).await?;
        exactly(&left, &[(home, &deleted)], "nothing of that was deleted")?;
    }
    let mut failed = world.step(NEVER, NEVER, ALL);
    failed.failed = wrong
        .into_iter()
        .map(|condemned| FailedRemoval {
            condemned,
            retry_at: ALWAYS,
        })
        .collect();
    let left = world.purge(&failed).await?;
    exactly(&left, &[(home, &deleted)], "nothing of that was deleted")?;
    world.holds(&living, &UploadState::Uploaded(None)).await?;
    world.holds(&waiting, &UploadState::Pending).await?;
    for _ in 0..2 {
        let twice = [named.clone(), named.clone()].concat();
        let left = world.report(&twice, ALWAYS).await?;
        world.are(&left, &[], "its row went, said again and again")?;
    }
    world.holds(&living, &UploadState::Uploaded(None)).await
}

/// A discarded asset counts against the caps on such until its row is gone, and no longer.
///
/// **Why.** The caps bound what create and delete in turn leave behind. One that is never given back
/// locks its caller out for good.
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
    let (stale, heir) = (world.pending().await?, world.asset()?);
    world.deleted().await?;
    let stale_before = world.moment().await?;
    let named = world.condemned(stale_before, NEVER).await?;
    let full = world.create_capped(&heir, caps).await?;
    equal(
        &full,
        &CreateOutcome::TooManyDiscarded,
        "one is deleted and one given up, `create`",
    )?;
    world.report(&named, NEVER).await?;
    let full = world.create_capped(&heir, caps).await?;
    equal(
        &full,
        &CreateOutcome::TooManyDiscarded,
        "their rows are still there, `create`",
    )?;
    let gone: Vec<_> = named
        .into_iter()
        .filter(|condemned| condemned.id == stale.id)
        .collect();
    for _ in 0..2 {
        world.report(&gone, ALWAYS).await?;
    }
    let made = world.create_capped(&heir, caps).await?;
    equal(&made, &CreateOutcome::New, "one row is gone, `create`")?;
    equal(&world.delete(heir.id).await?, &true, "`delete`")?;
    let full = world.create_capped(&world.asset()?, caps).await?;
    equal(
        &full,
        &CreateOutcome::TooManyDiscarded,
        "another one is deleted, `create`",
    )
}
