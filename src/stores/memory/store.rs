//! The store, and its directory of workspaces, members and credentials.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use time::OffsetDateTime;

use super::contents::{Contents, PairKey, StoredAsset};
use super::purging::Purging;
use crate::asset::{
    Asset, AssetId, ChangeOutcome, Clock, NewAsset, PendingCaps, ProjectId, StateChange,
    SystemClock, UserId, Workspace, WorkspaceId, WorkspaceSlug,
};
use crate::auth::{
    Credential, CredentialDigest, CredentialKind, CredentialRecord, CredentialVerifier, Principal,
};
use crate::error::Unavailable;
use crate::ports::{AssetStore, CreateOutcome, CredentialStore, DirectoryStore, StoreError};

/// An [`AssetStore`], [`PurgeStore`](crate::purge::PurgeStore) and [`CredentialVerifier`] in memory, for
/// tests, benches and small hosts of one process. **Nothing survives a restart.**
///
/// The store is a handle: clones share its contents. Its calls never wait for I/O, and are never
/// [`StoreError::Unavailable`]. A deleted asset keeps its object key and a few more bytes in memory
/// until the purge has removed its row.
///
/// ```
/// use tower_asset_upload::{AssetStore, CredentialStore, DirectoryStore, MemoryStore};
/// use tower_asset_upload::asset::{UserId, WorkspaceId, WorkspaceSlug};
/// use tower_asset_upload::auth::CredentialRecord;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let workspace: WorkspaceId = "22222222-2222-4222-8222-000000000001".parse()?;
/// let user: UserId = "11111111-1111-4111-8111-000000000001".parse()?;
/// let slug = WorkspaceSlug::new("my-workspace").unwrap();
/// let key = "plane_api_0123456789abcdef0123456789abcdef";
///
/// let store = MemoryStore::new();
/// store.add_workspace(workspace, slug.clone()).await?;
/// store.add_member(workspace, user).await?;
/// store.add_credential(CredentialRecord::api_key(key, user)).await?;
///
/// assert!(store.enter(&slug, user).await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    pub(super) inner: Arc<Inner>,
}

/// `enter` and `verify` lock only the directory, so they never wait while assets are created. No method
/// holds two of these locks at once, apart from the purge, which holds its own lock throughout.
pub(super) struct Inner {
    directory: RwLock<Directory>,
    contents: RwLock<HashMap<WorkspaceId, Contents>>,
    pub(super) purging: Purging,
    pub(super) clock: Arc<dyn Clock>,
}

/// Workspaces, members and credentials.
#[derive(Default)]
struct Directory {
    /// Living workspaces only.
    by_slug: HashMap<WorkspaceSlug, WorkspaceId>,
    slug_of: HashMap<WorkspaceId, WorkspaceSlug>,
    members: HashSet<(WorkspaceId, UserId)>,
    credentials: HashMap<(CredentialKind, CredentialDigest), CredentialRecord>,
}

impl MemoryStore {
    /// Creates an empty store that uses the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an empty store that uses this clock. The clock stamps since when an asset is pending and
    /// when it was deleted.
    #[must_use]
    pub fn with_clock(clock: impl Clock + 'static) -> Self {
        Self {
            inner: Arc::new(Inner {
                directory: RwLock::default(),
                contents: RwLock::default(),
                purging: Purging::default(),
                clock: Arc::new(clock),
            }),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_clock(SystemClock)
    }
}

// A poisoned lock is safe to use: every change below is complete before any code in it could panic.
impl MemoryStore {
    fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        let lock = self.inner.directory.read();
        lock.unwrap_or_else(PoisonError::into_inner)
    }

    fn directory_mut(&self) -> RwLockWriteGuard<'_, Directory> {
        let lock = self.inner.directory.write();
        lock.unwrap_or_else(PoisonError::into_inner)
    }

    fn contents(&self) -> RwLockReadGuard<'_, HashMap<WorkspaceId, Contents>> {
        let lock = self.inner.contents.read();
        lock.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn contents_mut(&self) -> RwLockWriteGuard<'_, HashMap<WorkspaceId, Contents>> {
        let lock = self.inner.contents.write();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AssetStore for MemoryStore {
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError> {
        let id = self.directory().workspace_of_member(slug, caller);
        Ok(id.map(|id| Workspace::new(id, slug.clone())))
    }

    async fn create(
        &self,
        workspace: &Workspace,
        asset: NewAsset,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError> {
        let pair = PairKey::of(&asset.external);
        let id = asset.id;
        let now = self.inner.clock.now();
        let created = {
            let mut contents = self.contents_mut();
            let inside = contents.entry(workspace.id()).or_default();
            inside.create(asset, pair, caps)?
        };
        if created == CreateOutcome::New {
            self.inner.purging.created(now, workspace.id(), id);
        }
        Ok(created)
    }

    async fn find(&self, workspace: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError> {
        let contents = self.contents();
        let inside = contents.get(&workspace.id());
        Ok(inside
            .and_then(|inside| inside.assets.get(&id))
            .map(StoredAsset::asset))
    }

    async fn set_state(
        &self,
        workspace: &Workspace,
        id: AssetId,
        change: StateChange,
    ) -> Result<ChangeOutcome, StoreError> {
        let taken_back = change == StateChange::TakeBack;
        let rejected = matches!(change, StateChange::Reject(_));
        let now = self.inner.clock.now();
        let changed = {
            let mut contents = self.contents_mut();
            let inside = contents.get_mut(&workspace.id());
            inside.map_or(ChangeOutcome::NotFound, |inside| {
                inside.set_state(id, change, now)
            })
        };
        if changed == ChangeOutcome::Done {
            let purging = &self.inner.purging;
            if taken_back {
                purging.taken_back(now, workspace.id(), id);
            } else if rejected {
                purging.rejected(workspace.id(), id);
            }
        }
        Ok(changed)
    }

    async fn delete(&self, workspace: &Workspace, id: AssetId) -> Result<bool, StoreError> {
        let deleted = {
            let mut contents = self.contents_mut();
            let inside = contents.get_mut(&workspace.id());
            inside.and_then(|inside| inside.delete(id))
        };
        let Some(asset) = deleted else {
            return Ok(false);
        };
        let now = self.inner.clock.now();
        self.inner.purging.deleted(now, workspace.id(), &asset.made);
        Ok(true)
    }
}

#[async_trait]
impl DirectoryStore for MemoryStore {
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), StoreError> {
        let mut directory = self.directory_mut();
        directory.forget_slug(id);
        if let Some(former) = directory.by_slug.insert(slug.clone(), id) {
            directory.slug_of.remove(&former);
        }
        directory.slug_of.insert(id, slug);
        Ok(())
    }

    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        self.directory_mut().members.insert((workspace, user));
        Ok(())
    }

    async fn add_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        let mut contents = self.contents_mut();
        let inside = contents.entry(workspace).or_default();
        inside.projects.insert(project);
        Ok(())
    }

    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), StoreError> {
        self.directory_mut().forget_slug(id);
        Ok(())
    }

    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        self.directory_mut().members.remove(&(workspace, user));
        Ok(())
    }

    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        if let Some(inside) = self.contents_mut().get_mut(&workspace) {
            inside.projects.remove(&project);
        }
        Ok(())
    }
}

#[async_trait]
impl CredentialStore for MemoryStore {
    async fn add_credential(&self, record: CredentialRecord) -> Result<(), StoreError> {
        let key = (record.kind, record.digest);
        self.directory_mut().credentials.insert(key, record);
        Ok(())
    }
}

#[async_trait]
impl CredentialVerifier for MemoryStore {
    async fn verify(
        &self,
        credential: &Credential<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, Unavailable> {
        let key = (credential.kind(), credential.digest());
        let directory = self.directory();
        let record = directory.credentials.get(&key);
        Ok(record.and_then(|record| record.principal_at(now)).cloned())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl Directory {
    fn workspace_of_member(&self, slug: &WorkspaceSlug, caller: UserId) -> Option<WorkspaceId> {
        let id = *self.by_slug.get(slug)?;
        self.members.contains(&(id, caller)).then_some(id)
    }

    fn forget_slug(&mut self, id: WorkspaceId) {
        if let Some(slug) = self.slug_of.remove(&id) {
            self.by_slug.remove(&slug);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn done(call: impl Future<Output = Result<(), StoreError>>) {
        call.now_or_never().expect("memory never waits").unwrap();
    }

    #[test]
    fn a_poisoned_lock_still_works() {
        let store = MemoryStore::new();
        let id = WorkspaceId::new(uuid::Uuid::nil());
        let poisoner = store.clone();
        let panicked = std::thread::spawn(move || {
            let _directory = poisoner.inner.directory.write();
            let _contents = poisoner.inner.contents.write();
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        done(store.add_workspace(id, WorkspaceSlug::new("a").unwrap()));
        done(store.add_project(id, ProjectId::new(uuid::Uuid::nil())));
        assert_eq!(store.directory().by_slug.len(), 1);
        assert_eq!(store.contents().len(), 1);
    }

    #[test]
    fn a_slug_names_one_workspace_and_a_workspace_has_one_slug() {
        let store = MemoryStore::new();
        let [a, b] = [1, 2].map(|n| WorkspaceId::new(uuid::Uuid::from_u128(n)));
        let slug = |text| WorkspaceSlug::new(text).unwrap();
        done(store.add_workspace(a, slug("one")));
        done(store.add_workspace(a, slug("two")));
        assert_eq!(store.directory().by_slug.len(), 1);
        done(store.add_workspace(b, slug("two")));
        done(store.remove_workspace(a));
        assert_eq!(store.directory().by_slug.get(&slug("two")), Some(&b));
    }
}
