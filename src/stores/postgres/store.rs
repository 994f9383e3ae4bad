//! The PostgreSQL store.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::schema::Schema;
use super::tables::Tables;
use super::{assets, create, directory, purge, schema};
use crate::asset::{
    Asset, AssetId, ChangeOutcome, NewAsset, PendingCaps, ProjectId, StateChange, UserId,
    Workspace, WorkspaceId, WorkspaceSlug,
};
use crate::auth::{Credential, CredentialRecord, CredentialVerifier, Principal};
use crate::error::Unavailable;
use crate::ports::purge::{Condemned, PurgeStep, PurgeStore, StoreTime};
use crate::ports::{AssetStore, CreateOutcome, CredentialStore, DirectoryStore, StoreError};
use crate::stores::pg::{Fault, Pg};

/// An [`AssetStore`], [`PurgeStore`] and [`CredentialVerifier`] in PostgreSQL (tested with 15), for any
/// number of replicas.
///
/// The store is a handle: clones share its connections. It runs on the Tokio runtime in which it was
/// connected, and as long as that runtime does. The runtime must have time and I/O enabled. Calls may
/// come from anywhere.
///
/// # Guarantees
/// 1. **Durability.** A change is committed once the call has returned `Ok`. It is then as durable as
///    the server makes it (PostgreSQL, `synchronous_commit`).
/// 2. **Atomicity.** A call makes its change completely or not at all. A call whose future is dropped
///    runs to its end if it has a connection, and otherwise changes nothing.
/// 3. **Concurrency.** Several processes may use one schema, and may start at the same moment. One of
///    them creates or migrates the tables, and the others wait.
/// 4. **Poolers.** PgBouncer may stand between the store and the server, even in transaction mode. No
///    setting outlives a transaction, and no statement is prepared under a name.
/// 5. **Few round trips.** A call takes one round trip. A call that is a transaction of several
///    statements takes two: [`create`](AssetStore::create) with caps, and [`purge`](PurgeStore::purge).
/// 6. **Secrets.** Only the SHA-256 of a credential is stored. That is enough for random keys, and for
///    no others; see [`CredentialVerifier`]. No error repeats the URL.
///
/// # When the server is away
/// These failures are [`StoreError::Unavailable`], because a retry may succeed:
/// - The server can't be reached, or is starting or stopping.
/// - The server has no connections, memory or disk space left.
/// - Another transaction keeps a lock.
/// - The call exceeds a time limit.
/// - The schema was migrated for a later release.
///
/// All other refusals of the server are [`StoreError::Failed`], and so are rows that don't parse. The
/// store survives a restart of the server: the next call connects again.
///
/// If the connection breaks during a call, the outcome depends on the method:
/// - A call that only reads is sent again.
/// - [`create`](AssetStore::create) is sent again with the same id. If the asset exists by then, the
///   answer is [`CreateOutcome::New`].
/// - [`set_state`](AssetStore::set_state), [`delete`](AssetStore::delete) and
///   [`purge`](PurgeStore::purge) are `Unavailable`. The change may or may not have been made.
///
/// A call that times out is `Unavailable`. Its change, too, may or may not have been made.
///
/// # Time
/// The server's clock stamps since when an asset is pending, and when it was uploaded or deleted. So the
/// purge measures ages by one clock, whichever replica runs it. PostgreSQL stores microseconds, so
/// [`NewAsset::created_at`] and the expiry of a credential are truncated to microseconds.
///
/// # TLS
/// The store uses rustls, with the roots of
/// [`PostgresOptions::trust_roots`](super::PostgresOptions::trust_roots), Mozilla's by default. As in
/// libpq, the URL's `sslmode` decides:
/// - `prefer`, the default, uses TLS if the server offers it. **An attacker on the network can prevent
///   that.**
/// - `require` insists on TLS.
/// - `disable` never uses TLS.
///
/// With TLS, the certificate and its host name are always checked, as by libpq's `verify-full`.
///
/// ```no_run
/// use tower_asset_upload::{AssetStore, DirectoryStore, PostgresStore};
/// use tower_asset_upload::asset::{UserId, WorkspaceId, WorkspaceSlug};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let workspace: WorkspaceId = "22222222-2222-4222-8222-000000000001".parse()?;
/// let user: UserId = "11111111-1111-4111-8111-000000000001".parse()?;
/// let slug = WorkspaceSlug::new("my-workspace").unwrap();
///
/// let store = PostgresStore::connect("postgres://uploads@localhost/app").await?;
/// store.add_workspace(workspace, slug.clone()).await?;
/// store.add_member(workspace, user).await?;
///
/// assert!(store.enter(&slug, user).await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) pg: Pg,
    pub(super) schema: Arc<Schema>,
}

impl PostgresStore {
    async fn call<T, W>(&self, work: impl FnOnce(Tables) -> W + Send + 'static) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let schema = Arc::clone(&self.inner.schema);
        let call = self
            .inner
            .pg
            .call(move |session| work(Tables::new(session, schema)));
        match call.await {
            Err(fault) if fault.may_be_of_schema() => Err(self.explain(fault).await),
            answer => answer,
        }
    }

    /// Returns the cause of a failed statement: [`Fault::Newer`] if another replica has migrated the
    /// schema to a version that this release can't work with, otherwise the same fault.
    async fn explain(&self, fault: Fault) -> Fault {
        let schema = Arc::clone(&self.inner.schema);
        let known = self.inner.pg.call(move |mut session| async move {
            schema::require_known(&mut session, &schema).await
        });
        match known.await {
            Err(newer @ Fault::Newer { .. }) => newer,
            _ => fault,
        }
    }
}

#[async_trait]
impl AssetStore for PostgresStore {
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError> {
        let name = slug.clone();
        let entered = self.call(move |tables| directory::enter(tables, name, caller));
        Ok(entered.await?.map(|id| Workspace::new(id, slug.clone())))
    }

    async fn create(
        &self,
        workspace: &Workspace,
        asset: NewAsset,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError> {
        let workspace = workspace.id();
        let created = self.call(move |tables| create::create(tables, workspace, asset, caps));
        Ok(created.await?)
    }

    async fn find(&self, workspace: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError> {
        let workspace = workspace.id();
        let found = self
            .call(move |mut tables| async move { assets::find(&mut tables, workspace, id).await });
        Ok(found.await?)
    }

    async fn set_state(
        &self,
        workspace: &Workspace,
        id: AssetId,
        change: StateChange,
    ) -> Result<ChangeOutcome, StoreError> {
        let workspace = workspace.id();
        let set = self.call(move |tables| assets::set_state(tables, workspace, id, change));
        Ok(set.await?)
    }

    async fn delete(&self, workspace: &Workspace, id: AssetId) -> Result<bool, StoreError> {
        let workspace = workspace.id();
        let deleted = self.call(move |tables| assets::delete(tables, workspace, id));
        Ok(deleted.await?)
    }
}

#[async_trait]
impl PurgeStore for PostgresStore {
    async fn time(&self) -> Result<StoreTime, StoreError> {
        Ok(self.call(purge::time).await?)
    }

    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        let step = step.clone();
        let condemned = self.call(move |tables| purge::purge(tables, step));
        Ok(condemned.await?)
    }
}

#[async_trait]
impl DirectoryStore for PostgresStore {
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), StoreError> {
        let added = self.call(move |tables| directory::add_workspace(tables, id, slug));
        Ok(added.await?)
    }

    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        let added = self.call(move |tables| directory::add_member(tables, workspace, user));
        Ok(added.await?)
    }

    async fn add_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        let added = self.call(move |tables| directory::add_project(tables, workspace, project));
        Ok(added.await?)
    }

    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), StoreError> {
        let removed = self.call(move |tables| directory::remove_workspace(tables, id));
        Ok(removed.await?)
    }

    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        let removed = self.call(move |tables| directory::remove_member(tables, workspace, user));
        Ok(removed.await?)
    }

    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        let removed =
            self.call(move |tables| directory::remove_project(tables, workspace, project));
        Ok(removed.await?)
    }
}

#[async_trait]
impl CredentialStore for PostgresStore {
    async fn add_credential(&self, record: CredentialRecord) -> Result<(), StoreError> {
        let added = self.call(move |tables| directory::add_credential(tables, record));
        Ok(added.await?)
    }
}

#[async_trait]
impl CredentialVerifier for PostgresStore {
    async fn verify(
        &self,
        credential: &Credential<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, Unavailable> {
        let (kind, digest) = (credential.kind(), credential.digest());
        let verified = self.call(move |tables| directory::verify(tables, kind, digest, now));
        Ok(verified.await?)
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("schema", &self.inner.schema)
            .finish_non_exhaustive()
    }
}
