//! The little world that a rule plays in.

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

/// When assets are made: in May 2026, finer than any store has to keep.
pub(super) const NOW: OffsetDateTime =
    OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::new(1_777_863_721, 123_456_789));

/// What times are kept to, at least.
pub(super) const TICK: Duration = Duration::MICROSECOND;

pub(super) const NO_CAPS: PendingCaps = PendingCaps {
    per_workspace: None,
    per_caller: None,
    discarded_per_workspace: None,
    discarded_per_caller: None,
};

/// Two workspaces that live and one that doesn't, and who may enter them.
pub(super) struct World<Store> {
    pub(super) store: Arc<Store>,
    pub(super) home: Workspace,
    pub(super) abroad: Workspace,
    pub(super) deleted: WorkspaceSlug,
    /// Of all three workspaces.
    pub(super) member: UserId,
    /// Of `home` and `abroad`.
    pub(super) colleague: UserId,
    /// Of `abroad` alone.
    pub(super) neighbour: UserId,
    /// Was a member of `home` once.
    pub(super) former: UserId,
    pub(super) project: ProjectId,
    pub(super) deleted_project: ProjectId,
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
        // Lower-case ids make slugs of 48 characters at most, as some tables allow no more.
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
        let home = entered.ok_or_else(|| Broken::new("`enter` keeps a member out"))?;
        let entered = called("enter", store.enter(&abroad, member).await)?;
        let abroad = entered.ok_or_else(|| Broken::new("`enter` keeps a member out"))?;
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

    /// An asset that has to be made.
    pub(super) async fn make(&self, asset: &NewAsset) -> Verdict {
        equal(&self.create(asset).await?, &CreateOutcome::New, "`create`")
    }

    pub(super) async fn make_abroad(&self, asset: &NewAsset) -> Verdict {
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

    /// A change that has to be made.
    pub(super) async fn change(&self, id: AssetId, change: StateChange) -> Verdict {
        equal(
            &self.set_state(id, &change).await?,
            &ChangeOutcome::Done,
            format_args!("`set_state` to {:?}", change.into_state().kind()),
        )
    }

    pub(super) async fn delete(&self, id: AssetId) -> Result<bool, Broken> {
        called("delete", self.store.delete(&self.home, id).await)
    }

    /// That the asset is there, with every field as it was given.
    pub(super) async fn holds(&self, asset: &NewAsset, state: &UploadState) -> Verdict {
        match self.find(asset.id).await? {
            Some(found) => same(&found, asset, state, "`find`"),
            None => Err(Broken::new(format_args!("`find` misses {}", asset.id))),
        }
    }

    /// That there is no such asset.
    pub(super) async fn lacks(&self, id: AssetId, why: &str) -> Verdict {
        let found = self.find(id).await?;
        demand(
            found.is_none(),
            format_args!("`find` finds {id}, which is {why}"),
        )
    }

    /// A new asset of the member's.
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

/// An id that nobody has seen.
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

/// A new asset as the service makes one.
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
    Broken::new(format_args!("the kit itself is wrong about {text:?}"))
}

/// That both are one asset, with the times compared to the microsecond.
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

/// That the answer is the asset that was there before.
pub(super) fn duplicate(created: &CreateOutcome, made: &NewAsset, state: &UploadState) -> Verdict {
    match created {
        CreateOutcome::Duplicate(twin) => same(twin, made, state, "the duplicate"),
        other => Err(Broken::new(format_args!(
            "`create` answers {other:?} for a pair that is taken"
        ))),
    }
}
