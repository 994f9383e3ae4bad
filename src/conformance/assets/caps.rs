//! Rules about the caps on pending and discarded assets.

use std::num::NonZeroU32;

use crate::asset::{
    ChangeOutcome, Mismatch, NewAsset, PendingCaps, StateChange, UploadState, UserId,
};
use crate::conformance::together::{CALLERS, ROUNDS, together};
use crate::conformance::verdict::{Broken, Verdict, demand, equal};
use crate::conformance::world::{NO_CAPS, World, caps};
use crate::ports::DirectoryStore;
use crate::ports::{AssetStore, CreateOutcome};

/// The caps on pending assets count living assets that wait for their upload: those of the
/// workspace, and those of the caller in the workspace. Completed, rejected and deleted assets
/// don't count. An asset that is taken back counts again. Repeated calls count once.
///
/// **Why.** A counter that drifts with each repeated call ends up locking its caller out for good,
/// or never refusing anybody.
pub async fn caps_count_what_is_pending<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let (member, colleague) = (world.member, world.colleague);
    let mine = [world.asset()?, world.asset()?];
    let theirs = world.asset_by(colleague)?;
    for new in [&mine[0], &mine[1], &theirs] {
        world.must_create(new).await?;
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
        expect(
            &world,
            "the member has 2 pending assets, the colleague 1",
            caller,
            caps,
            fits,
        )
        .await?;
    }

    let complete = StateChange::Complete(None);
    let uploaded = UploadState::Uploaded(None);
    world.must_change(mine[0].id, complete.clone()).await?;
    let set = world.set_state(mine[0].id, &complete).await?;
    equal(&set, &ChangeOutcome::Is(uploaded), "a repeated `set_state`")?;
    let now = "one of the member's assets was completed twice";
    expect(&world, now, member, caps(3, 2), true).await?;
    expect(&world, now, member, caps(2, 0), false).await?;
    expect(&world, now, member, caps(0, 1), false).await?;
    world.must_change(mine[0].id, StateChange::TakeBack).await?;
    let set = world.set_state(mine[0].id, &StateChange::TakeBack).await?;
    let pending = ChangeOutcome::Is(UploadState::Pending);
    equal(&set, &pending, "a repeated `set_state`")?;
    let now = "it was taken back twice";
    expect(&world, now, member, caps(3, 0), false).await?;
    expect(&world, now, member, caps(0, 2), false).await?;
    expect(&world, now, member, caps(4, 3), true).await?;
    equal(&world.delete(mine[1].id).await?, &true, "`delete`")?;
    equal(
        &world.delete(mine[1].id).await?,
        &false,
        "a repeated `delete`",
    )?;
    let now = "one of the member's assets was deleted twice";
    expect(&world, now, member, caps(3, 2), true).await?;
    expect(&world, now, member, caps(2, 0), false).await?;
    expect(&world, now, member, caps(0, 1), false).await?;
    // A completed asset no longer counts as pending, so deleting it changes no count.
    world.must_change(mine[0].id, complete).await?;
    equal(&world.delete(mine[0].id).await?, &true, "`delete`")?;
    let now = "only the colleague's asset is pending";
    expect(&world, now, member, caps(2, 1), true).await?;
    expect(&world, now, member, caps(1, 0), false).await?;
    let difference = Mismatch::new("The object has 5 bytes; 7 were announced.");
    world
        .must_change(theirs.id, StateChange::Reject(difference))
        .await?;
    let now = "the last pending asset was rejected";
    expect(&world, now, colleague, caps(1, 1), true).await?;
    equal(&world.delete(theirs.id).await?, &true, "`delete`")?;
    let now = "the last pending asset was rejected and then deleted";
    expect(&world, now, colleague, caps(1, 1), true).await
}

/// The caps on discarded assets count deleted and rejected assets: those of the workspace, and
/// those of the caller in the workspace. Other assets don't count. An asset that was rejected and
/// then deleted counts once. If a cap on pending assets is also reached, that cap decides the
/// result.
///
/// **Why.** A caller that creates and deletes in turn has one pending asset, and still fills the
/// table.
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
                format_args!("{now}; `create` under {caps:?}"),
            )?;
            if created != CreateOutcome::New {
                world.must_lack(new.id, "a cap refused it").await?;
            }
        }
        Ok(())
    };
    let (full, fits) = (CreateOutcome::TooManyDiscarded, CreateOutcome::New);
    let mine = world.asset()?;
    let rejected = world.asset()?;
    let theirs = world.asset_by(colleague)?;
    for new in [&mine, &rejected, &theirs] {
        world.must_create(new).await?;
    }
    world
        .must_change(mine.id, StateChange::Complete(None))
        .await?;
    all(
        "no asset is discarded",
        &[(member, discarded(1, 1), fits.clone())],
    )
    .await?;
    let difference = Mismatch::new("The object has 5 bytes; 7 were announced.");
    world
        .must_change(rejected.id, StateChange::Reject(difference))
        .await?;
    let once = [
        (member, discarded(1, 0), full.clone()),
        (member, discarded(0, 1), full.clone()),
        (member, discarded(2, 2), fits.clone()),
        (colleague, discarded(0, 1), fits.clone()),
        (colleague, discarded(1, 0), full.clone()),
    ];
    all("one asset is rejected", &once).await?;
    equal(&world.delete(rejected.id).await?, &true, "`delete`")?;
    all("one asset is rejected and deleted", &once).await?;
    for new in [&mine, &theirs] {
        equal(&world.delete(new.id).await?, &true, "`delete`")?;
        equal(&world.delete(new.id).await?, &false, "a repeated `delete`")?;
    }
    let now = "the member has 2 discarded assets, the colleague 1";
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

/// Creates one more asset and checks whether it fits. Deletes it again.
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
        format_args!("{now}; `create` under {caps:?}"),
    )?;
    if fits {
        equal(&world.delete(new.id).await?, &true, "`delete`")
    } else {
        world.must_lack(new.id, "a cap refused it").await
    }
}

/// When 64 callers create at the same moment, exactly as many assets are created as the caps allow.
///
/// **Why.** The caps protect against clients that flood. A count before the insert lets a whole
/// flood pass.
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
                CreateOutcome::TooManyPending => {
                    world.must_lack(asset.id, "a cap refused it").await?;
                }
                other => return Err(Broken::new(format_args!("`create` returns {other:?}"))),
            }
        }
        let by = |caller| made.iter().filter(|new| new.created_by == caller).count();
        let (member, colleague) = (by(world.member), by(world.colleague));
        demand(
            member + colleague == IN_ALL as usize
                && member <= EACH as usize
                && colleague <= EACH as usize,
            format_args!(
                "two callers created {member} and {colleague} assets; the caps are {IN_ALL} in all and {EACH} for each caller"
            ),
        )?;
        for new in made {
            equal(&world.delete(new.id).await?, &true, "`delete`")?;
        }
    }
    Ok(())
}
