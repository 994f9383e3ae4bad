//! Delete: an asset goes; its object is left to the clean-up.

use crate::auth::Principal;
use crate::id::AssetId;
use crate::rejection::Rejection;
use crate::store::AssetStore;
use crate::usecase::UseCases;
use crate::workspace::WorkspaceSlug;

impl<Store: AssetStore, Signer> UseCases<Store, Signer> {
    pub(crate) async fn delete(
        &self,
        caller: &Principal,
        slug: Option<&WorkspaceSlug>,
        id: Option<AssetId>,
    ) -> Result<(), Rejection> {
        let workspace = self.enter(slug, caller).await?;
        let id = id.ok_or(Rejection::AssetNotFound)?;
        if self.store.delete(&workspace, id).await? {
            Ok(())
        } else {
            Err(Rejection::AssetNotFound)
        }
    }
}
