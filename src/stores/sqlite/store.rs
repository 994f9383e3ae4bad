//! The SQLite store.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use time::OffsetDateTime;

use super::fault::Fault;
use super::worker::Workers;
use super::{assets, directory, purge};
use crate::asset::{
    Asset, AssetId, ChangeOutcome, Clock, NewAsset, PendingCaps, ProjectId, StateChange, UserId,
    Workspace, WorkspaceId, WorkspaceSlug,
};
use crate::auth::{Credential, CredentialRecord, CredentialVerifier, Principal};
use crate::error::Unavailable;
use crate::ports::purge::{Condemned, PurgeStep, PurgeStore, StoreTime};
use crate::ports::{AssetStore, CreateOutcome, CredentialStore, DirectoryStore, StoreError};

/// An [`AssetStore`], [`PurgeStore`] and [`CredentialVerifier`] in one SQLite file, for hosts of one
/// machine.
///
/// The store is a handle: clones share its connections. SQLite runs on the store's own threads, so calls
/// never block an async runtime, and need none. Dropping the last handle closes the file, and blocks for
/// up to two seconds.
///
/// # Guarantees
/// 1. **Durability.** A change is on the disk once the call has returned `Ok`, and survives a crash of
///    the process or of the machine. Calls that wait at the same time share one sync of the disk.
/// 2. **Atomicity.** A call makes its change completely or not at all, even if its future is dropped.
/// 3. **Concurrency.** Several processes of one machine may use the file at once. The file must be on a
///    local disk: SQLite's write-ahead log doesn't work over a network (SQLite, "Write-Ahead Logging").
/// 4. **Secrets.** Only the SHA-256 of a credential is stored. That is enough for random keys, and for
///    no others; see [`CredentialVerifier`].
///
/// # SQLite version
/// The store needs SQLite 3.37 or newer, and 3.44 or newer with rusqlite 0.43. The feature
/// `sqlite-bundled` compiles SQLite in. The feature `sqlite` alone links the SQLite that another crate
/// of the program compiles, or the system's.
///
/// # Failures
/// These failures are [`StoreError::Unavailable`], because a retry may succeed: a full disk, a lock that
/// another process keeps, a full queue, a call that exceeds its time limit, and a database that was
/// migrated for a later release. A damaged file and a row that doesn't parse are [`StoreError::Failed`].
///
/// ```
/// use tower_asset_upload::{AssetStore, DirectoryStore, SqliteStore};
/// use tower_asset_upload::asset::{UserId, WorkspaceId, WorkspaceSlug};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("assets.sqlite3");
/// let workspace: WorkspaceId = "22222222-2222-4222-8222-000000000001".parse()?;
/// let user: UserId = "11111111-1111-4111-8111-000000000001".parse()?;
/// let slug = WorkspaceSlug::new("my-workspace").unwrap();
///
/// let store = SqliteStore::open(path)?;
/// store.add_workspace(workspace, slug.clone()).await?;
/// store.add_member(workspace, user).await?;
///
/// assert!(store.enter(&slug, user).await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) path: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
    // Fields drop in this order: the writer's connection closes last, and then removes the write-ahead
    // log.
    pub(super) readers: Workers,
    pub(super) writer: Workers,
}

impl SqliteStore {
    async fn write(
        &self,
        work: impl FnOnce(&Connection) -> Result<(), Fault> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.inner.writer.call(work).await
    }
}

#[async_trait]
impl AssetStore for SqliteStore {
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError> {
        let name = slug.clone();
        let entered = self
            .inner
            .readers
            .call(move |connection| directory::enter(connection, name.as_str(), caller));
        let id = entered.await?;
        Ok(id.map(|id| Workspace::new(id, slug.clone())))
    }

    async fn create(
        &self,
        workspace: &Workspace,
        asset: NewAsset,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError> {
        let workspace = workspace.id();
        let now = self.inner.clock.now();
        let created = self
            .inner
            .writer
            .call(move |connection| assets::create(connection, workspace, &asset, caps, now));
        created.await
    }

    async fn find(&self, workspace: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError> {
        let workspace = workspace.id();
        let found = self
            .inner
            .readers
            .call(move |connection| assets::find(connection, workspace, id));
        found.await
    }

    async fn set_state(
        &self,
        workspace: &Workspace,
        id: AssetId,
        change: StateChange,
    ) -> Result<ChangeOutcome, StoreError> {
        let workspace = workspace.id();
        let now = self.inner.clock.now();
        let set = self
            .inner
            .writer
            .call(move |connection| assets::set_state(connection, workspace, id, change, now));
        set.await
    }

    async fn delete(&self, workspace: &Workspace, id: AssetId) -> Result<bool, StoreError> {
        let workspace = workspace.id();
        let now = self.inner.clock.now();
        let deleted = self
            .inner
            .writer
            .call(move |connection| assets::delete(connection, workspace, id, now));
        deleted.await
    }
}

/// Each step is one transaction.
#[async_trait]
impl PurgeStore for SqliteStore {
    async fn time(&self) -> Result<StoreTime, StoreError> {
        let last_recorded = self.inner.readers.call(purge::last_recorded).await?;
        Ok(StoreTime::of_host(self.inner.clock.now(), last_recorded))
    }

    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        let step = step.clone();
        let purged = self
            .inner
            .writer
            .call(move |connection| purge::step(connection, &step));
        purged.await
    }
}

#[async_trait]
impl DirectoryStore for SqliteStore {
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), StoreError> {
        self.write(move |connection| directory::add_workspace(connection, id, slug.as_str()))
            .await
    }

    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        self.write(move |connection| directory::add_member(connection, workspace, user))
            .await
    }

    async fn add_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        self.write(move |connection| directory::add_project(connection, workspace, project))
            .await
    }

    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        self.write(move |connection| directory::remove_workspace(connection, id, now))
            .await
    }

    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        self.write(move |connection| directory::remove_member(connection, workspace, user))
            .await
    }

    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        self.write(move |connection| directory::remove_project(connection, workspace, project, now))
            .await
    }
}

#[async_trait]
impl CredentialStore for SqliteStore {
    async fn add_credential(&self, record: CredentialRecord) -> Result<(), StoreError> {
        self.write(move |connection| directory::add_credential(connection, &record))
            .await
    }
}

#[async_trait]
impl CredentialVerifier for SqliteStore {
    async fn verify(
        &self,
        credential: &Credential<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, Unavailable> {
        let (kind, digest) = (credential.kind(), credential.digest());
        let verified = self
            .inner
            .readers
            .call(move |connection| directory::verify(connection, kind, digest, now));
        verified.await.map_err(|error| match error {
            StoreError::Unavailable(unavailable) => unavailable,
            failed @ StoreError::Failed(_) => Unavailable::new(failed),
        })
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}
