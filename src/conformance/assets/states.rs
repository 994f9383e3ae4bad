//! Rules about the states of an asset.

use crate::asset::{
    ChangeOutcome, Checksum, Mismatch, StateChange, StateKind, StoredObject, UploadState,
};
use crate::conformance::together::{CALLERS, ROUNDS, together};
use crate::conformance::verdict::{Broken, Verdict, demand, equal};
use crate::conformance::world::{World, duplicate, next};
use crate::ports::AssetStore;
use crate::ports::DirectoryStore;

/// `set_state` keeps the new state with the whole description of the object, replaces the old state
/// completely, and changes no other field of the asset.
///
/// **Why.** Size, entity tag and version prove which object was uploaded. A field that remains from
/// an older state is a false proof.
pub async fn states_are_kept_and_taken_back<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let new = world.asset_with("github", "7")?;
    world.must_create(&new).await?;
    world.must_hold(&new, &UploadState::Pending).await?;
    let object = StoredObject {
        size: 1024,
        content_type: Some("image/png; x=\"ü\"".to_owned()),
        content_encoding: Some("identity".to_owned()),
        etag: Some("\"9b2cf535f27731c974343645a3985328\"".to_owned()),
        version: Some("3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY".to_owned()),
        checksum: Some(Checksum::new([0xa5; 32])),
    };
    let bare = StoredObject::of_size(0);
    for object in [Some(object.clone()), Some(bare), None, Some(object)] {
        let complete = StateChange::Complete(object);
        let uploaded = complete.clone().into_state();
        world.must_change(new.id, complete).await?;
        world.must_hold(&new, &uploaded).await?;
        world.must_change(new.id, StateChange::TakeBack).await?;
        world.must_hold(&new, &UploadState::Pending).await?;
    }
    for sentence in [
        "The object's type is text/\"ü\"; image/png was announced.".to_owned(),
        "文".repeat(Mismatch::MAX_CHARS),
    ] {
        let new = world.asset()?;
        world.must_create(&new).await?;
        let reject = StateChange::Reject(Mismatch::new(&sentence));
        let rejected = reject.clone().into_state();
        world.must_change(new.id, reject).await?;
        world.must_hold(&new, &rejected).await?;
    }
    Ok(())
}

/// `set_state` changes nothing if the asset isn't in the state that the change starts from. It
/// returns the current state with all of its data.
///
/// **Why.** The recorded description proves which object was there first. A client that uses its
/// form again and completes again must not replace it.
pub async fn a_change_begins_at_its_own_state<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let first = [
        None,
        Some(StateChange::Complete(None)),
        Some(StateChange::Complete(Some(StoredObject::of_size(7)))),
        Some(StateChange::Reject(Mismatch::new("The first."))),
    ];
    for first in first {
        let new = world.asset()?;
        world.must_create(&new).await?;
        let mut state = UploadState::Pending;
        if let Some(first) = first {
            state = first.clone().into_state();
            world.must_change(new.id, first).await?;
        }
        for late in [
            StateChange::Complete(None),
            StateChange::Complete(Some(StoredObject::of_size(8))),
            StateChange::Reject(Mismatch::new("The second.")),
            StateChange::TakeBack,
        ] {
            if late.from() != state.kind() {
                let set = world.set_state(new.id, &late).await?;
                equal(
                    &set,
                    &ChangeOutcome::Is(state.clone()),
                    "a late `set_state`",
                )?;
                world.must_hold(&new, &state).await?;
            }
        }
    }
    Ok(())
}

/// If 64 callers complete or reject one pending asset at the same moment, exactly one gets
/// [`ChangeOutcome::Done`]. All others get the state that this caller set.
///
/// **Why.** With a look-up followed by an update, two callers can decide differently: the client is
/// told that its file is safe, and the file is removed.
pub async fn of_many_that_decide_one_does<Store>(store: Store) -> Verdict
where
    Store: AssetStore + DirectoryStore + 'static,
{
    let world = World::new(store).await?;
    for _ in 0..ROUNDS {
        let new = world.asset()?;
        world.must_create(&new).await?;
        let answers = together(CALLERS, |n| {
            let world = world.clone();
            let change = if n % 2 == 0 {
                let size = u64::try_from(n).unwrap_or_default();
                StateChange::Complete(Some(StoredObject::of_size(size)))
            } else {
                StateChange::Reject(Mismatch::new(&format!("Caller {n} rejected it.")))
            };
            async move {
                let set = world.set_state(new.id, &change).await?;
                Ok((change.into_state(), set))
            }
        })
        .await?;
        let done = |(_, set): &&(UploadState, ChangeOutcome)| *set == ChangeOutcome::Done;
        let decided: Vec<_> = answers.iter().filter(done).collect();
        let [(state, _)] = decided[..] else {
            return Err(Broken::new(format_args!(
                "{} of {CALLERS} callers got `Done`",
                decided.len()
            )));
        };
        for (_, set) in &answers {
            if *set != ChangeOutcome::Done {
                equal(set, &ChangeOutcome::Is(state.clone()), "a late `set_state`")?;
            }
        }
        world.must_hold(&new, state).await?;
        // Exactly one caller takes an uploaded asset back. A rejected asset stays rejected.
        let takes_back = state.kind() == StateKind::Uploaded;
        let answers = together(CALLERS, |_| {
            let world = world.clone();
            async move { world.set_state(new.id, &StateChange::TakeBack).await }
        })
        .await?;
        let done = answers
            .iter()
            .filter(|set| **set == ChangeOutcome::Done)
            .count();
        equal(
            &done,
            &usize::from(takes_back),
            "the number of callers that got `Done` for taking the upload back",
        )?;
    }
    Ok(())
}

/// A rejected asset stays rejected until it is deleted: `find` returns it, no change applies to it,
/// and its external pair is free. Deleting it doesn't affect an asset that has the pair since.
///
/// **Why.** The client has to create another asset with the same external pair. If an index still
/// holds the pair, an importer is locked out; if it frees the pair twice, an importer creates two
/// assets.
pub async fn a_rejected_asset_is_final_and_its_pair_free<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let difference = Mismatch::new("The object has 5 bytes; 7 were announced.");
    let rejected = UploadState::Rejected(difference.clone());
    let mut rejected_assets = Vec::new();
    for _ in 0..3 {
        let new = world.asset_with("github", "7")?;
        world.must_create(&new).await?;
        let reject = StateChange::Reject(difference.clone());
        world.must_change(new.id, reject).await?;
        rejected_assets.push(new);
    }
    let successor = world.asset_with("github", "7")?;
    world.must_create(&successor).await?;
    for new in &rejected_assets {
        for change in [StateChange::Complete(None), StateChange::TakeBack] {
            let set = world.set_state(new.id, &change).await?;
            equal(
                &set,
                &ChangeOutcome::Is(rejected.clone()),
                "`set_state` of a rejected asset",
            )?;
        }
        world.must_hold(new, &rejected).await?;
        equal(&world.delete(new.id).await?, &true, "`delete`")?;
        world.must_lack(new.id, "it was deleted").await?;
        let again = world.asset_with("github", "7")?;
        duplicate(
            &world.create(&again).await?,
            &successor,
            &UploadState::Pending,
        )?;
    }
    world.must_hold(&successor, &UploadState::Pending).await
}

/// `set_state` and `delete` of an unknown id or a deleted asset report that there is no such asset,
/// and create nothing.
///
/// **Why.** The service turns success into a 204, and the client then discards its copy of the
/// file.
pub async fn what_is_not_there_is_not_changed<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let deleted = world.asset()?;
    world.must_create(&deleted).await?;
    equal(&world.delete(deleted.id).await?, &true, "`delete`")?;
    for (id, what) in [(deleted.id, "a deleted asset"), (next(), "an unknown id")] {
        for change in [
            StateChange::Complete(None),
            StateChange::Reject(Mismatch::new("It is not there.")),
            StateChange::TakeBack,
        ] {
            let set = world.set_state(id, &change).await?;
            let what = format_args!("`set_state` of {what}");
            equal(&set, &ChangeOutcome::NotFound, what)?;
        }
        let again = world.delete(id).await?;
        equal(&again, &false, format_args!("`delete` of {what}"))?;
        world.must_lack(id, what).await?;
    }
    Ok(())
}

/// Once `delete` returns, no method finds the asset, and its external pair is free, also after
/// repeated deletions. Other assets don't change.
///
/// **Why.** Rows stay until the purge, so every statement must exclude deleted rows. The unique
/// index must exclude them too, or a deleted import can't be imported again.
pub async fn a_deleted_asset_is_gone_and_its_pair_free<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let other = world.asset_with("github", "8")?;
    world.must_create(&other).await?;
    for change in [
        None,
        Some(StateChange::Complete(None)),
        Some(StateChange::Complete(Some(StoredObject::of_size(7)))),
        Some(StateChange::Reject(Mismatch::new("It has 8 bytes."))),
    ] {
        let new = world.asset_with("github", "7")?;
        world.must_create(&new).await?;
        if let Some(change) = change {
            world.must_change(new.id, change).await?;
        }
        equal(&world.delete(new.id).await?, &true, "`delete`")?;
        world.must_lack(new.id, "it was deleted").await?;
    }
    let again = world.asset_with("github", "7")?;
    world.must_create(&again).await?;
    world.must_hold(&again, &UploadState::Pending).await?;
    world.must_hold(&other, &UploadState::Pending).await
}

/// If 64 callers delete one asset at the same moment, exactly one gets `true`.
///
/// **Why.** Hosts count, log and act on each success: a quota would be given back 64 times.
pub async fn of_many_that_delete_one_succeeds<Store>(store: Store) -> Verdict
where
    Store: AssetStore + DirectoryStore + 'static,
{
    let world = World::new(store).await?;
    for _ in 0..ROUNDS {
        let new = world.asset_with("github", "7")?;
        world.must_create(&new).await?;
        let deleted = together(CALLERS, |_| {
            let world = world.clone();
            async move { world.delete(new.id).await }
        })
        .await?;
        let succeeded = deleted.into_iter().filter(|deleted| *deleted).count();
        demand(
            succeeded == 1,
            format_args!("`delete` returned `true` to {succeeded} of {CALLERS} callers"),
        )?;
        world.must_lack(new.id, "it was deleted").await?;
    }
    Ok(())
}
