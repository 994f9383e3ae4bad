//! Delete: deletes an asset. The purge removes its object later.

use super::rejection::Rejection;
use super::shared::UseCases;
use crate::asset::{AssetId, Deletion, Workspace};
use crate::auth::Principal;
use crate::ports::AssetStore;

/// A workspace in which the caller may delete all assets, or its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeletePermit<'a> {
    workspace: &'a Workspace,
}

impl<'a> DeletePermit<'a> {
    pub(crate) fn new(workspace: &'a Workspace) -> Result<Self, Rejection> {
        match workspace.deletion() {
            Deletion::Any | Deletion::Own => Ok(Self { workspace }),
            Deletion::Nothing => Err(Rejection::NotPermitted),
        }
    }
}

impl<Store: AssetStore, Signer> UseCases<Store, Signer> {
    pub(crate) async fn delete(
        &self,
        caller: &Principal,
        DeletePermit { workspace }: DeletePermit<'_>,
        id: AssetId,
    ) -> Result<(), Rejection> {
        if workspace.deletion() == Deletion::Own {
            let asset = self.store.find(workspace, id).await?;
            let asset = asset.ok_or(Rejection::AssetNotFound)?;
            if asset.made.created_by != caller.user {
                return Err(Rejection::NotPermitted);
            }
        }
        if self.store.delete(workspace, id).await? {
            Ok(())
        } else {
            Err(Rejection::AssetNotFound)
        }
    }
}
