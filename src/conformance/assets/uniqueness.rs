//! Rules about external pairs and ids.

use crate::asset::{StateChange, StoredObject, UploadState};
use crate::conformance::together::{CALLERS, ROUNDS, together};
use crate::conformance::verdict::{Broken, Verdict, demand, equal};
use crate::conformance::world::{NO_CAPS, World, caps, duplicate, label, next};
use crate::ports::DirectoryStore;
use crate::ports::{AssetStore, CreateOutcome, StoreError};

/// While an asset lives, `create` makes no other asset with its external pair, whoever calls
/// and whatever the state of the upload (except rejected). The result is the existing asset in its
/// current state.
///
/// **Why.** Importers find their assets by the external pair. With two assets of one pair, every
/// later run picks one of them by chance.
pub async fn a_pair_is_unique_while_it_lives<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let first = world.asset_with("git hub", "文/7")?;
    world.must_create(&first).await?;
    let mut again = world.asset_by(world.colleague)?;
    again.external = first.external.clone();
    let created = world.create(&again).await?;
    duplicate(&created, &first, &UploadState::Pending)?;
    world
        .must_lack(again.id, "a duplicate is not created")
        .await?;

    let complete = StateChange::Complete(Some(StoredObject::of_size(1024)));
    let uploaded = complete.clone().into_state();
    world.must_change(first.id, complete).await?;
    let created = world.create(&again).await?;
    duplicate(&created, &first, &uploaded)?;
    world
        .must_lack(again.id, "a duplicate is not created")
        .await
}

/// Two external pairs are equal only if both labels are equal character by character. Case, white
/// space and the composition of accents make a difference, and so does the boundary between the
/// labels.
///
/// **Why.** Collations fold case, and some databases trim. Without a separator, (`ab`, `c`) equals
/// (`a`, `bc`). In each case a caller gets another asset as "already there".
pub async fn pairs_are_compared_exactly<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    for (source, id) in [
        ("git hub", "7é"),
        ("Git hub", "7é"),
        ("git hub", "7É"),
        ("git hub", "7e\u{301}"),
        ("git hub", "7e"),
        ("git hub ", "7é"),
        (" git hub", "7é"),
        ("git hub", "7é "),
        ("git hu", "b7é"),
        ("git hub7", "é"),
        ("7é", "git hub"),
        ("git_hub", "7é"),
        ("git%", "7é"),
        ("git\u{a0}hub", "7é"),
        ("git hub", "07é"),
    ] {
        let new = world.asset_with(source, id)?;
        let created = world.create(&new).await?;
        let what = format!("`create` with the new external pair ({source:?}, {id:?})");
        equal(&created, &CreateOutcome::New, what)?;
        let again = world.asset_with(source, id)?;
        let created = world.create(&again).await?;
        duplicate(&created, &new, &UploadState::Pending)?;
    }
    Ok(())
}

/// Any number of assets may share one label of the external pair, or have no labels.
///
/// **Why.** Most uploads have no external pair. A unique index that treats an empty label as a
/// value accepts only one of them.
pub async fn half_a_pair_identifies_nothing<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    world.must_create(&world.asset_with("github", "7")?).await?;
    for _ in 0..2 {
        let mut half = world.asset()?;
        half.external.source = label("github")?;
        world.must_create(&half).await?;
        world.must_hold(&half, &UploadState::Pending).await?;
        let mut half = world.asset()?;
        half.external.id = label("7")?;
        world.must_create(&half).await?;
        world.must_hold(&half, &UploadState::Pending).await?;
        world.must_create(&world.asset()?).await?;
    }
    Ok(())
}

/// If the existing asset of an external pair is pending, the duplicate has every field as recorded,
/// not as requested this time.
///
/// **Why.** A client that crashed between `create` and the upload continues this way: the service
/// signs new upload data for the recorded key, type and size. From the new request's fields it
/// would sign for a key that no row has.
pub async fn a_pending_duplicate_comes_back_whole<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let mut first = world.asset_with("github", "7")?;
    first.project = Some(world.project);
    world.must_create(&first).await?;

    let mut again = world.asset_by(world.colleague)?;
    again.external = first.external.clone();
    again.created_at += time::Duration::HOUR;
    again.media_type = "image/png".parse().unwrap_or(again.media_type);
    for _ in 0..2 {
        let created = world.create(&again).await?;
        duplicate(&created, &first, &UploadState::Pending)?;
    }
    // The caps don't apply: the existing asset is already counted.
    let created = world.create_capped(&again, caps(1, 1)).await?;
    duplicate(&created, &first, &UploadState::Pending)?;
    world.must_hold(&first, &UploadState::Pending).await?;
    world
        .must_lack(again.id, "a duplicate is not created")
        .await
}

/// If an asset of the workspace has the id already, `create` returns [`StoreError::Failed`] and
/// changes nothing.
///
/// **Why.** An upsert would give an existing asset to another caller. After `Unavailable`, clients
/// would retry for ever.
pub async fn an_id_is_taken_once<Store: AssetStore + DirectoryStore>(store: Store) -> Verdict {
    let world = World::new(store).await?;
    let first = world.asset()?;
    world.must_create(&first).await?;
    let mut second = world.asset_with("github", "7")?;
    second.id = first.id;
    let refused = world
        .store
        .create(&world.home, second.clone(), NO_CAPS)
        .await;
    demand(
        matches!(refused, Err(StoreError::Failed(_))),
        format_args!("`create` with an id that is taken returns {refused:?} instead of `Failed`"),
    )?;
    world.must_hold(&first, &UploadState::Pending).await?;
    second.id = next();
    world.must_create(&second).await
}

/// If several conditions fail, the first of these decides the result: project, external pair, caps.
///
/// **Why.** A client that resumes at its cap must get its asset back. And the project must be
/// checked before the result shows anything of the workspace.
pub async fn project_then_pair_then_caps<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let first = world.asset_with("github", "7")?;
    world.must_create(&first).await?;
    let tight = caps(1, 1);
    let mut wrong = world.asset_with("github", "7")?;
    wrong.project = Some(world.project_abroad);
    let created = world.create_capped(&wrong, tight).await?;
    equal(
        &created,
        &CreateOutcome::ProjectNotFound,
        "`create` with a wrong project, a taken pair and a reached cap",
    )?;
    wrong.project = Some(world.project);
    let created = world.create_capped(&wrong, tight).await?;
    duplicate(&created, &first, &UploadState::Pending)?;
    wrong.external.id = None;
    let created = world.create_capped(&wrong, tight).await?;
    equal(
        &created,
        &CreateOutcome::TooManyPending,
        "`create` with a reached cap",
    )
}

/// If 64 callers create one external pair at the same moment, exactly one creates an asset. The
/// other 63 get this asset as a duplicate.
///
/// **Why.** Clients retry, and importers run on several machines. A look-up followed by an insert,
/// in two statements or in a transaction without a lock, creates two rows when two callers meet.
/// (Forty concurrent callers created two in a running Plane.)
pub async fn of_many_that_create_one_pair_one_wins<Store>(store: Store) -> Verdict
where
    Store: AssetStore + DirectoryStore + 'static,
{
    let world = World::new(store).await?;
    for round in 0..ROUNDS {
        let id = round.to_string();
        let answers = together(CALLERS, |_| {
            let (world, id) = (world.clone(), id.clone());
            async move {
                let asset = world.asset_with("github", &id)?;
                let created = world.create(&asset).await?;
                Ok((asset, created))
            }
        })
        .await?;
        let won = |(_, created): &&(_, CreateOutcome)| *created == CreateOutcome::New;
        let winners: Vec<_> = answers.iter().filter(won).collect();
        let [(winner, _)] = winners[..] else {
            let made = winners.len();
            let what =
                format!("{made} of {CALLERS} callers created an asset with the one external pair");
            return Err(Broken::new(what));
        };
        world.must_hold(winner, &UploadState::Pending).await?;
        for (asset, created) in &answers {
            if asset.id != winner.id {
                duplicate(created, winner, &UploadState::Pending)?;
                world
                    .must_lack(asset.id, "a duplicate is not created")
                    .await?;
            }
        }
    }
    // The number of pending assets is the number of external pairs.
    let pending = u32::try_from(ROUNDS).unwrap_or(u32::MAX);
    let one_more = world.asset()?;
    let created = world
        .create_capped(&one_more, caps(pending + 1, pending + 1))
        .await?;
    equal(
        &created,
        &CreateOutcome::New,
        "`create` after a race, in which only one asset of each pair counts as pending",
    )
}
