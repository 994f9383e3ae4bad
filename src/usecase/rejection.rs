//! The errors of the use cases.

use crate::asset::{Asset, Mismatch};
use crate::error::{BoxError, Unavailable};
use crate::ports::{ObjectStoreError, SignerError, StoreError, UploadData};

/// The error of a use case.
#[derive(Debug)]
pub(crate) enum Rejection {
    /// The workspace is missing, or the caller is not a member of it.
    WorkspaceNotFound,
    /// The caller is a member, but its role doesn't allow the request.
    NotPermitted,
    AssetNotFound,
    ProjectNotFound,
    /// The object store can't check the announced checksum.
    ChecksumUnsupported,
    Duplicate(Box<Duplicate>),
    TooManyPending,
    TooManyDiscarded,
    NotUploaded,
    /// The asset is pending and has no object.
    ObjectMissing,
    /// The upload was completed, but the object is gone.
    ObjectGone,
    /// The upload was completed, but another object has replaced the recorded one.
    ObjectChanged,
    ObjectMismatch(Mismatch),
    /// The asset was rejected before. A rejection is final.
    Rejected(Mismatch),
    StoreUnavailable(Unavailable),
    SignerUnavailable(Unavailable),
    ObjectStoreUnavailable(Unavailable),
    Internal(BoxError),
}

/// The asset that already has the external pair, with new upload data if it is pending.
#[derive(Debug)]
pub(crate) struct Duplicate {
    pub(crate) asset: Asset,
    pub(crate) asset_url: String,
    pub(crate) upload_data: Option<UploadData>,
}

impl From<StoreError> for Rejection {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::StoreUnavailable(cause),
            StoreError::Failed(cause) => Self::Internal(cause),
        }
    }
}

impl From<SignerError> for Rejection {
    fn from(error: SignerError) -> Self {
        match error {
            SignerError::Unavailable(cause) => Self::SignerUnavailable(cause),
            SignerError::Checksum => Self::ChecksumUnsupported,
            SignerError::Failed(cause) => Self::Internal(cause),
        }
    }
}

impl From<ObjectStoreError> for Rejection {
    fn from(error: ObjectStoreError) -> Self {
        match error {
            ObjectStoreError::Unavailable(cause) => Self::ObjectStoreUnavailable(cause),
            ObjectStoreError::Failed(cause) => Self::Internal(cause),
        }
    }
}
