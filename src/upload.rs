//! Create: an asset is made and its upload permitted.

use time::OffsetDateTime;

use crate::asset::{Asset, ExternalRef, NewAsset};
use crate::auth::Principal;
use crate::checksum::Checksum;
use crate::id::{AssetId, ProjectId};
use crate::limits::UploadSize;
use crate::media_type::MediaType;
use crate::object_name::{DisplayName, ObjectKey, ObjectName};
use crate::rejection::{Duplicate, Rejection};
use crate::signer::{UploadData, UploadIntent, UploadSigner};
use crate::store::{AssetStore, Created};
use crate::usecase::UseCases;
use crate::workspace::{Workspace, WorkspaceSlug};

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
        slug: Option<&WorkspaceSlug>,
        command: CreateUpload,
    ) -> Result<Upload, Rejection> {
        let workspace = self.enter(slug, caller).await?;
        let now = self.clock.now();
        let asset = self.draft(&workspace, caller, command, now)?;
        let (id, project) = (asset.id, asset.project);
        // Signed before the row is made: a signer that fails leaves nothing behind.
        let intent = UploadIntent::of(&asset);
        let permission = self.signer.sign_upload(&intent, now).await?;
        match self
            .store
            .create(&workspace, asset, self.pending_caps)
            .await?
        {
            Created::New => {
                let asset_url = (self.asset_url)(&workspace, project, id);
                Ok(Upload {
                    asset_id: id,
                    asset_url,
                    permission,
                })
            }
            Created::Duplicate(asset) => {
                let asset_url = (self.asset_url)(&workspace, asset.made.project, asset.made.id);
                let upload_data = self.resume(&asset, now).await?;
                Err(Rejection::Duplicate(Box::new(Duplicate {
                    asset: *asset,
                    asset_url,
                    upload_data,
                })))
            }
            Created::ProjectNotFound => Err(Rejection::ProjectNotFound),
            Created::TooManyPending => Err(Rejection::TooManyPending),
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

    /// A fresh permission for an asset that still waits for its upload, exactly as it was recorded,
    /// so that a client that crashed midway can go on.
    async fn resume(
        &self,
        asset: &Asset,
        now: OffsetDateTime,
    ) -> Result<Option<UploadData>, Rejection> {
        if !asset.state.is_pending() {
            return Ok(None);
        }
        let intent = UploadIntent::of(&asset.made);
        Ok(Some(self.signer.sign_upload(&intent, now).await?))
    }
}
