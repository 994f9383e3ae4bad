//! How the crate's own stores are seeded. Yours may look like either.

use async_trait::async_trait;

use super::seed::{Seed, SeedCredentials};
use crate::asset::WorkspaceSlug;
use crate::asset::{ProjectId, UserId, WorkspaceId};
use crate::auth::{Credential, CredentialRecord};
use crate::error::BoxError;
use crate::stores::MemoryStore;
#[cfg(feature = "postgres")]
use crate::stores::PostgresStore;
#[cfg(feature = "sqlite")]
use crate::stores::SqliteStore;

#[async_trait]
impl Seed for MemoryStore {
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), BoxError> {
        self.add_workspace(id, slug);
        Ok(())
    }

    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), BoxError> {
        self.add_member(workspace, user);
        Ok(())
    }

    async fn add_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), BoxError> {
        self.add_project(workspace, project);
        Ok(())
    }

    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), BoxError> {
        self.remove_workspace(id);
        Ok(())
    }

    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), BoxError> {
        self.remove_member(workspace, user);
        Ok(())
    }

    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), BoxError> {
        self.remove_project(workspace, project);
        Ok(())
    }
}

#[async_trait]
impl SeedCredentials for MemoryStore {
    async fn add_credential(
        &self,
        _: &Credential<'_>,
        record: CredentialRecord,
    ) -> Result<bool, BoxError> {
        self.add_credential(record);
        Ok(true)
    }
}

#[cfg(feature = "sqlite")]
#[async_trait]
impl Seed for SqliteStore {
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), BoxError> {
        blocking(self, move |store| store.add_workspace(id, slug)).await
    }

    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), BoxError> {
        blocking(self, move |store| store.add_member(workspace, user)).await
    }

    async fn add_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), BoxError> {
        blocking(self, move |store| store.add_project(workspace, project)).await
    }

    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), BoxError> {
        blocking(self, move |store| store.remove_workspace(id)).await
    }

    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), BoxError> {
        blocking(self, move |store| store.remove_member(workspace, user)).await
    }

    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), BoxError> {
        blocking(self, move |store| store.remove_project(workspace, project)).await
    }
}

#[cfg(feature = "sqlite")]
#[async_trait]
impl SeedCredentials for SqliteStore {
    async fn add_credential(
        &self,
        _: &Credential<'_>,
        record: CredentialRecord,
    ) -> Result<bool, BoxError> {
        blocking(self, move |store| store.add_credential(record)).await?;
        Ok(true)
    }
}

#[cfg(feature = "postgres")]
#[async_trait]
impl Seed for PostgresStore {
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), BoxError> {
        Ok(self.add_workspace(id, slug).await?)
    }

    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), BoxError> {
        Ok(self.add_member(workspace, user).await?)
    }

    async fn add_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), BoxError> {
        Ok(self.add_project(workspace, project).await?)
    }

    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), BoxError> {
        Ok(self.remove_workspace(id).await?)
    }

    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), BoxError> {
        Ok(self.remove_member(workspace, user).await?)
    }

    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), BoxError> {
        Ok(self.remove_project(workspace, project).await?)
    }
}

#[cfg(feature = "postgres")]
#[async_trait]
impl SeedCredentials for PostgresStore {
    async fn add_credential(
        &self,
        _: &Credential<'_>,
        record: CredentialRecord,
    ) -> Result<bool, BoxError> {
        self.add_credential(record).await?;
        Ok(true)
    }
}

/// These calls wait for the disk.
#[cfg(feature = "sqlite")]
async fn blocking<F>(store: &SqliteStore, call: F) -> Result<(), BoxError>
where
    F: FnOnce(&SqliteStore) -> Result<(), crate::ports::StoreError> + Send + 'static,
{
    let store = store.clone();
    Ok(tokio::task::spawn_blocking(move || call(&store)).await??)
}
