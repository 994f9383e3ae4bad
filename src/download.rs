//! Retrieve: a download of an uploaded asset is permitted.

use crate::asset::Asset;
use crate::auth::Principal;
use crate::id::AssetId;
use crate::rejection::Rejection;
use crate::signer::{DownloadIntent, UploadSigner};
use crate::store::AssetStore;
use crate::usecase::UseCases;
use crate::workspace::WorkspaceSlug;

/// What a caller gets.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) asset: Asset,
    pub(crate) url: String,
}

impl<Store: AssetStore, Signer: UploadSigner> UseCases<Store, Signer> {
    pub(crate) async fn retrieve(
        &self,
        caller: &Principal,
        slug: Option<&WorkspaceSlug>,
        id: Option<AssetId>,
    ) -> Result<Download, Rejection> {
        let workspace = self.enter(slug, caller).await?;
        let id = id.ok_or(Rejection::AssetNotFound)?;
        let asset = self
            .store
            .find(&workspace, id)
            .await?
            .ok_or(Rejection::AssetNotFound)?;
        if !asset.state.is_uploaded() {
            return Err(Rejection::NotUploaded);
        }
        let made = &asset.made;
        let intent = DownloadIntent::new(&made.key, &made.media_type, &made.object_name);
        let url = self.signer.sign_download(&intent, self.clock.now()).await?;
        Ok(Download { asset, url })
    }
}
