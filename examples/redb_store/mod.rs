//! A store over redb, an embedded key-value database with ordered tables and transactions, without SQL
//! or a server.
//!
//! One transaction writes at a time, and each waiting writer blocks a thread of its own. That is fine
//! for a service of one process. A store for heavy load would hand its writes to one thread and commit
//! many at once, as `SqliteStore` does.

mod assets;
mod credentials;
mod purge;
mod row;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};
use tower_asset_upload::asset::{
    Asset, AssetId, ChangeOutcome, Clock, NewAsset, PendingCaps, ProjectId, StateChange,
    SystemClock, UserId, Workspace, WorkspaceId, WorkspaceSlug,
};
use tower_asset_upload::ports::{CreateOutcome, StoreError};
use tower_asset_upload::{AssetStore, DirectoryStore};

use assets::Assets;

pub(crate) type Result<T, E = redb::Error> = std::result::Result<T, E>;
type Id = u128;

/// Living workspaces only, because only `enter` reads this table.
const SLUGS: TableDefinition<&str, Id> = TableDefinition::new("slugs");
const SLUG_OF: TableDefinition<Id, &str> = TableDefinition::new("slug_of");
const MEMBERS: TableDefinition<(Id, Id), ()> = TableDefinition::new("members");
const PROJECTS: TableDefinition<(Id, Id), ()> = TableDefinition::new("projects");

/// The store. It is a handle: clones share one database.
#[derive(Clone, Debug)]
pub(crate) struct RedbStore {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
}

impl RedbStore {
    /// Opens the file, or creates it.
    pub(crate) fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let opened = || -> Result<Database> {
            let database = Database::create(path)?;
            let transaction = database.begin_write()?;
            // redb creates a table when it is first opened for writing. Reading a missing table is an
            // error.
            transaction.open_table(SLUGS)?;
            transaction.open_table(SLUG_OF)?;
            transaction.open_table(MEMBERS)?;
            transaction.open_table(PROJECTS)?;
            Assets::open(&transaction)?;
            purge::make_tables(&transaction)?;
            credentials::make_table(&transaction)?;
            transaction.commit()?;
            Ok(database)
        };
        Ok(Self {
            database: Arc::new(opened().map_err(fault)?),
            clock: Arc::new(SystemClock),
        })
    }

    /// Sets the clock that stamps since when assets are pending and when they are deleted; the machine's
    /// by default.
    pub(crate) fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Runs `work` on one snapshot.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let database = Arc::clone(&self.database);
        blocking(move || work(&database.begin_read()?)).await
    }

    /// Runs `work` in one transaction: all its changes are made, or none.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let database = Arc::clone(&self.database);
        blocking(move || {
            let transaction = database.begin_write()?;
            // An error or a panic drops the transaction, which rolls its changes back.
            let answer = work(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        })
        .await
    }
}

/// Runs blocking work on a thread that serves no connections. Work that has begun runs to its end, even
/// if its caller is gone.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(fault),
        Err(ended) if ended.is_panic() => Err(StoreError::failed(ended)),
        // The runtime is shutting down.
        Err(ended) => Err(StoreError::unavailable(ended)),
    }
}

/// Decides whether a retry may help. A full disk may be emptied and a lock released; a damaged file
/// stays damaged.
fn fault(error: redb::Error) -> StoreError {
    match &error {
        redb::Error::Io(cause) if cause.kind() == ErrorKind::InvalidData => {
            StoreError::failed(error)
        }
        redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseAlreadyOpen => {
            StoreError::unavailable(error)
        }
        _ => StoreError::failed(error),
    }
}

/// The error for a value that this store can't have written.
fn corrupted(what: &str) -> redb::Error {
    redb::Error::Corrupted(format!("{what} doesn't parse"))
}

#[async_trait]
impl AssetStore for RedbStore {
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError> {
        let wanted = slug.clone();
        let found = self.read(move |transaction| {
            let Some(id) = transaction.open_table(SLUGS)?.get(wanted.as_str())? else {
                return Ok(None);
            };
            let id = id.value();
            let membership = (id, caller.as_uuid().as_u128());
            let member = transaction.open_table(MEMBERS)?.get(membership)?.is_some();
            Ok(member.then_some(id))
        });
        let id = found
            .await?
            .map(|id| WorkspaceId::new(uuid::Uuid::from_u128(id)));
        Ok(id.map(|id| Workspace::new(id, slug.clone())))
    }

    async fn create(
        &self,
        workspace: &Workspace,
        new: NewAsset,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError> {
        let workspace = workspace.id().as_uuid().as_u128();
        let clock = Arc::clone(&self.clock);
        let created = self.write(move |transaction| {
            if let Some(project) = new.project {
                let projects = transaction.open_table(PROJECTS)?;
                let key = (workspace, project.as_uuid().as_u128());
                if projects.get(key)?.is_none() {
                    return Ok(Some(CreateOutcome::ProjectNotFound));
                }
            }
            let mut assets = Assets::open(transaction)?;
            if let Some(duplicate) = assets.duplicate(workspace, &new.external)? {
                return Ok(Some(CreateOutcome::Duplicate(Box::new(duplicate))));
            }
            if assets.too_many_pending(workspace, new.created_by, caps)? {
                return Ok(Some(CreateOutcome::TooManyPending));
            }
            if assets.too_many_discarded(workspace, new.created_by, caps)? {
                return Ok(Some(CreateOutcome::TooManyDiscarded));
            }
            let now = purge::record(transaction, clock.now())?;
            let inserted = assets.insert(workspace, new, now)?;
            Ok(inserted.then_some(CreateOutcome::New))
        });
        let created = created.await?;
        created.ok_or_else(|| StoreError::failed("an asset with this id already exists"))
    }

    async fn find(&self, workspace: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError> {
        let workspace = workspace.id().as_uuid().as_u128();
        self.read(move |transaction| {
            let table = transaction.open_table(assets::ASSETS)?;
            assets::find(&table, workspace, id)
        })
        .await
    }

    async fn set_state(
        &self,
        workspace: &Workspace,
        id: AssetId,
        change: StateChange,
    ) -> Result<ChangeOutcome, StoreError> {
        let workspace = workspace.id().as_uuid().as_u128();
        let clock = Arc::clone(&self.clock);
        self.write(move |transaction| {
            let now = purge::record(transaction, clock.now())?;
            Assets::open(transaction)?.set_state(workspace, id, change, now)
        })
        .await
    }

    async fn delete(&self, workspace: &Workspace, id: AssetId) -> Result<bool, StoreError> {
        let workspace = workspace.id().as_uuid().as_u128();
        let clock = Arc::clone(&self.clock);
        self.write(move |transaction| {
            let Some(asset) = Assets::open(transaction)?.remove(workspace, id)? else {
                return Ok(false);
            };
            // The clock is read inside the transaction, so deletions that commit later have later times.
            purge::condemn(transaction, clock.now(), workspace, &asset)?;
            Ok(true)
        })
        .await
    }
}

#[async_trait]
impl DirectoryStore for RedbStore {
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), StoreError> {
        let id = id.as_uuid().as_u128();
        self.write(move |transaction| {
            forget_slug(transaction, id)?;
            let mut slugs = transaction.open_table(SLUGS)?;
            let mut slug_of = transaction.open_table(SLUG_OF)?;
            if let Some(former) = slugs.insert(slug.as_str(), id)? {
                slug_of.remove(former.value())?;
            }
            slug_of.insert(id, slug.as_str())?;
            Ok(())
        })
        .await
    }

    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        self.set_member(workspace, user, true).await
    }

    async fn add_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        self.set_project(workspace, project, true).await
    }

    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), StoreError> {
        let id = id.as_uuid().as_u128();
        self.write(move |transaction| forget_slug(transaction, id))
            .await
    }

    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        self.set_member(workspace, user, false).await
    }

    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        self.set_project(workspace, project, false).await
    }
}

impl RedbStore {
    async fn set_member(
        &self,
        workspace: WorkspaceId,
        user: UserId,
        is_member: bool,
    ) -> Result<(), StoreError> {
        let key = (workspace.as_uuid().as_u128(), user.as_uuid().as_u128());
        self.write(move |transaction| set(transaction, MEMBERS, key, is_member))
            .await
    }

    async fn set_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
        is_alive: bool,
    ) -> Result<(), StoreError> {
        let key = (workspace.as_uuid().as_u128(), project.as_uuid().as_u128());
        self.write(move |transaction| set(transaction, PROJECTS, key, is_alive))
            .await
    }
}

fn forget_slug(transaction: &WriteTransaction, workspace: Id) -> Result<()> {
    let mut slug_of = transaction.open_table(SLUG_OF)?;
    if let Some(slug) = slug_of.remove(workspace)? {
        transaction.open_table(SLUGS)?.remove(slug.value())?;
    }
    Ok(())
}

fn set(
    transaction: &WriteTransaction,
    table: TableDefinition<(Id, Id), ()>,
    key: (Id, Id),
    present: bool,
) -> Result<()> {
    let mut table = transaction.open_table(table)?;
    if present {
        table.insert(key, ())?;
    } else {
        table.remove(key)?;
    }
    Ok(())
}
