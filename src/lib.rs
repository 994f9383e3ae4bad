//! tower-asset-upload
#![cfg_attr(docsrs, feature(doc_cfg))]
mod asset;
mod auth;
mod clock;
mod credential;
mod id;
mod limits;
mod media_type;
mod object_name;
mod pairs;
mod signer;
pub mod sigv4;
mod store;
mod verifier;
mod workspace;

/// Any error, boxed: what ports wrap the causes of their failures in.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub use asset::{
    Asset, ExternalLabel, ExternalRef, InvalidExternalLabel, NewAsset, StoredObject, UploadState,
};
pub use auth::{AuthError, Authenticator, Principal, Scope, Scopes, Unavailable};
pub use clock::{Clock, FixedClock, IdSource, RandomIds, SequentialIds, SystemClock};
pub use credential::{
    Credential, CredentialDigest, CredentialKind, CredentialRecord, CredentialVerifier,
};
pub use id::{AssetId, ProjectId, UserId, WorkspaceId};
pub use limits::{Lifetime, Oversize, PendingCaps, UploadSize};
pub use media_type::{AllowedTypes, InvalidMediaType, MediaType};
pub use object_name::{DisplayName, InvalidObjectKey, ObjectKey, ObjectName};
pub use pairs::Pairs;
pub use signer::{
    DownloadIntent, SignerError, UploadData, UploadIntent, UploadMethod, UploadSigner,
};
pub use store::{AssetStore, Created, StoreError};
pub use verifier::{ObjectVerifier, VerifyError};
pub use workspace::{Workspace, WorkspaceSlug};
