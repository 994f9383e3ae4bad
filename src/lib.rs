//! tower-asset-upload
#![cfg_attr(docsrs, feature(doc_cfg))]
mod asset;
mod auth;
mod body;
mod builder;
mod clock;
mod command;
mod completion;
mod credential;
mod download;
mod extension_auth;
mod header_auth;
mod id;
mod json;
mod layer;
mod limits;
mod media_type;
mod object_name;
mod pairs;
mod rejection;
mod removal;
mod response;
mod route;
pub mod s3;
mod service;
mod signer;
pub mod sigv4;
mod store;
mod upload;
mod usecase;
mod verifier;
mod workspace;

/// Any error, boxed: what ports wrap the causes of their failures in.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub use asset::{
    Asset, ExternalLabel, ExternalRef, InvalidExternalLabel, NewAsset, StoredObject, UploadState,
};
pub use auth::{AuthError, Authenticator, Principal, Scope, Scopes, Unavailable};
pub use builder::{AssetUploadBuilder, InvalidBasePath};
pub use clock::{Clock, FixedClock, IdSource, RandomIds, SequentialIds, SystemClock};
pub use credential::{
    Credential, CredentialDigest, CredentialKind, CredentialRecord, CredentialVerifier,
};
pub use extension_auth::FromExtensions;
pub use header_auth::HeaderAuthenticator;
pub use id::{AssetId, ProjectId, UserId, WorkspaceId};
pub use layer::{AssetUploadLayer, AssetUploadMiddleware, MiddlewareFuture};
pub use limits::{Lifetime, Oversize, PendingCaps, UploadSize};
pub use media_type::{AllowedTypes, InvalidMediaType, MediaType};
pub use object_name::{DisplayName, InvalidObjectKey, ObjectKey, ObjectName};
pub use pairs::Pairs;
pub use service::{AssetUploadService, ResponseFuture};
pub use signer::{
    DownloadIntent, SignerError, UploadData, UploadIntent, UploadMethod, UploadSigner,
};
pub use store::{AssetStore, Created, StoreError};
pub use verifier::{ObjectVerifier, VerifyError};
pub use workspace::{Workspace, WorkspaceSlug};
