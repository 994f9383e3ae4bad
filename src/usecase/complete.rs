//! Complete: a client declares an upload complete, or takes the declaration back.
//!
//! [`StateChange`] defines the allowed changes. This file decides which change a request causes.

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
            // Boxed, because the futures that call the object store are the largest of a request.
            (true, UploadState::Pending) => {
                Box::pin(self.complete_pending(workspace, &asset)).await
            }
            (true, UploadState::Uploaded(recorded)) => {
                Box::pin(self.recheck_uploaded(workspace, &asset, recorded.as_ref())).await
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

    /// Completes or rejects a pending asset. If a concurrent call decided first, returns that
    /// call's result.
    async fn complete_pending(
        &self,
        workspace: &Workspace,
        asset: &Asset,
    ) -> Result<(), Rejection> {
        let id = asset.made.id;
        let Some(change) = self.verdict(workspace, asset).await? else {
            return Err(self.missing_object(workspace, id).await?);
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
                // Only after the rejection is stored: a concurrent call may have completed the
                // asset.
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

    /// Compares the stored object with the announcement. Returns `None` if there is no object.
    /// Without an object store to ask, trusts the client.
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

    /// Returns the reason for a missing object. Reads the asset again, because a concurrent call
    /// may have rejected it and removed the object.
    async fn missing_object(
        &self,
        workspace: &Workspace,
        id: AssetId,
    ) -> Result<Rejection, Rejection> {
        let asset = self.store.find(workspace, id).await?;
        Ok(match asset.map(|asset| asset.state) {
            Some(UploadState::Pending) => Rejection::ObjectMissing,
            Some(UploadState::Uploaded(_)) => Rejection::ObjectGone,
            Some(UploadState::Rejected(difference)) => Rejection::ObjectMismatch(difference),
            None => Rejection::AssetNotFound,
        })
    }

    /// Checks whether the object of a completed asset is still there and unchanged. Never changes
    /// the asset: the recorded description proves which object was uploaded, and only a client
    /// drops it, by taking the upload back.
    async fn recheck_uploaded(
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

    /// Removes the object of a rejected asset, unless another application may own it. The purge
    /// removes the object later in any case, so a failure is only logged.
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
                "the object of a rejected asset could not be removed; the purge will try again"
            );
        }
    }
}

/// Checks whether the object store still has the recorded object.
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

/// The error for a store that refuses a change although the asset is in the state that the change
/// starts from.
fn contradiction(state: &str) -> Rejection {
    let fault = format!("the store refuses a change from {state} of an asset that is {state}");
    Rejection::Internal(BoxError::from(fault))
}
