//! Create: an asset is made and its upload permitted.

use time::OffsetDateTime;

use super::rejection::{Duplicate, Rejection};
use super::shared::UseCases;
use crate::asset::{
    Asset, AssetId, Checksum, DisplayName, ExternalRef, MediaType, NewAsset, ObjectKey, ObjectName,
    ProjectId, UploadSize, Workspace,
};
use crate::auth::Principal;
use crate::ports::{AssetStore, CreateOutcome, UploadData, UploadIntent, UploadSigner};

/// What a caller asks for, once everything in it is known to be sound.
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

/// What a caller gets.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) asset_id: AssetId,
    pub(crate) asset_url: String,
    pub(crate) permission: UploadData,
}

impl<Store: AssetStore, Signer: UploadSigner> UseCases<Store, Signer> {
    pub(crate) async fn create_upload(
        &self,
        caller: &Principal,
        workspace: &Workspace,
        command: Box<CreateUpload>,
    ) -> Result<Upload, Rejection> {
        let now = self.clock.now();
        let asset = self.draft(workspace, caller, *command, now)?;
        let (id, project) = (asset.id, asset.project);
        // Signed before the row is made: a signer that fails leaves nothing behind.
        let intent = UploadIntent::of(&asset);
        let permission = self.signer.sign_upload(&intent, now).await?;
        match self
            .store
            .create(workspace, asset, self.pending_caps)
            .await?
        {
            CreateOutcome::New => {
                let asset_url = (self.asset_url)(workspace, project, id);
                Ok(Upload {
                    asset_id: id,
                    asset_url,
                    permission,
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

    fn draft(
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

    /// The asset that is there already. While it still waits for its upload there is a fresh permission
    /// with it, exactly as it was recorded, so that a client that crashed midway can go on.
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
