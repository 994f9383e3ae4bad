//! An asset's row: JSON, so that later releases can add fields.

use tower_asset_upload::asset::{Asset, AssetId};

use super::{Result, corrupted};

pub(crate) fn write(asset: &Asset) -> Result<Vec<u8>> {
    serde_json::to_vec(asset).map_err(|fault| redb::Error::Backend(fault.into()))
}

/// Deserializing uses the constructors of the crate's types, so a tampered row is an error.
pub(crate) fn read(id: AssetId, bytes: &[u8]) -> Result<Asset> {
    let asset: Asset = serde_json::from_slice(bytes).map_err(|_| corrupted("an asset"))?;
    if asset.made.id == id {
        Ok(asset)
    } else {
        Err(corrupted("an asset's id"))
    }
}
