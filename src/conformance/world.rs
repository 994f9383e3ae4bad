//! The test data of a rule: workspaces, members and projects.

use std::num::NonZeroU32;
use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use super::verdict::{Broken, Verdict, called, demand, equal, seeded};
use crate::asset::{
    Asset, AssetId, ChangeOutcome, ExternalLabel, ExternalRef, IdSource, MediaType, NewAsset,
    ObjectKey, PendingCaps, ProjectId, RandomIds, StateChange, UploadSize, UploadState, UserId,
    Workspace, WorkspaceId, WorkspaceSlug,
};
use crate::ports::DirectoryStore;
use crate::ports::{AssetStore, CreateOutcome};

/// The creation time of assets: in May 2026, with more digits than a store has to keep.
pub(super) const NOW: OffsetDateTime =
    OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::new(1_777_863_721, 123_456_789));

/// The precision that stores must keep.
pub(super) const TICK: Duration = Duration::MICROSECOND;

pub(super) const NO_CAPS: PendingCaps = PendingCaps {
    per_workspace: None,
    per_caller: None,
    discarded_per_workspace: None,
    discarded_per_caller: None,
};

/// A store with two living workspaces, a deleted one, and their users and projects.
pub(super) struct World<Store> {
    pub(super) store: Arc<Store>,
    /// The workspace under test.
    pub(super) home: Workspace,
    /// Another workspace.
    pub(super) abroad: Workspace,
    pub(super) deleted: WorkspaceSlug,
    /// A member of all three workspaces.
    pub(super) member: UserId,
    /// A member of `home` and `abroad`.
    pub(super) colleague: UserId,
    /// A member of `abroad` only.
    pub(super) neighbour: UserId,
    /// A former member of `home`.
    pub(super) former: UserId,
    /// A project of `home`.
    pub(super) project: ProjectId,
    /// A deleted project of `home`.
    pub(super) deleted_project: ProjectId,
    /// A project of `abroad`.
    pub(super) project_abroad: ProjectId,
}

impl<Store> Clone for World<Store> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            home: self.home.clone(),
            abroad: self.abroad.clone(),
            deleted: self.deleted.clone(),
            ..*self
        }
    }
}

impl<Store: AssetStore + DirectoryStore> World<Store> {
    pub(super) async fn new(store: Store) -> Result<Self, Broken> {
        let ids: [WorkspaceId; 3] = [next(), next(), next()];
        // The slugs have at most 48 characters, because some tables allow no more.
        let [home, abroad, deleted] = [
            slug(&format!("home-{}", ids[0]))?,
            slug(&format!("外国-{}", ids[1]))?,
            slug(&format!("deleted-{}", ids[2]))?,
        ];
        let (member, colleague, neighbour, former) = (next(), next(), next(), next());
        let (project, deleted_project, project_abroad) = (next(), next(), next());

        let new = store.add_workspace(ids[0], home.clone()).await;
        seeded("add_workspace", new)?;
        let new = store.add_workspace(ids[1], abroad.clone()).await;
        seeded("add_workspace", new)?;
        let new = store.add_workspace(ids[2], deleted.clone()).await;
        seeded("add_workspace", new)?;
        for (workspace, user) in [
            (ids[0], member),
            (ids[1], member),
            (ids[2], member),
            (ids[0], colleague),
            (ids[1], colleague),
            (ids[1], neighbour),
            (ids[0], former),
        ] {
            seeded("add_member", store.add_member(workspace, user).await)?;
        }
        seeded("remove_member", store.remove_member(ids[0], former).await)?;
        for (workspace, project) in [
            (ids[0], project),
            (ids[0], deleted_project),
            (ids[1], project_abroad),
        ] {
            seeded("add_project", store.add_project(workspace, project).await)?;
        }
        let removed = store.remove_project(ids[0], deleted_project).await;
        seeded("remove_project", removed)?;
        seeded("remove_workspace", store.remove_workspace(ids[2]).await)?;

        let entered = called("enter", store.enter(&home, member).await)?;
        let home = entered.ok_or_else(|| Broken::new("`enter` refuses a member"))?;
        let entered = called("enter", store.enter(&abroad, member).await)?;
        let abroad = entered.ok_or_else(|| Broken::new("`enter` refuses a member"))?;
        Ok(Self {
            store: Arc::new(store),
            home,
            abroad,
            deleted,
            member,
            colleague,
            neighbour,
            former,
            project,
            deleted_project,
            project_abroad,
        })
    }

    pub(super) async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, Broken> {
        called("enter", self.store.enter(slug, caller).await)
    }

    pub(super) async fn create(&self, asset: &NewAsset) -> Result<CreateOutcome, Broken> {
        self.create_capped(asset, NO_CAPS).await
    }

    pub(super) async fn create_capped(
        &self,
        asset: &NewAsset,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, Broken> {
        let created = self.store.create(&self.home, asset.clone(), caps).await;
        called("create", created)
    }

    /// Creates an asset, which must succeed.
    pub(super) async fn must_create(&self, asset: &NewAsset) -> Verdict {
        equal(&self.create(asset).await?, &CreateOutcome::New, "`create`")
    }

    pub(super) async fn must_create_abroad(&self, asset: &NewAsset) -> Verdict {
        let created = self
            .store
            .create(&self.abroad, asset.clone(), NO_CAPS)
            .await;
        let created = called("create", created)?;
        equal(
            &created,
            &CreateOutcome::New,
            "`create` in another workspace",
        )
    }

    pub(super) async fn find(&self, id: AssetId) -> Result<Option<Asset>, Broken> {
        called("find", self.store.find(&self.home, id).await)
    }

    pub(super) async fn set_state(
        &self,
        id: AssetId,
        change: &StateChange,
    ) -> Result<ChangeOutcome, Broken> {
        let set = self.store.set_state(&self.home, id, change.clone()).await;
        called("set_state", set)
    }

    /// Changes an asset's state, which must succeed.
    pub(super) async fn must_change(&self, id: AssetId, change: StateChange) -> Verdict {
        equal(
            &self.set_state(id, &change).await?,
            &ChangeOutcome::Done,
            format_args!("`set_state` to {:?}", change.into_state().kind()),
        )
    }

    pub(super) async fn delete(&self, id: AssetId) -> Result<bool, Broken> {
        called("delete", self.store.delete(&self.home, id).await)
    }

    /// Checks that `find` returns the asset with every field unchanged.
    pub(super) async fn must_hold(&self, asset: &NewAsset, state: &UploadState) -> Verdict {
        match self.find(asset.id).await? {
            Some(found) => same(&found, asset, state, "`find`"),
            None => Err(Broken::new(format_args!(
                "`find` does not return asset {}",
                asset.id
            ))),
        }
    }

    /// Checks that `find` doesn't return the asset. `why` says why the asset must not exist.
    pub(super) async fn must_lack(&self, id: AssetId, why: &str) -> Verdict {
        let found = self.find(id).await?;
        demand(
            found.is_none(),
            format_args!("`find` returns asset {id}, which must not exist: {why}"),
        )
    }

    /// A new asset of `member`.
    pub(super) fn asset(&self) -> Result<NewAsset, Broken> {
        asset(self.home.id(), self.member)
    }

    pub(super) fn asset_by(&self, caller: UserId) -> Result<NewAsset, Broken> {
        asset(self.home.id(), caller)
    }

    pub(super) fn asset_with(&self, source: &str, id: &str) -> Result<NewAsset, Broken> {
        let mut asset = self.asset()?;
        asset.external = pair(source, id)?;
        Ok(asset)
    }
}

/// Draws a fresh id.
pub(super) fn next<Id: From<uuid::Uuid>>() -> Id {
    RandomIds.next_id().into()
}

pub(super) fn caps(per_workspace: u32, per_caller: u32) -> PendingCaps {
    PendingCaps {
        per_workspace: NonZeroU32::new(per_workspace),
        per_caller: NonZeroU32::new(per_caller),
        ..NO_CAPS
    }
}

pub(super) fn slug(text: &str) -> Result<WorkspaceSlug, Broken> {
    WorkspaceSlug::new(text).map_err(|_| unusable(text))
}

pub(super) fn label(text: &str) -> Result<Option<ExternalLabel>, Broken> {
    let label = ExternalLabel::new(text).map_err(|_| unusable(text))?;
    Ok(Some(label))
}

pub(super) fn pair(source: &str, id: &str) -> Result<ExternalRef, Broken> {
    Ok(ExternalRef {
        source: label(source)?,
        id: label(id)?,
    })
}

/// A new asset, with a key as the service creates it.
pub(super) fn asset(workspace: WorkspaceId, caller: UserId) -> Result<NewAsset, Broken> {
    named(workspace, caller, "photo.png")
}

pub(super) fn named(
    workspace: WorkspaceId,
    caller: UserId,
    name: &str,
) -> Result<NewAsset, Broken> {
    let size = UploadSize::new(1024).map_err(|_| unusable("1024"))?;
    let id = next();
    let key = key(&format!("{workspace}/{id}"))?;
    let new = NewAsset::new(id, key, name, MediaType::octet_stream(), size, caller, NOW);
    let mut new = new.map_err(|_| unusable(name))?;
    let random: uuid::Uuid = next();
    new.key = self::key(&format!(
        "{workspace}/{}-{}",
        random.simple(),
        new.object_name
    ))?;
    Ok(new)
}

pub(super) fn key(text: &str) -> Result<ObjectKey, Broken> {
    ObjectKey::new(text).map_err(|_| unusable(text))
}

pub(super) fn unusable(text: &str) -> Broken {
    Broken::new(format_args!(
        "the conformance tests themselves use the invalid value {text:?}"
    ))
}

/// Checks that both are the same asset. Compares times to the microsecond.
pub(super) fn same(found: &Asset, made: &NewAsset, state: &UploadState, what: &str) -> Verdict {
    macro_rules! fields {
        ($($field:ident),*) => {$(
            equal(
                &found.made.$field,
                &made.$field,
                format_args!("{what}: `{}`", stringify!($field)),
            )?;
        )*};
    }
    fields!(
        id,
        key,
        display_name,
        object_name,
        media_type,
        size,
        checksum
    );
    fields!(project, external, created_by);
    demand(
        (found.made.created_at - made.created_at).abs() < TICK,
        format_args!(
            "{what}: `created_at` is {} instead of {}",
            found.made.created_at, made.created_at
        ),
    )?;
    equal(&found.state, state, format_args!("{what}: `state`"))
}

/// Checks that `create` returned the existing asset as a duplicate.
pub(super) fn duplicate(created: &CreateOutcome, made: &NewAsset, state: &UploadState) -> Verdict {
    match created {
        CreateOutcome::Duplicate(existing) => same(existing, made, state, "the duplicate"),
        other => Err(Broken::new(format_args!(
            "`create` returns {other:?} for an external pair that an asset has already"
        ))),
    }
}
