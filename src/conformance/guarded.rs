//! Keeps a guard, such as a temporary directory, alive together with a store.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::seed::SeedCredentials;
use crate::asset::{
    Asset, AssetId, ChangeOutcome, NewAsset, PendingCaps, ProjectId, StateChange, UserId,
    Workspace, WorkspaceId, WorkspaceSlug,
};
use crate::auth::{Credential, CredentialRecord, CredentialVerifier, Principal};
use crate::error::{BoxError, Unavailable};
use crate::ports::purge::{Condemned, PurgeStep, PurgeStore, StoreTime};
use crate::ports::{AssetStore, CreateOutcome, DirectoryStore, StoreError};

/// A store together with a guard that must live as long as the store, such as a temporary directory
/// or a container. When the rule ends, the store is dropped first, then the guard.
///
/// ```
/// use tower_asset_upload::{conformance, SqliteStore};
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)]
/// # async fn main() {
/// conformance::run_credentials(|| async {
///     let directory = tempfile::tempdir().expect("a directory for temporary files");
///     let store = SqliteStore::open(directory.path().join("assets.sqlite3"));
///     conformance::Guarded::new(store.expect("a new file"), directory)
/// })
/// .await;
/// # }
/// ```
#[derive(Debug)]
pub struct Guarded<Store, Guard> {
    // The order of the fields is the drop order.
    store: Store,
    _guard: Guard,
}

impl<Store, Guard> Guarded<Store, Guard> {
    /// Wraps a store. Keeps `guard` alive until the store is dropped.
    pub fn new(store: Store, guard: Guard) -> Self {
        Self {
            store,
            _guard: guard,
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<Store: AssetStore, Guard: Send + Sync> AssetStore for Guarded<Store, Guard> {
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError> {
        self.store.enter(slug, caller).await
    }

    async fn create(
        &self,
        workspace: &Workspace,
        asset: NewAsset,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError> {
        self.store.create(workspace, asset, caps).await
    }

    async fn find(&self, workspace: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError> {
        self.store.find(workspace, id).await
    }

    async fn set_state(
        &self,
        workspace: &Workspace,
        id: AssetId,
        change: StateChange,
    ) -> Result<ChangeOutcome, StoreError> {
        self.store.set_state(workspace, id, change).await
    }

    async fn delete(&self, workspace: &Workspace, id: AssetId) -> Result<bool, StoreError> {
        self.store.delete(workspace, id).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<Store: PurgeStore, Guard: Send + Sync> PurgeStore for Guarded<Store, Guard> {
    async fn time(&self) -> Result<StoreTime, StoreError> {
        self.store.time().await
    }

    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        self.store.purge(step).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<Store: CredentialVerifier, Guard: Send + Sync> CredentialVerifier for Guarded<Store, Guard> {
    async fn verify(
        &self,
        credential: &Credential<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, Unavailable> {
        self.store.verify(credential, now).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<Store: DirectoryStore, Guard: Send + Sync> DirectoryStore for Guarded<Store, Guard> {
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), StoreError> {
        self.store.add_workspace(id, slug).await
    }

    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        self.store.add_member(workspace, user).await
    }

    async fn add_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        self.store.add_project(workspace, project).await
    }

    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), StoreError> {
        self.store.remove_workspace(id).await
    }

    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        self.store.remove_member(workspace, user).await
    }

    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        self.store.remove_project(workspace, project).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<Store: SeedCredentials, Guard: Send + Sync> SeedCredentials for Guarded<Store, Guard> {
    async fn seed_credential(
        &self,
        credential: &Credential<'_>,
        record: CredentialRecord,
    ) -> Result<bool, BoxError> {
        self.store.seed_credential(credential, record).await
    }
}
