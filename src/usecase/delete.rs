//! Delete: an asset goes; its object is left to the clean-up.

use super::rejection::Rejection;
use super::shared::UseCases;
use crate::asset::{AssetId, Deletion, WorkspaceSlug};
use crate::auth::Principal;
use crate::ports::AssetStore;

impl<Store: AssetStore, Signer> UseCases<Store, Signer> {
    pub(crate) async fn delete(
        &self,
        caller: &Principal,
        slug: Option<&WorkspaceSlug>,
        id: Option<AssetId>,
    ) -> Result<(), Rejection> {
        let workspace = self.enter(slug, caller).await?;
        if workspace.deletion() == Deletion::Nothing {
            return Err(Rejection::NotPermitted);
        }
        let id = id.ok_or(Rejection::AssetNotFound)?;
        if workspace.deletion() == Deletion::Own {
            let asset = self.store.find(&workspace, id).await?;
            let asset = asset.ok_or(Rejection::AssetNotFound)?;
            if asset.made.created_by != caller.user {
                return Err(Rejection::NotPermitted);
            }
        }
        if self.store.delete(&workspace, id).await? {
            Ok(())
        } else {
            Err(Rejection::AssetNotFound)
        }
    }
}
