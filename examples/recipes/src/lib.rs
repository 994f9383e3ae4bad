//! How other web servers mount the service. Each module is one recipe, and its test sends a request through
//! the server.

pub mod actix;
pub mod lambda;
pub mod poem;
pub mod salvo;

use tower_asset_upload::s3::S3Signer;
use tower_asset_upload::{AssetUploadService, MemoryStore};

/// The service that the recipes mount.
pub type Uploads = AssetUploadService<MemoryStore, S3Signer>;

#[cfg(test)]
mod testing;
