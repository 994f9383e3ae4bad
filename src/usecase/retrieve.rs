//! Retrieve: signs the download of an uploaded asset.

use super::complete::still_there;
use super::rejection::Rejection;
use super::shared::UseCases;
use crate::asset::{Asset, AssetId, UploadState, Workspace};
use crate::ports::{AssetStore, DownloadIntent, UploadSigner};

/// The result of a retrieve request.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) asset: Asset,
    pub(crate) url: String,
}

impl<Store: AssetStore, Signer: UploadSigner> UseCases<Store, Signer> {
    pub(crate) async fn retrieve(
        &self,
        workspace: &Workspace,
        id: AssetId,
    ) -> Result<Download, Rejection> {
        let asset = self
            .store
            .find(workspace, id)
            .await?
            .ok_or(Rejection::AssetNotFound)?;
        let UploadState::Uploaded(recorded) = &asset.state else {
            return Err(Rejection::NotUploaded);
        };
        let made = &asset.made;
        let mut intent = DownloadIntent::new(&made.key, &made.media_type, &made.object_name);
        if let Some(recorded) = recorded
            && self.checks_downloads
        {
            intent.version = recorded.pinned_version();
            if let Some(verifier) = &self.verifier
                && intent.version.is_none()
                && recorded.etag.is_some()
            {
                // A client may have replaced the object by using its upload data again.
                still_there(&**verifier, &made.key, recorded).await?;
            }
        }
        let url = self.signer.sign_download(&intent, self.clock.now()).await?;
        Ok(Download { asset, url })
    }
}
