//! Why a request was not fulfilled: the decisions of the use cases, without a word of HTTP.

use crate::asset::{Asset, Mismatch};
use crate::auth::{AuthError, Scope};
use crate::error::{BoxError, Unavailable};
use crate::ports::{ObjectStoreError, SignerError, StoreError, UploadData};

/// What a use case answers instead of success. `response.rs` has the words for it.
#[derive(Debug)]
pub(crate) enum Rejection {
    Auth(AuthError),
    Scope(Scope),
    WorkspaceNotFound,
    /// The caller is a member whose role doesn't allow it.
    NotPermitted,
    AssetNotFound,
    /// `name` or `size` is missing, null or empty.
    Required {
        field: &'static str,
    },
    TypeNotAllowed,
    /// Any other member that is not as it should be.
    Member {
        field: &'static str,
        code: &'static str,
        message: String,
    },
    ProjectNotFound,
    Duplicate(Box<Duplicate>),
    TooManyPending,
    TooManyDiscarded,
    NotUploaded,
    /// Nothing was uploaded.
    ObjectMissing,
    /// What was uploaded and recorded is not there any more.
    ObjectGone,
    /// What was uploaded and recorded has been replaced.
    ObjectChanged,
    ObjectMismatch(Mismatch),
    /// It was rejected before, and that can't be taken back.
    Rejected(Mismatch),
    StoreUnavailable(Unavailable),
    SignerUnavailable(Unavailable),
    VerifierUnavailable(Unavailable),
    Internal(BoxError),
}

/// The asset that stands in the way, with a fresh permission where it still waits for its upload.
#[derive(Debug)]
pub(crate) struct Duplicate {
    pub(crate) asset: Asset,
    pub(crate) asset_url: String,
    pub(crate) upload_data: Option<UploadData>,
}

impl From<AuthError> for Rejection {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
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
            SignerError::Checksum => Self::Member {
                field: "checksum_sha256",
                code: "unsupported_checksum_sha256",
                message: "The object store can't check a SHA-256: leave it out.".to_owned(),
            },
            SignerError::Failed(cause) => Self::Internal(cause),
        }
    }
}

impl From<ObjectStoreError> for Rejection {
    fn from(error: ObjectStoreError) -> Self {
        match error {
            ObjectStoreError::Unavailable(cause) => Self::VerifierUnavailable(cause),
            ObjectStoreError::Failed(cause) => Self::Internal(cause),
        }
    }
}
