//! Rules about workspaces, members and projects.

use std::sync::Arc;

use crate::asset::{ChangeOutcome, StateChange, UploadState};
use crate::conformance::verdict::{Broken, Verdict, called, demand, equal, seeded};
use crate::conformance::world::{NO_CAPS, World, caps, next, pair, slug};
use crate::ports::DirectoryStore;
use crate::ports::{AssetStore, CreateOutcome, StoreError};

/// Active members of a living workspace enter it. All other callers get `None`, as for a missing
/// workspace: strangers, members of another workspace, former members, and members of a deleted
/// workspace. Slugs are compared exactly.
///
/// **Why.** A `Workspace` proves membership to every other method, and nothing checks it again. A
/// result that differs would tell strangers which workspaces exist.
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
    let upper_case = slug(&home.as_str().to_uppercase())?;
    let longer = slug(&format!("{home}x"))?;
    for (slug, caller, why) in [
        (&nowhere, world.member, "there is no such workspace"),
        (
            &upper_case,
            world.member,
            "the workspace's slug is in lower case",
        ),
        (&longer, world.member, "the workspace's slug is shorter"),
        (&world.deleted, world.member, "the workspace is deleted"),
        (home, next(), "the caller is a stranger"),
        (
            home,
            world.neighbour,
            "the caller is a member of another workspace only",
        ),
        (home, world.former, "the caller is a former member"),
    ] {
        let entered = world.enter(slug, caller).await?;
        demand(
            entered.is_none(),
            format_args!("`enter` returns a workspace, although {why}"),
        )?;
    }
    Ok(())
}

/// No method finds, changes, deletes or counts assets of another workspace. An external pair that
/// is taken in one workspace is free in another. The store may refuse an id that an asset of
/// another workspace has, because ids are globally unique, but it must not change that asset.
///
/// **Why.** Ids and external pairs of other tenants are easily learnt from a link or a log. With a
/// look-up by id alone, they open the file. A unique index without the workspace reveals that the
/// pair exists.
pub async fn nothing_crosses_workspaces<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let (store, abroad) = (Arc::clone(&world.store), &world.abroad);
    let here = world.asset_with("github", "7")?;
    world.must_create(&here).await?;
    let untouched = async || world.must_hold(&here, &UploadState::Pending).await;

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
    world.must_create_abroad(&there).await?;
    let mut same_id = world.asset()?;
    same_id.id = here.id;
    let mut pending = 1;
    match store.create(abroad, same_id, NO_CAPS).await {
        Ok(CreateOutcome::New) => pending += 1,
        Err(StoreError::Failed(_)) => {}
        other => {
            let what = format!("`create` with an id of another workspace returns {other:?}");
            return Err(Broken::new(what));
        }
    }
    untouched().await?;

    let tight = caps(pending + 1, pending + 1);
    let fits = store.create(abroad, world.asset()?, tight).await;
    equal(
        &called("create", fits)?,
        &CreateOutcome::New,
        "`create` with pending assets in another workspace",
    )
}

/// `create` accepts a project only if it is a living project of the same workspace.
///
/// **Why.** Otherwise a caller can put files into another tenant's project. (Plane's public
/// endpoint accepts any project.)
pub async fn projects_are_of_the_workspace_and_alive<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    for (project, why) in [
        (next(), "unknown"),
        (world.project_abroad, "of another workspace"),
        (world.deleted_project, "deleted"),
    ] {
        let mut stray = world.asset()?;
        stray.project = Some(project);
        let created = world.create(&stray).await?;
        let what = format!("`create` in a project that is {why}");
        equal(&created, &CreateOutcome::ProjectNotFound, what)?;
        world.must_lack(stray.id, "its project was refused").await?;
    }
    let mut good = world.asset()?;
    good.project = Some(world.project);
    world.must_create(&good).await?;
    world.must_hold(&good, &UploadState::Pending).await
}

/// Seeding existing data again changes nothing. Seeding removed data again restores it with its
/// contents. Seeding a workspace with another slug replaces its slug.
///
/// **Why.** Hosts seed at each start. The other rules rely on seeding too: without this one they
/// prove nothing.
pub async fn seeding_again_changes_nothing<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let (store, id, slug) = (&world.store, world.home.id(), world.home.slug());
    let mut kept = world.asset_with("github", "7")?;
    kept.project = Some(world.project);
    world.must_create(&kept).await?;
    let still_there = async || world.must_hold(&kept, &UploadState::Pending).await;

    let again = store.add_workspace(id, slug.clone()).await;
    seeded("add_workspace", again)?;
    seeded("add_member", store.add_member(id, world.member).await)?;
    seeded("add_project", store.add_project(id, world.project).await)?;
    let entered = world.enter(slug, world.member).await?;
    equal(
        &entered.as_ref(),
        &Some(&world.home),
        "`enter` after repeated seeding",
    )?;
    let stranger = world.enter(slug, world.former).await?;
    equal(
        &stranger,
        &None,
        "`enter` by a former member after repeated seeding",
    )?;
    still_there().await?;

    seeded("remove_workspace", store.remove_workspace(id).await)?;
    let entered = world.enter(slug, world.member).await?;
    equal(&entered, &None, "`enter` into a removed workspace")?;
    let renamed = self::slug(&format!("new-{id}"))?;
    let back = store.add_workspace(id, renamed.clone()).await;
    seeded("add_workspace", back)?;
    let entered = world.enter(slug, world.member).await?;
    equal(&entered, &None, "`enter` with a former slug")?;
    let entered = world.enter(&renamed, world.member).await?;
    demand(
        entered.is_some_and(|workspace| workspace.id() == id),
        "`enter` doesn't find a workspace that was seeded again",
    )?;
    still_there().await?;

    seeded("remove_member", store.remove_member(id, world.member).await)?;
    let entered = world.enter(&renamed, world.member).await?;
    equal(&entered, &None, "`enter` by a removed member")?;
    seeded("add_member", store.add_member(id, world.member).await)?;
    let entered = world.enter(&renamed, world.member).await?;
    demand(
        entered.is_some(),
        "`enter` refuses a member who was added again",
    )
}
