//! Why a use case did not fulfil a request.

use crate::asset::{Asset, Mismatch};
use crate::error::{BoxError, Unavailable};
use crate::ports::{ObjectStoreError, SignerError, StoreError, UploadData};

/// Why a use case did not fulfil a request.
#[derive(Debug)]
pub(crate) enum Rejection {
    /// The workspace is missing, or the caller is not a member of it.
    WorkspaceNotFound,
    /// The caller is a member whose role doesn't allow it.
    NotPermitted,
    AssetNotFound,
    ProjectNotFound,
    /// The object store can't check the announced checksum.
    ChecksumUnsupported,
    Duplicate(Box<Duplicate>),
    TooManyPending,
    TooManyDiscarded,
    NotUploaded,
    /// Nothing was uploaded.
    ObjectMissing,
    /// The object was recorded as uploaded, and is not there any more.
    ObjectGone,
    /// The object was recorded as uploaded, and another one has replaced it.
    ObjectChanged,
    ObjectMismatch(Mismatch),
    /// The asset was rejected before. Rejections are final.
    Rejected(Mismatch),
    StoreUnavailable(Unavailable),
    SignerUnavailable(Unavailable),
    ObjectStoreUnavailable(Unavailable),
    Internal(BoxError),
}

/// The asset that stands in the way, with a fresh permission where it still waits for its upload.
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
