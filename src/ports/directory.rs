//! The ports through which a host fills a store with workspaces, members, projects and credentials.

use async_trait::async_trait;

use super::store::StoreError;
use crate::asset::{ProjectId, UserId, WorkspaceId, WorkspaceSlug};
use crate::auth::CredentialRecord;

/// Keeps workspaces, their members and their projects.
///
/// [`MemoryStore`](crate::MemoryStore), `SqliteStore` and `PostgresStore` implement this port, so a host
/// seeds all of them alike. `PlaneStore` doesn't: Plane itself keeps these tables.
///
/// Each call is idempotent: repeating it changes nothing.
///
/// ```
/// use tower_asset_upload::asset::{UserId, WorkspaceId};
/// use tower_asset_upload::auth::CredentialRecord;
/// use tower_asset_upload::{CredentialStore, DirectoryStore, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let workspace: WorkspaceId = "22222222-2222-4222-8222-000000000001".parse()?;
/// let user: UserId = "11111111-1111-4111-8111-000000000001".parse()?;
///
/// let store = MemoryStore::new();
/// store.add_workspace(workspace, "my-workspace".parse()?).await?;
/// store.add_member(workspace, user).await?;
/// store.add_credential(CredentialRecord::api_key("a key of 128 random bits", user)).await?;
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait DirectoryStore: Send + Sync {
    /// Adds a workspace, or gives an existing one this slug. A removed workspace comes back with its
    /// assets.
    ///
    /// # Errors
    /// See [`StoreError`]. A slug that another living workspace has is [`StoreError::Failed`], except in
    /// a `MemoryStore`, where the slug passes to this workspace.
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), StoreError>;

    /// Makes a user an active member of a workspace.
    ///
    /// # Errors
    /// See [`StoreError`]. A workspace that was never added is [`StoreError::Failed`], except in a
    /// `MemoryStore`.
    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError>;

    /// Adds a project to a workspace.
    ///
    /// # Errors
    /// As for [`add_member`](Self::add_member).
    async fn add_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError>;

    /// Removes a workspace: nobody can enter it any more. Its assets stay until
    /// [`add_workspace`](Self::add_workspace) brings them back.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), StoreError>;

    /// Ends a membership: the user can't enter the workspace any more.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError>;

    /// Removes a project: no asset can be created in it any more.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError>;
}

forward! { DirectoryStore {
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), StoreError>;
    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError>;
    async fn add_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError>;
    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), StoreError>;
    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError>;
    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError>;
} }

/// Keeps API keys and tokens, hashed.
///
/// [`MemoryStore`](crate::MemoryStore), `SqliteStore` and `PostgresStore` implement this port.
#[async_trait]
pub trait CredentialStore: Send + Sync {
    /// Adds a credential, or replaces the one of the same kind and secret. An inactive record revokes it.
    ///
    /// `SqliteStore` cuts an expiry after April 2262 off to that month.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn add_credential(&self, record: CredentialRecord) -> Result<(), StoreError>;
}

forward! { CredentialStore {
    async fn add_credential(&self, record: CredentialRecord) -> Result<(), StoreError>;
} }
