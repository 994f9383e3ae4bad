//! Update: an upload is declared complete, and checked; or the declaration is taken back.
//!
//! What may follow upon what is [`StateChange`]'s to say; this is what a request makes of it.

use super::rejection::Rejection;
use super::shared::UseCases;
use crate::asset::{
    Asset, AssetId, ChangeOutcome, ObjectKey, Ownership, StateChange, StoredObject, UploadState,
    Workspace,
};
use crate::error::BoxError;
use crate::ports::{AssetStore, ObjectStore};

impl<Store: AssetStore, Signer> UseCases<Store, Signer> {
    pub(crate) async fn complete(
        &self,
        workspace: &Workspace,
        id: AssetId,
        is_uploaded: bool,
    ) -> Result<(), Rejection> {
        let asset = self
            .store
            .find(workspace, id)
            .await?
            .ok_or(Rejection::AssetNotFound)?;
        match (is_uploaded, &asset.state) {
            // Boxed, as what asks the object store is larger than all else that a request can need.
            (true, UploadState::Pending) => Box::pin(self.settle(workspace, &asset)).await,
            (true, UploadState::Uploaded(recorded)) => {
                Box::pin(self.look_again(workspace, &asset, recorded.as_ref())).await
            }
            (true, UploadState::Rejected(difference)) => {
                Err(Rejection::ObjectMismatch(difference.clone()))
            }
            (false, UploadState::Pending) => Ok(()),
            (false, UploadState::Uploaded(_)) => self.take_back(workspace, id).await,
            (false, UploadState::Rejected(difference)) => {
                Err(Rejection::Rejected(difference.clone()))
            }
        }
    }

    /// Decides about an asset that waits for its upload. Whoever is late answers as the one who was
    /// first has decided.
    async fn settle(&self, workspace: &Workspace, asset: &Asset) -> Result<(), Rejection> {
        let id = asset.made.id;
        let Some(change) = self.verdict(workspace, asset).await? else {
            return Err(self.missing(workspace, id).await?);
        };
        let refused = match &change {
            StateChange::Reject(difference) => Some(difference.clone()),
            StateChange::Complete(_) | StateChange::TakeBack => None,
        };
        match (self.store.set_state(workspace, id, change).await?, refused) {
            (ChangeOutcome::Done, None) | (ChangeOutcome::Is(UploadState::Uploaded(_)), _) => {
                Ok(())
            }
            (ChangeOutcome::Done, Some(difference)) => {
                // Not before: another caller may have had the asset uploaded meanwhile.
                self.remove(workspace, asset).await;
                Err(Rejection::ObjectMismatch(difference))
            }
            (ChangeOutcome::Is(UploadState::Rejected(difference)), _) => {
                Err(Rejection::ObjectMismatch(difference))
            }
            (ChangeOutcome::Is(UploadState::Pending), _) => Err(contradiction("pending")),
            (ChangeOutcome::NotFound, _) => Err(Rejection::AssetNotFound),
        }
    }

    /// Compares the stored object with the announcement. `None` if there is no object. Without a
    /// verifier the client is believed.
    async fn verdict(
        &self,
        workspace: &Workspace,
        asset: &Asset,
    ) -> Result<Option<StateChange>, Rejection> {
        let Some(verifier) = &self.verifier else {
            return Ok(Some(StateChange::Complete(None)));
        };
        let object = verifier.head(&asset.made.key).await?;
        let ownership = workspace.ownership();
        Ok(object.map(
            |object| match asset.made.difference_from(&object, ownership) {
                Some(difference) => StateChange::Reject(difference),
                None => StateChange::Complete(Some(object)),
            },
        ))
    }

    /// Why there is no object: it was never uploaded, unless another caller has had it rejected, and so
    /// removed, since the asset was looked at.
    async fn missing(&self, workspace: &Workspace, id: AssetId) -> Result<Rejection, Rejection> {
        let asset = self.store.find(workspace, id).await?;
        Ok(match asset.map(|asset| asset.state) {
            Some(UploadState::Pending) => Rejection::ObjectMissing,
            Some(UploadState::Uploaded(_)) => Rejection::ObjectGone,
            Some(UploadState::Rejected(difference)) => Rejection::ObjectMismatch(difference),
            None => Rejection::AssetNotFound,
        })
    }

    /// Whether what is complete is so still. Nothing is changed whatever comes of it: what was recorded
    /// is the proof of what was there, and only its owner gives it up.
    async fn look_again(
        &self,
        workspace: &Workspace,
        asset: &Asset,
        recorded: Option<&StoredObject>,
    ) -> Result<(), Rejection> {
        let Some(verifier) = &self.verifier else {
            return Ok(());
        };
        if let Some(recorded) = recorded {
            return still_there(&**verifier, &asset.made.key, recorded).await;
        }
        let object = verifier.head(&asset.made.key).await?;
        let object = object.ok_or(Rejection::ObjectGone)?;
        match asset.made.difference_from(&object, workspace.ownership()) {
            Some(difference) => Err(Rejection::ObjectMismatch(difference)),
            None => Ok(()),
        }
    }

    async fn take_back(&self, workspace: &Workspace, id: AssetId) -> Result<(), Rejection> {
        let change = StateChange::TakeBack;
        match self.store.set_state(workspace, id, change).await? {
            ChangeOutcome::Done | ChangeOutcome::Is(UploadState::Pending) => Ok(()),
            ChangeOutcome::Is(UploadState::Rejected(difference)) => {
                Err(Rejection::Rejected(difference))
            }
            ChangeOutcome::Is(UploadState::Uploaded(_)) => Err(contradiction("uploaded")),
            ChangeOutcome::NotFound => Err(Rejection::AssetNotFound),
        }
    }

    /// Removes the object of a rejected asset, unless it may be another application's. The clean-up
    /// comes back to it in any case.
    async fn remove(&self, workspace: &Workspace, asset: &Asset) {
        let Some(verifier) = &self.verifier else {
            return;
        };
        if workspace.ownership() == Ownership::Shared {
            return;
        }
        if let Err(error) = verifier.delete(&asset.made.key).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                asset = %asset.made.id,
                "the object of a rejected asset could not be removed; the clean-up will try again"
            );
        }
    }
}

/// Whether the object store still has what was recorded.
pub(crate) async fn still_there(
    verifier: &dyn ObjectStore,
    key: &ObjectKey,
    recorded: &StoredObject,
) -> Result<(), Rejection> {
    let object = verifier.head(key).await?.ok_or(Rejection::ObjectGone)?;
    if object.is_still(recorded) {
        Ok(())
    } else {
        Err(Rejection::ObjectChanged)
    }
}

/// A store refuses a change because of the very state that the change begins at.
fn contradiction(state: &str) -> Rejection {
    let fault = format!("the store refuses a change from {state} of an asset that is {state}");
    Rejection::Internal(BoxError::from(fault))
}
