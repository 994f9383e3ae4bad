//! Update: an upload is declared complete, and checked; or the declaration is taken back.

use crate::asset::{NewAsset, StoredObject, UploadState};
use crate::auth::Principal;
use crate::id::AssetId;
use crate::rejection::Rejection;
use crate::store::AssetStore;
use crate::usecase::UseCases;
use crate::workspace::WorkspaceSlug;

impl<Store: AssetStore, Signer> UseCases<Store, Signer> {
    pub(crate) async fn complete(
        &self,
        caller: &Principal,
        slug: Option<&WorkspaceSlug>,
        id: Option<AssetId>,
        is_uploaded: bool,
    ) -> Result<(), Rejection> {
        let workspace = self.enter(slug, caller).await?;
        let id = id.ok_or(Rejection::AssetNotFound)?;
        let state = if is_uploaded {
            let asset = self
                .store
                .find(&workspace, id)
                .await?
                .ok_or(Rejection::AssetNotFound)?;
            UploadState::Uploaded(self.inspect(&asset.made).await?)
        } else {
            UploadState::Pending
        };
        if self.store.set_state(&workspace, id, state).await? {
            Ok(())
        } else {
            Err(Rejection::AssetNotFound)
        }
    }

    /// What the object store has, when it is what was announced. Without a verifier the client is
    /// taken at its word.
    async fn inspect(&self, asset: &NewAsset) -> Result<Option<StoredObject>, Rejection> {
        let Some(verifier) = &self.verifier else {
            return Ok(None);
        };
        let object = verifier
            .inspect(&asset.key)
            .await?
            .ok_or(Rejection::ObjectMissing)?;
        match difference(asset, &object) {
            Some(difference) => Err(Rejection::ObjectMismatch { difference }),
            None => Ok(Some(object)),
        }
    }
}

/// In words, how the object differs from what was announced.
fn difference(asset: &NewAsset, object: &StoredObject) -> Option<String> {
    let announced = asset.size.bytes();
    if object.size != announced {
        return Some(format!(
            "The object has {} bytes; {announced} were announced.",
            object.size
        ));
    }
    if let Some(stored) = &object.content_type
        && stored.parse().as_ref() != Ok(&asset.media_type)
    {
        return Some(format!(
            "The object's type is {stored}; {} was announced.",
            asset.media_type
        ));
    }
    // A checksum that the store doesn't tell can't be held against it: it is refused, not skipped.
    let announced = asset.checksum?;
    match object.checksum {
        Some(stored) if stored == announced => None,
        Some(stored) => Some(format!(
            "The object's SHA-256 is {stored}; {announced} was announced."
        )),
        None => {
            Some("The object store tells no SHA-256 of the object; one was announced.".to_owned())
        }
    }
}
