//! Create: inserts an asset and signs its upload.

use time::OffsetDateTime;

use super::rejection::{Duplicate, Rejection};
use super::shared::UseCases;
use crate::asset::{
    Asset, AssetId, Checksum, DisplayName, ExternalRef, MediaType, NewAsset, ObjectKey, ObjectName,
    ProjectId, UploadSize, Workspace,
};
use crate::auth::Principal;
use crate::ports::{AssetStore, CreateOutcome, UploadData, UploadIntent, UploadSigner};

/// A validated create request.
#[derive(Debug)]
pub(crate) struct CreateUpload {
    pub(crate) display_name: DisplayName,
    pub(crate) object_name: ObjectName,
    pub(crate) media_type: MediaType,
    pub(crate) size: UploadSize,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) project: Option<ProjectId>,
    pub(crate) external: ExternalRef,
}

/// The result of a create request.
#[derive(Debug)]
pub(crate) struct CreatedAsset {
    pub(crate) asset_id: AssetId,
    pub(crate) asset_url: String,
    pub(crate) upload_data: UploadData,
}

impl<Store: AssetStore, Signer: UploadSigner> UseCases<Store, Signer> {
    pub(crate) async fn create_upload(
        &self,
        caller: &Principal,
        workspace: &Workspace,
        command: Box<CreateUpload>,
    ) -> Result<CreatedAsset, Rejection> {
        let now = self.clock.now();
        let asset = self.new_asset(workspace, caller, *command, now)?;
        let (id, project) = (asset.id, asset.project);
        // Signs before it inserts the row, so that a failing signer leaves no row.
        let intent = UploadIntent::of(&asset);
        let upload_data = self.signer.sign_upload(&intent, now).await?;
        match self
            .store
            .create(workspace, asset, self.pending_caps)
            .await?
        {
            CreateOutcome::New => {
                let asset_url = (self.asset_url)(workspace, project, id);
                Ok(CreatedAsset {
                    asset_id: id,
                    asset_url,
                    upload_data,
                })
            }
            CreateOutcome::Duplicate(asset) => {
                let duplicate = Box::pin(self.duplicate(workspace, *asset, now)).await?;
                Err(Rejection::Duplicate(Box::new(duplicate)))
            }
            CreateOutcome::ProjectNotFound => Err(Rejection::ProjectNotFound),
            CreateOutcome::TooManyPending => Err(Rejection::TooManyPending),
            CreateOutcome::TooManyDiscarded => Err(Rejection::TooManyDiscarded),
        }
    }

    fn new_asset(
        &self,
        workspace: &Workspace,
        caller: &Principal,
        command: CreateUpload,
        now: OffsetDateTime,
    ) -> Result<NewAsset, Rejection> {
        let key = (self.key_strategy)(workspace, self.ids.next_id(), &command.object_name);
        Ok(NewAsset {
            id: AssetId::new(self.ids.next_id()),
            key: ObjectKey::new(key).map_err(|fault| Rejection::Internal(fault.into()))?,
            display_name: command.display_name,
            object_name: command.object_name,
            media_type: command.media_type,
            size: command.size,
            checksum: command.checksum,
            project: command.project,
            external: command.external,
            created_by: caller.user,
            created_at: now,
        })
    }

    /// Answers with the existing asset of the external pair. If that asset is still pending, signs
    /// new upload data for it from its recorded fields, so that a client that crashed before its
    /// upload can continue.
    async fn duplicate(
        &self,
        workspace: &Workspace,
        asset: Asset,
        now: OffsetDateTime,
    ) -> Result<Duplicate, Rejection> {
        let upload_data = if asset.state.is_pending() {
            let intent = UploadIntent::of(&asset.made);
            Some(self.signer.sign_upload(&intent, now).await?)
        } else {
            None
        };
        Ok(Duplicate {
            asset_url: (self.asset_url)(workspace, asset.made.project, asset.made.id),
            asset,
            upload_data,
        })
    }
}
