//! How the kit fills a store with what is not made through the ports.

use async_trait::async_trait;

use crate::asset::{ProjectId, UserId, WorkspaceId, WorkspaceSlug};
use crate::auth::{Credential, CredentialRecord};
use crate::error::BoxError;

/// Fills a store with workspaces, members and projects, as the host does by other ways.
///
/// Each call may be made again: afterwards things are as it says. Implement it in your tests, on
/// the store or on a wrapper around it; that of the crate's own stores is in
/// `src/conformance/own_stores.rs`.
#[async_trait]
pub trait Seed: Send + Sync {
    /// Ensures that there is a living workspace of that id, and that it goes by that slug from now
    /// on. One that was removed is back with all that is in it.
    ///
    /// # Errors
    /// Whatever went wrong.
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), BoxError>;

    /// Ensures that the user is an active member of the workspace.
    ///
    /// # Errors
    /// Whatever went wrong.
    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), BoxError>;

    /// Ensures that there is such a living project in the workspace.
    ///
    /// # Errors
    /// Whatever went wrong.
    async fn add_project(&self, workspace: WorkspaceId, project: ProjectId)
    -> Result<(), BoxError>;

    /// Deletes a workspace the way your host does: nobody may enter it any more.
    ///
    /// # Errors
    /// Whatever went wrong.
    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), BoxError>;

    /// Ends a membership the way your host does.
    ///
    /// # Errors
    /// Whatever went wrong.
    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), BoxError>;

    /// Deletes a project the way your host does: no asset may be made in it any more.
    ///
    /// # Errors
    /// Whatever went wrong.
    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), BoxError>;
}

forward! { Seed {
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), BoxError>;
    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), BoxError>;
    async fn add_project(&self, workspace: WorkspaceId, project: ProjectId)
    -> Result<(), BoxError>;
    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), BoxError>;
    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), BoxError>;
    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), BoxError>;
} }

/// Fills a store with credentials.
#[async_trait]
pub trait SeedCredentials: Send + Sync {
    /// Ensures that there is such a credential; one of the same kind and secret is replaced.
    ///
    /// `record` says all there is to keep. The secret itself is for stores that share their table
    /// with an application which keeps it in the clear.
    ///
    /// `false` when the store has no such credentials: no tokens, say, or no scopes. What it can't
    /// keep it can't get wrong, so the rules then ask for nothing more; but API keys with all
    /// scopes or tokens with all scopes there must be.
    ///
    /// # Errors
    /// Whatever went wrong.
    async fn add_credential(
        &self,
        credential: &Credential<'_>,
        record: CredentialRecord,
    ) -> Result<bool, BoxError>;
}

forward! { SeedCredentials {
    async fn add_credential(
        &self,
        credential: &Credential<'_>,
        record: CredentialRecord,
    ) -> Result<bool, BoxError>;
} }
