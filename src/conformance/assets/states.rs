//! What becomes of an asset.

use crate::asset::{
    ChangeOutcome, Checksum, Mismatch, StateChange, StateKind, StoredObject, UploadState,
};
use crate::conformance::together::{CALLERS, ROUNDS, together};
use crate::conformance::verdict::{Broken, Verdict, demand, equal};
use crate::conformance::world::{World, duplicate, next};
use crate::ports::AssetStore;
use crate::ports::DirectoryStore;

/// A state is kept with all that the object store said, replaces the one before as a whole, and
/// touches nothing else of the asset.
///
/// **Why.** Size, entity tag and version are the proof of what was uploaded. A field that stays
/// behind from the state before proves something that isn't so.
pub async fn states_are_kept_and_taken_back<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let new = world.asset_with("github", "7")?;
    world.make(&new).await?;
    world.holds(&new, &UploadState::Pending).await?;
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
        world.change(new.id, complete).await?;
        world.holds(&new, &uploaded).await?;
        world.change(new.id, StateChange::TakeBack).await?;
        world.holds(&new, &UploadState::Pending).await?;
    }
    for sentence in [
        "The object's type is text/\"ü\"; image/png was announced.".to_owned(),
        "文".repeat(Mismatch::MAX_CHARS),
    ] {
        let new = world.asset()?;
        world.make(&new).await?;
        let reject = StateChange::Reject(Mismatch::new(&sentence));
        let rejected = reject.clone().into_state();
        world.change(new.id, reject).await?;
        world.holds(&new, &rejected).await?;
    }
    Ok(())
}

/// A change that doesn't begin at the state in which the asset is changes nothing, and the answer is
/// that state with all that is known in it.
///
/// **Why.** What was recorded of an object is the proof of what was there first. A client that says
/// "uploaded" once more, after it has used its form once more, must not replace it.
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
        world.make(&new).await?;
        let mut state = UploadState::Pending;
        if let Some(first) = first {
            state = first.clone().into_state();
            world.change(new.id, first).await?;
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
                    "`set_state`, too late,",
                )?;
                world.holds(&new, &state).await?;
            }
        }
    }
    Ok(())
}

/// Of 64 callers that have one pending asset uploaded or rejected at the same moment one is told that
/// it did, and all others what that one has made of it.
///
/// **Why.** Looking first and setting then lets two of them decide, one this way and one that: the
/// client is told that its file is safe, and the file is removed.
pub async fn of_many_that_decide_one_does<Store>(store: Store) -> Verdict
where
    Store: AssetStore + DirectoryStore + 'static,
{
    let world = World::new(store).await?;
    for _ in 0..ROUNDS {
        let new = world.asset()?;
        world.make(&new).await?;
        let answers = together(CALLERS, |n| {
            let world = world.clone();
            let change = if n % 2 == 0 {
                let size = u64::try_from(n).unwrap_or_default();
                StateChange::Complete(Some(StoredObject::of_size(size)))
            } else {
                StateChange::Reject(Mismatch::new(&format!("It is the object of {n}.")))
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
                "{} of {CALLERS} callers were told that they had decided",
                decided.len()
            )));
        };
        for (_, set) in &answers {
            if *set != ChangeOutcome::Done {
                equal(
                    set,
                    &ChangeOutcome::Is(state.clone()),
                    "`set_state`, too late,",
                )?;
            }
        }
        world.holds(&new, state).await?;
        // Taking back is decided by one, too; what was rejected stays so.
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
            "how many callers were told that they had taken it back",
        )?;
    }
    Ok(())
}

/// A rejected asset stays what it is until it is deleted: it is found, nothing is made of it any more,
/// and its pair is free. Deleting it touches nothing of what has the pair since.
///
/// **Why.** The client has to make another one, under the same pair. An index that still holds the
/// pair, or gives it free a second time, locks an importer out, or lets it in twice.
pub async fn a_rejected_asset_is_final_and_its_pair_free<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let difference = Mismatch::new("The object has 5 bytes; 7 were announced.");
    let rejected = UploadState::Rejected(difference.clone());
    let mut graves = Vec::new();
    for _ in 0..3 {
        let new = world.asset_with("github", "7")?;
        world.make(&new).await?;
        let reject = StateChange::Reject(difference.clone());
        world.change(new.id, reject).await?;
        graves.push(new);
    }
    let heir = world.asset_with("github", "7")?;
    world.make(&heir).await?;
    for new in &graves {
        for change in [StateChange::Complete(None), StateChange::TakeBack] {
            let set = world.set_state(new.id, &change).await?;
            equal(
                &set,
                &ChangeOutcome::Is(rejected.clone()),
                "`set_state` of what was rejected",
            )?;
        }
        world.holds(new, &rejected).await?;
        equal(&world.delete(new.id).await?, &true, "`delete`")?;
        world.lacks(new.id, "deleted").await?;
        let again = world.asset_with("github", "7")?;
        duplicate(&world.create(&again).await?, &heir, &UploadState::Pending)?;
    }
    world.holds(&heir, &UploadState::Pending).await
}

/// `set_state` and `delete` find nothing under an id that nobody has and under one that is deleted,
/// and make nothing of it.
///
/// **Why.** Success becomes a 204: the client throws its copy away.
pub async fn what_is_not_there_is_not_changed<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let deleted = world.asset()?;
    world.make(&deleted).await?;
    equal(&world.delete(deleted.id).await?, &true, "`delete`")?;
    for (id, what) in [(deleted.id, "deleted"), (next(), "an id that nobody has")] {
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
        world.lacks(id, what).await?;
    }
    Ok(())
}

/// From the answer on, a deleted asset is found by nobody and its pair is free, however often that
/// happens; other assets are as they were.
///
/// **Why.** Rows stay until the clean-up, so every statement has to leave the deleted ones out: the
/// unique index, too, or an import that was thrown away can't be made again.
pub async fn a_deleted_asset_is_gone_and_its_pair_free<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let other = world.asset_with("github", "8")?;
    world.make(&other).await?;
    for change in [
        None,
        Some(StateChange::Complete(None)),
        Some(StateChange::Complete(Some(StoredObject::of_size(7)))),
        Some(StateChange::Reject(Mismatch::new("It has 8 bytes."))),
    ] {
        let new = world.asset_with("github", "7")?;
        world.make(&new).await?;
        if let Some(change) = change {
            world.change(new.id, change).await?;
        }
        equal(&world.delete(new.id).await?, &true, "`delete`")?;
        world.lacks(new.id, "deleted").await?;
    }
    let again = world.asset_with("github", "7")?;
    world.make(&again).await?;
    world.holds(&again, &UploadState::Pending).await?;
    world.holds(&other, &UploadState::Pending).await
}

/// Of 64 callers that delete one asset at the same moment one is told that it did.
///
/// **Why.** Each success is counted, logged and may be acted upon: quotas given back 64 times.
pub async fn of_many_that_delete_one_succeeds<Store>(store: Store) -> Verdict
where
    Store: AssetStore + DirectoryStore + 'static,
{
    let world = World::new(store).await?;
    for _ in 0..ROUNDS {
        let new = world.asset_with("github", "7")?;
        world.make(&new).await?;
        let deleted = together(CALLERS, |_| {
            let world = world.clone();
            async move { world.delete(new.id).await }
        })
        .await?;
        let succeeded = deleted.into_iter().filter(|deleted| *deleted).count();
        demand(
            succeeded == 1,
            format_args!("{succeeded} of {CALLERS} callers deleted the one asset"),
        )?;
        world.lacks(new.id, "deleted").await?;
    }
    Ok(())
}
