//! How much may be pending.

use std::num::NonZeroU32;

use crate::asset::{
    ChangeOutcome, Mismatch, NewAsset, PendingCaps, StateChange, UploadState, UserId,
};
use crate::conformance::together::{CALLERS, ROUNDS, together};
use crate::conformance::verdict::{Broken, Verdict, demand, equal};
use crate::conformance::world::{NO_CAPS, World, caps};
use crate::ports::DirectoryStore;
use crate::ports::{AssetStore, CreateOutcome};

/// Both caps count living assets that wait for their upload: in the workspace, and of those the
/// caller's own. Completed, rejected and deleted ones don't count; one that is taken back does again; saying
/// a thing twice counts once.
///
/// **Why.** A counter that drifts by one with each repeated call ends by locking its caller out for
/// good, or by never holding anybody.
pub async fn caps_count_what_is_pending<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let (member, colleague) = (world.member, world.colleague);
    let mine = [world.asset()?, world.asset()?];
    let theirs = world.asset_by(colleague)?;
    for new in [&mine[0], &mine[1], &theirs] {
        world.make(new).await?;
    }
    for (caller, caps, fits) in [
        (member, caps(3, 0), false),
        (member, caps(4, 0), true),
        (member, caps(0, 2), false),
        (member, caps(0, 3), true),
        (colleague, caps(0, 2), true),
        (colleague, caps(3, 2), false),
        (member, caps(4, 2), false),
        (member, caps(4, 3), true),
    ] {
        expect(&world, "2 and 1 are pending", caller, caps, fits).await?;
    }

    let complete = StateChange::Complete(None);
    let uploaded = UploadState::Uploaded(None);
    world.change(mine[0].id, complete.clone()).await?;
    let set = world.set_state(mine[0].id, &complete).await?;
    equal(&set, &ChangeOutcome::Is(uploaded), "`set_state` again")?;
    let now = "one of them is complete, said twice";
    expect(&world, now, member, caps(3, 2), true).await?;
    expect(&world, now, member, caps(2, 0), false).await?;
    expect(&world, now, member, caps(0, 1), false).await?;
    world.change(mine[0].id, StateChange::TakeBack).await?;
    let set = world.set_state(mine[0].id, &StateChange::TakeBack).await?;
    let pending = ChangeOutcome::Is(UploadState::Pending);
    equal(&set, &pending, "`set_state` again")?;
    let now = "it was taken back, twice";
    expect(&world, now, member, caps(3, 0), false).await?;
    expect(&world, now, member, caps(0, 2), false).await?;
    expect(&world, now, member, caps(4, 3), true).await?;
    equal(&world.delete(mine[1].id).await?, &true, "`delete`")?;
    equal(&world.delete(mine[1].id).await?, &false, "`delete` again")?;
    let now = "one of them is deleted, twice";
    expect(&world, now, member, caps(3, 2), true).await?;
    expect(&world, now, member, caps(2, 0), false).await?;
    expect(&world, now, member, caps(0, 1), false).await?;
    // One that is complete and then deleted was not pending any more.
    world.change(mine[0].id, complete).await?;
    equal(&world.delete(mine[0].id).await?, &true, "`delete`")?;
    let now = "only the colleague's is pending";
    expect(&world, now, member, caps(2, 1), true).await?;
    expect(&world, now, member, caps(1, 0), false).await?;
    let difference = Mismatch::new("The object has 5 bytes; 7 were announced.");
    world
        .change(theirs.id, StateChange::Reject(difference))
        .await?;
    let now = "the last of them was rejected";
    expect(&world, now, colleague, caps(1, 1), true).await?;
    equal(&world.delete(theirs.id).await?, &true, "`delete`")?;
    let now = "the last of them was rejected, and then deleted";
    expect(&world, now, colleague, caps(1, 1), true).await
}

/// The caps on discarded assets count those that are deleted or rejected: in the workspace, and of those
/// the caller's own. Living ones don't count, and one that was rejected and then deleted counts once.
/// The caps on pending assets come first.
///
/// **Why.** Whoever creates and deletes in turn has one pending asset, and fills the table all the same.
pub async fn caps_count_what_is_discarded<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let (member, colleague) = (world.member, world.colleague);
    let discarded = |per_workspace, per_caller| PendingCaps {
        discarded_per_workspace: NonZeroU32::new(per_workspace),
        discarded_per_caller: NonZeroU32::new(per_caller),
        ..NO_CAPS
    };
    let all = async |now: &str, table: &[(UserId, PendingCaps, CreateOutcome)]| {
        for (caller, caps, wanted) in table {
            let new = world.asset_by(*caller)?;
            let created = world.create_capped(&new, *caps).await?;
            equal(
                &created,
                wanted,
                format_args!("{now}, and under {caps:?} `create`"),
            )?;
            if created != CreateOutcome::New {
                world.lacks(new.id, "over a cap").await?;
            }
        }
        Ok(())
    };
    let (full, fits) = (CreateOutcome::TooManyDiscarded, CreateOutcome::New);
    let mine = world.asset()?;
    let rejected = world.asset()?;
    let theirs = world.asset_by(colleague)?;
    for new in [&mine, &rejected, &theirs] {
        world.make(new).await?;
    }
    world.change(mine.id, StateChange::Complete(None)).await?;
    all(
        "nothing is discarded",
        &[(member, discarded(1, 1), fits.clone())],
    )
    .await?;
    let difference = Mismatch::new("The object has 5 bytes; 7 were announced.");
    world
        .change(rejected.id, StateChange::Reject(difference))
        .await?;
    let once = [
        (member, discarded(1, 0), full.clone()),
        (member, discarded(0, 1), full.clone()),
        (member, discarded(2, 2), fits.clone()),
        (colleague, discarded(0, 1), fits.clone()),
        (colleague, discarded(1, 0), full.clone()),
    ];
    all("one is rejected", &once).await?;
    equal(&world.delete(rejected.id).await?, &true, "`delete`")?;
    all("one is rejected and deleted", &once).await?;
    for new in [&mine, &theirs] {
        equal(&world.delete(new.id).await?, &true, "`delete`")?;
        equal(&world.delete(new.id).await?, &false, "`delete` again")?;
    }
    let now = "2 and 1 are discarded";
    let both = PendingCaps {
        per_workspace: NonZeroU32::new(1),
        ..discarded(1, 1)
    };
    let table = [
        (member, discarded(3, 0), full.clone()),
        (member, discarded(0, 2), full.clone()),
        (member, discarded(4, 3), fits.clone()),
        (colleague, discarded(0, 1), full),
        (colleague, discarded(0, 2), fits),
        (member, both, CreateOutcome::TooManyPending),
    ];
    all(now, &table).await
}

/// Creates one more, and deletes it again.
async fn expect<Store: AssetStore + DirectoryStore>(
    world: &World<Store>,
    now: &str,
    caller: UserId,
    caps: PendingCaps,
    fits: bool,
) -> Verdict {
    let new = world.asset_by(caller)?;
    let wanted = if fits {
        CreateOutcome::New
    } else {
        CreateOutcome::TooManyPending
    };
    let created = world.create_capped(&new, caps).await?;
    equal(
        &created,
        &wanted,
        format_args!("{now}, and under {caps:?} `create`"),
    )?;
    if fits {
        equal(&world.delete(new.id).await?, &true, "`delete`")
    } else {
        world.lacks(new.id, "over a cap").await
    }
}

/// When 64 callers create at the same moment, as many assets are made as the caps allow, and not
/// one more.
///
/// **Why.** The caps are there for the client that floods. Counting before the insert lets all of a
/// flood past.
pub async fn caps_hold_when_many_create<Store>(store: Store) -> Verdict
where
    Store: AssetStore + DirectoryStore + 'static,
{
    const IN_ALL: u32 = 15;
    const EACH: u32 = 10;
    let world = World::new(store).await?;
    for _ in 0..ROUNDS {
        let answers = together(CALLERS, |n| {
            let world = world.clone();
            async move {
                let caller = [world.member, world.colleague][n % 2];
                let asset = world.asset_by(caller)?;
                let created = world.create_capped(&asset, caps(IN_ALL, EACH)).await?;
                Ok((asset, created))
            }
        })
        .await?;
        let mut made: Vec<&NewAsset> = Vec::new();
        for (asset, created) in &answers {
            match created {
                CreateOutcome::New => made.push(asset),
                CreateOutcome::TooManyPending => world.lacks(asset.id, "over a cap").await?,
                other => return Err(Broken::new(format_args!("`create` answers {other:?}"))),
            }
        }
        let by = |caller| made.iter().filter(|new| new.created_by == caller).count();
        let (member, colleague) = (by(world.member), by(world.colleague));
        demand(
            member + colleague == IN_ALL as usize
                && member <= EACH as usize
                && colleague <= EACH as usize,
            format_args!(
                "{member} and {colleague} were made, where {IN_ALL} fit, and {EACH} of one caller"
            ),
        )?;
        for new in made {
            equal(&world.delete(new.id).await?, &true, "`delete`")?;
        }
    }
    Ok(())
}
