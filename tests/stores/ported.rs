//! A store behind a port, and what seeds it.

use async_trait::async_trait;
use time::OffsetDateTime;
use tower_asset_upload::asset::{
    Asset, AssetId, ChangeOutcome, NewAsset, PendingCaps, ProjectId, StateChange, UserId,
    Workspace, WorkspaceId, WorkspaceSlug,
};
use tower_asset_upload::auth::{Credential, CredentialRecord, CredentialVerifier, Principal};
use tower_asset_upload::conformance::SeedCredentials;
use tower_asset_upload::ports::{CreateOutcome, StoreError};
use tower_asset_upload::purge::{Condemned, PurgeStep, PurgeStore, StoreTime};
use tower_asset_upload::{AssetStore, BoxError, DirectoryStore, Unavailable};

/// `Port` is asked, and `Store` is seeded: what is behind the port.
pub(crate) struct Ported<Port, Store> {
    port: Port,
    store: Store,
}

impl<Port, Store> Ported<Port, Store> {
    pub(crate) fn new(port: Port, store: Store) -> Self {
        Self { port, store }
    }
}

#[async_trait]
impl<Port: AssetStore, Store: Send + Sync> AssetStore for Ported<Port, Store> {
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError> {
        self.port.enter(slug, caller).await
    }

    async fn create(
        &self,
        workspace: &Workspace,
        asset: NewAsset,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError> {
        self.port.create(workspace, asset, caps).await
    }

    async fn find(&self, workspace: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError> {
        self.port.find(workspace, id).await
    }

    async fn set_state(
        &self,
        workspace: &Workspace,
        id: AssetId,
        change: StateChange,
    ) -> Result<ChangeOutcome, StoreError> {
        self.port.set_state(workspace, id, change).await
    }

    async fn delete(&self, workspace: &Workspace, id: AssetId) -> Result<bool, StoreError> {
        self.port.delete(workspace, id).await
    }
}

#[async_trait]
impl<Port: Send + Sync, Store: DirectoryStore> DirectoryStore for Ported<Port, Store> {
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
impl<Port: PurgeStore, Store: Send + Sync> PurgeStore for Ported<Port, Store> {
    async fn time(&self) -> Result<StoreTime, StoreError> {
        self.port.time().await
    }

    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        self.port.purge(step).await
    }
}

#[async_trait]
impl<Port: CredentialVerifier, Store: Send + Sync> CredentialVerifier for Ported<Port, Store> {
    async fn verify(
        &self,
        credential: &Credential<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, Unavailable> {
        self.port.verify(credential, now).await
    }
}

#[async_trait]
impl<Port: Send + Sync, Store: SeedCredentials> SeedCredentials for Ported<Port, Store> {
    async fn seed_credential(
        &self,
        credential: &Credential<'_>,
        record: CredentialRecord,
    ) -> Result<bool, BoxError> {
        self.store.seed_credential(credential, record).await
    }
}
