//! The ports: the traits through which a host plugs in its database, its signer and its object store.
//!
//! Each port is small, object-safe and without default methods. A failure says whether a retry helps.
//! No port knows S3.

mod directory;
mod object_store;
pub(crate) mod purge;
mod signer;
mod store;

pub use directory::{CredentialStore, DirectoryStore};
pub use object_store::{ObjectStore, ObjectStoreError};
pub use signer::{
    DownloadIntent, SignerError, UploadData, UploadIntent, UploadMethod, UploadSigner,
};
pub use store::{AssetStore, CreateOutcome, StoreError};
