//! What becomes of an asset.

use crate::asset::{StoredObject, UploadState};
use crate::checksum::Checksum;
use crate::conformance::seed::Seed;
use crate::conformance::together::{CALLERS, ROUNDS, together};
use crate::conformance::verdict::{Verdict, demand, equal};
use crate::conformance::world::{World, next};
use crate::store::AssetStore;

/// A state is kept with all that the object store said, replaces the one before as a whole, and
/// touches nothing else of the asset.
///
/// **Why.** Size, entity tag and version are the proof of what was uploaded. A field that stays
/// behind from the state before proves something that isn't so.
pub async fn states_are_kept_and_taken_back<Store: AssetStore + Seed>(store: Store) -> Verdict {
    let world = World::new(store).await?;
    let new = world.asset_with("github", "7")?;
    world.make(&new).await?;
    world.holds(&new, &UploadState::Pending).await?;
    let object = StoredObject {
        size: 1024,
        content_type: Some("image/png; x=\"ü\"".to_owned()),
        etag: Some("\"9b2cf535f27731c974343645a3985328\"".to_owned()),
        version: Some("3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY".to_owned()),
        checksum: Some(Checksum::new([0xa5; 32])),
    };
    let bare = StoredObject::of_size(0);
    for state in [
        UploadState::Uploaded(Some(object.clone())),
        UploadState::Uploaded(Some(bare.clone())),
        UploadState::Uploaded(None),
        UploadState::Uploaded(Some(object)),
        UploadState::Pending,
        UploadState::Uploaded(None),
        UploadState::Uploaded(Some(bare)),
        UploadState::Pending,
    ] {
        equal(
            &world.set_state(new.id, &state).await?,
            &true,
            "`set_state`",
        )?;
        world.holds(&new, &state).await?;
    }
    Ok(())
}

/// `set_state` and `delete` answer `false` for an id that nobody has and for one that is deleted,
/// and make nothing of it.
///
/// **Why.** `true` becomes a 204: the client throws its copy away.
pub async fn what_is_not_there_is_not_changed<Store: AssetStore + Seed>(store: Store) -> Verdict {
    let world = World::new(store).await?;
    let deleted = world.asset()?;
    world.make(&deleted).await?;
    equal(&world.delete(deleted.id).await?, &true, "`delete`")?;
    for (id, what) in [(deleted.id, "deleted"), (next(), "an id that nobody has")] {
        for state in [UploadState::Uploaded(None), UploadState::Pending] {
            let set = world.set_state(id, &state).await?;
            equal(&set, &false, format_args!("`set_state` of {what}"))?;
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
pub async fn a_deleted_asset_is_gone_and_its_pair_free<Store: AssetStore + Seed>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let other = world.asset_with("github", "8")?;
    world.make(&other).await?;
    for state in [
        UploadState::Pending,
        UploadState::Uploaded(None),
        UploadState::Uploaded(Some(StoredObject::of_size(7))),
    ] {
        let new = world.asset_with("github", "7")?;
        world.make(&new).await?;
        let set = world.set_state(new.id, &state).await?;
        equal(&set, &true, "`set_state`")?;
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
    Store: AssetStore + Seed + 'static,
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
