//! When a row goes.

use std::num::NonZeroU32;

use time::Duration;

use super::yard::{ALL, ALWAYS, NEVER, Yard, exactly};
use crate::asset::{PendingCaps, UploadState};
use crate::conformance::seed::Seed;
use crate::conformance::verdict::{Verdict, demand, equal};
use crate::conformance::world::{NO_CAPS, TICK, next};
use crate::ports::purge::{Condemned, FailedRemoval, PurgeStore};
use crate::ports::{AssetStore, Created};

/// A row goes when its object was said to be gone, and not before, however long ago it was deleted
/// and however often it was named.
///
/// **Why.** The row is the only thing that knows the object's key. Rows first, and a crash in
/// between leaves objects that nobody can name: paid for, and never found again.
pub async fn a_row_goes_only_after_its_object<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + Seed,
{
    let yard = Yard::new(store).await?;
    let (first, second) = (yard.deleted().await?, yard.deleted().await?);
    let stale = yard.pending().await?;
    let stale_before = yard.moment().await?;
    for _ in 0..3 {
        let named = yard.condemned(stale_before, ALWAYS).await?;
        yard.are(&named, &[&first, &second, &stale], "nothing is gone yet")?;
    }
    let named = yard.graves().await?;
    let gone: Vec<_> = named
        .into_iter()
        .filter(|condemned| condemned.id == first.id)
        .collect();
    let left = yard.report(&gone, ALWAYS).await?;
    yard.are(&left, &[&second, &stale], "one object is gone")?;
    let left = yard.graves().await?;
    yard.are(&left, &[&second, &stale], "one object is gone")
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
    Store: AssetStore + PurgeStore + Seed,
{
    let yard = Yard::new(store).await?;
    let new = yard.deleted().await?;
    let named = yard.due().await?;
    yard.are(&named, &[&new], "a deleted one")?;
    let deleted_at = named[0].deleted_at;

    // Deleted just then is not deleted before.
    for forget_before in [NEVER, deleted_at - Duration::DAY, deleted_at] {
        let named = yard.report(&named, forget_before).await?;
        yard.are(&named, &[], "its object is gone, its forms may live")?;
        let named = yard.condemned(NEVER, forget_before).await?;
        yard.are(&named, &[], "its object is gone, its forms may live")?;
    }
    let named = yard.condemned(NEVER, deleted_at + TICK).await?;
    yard.are(&named, &[&new], "no form of it is alive any more")?;
    // Whoever removes it then and fails to say so is told again.
    let named = yard.condemned(NEVER, deleted_at + TICK).await?;
    yard.are(&named, &[&new], "no form of it is alive any more")?;
    let left = yard.report(&named, deleted_at + TICK).await?;
    yard.are(&left, &[], "its row went")?;
    let left = yard.graves().await?;
    yard.are(&left, &[], "its row went")
}

/// Those that wait for their forms and those whose objects are still to go are named in one order,
/// and in bounds.
///
/// **Why.** The cursor is one. Where the two sorts are listed one after the other, it passes over
/// what belongs in between.
pub async fn both_sorts_come_in_one_order<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + Seed,
{
    let yard = Yard::new(store).await?;
    let mut deleted = Vec::new();
    for _ in 0..9 {
        deleted.push(yard.deleted().await?);
    }
    let named = yard.due().await?;
    let half: Vec<_> = named.iter().step_by(2).cloned().collect();
    yard.report(&half, NEVER).await?;

    let mut step = yard.step(NEVER, ALWAYS, 2);
    let mut again = Vec::new();
    loop {
        let condemned = yard.purge(&step).await?;
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
    Store: AssetStore + PurgeStore + Seed,
{
    let yard = Yard::new(store).await?;
    let (home, abroad) = (yard.home.id(), yard.abroad.id());
    let living = yard.uploaded().await?;
    let waiting = yard.pending().await?;
    let deleted = yard.deleted().await?;
    let named = yard.due().await?;
    yard.are(&named, &[&deleted], "a deleted one")?;
    let grave = |workspace, new: &crate::asset::NewAsset| Condemned {
        deleted_at: named[0].deleted_at,
        workspace,
        id: new.id,
        key: new.key.clone(),
        failures: 0,
    };
    let mut unknown = yard.asset()?;
    unknown.id = next();
    let wrong = [
        grave(home, &living),
        grave(home, &waiting),
        grave(abroad, &deleted),
        grave(abroad, &living),
        grave(home, &unknown),
    ];
    for forget_before in [NEVER, ALWAYS] {
        let left = yard.report(&wrong, forget_before).await?;
        exactly(&left, &[(home, &deleted)], "nothing of that was deleted")?;
    }
    let mut failed = yard.step(NEVER, NEVER, ALL);
    failed.failed = wrong
        .into_iter()
        .map(|condemned| FailedRemoval {
            condemned,
            retry_at: ALWAYS,
        })
        .collect();
    let left = yard.purge(&failed).await?;
    exactly(&left, &[(home, &deleted)], "nothing of that was deleted")?;
    yard.holds(&living, &UploadState::Uploaded(None)).await?;
    yard.holds(&waiting, &UploadState::Pending).await?;
    for _ in 0..2 {
        let twice = [named.clone(), named.clone()].concat();
        let left = yard.report(&twice, ALWAYS).await?;
        yard.are(&left, &[], "its row went, said again and again")?;
    }
    yard.holds(&living, &UploadState::Uploaded(None)).await
}

/// A discarded asset counts against the caps on such until its row is gone, and no longer.
///
/// **Why.** The caps bound what create and delete in turn leave behind. One that is never given back
/// locks its caller out for good.
pub async fn what_is_forgotten_counts_no_more<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + Seed,
{
    let yard = Yard::new(store).await?;
    let caps = PendingCaps {
        discarded_per_workspace: NonZeroU32::new(2),
        discarded_per_caller: NonZeroU32::new(2),
        ..NO_CAPS
    };
    let (stale, heir) = (yard.pending().await?, yard.asset()?);
    yard.deleted().await?;
    let stale_before = yard.moment().await?;
    let named = yard.condemned(stale_before, NEVER).await?;
    let full = yard.create_capped(&heir, caps).await?;
    equal(
        &full,
        &Created::TooManyDiscarded,
        "one is deleted and one given up, `create`",
    )?;
    yard.report(&named, NEVER).await?;
    let full = yard.create_capped(&heir, caps).await?;
    equal(
        &full,
        &Created::TooManyDiscarded,
        "their rows are still there, `create`",
    )?;
    let gone: Vec<_> = named
        .into_iter()
        .filter(|condemned| condemned.id == stale.id)
        .collect();
    for _ in 0..2 {
        yard.report(&gone, ALWAYS).await?;
    }
    let made = yard.create_capped(&heir, caps).await?;
    equal(&made, &Created::New, "one row is gone, `create`")?;
    equal(&yard.delete(heir.id).await?, &true, "`delete`")?;
    let full = yard.create_capped(&yard.asset()?, caps).await?;
    equal(
        &full,
        &Created::TooManyDiscarded,
        "another one is deleted, `create`",
    )
}
