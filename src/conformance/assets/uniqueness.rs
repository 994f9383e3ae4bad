//! One pair, one asset.

use crate::asset::{StateChange, StoredObject, UploadState};
use crate::conformance::together::{CALLERS, ROUNDS, together};
use crate::conformance::verdict::{Broken, Verdict, demand, equal};
use crate::conformance::world::{NO_CAPS, World, caps, duplicate, label, next};
use crate::ports::DirectoryStore;
use crate::ports::{AssetStore, CreateOutcome, StoreError};

/// While an asset lives nothing else is made with its pair, whoever asks and whatever has become of
/// the upload: the answer is that asset, in its present state.
///
/// **Why.** The pair is how importers find again what they made. Two assets of one pair, and every
/// later run picks one of them by chance.
pub async fn a_pair_is_unique_while_it_lives<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let first = world.asset_with("git hub", "文/7")?;
    world.make(&first).await?;
    let mut again = world.asset_by(world.colleague)?;
    again.external = first.external.clone();
    let created = world.create(&again).await?;
    duplicate(&created, &first, &UploadState::Pending)?;
    world
        .lacks(again.id, "the duplicate that was refused")
        .await?;

    let complete = StateChange::Complete(Some(StoredObject::of_size(1024)));
    let uploaded = complete.clone().into_state();
    world.change(first.id, complete).await?;
    let created = world.create(&again).await?;
    duplicate(&created, &first, &uploaded)?;
    world
        .lacks(again.id, "the duplicate that was refused")
        .await
}

/// Pairs are the same when they are the same characters: neither case nor white space nor the form
/// of an accent is made equal, and where the one label ends and the other begins counts.
///
/// **Why.** Collations fold case and some databases trim; joined without a mark, (`ab`, `c`) is
/// (`a`, `bc`). Each gives a caller somebody else's asset as "already there".
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
        let what = format!("({source:?}, {id:?}) is a pair of its own, yet `create`");
        equal(&created, &CreateOutcome::New, what)?;
        let again = world.asset_with(source, id)?;
        let created = world.create(&again).await?;
        duplicate(&created, &new, &UploadState::Pending)?;
    }
    Ok(())
}

/// Any number of assets may have the same half of a pair, or none.
///
/// **Why.** Most uploads have no pair at all. A unique index that takes an empty label for a value
/// lets a single one in.
pub async fn half_a_pair_identifies_nothing<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    world.make(&world.asset_with("github", "7")?).await?;
    for _ in 0..2 {
        let mut half = world.asset()?;
        half.external.source = label("github")?;
        world.make(&half).await?;
        world.holds(&half, &UploadState::Pending).await?;
        let mut half = world.asset()?;
        half.external.id = label("7")?;
        world.make(&half).await?;
        world.holds(&half, &UploadState::Pending).await?;
        world.make(&world.asset()?).await?;
    }
    Ok(())
}

/// An asset that still waits for its upload comes back as a duplicate with every field as it was
/// recorded, not as it was asked for this time.
///
/// **Why.** That is how a client goes on that crashed between the form and the upload: the service
/// signs again, for the recorded key, type and size. From the new request's fields it would sign
/// for an object that no row names.
pub async fn a_pending_duplicate_comes_back_whole<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let mut first = world.asset_with("github", "7")?;
    first.project = Some(world.project);
    world.make(&first).await?;

    let mut again = world.asset_by(world.colleague)?;
    again.external = first.external.clone();
    again.created_at += time::Duration::HOUR;
    again.media_type = "image/png".parse().unwrap_or(again.media_type);
    for _ in 0..2 {
        let created = world.create(&again).await?;
        duplicate(&created, &first, &UploadState::Pending)?;
    }
    // Even where nothing more may be pending: this one is already.
    let created = world.create_capped(&again, caps(1, 1)).await?;
    duplicate(&created, &first, &UploadState::Pending)?;
    world.holds(&first, &UploadState::Pending).await?;
    world.lacks(again.id, "a duplicate").await
}

/// An id that an asset of the workspace has is [`StoreError::Failed`] for another, and nothing has
/// changed.
///
/// **Why.** An insert that replaces (an "upsert") hands an asset to whoever draws its id. And
/// `Unavailable` would have clients try again for ever.
pub async fn an_id_is_taken_once<Store: AssetStore + DirectoryStore>(store: Store) -> Verdict {
    let world = World::new(store).await?;
    let first = world.asset()?;
    world.make(&first).await?;
    let mut second = world.asset_with("github", "7")?;
    second.id = first.id;
    let refused = world
        .store
        .create(&world.home, second.clone(), NO_CAPS)
        .await;
    demand(
        matches!(refused, Err(StoreError::Failed(_))),
        format_args!("an id that is taken: `create` answers {refused:?} instead of `Failed`"),
    )?;
    world.holds(&first, &UploadState::Pending).await?;
    second.id = next();
    world.make(&second).await
}

/// A call that has several things against it is refused for the first of: project, pair, caps.
///
/// **Why.** A client that resumes at its cap must get its asset back and not be sent away; and a
/// project that is not the caller's must be said so before anything of the workspace is shown.
pub async fn project_then_pair_then_caps<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let first = world.asset_with("github", "7")?;
    world.make(&first).await?;
    let tight = caps(1, 1);
    let mut wrong = world.asset_with("github", "7")?;
    wrong.project = Some(world.project_abroad);
    let created = world.create_capped(&wrong, tight).await?;
    equal(
        &created,
        &CreateOutcome::ProjectNotFound,
        "all three are wrong",
    )?;
    wrong.project = Some(world.project);
    let created = world.create_capped(&wrong, tight).await?;
    duplicate(&created, &first, &UploadState::Pending)?;
    wrong.external.id = None;
    let created = world.create_capped(&wrong, tight).await?;
    equal(
        &created,
        &CreateOutcome::TooManyPending,
        "the cap is reached",
    )
}

/// Of 64 callers that create one pair at the same moment one makes an asset, and the 63 others are
/// given that one.
///
/// **Why.** Clients retry, and importers run on several machines. Looking first and inserting then,
/// in two statements or in a transaction that doesn't lock, makes two rows as soon as two of them
/// meet. (Forty at once made two in a running Plane.)
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
            let what = format!("{made} of {CALLERS} callers made the one pair");
            return Err(Broken::new(what));
        };
        world.holds(winner, &UploadState::Pending).await?;
        for (asset, created) in &answers {
            if asset.id != winner.id {
                duplicate(created, winner, &UploadState::Pending)?;
                world.lacks(asset.id, "a duplicate").await?;
            }
        }
    }
    // As many rows count as pending as there are pairs.
    let pending = u32::try_from(ROUNDS).unwrap_or(u32::MAX);
    let one_more = world.asset()?;
    let created = world
        .create_capped(&one_more, caps(pending + 1, pending + 1))
        .await?;
    equal(
        &created,
        &CreateOutcome::New,
        "the losers count as pending: `create`",
    )
}
