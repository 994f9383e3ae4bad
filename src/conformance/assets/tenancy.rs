//! Who gets in, and how far.

use std::sync::Arc;

use crate::asset::{ChangeOutcome, StateChange, UploadState};
use crate::conformance::verdict::{Broken, Verdict, called, demand, equal, seeded};
use crate::conformance::world::{NO_CAPS, World, caps, next, pair, slug};
use crate::ports::DirectoryStore;
use crate::ports::{AssetStore, CreateOutcome, StoreError};

/// Active members of a living workspace enter it; to all others it looks as if there were none:
/// strangers, members of another workspace, former members, members of a deleted one. Slugs are
/// compared exactly.
///
/// **Why.** A workspace that is handed out is the proof of membership for every other call: nothing
/// is checked again. And an answer that differs tells a stranger which workspaces exist.
pub async fn only_active_members_enter<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    for (workspace, user) in [
        (&world.home, world.member),
        (&world.home, world.colleague),
        (&world.abroad, world.neighbour),
    ] {
        let entered = world.enter(workspace.slug(), user).await?;
        equal(&entered.as_ref(), &Some(workspace), "`enter` by a member")?;
    }
    let home = world.home.slug();
    let nowhere = slug(&format!("nowhere-{}", world.home.id()))?;
    let shouted = slug(&home.as_str().to_uppercase())?;
    let longer = slug(&format!("{home}x"))?;
    for (slug, caller, why) in [
        (&nowhere, world.member, "there is no such workspace"),
        (&shouted, world.member, "its slug is in lower case"),
        (&longer, world.member, "its slug is shorter"),
        (&world.deleted, world.member, "it is deleted"),
        (home, next(), "the caller is a stranger"),
        (home, world.neighbour, "the caller is a member elsewhere"),
        (home, world.former, "the caller is no member any more"),
    ] {
        let entered = world.enter(slug, caller).await?;
        demand(
            entered.is_none(),
            format_args!("`enter` lets in although {why}"),
        )?;
    }
    Ok(())
}

/// Nothing in one workspace is seen, changed, deleted or counted from another; a pair that is taken
/// in one is free in the other. An id that is taken there may be refused, as ids are unique in the
/// world, but it may not touch what has it.
///
/// **Why.** An id or a pair of another tenant's is easily learnt from a link or a log. A look-up by
/// id alone then opens the file; a unique index that forgets the workspace tells that there is one.
pub async fn nothing_crosses_workspaces<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let (store, abroad) = (Arc::clone(&world.store), &world.abroad);
    let here = world.asset_with("github", "7")?;
    world.make(&here).await?;
    let untouched = async || world.holds(&here, &UploadState::Pending).await;

    let found = called("find", store.find(abroad, here.id).await)?;
    equal(&found, &None, "`find` from another workspace")?;
    let complete = StateChange::Complete(None);
    let set = store.set_state(abroad, here.id, complete).await;
    equal(
        &called("set_state", set)?,
        &ChangeOutcome::NotFound,
        "`set_state` from another workspace",
    )?;
    untouched().await?;
    let deleted = called("delete", store.delete(abroad, here.id).await)?;
    equal(&deleted, &false, "`delete` from another workspace")?;
    untouched().await?;

    let mut there = world.asset()?;
    there.external = pair("github", "7")?;
    world.make_abroad(&there).await?;
    let mut same_id = world.asset()?;
    same_id.id = here.id;
    let mut pending = 1;
    match store.create(abroad, same_id, NO_CAPS).await {
        Ok(CreateOutcome::New) => pending += 1,
        Err(StoreError::Failed(_)) => {}
        other => {
            let what = format!("an id of another workspace's: `create` answers {other:?}");
            return Err(Broken::new(what));
        }
    }
    untouched().await?;

    let tight = caps(pending + 1, pending + 1);
    let fits = store.create(abroad, world.asset()?, tight).await;
    equal(
        &called("create", fits)?,
        &CreateOutcome::New,
        "only what is pending here counts, yet `create`",
    )
}

/// An asset is made in a project only if that is a living project of the very workspace.
///
/// **Why.** Whoever names another tenant's project would put files into it. (Plane's public
/// endpoint takes any project.)
pub async fn projects_are_of_the_workspace_and_alive<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    for (project, why) in [
        (next(), "no project at all"),
        (world.project_abroad, "another workspace's"),
        (world.deleted_project, "deleted"),
    ] {
        let mut stray = world.asset()?;
        stray.project = Some(project);
        let created = world.create(&stray).await?;
        let what = format!("a project that is {why}: `create`");
        equal(&created, &CreateOutcome::ProjectNotFound, what)?;
        world.lacks(stray.id, "in no project").await?;
    }
    let mut good = world.asset()?;
    good.project = Some(world.project);
    world.make(&good).await?;
    world.holds(&good, &UploadState::Pending).await
}

/// Seeding what is there changes nothing; what was removed is back when it is seeded again, with
/// what was in it; a workspace that is seeded with another slug goes by that one alone.
///
/// **Why.** Hosts seed at each start. The rules themselves lean on it, too: where seeding does
/// something else, they prove nothing.
pub async fn seeding_again_changes_nothing<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let (store, id, slug) = (&world.store, world.home.id(), world.home.slug());
    let mut kept = world.asset_with("github", "7")?;
    kept.project = Some(world.project);
    world.make(&kept).await?;
    let still_there = async || world.holds(&kept, &UploadState::Pending).await;

    let again = store.add_workspace(id, slug.clone()).await;
    seeded("add_workspace", again)?;
    seeded("add_member", store.add_member(id, world.member).await)?;
    seeded("add_project", store.add_project(id, world.project).await)?;
    let entered = world.enter(slug, world.member).await?;
    equal(
        &entered.as_ref(),
        &Some(&world.home),
        "`enter` after seeding again",
    )?;
    let stranger = world.enter(slug, world.former).await?;
    equal(&stranger, &None, "`enter` by a former member after seeding")?;
    still_there().await?;

    seeded("remove_workspace", store.remove_workspace(id).await)?;
    let entered = world.enter(slug, world.member).await?;
    equal(&entered, &None, "`enter` into a removed workspace")?;
    let renamed = self::slug(&format!("new-{id}"))?;
    let back = store.add_workspace(id, renamed.clone()).await;
    seeded("add_workspace", back)?;
    let entered = world.enter(slug, world.member).await?;
    equal(&entered, &None, "`enter` by a former slug")?;
    let entered = world.enter(&renamed, world.member).await?;
    demand(
        entered.is_some_and(|workspace| workspace.id() == id),
        "`enter` misses a workspace that was seeded again",
    )?;
    still_there().await?;

    seeded("remove_member", store.remove_member(id, world.member).await)?;
    let entered = world.enter(&renamed, world.member).await?;
    equal(&entered, &None, "`enter` by a removed member")?;
    seeded("add_member", store.add_member(id, world.member).await)?;
    let entered = world.enter(&renamed, world.member).await?;
    demand(
        entered.is_some(),
        "`enter` keeps out a member who was added again",
    )
}
