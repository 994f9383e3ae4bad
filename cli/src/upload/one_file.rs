//! The upload of one file.

use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};
use tower_asset_upload::asset::ExternalLabel;
use tower_asset_upload::client::{AssetClient, FileSource, NewUpload, UploadSource, Uploaded};

use super::board::Board;
use super::flags::Options;
use crate::Failure;

pub(crate) async fn upload(
    client: &AssetClient,
    board: &Board,
    path: &Path,
    options: &Options,
) -> Result<Uploaded, Failure> {
    let file = FileSource::new(path).await;
    let file = file.map_err(|fault| fault.to_string())?;
    let name = path.file_name().ok_or("it has no name")?.to_string_lossy();
    let (source, id) = pair(&file).await?;
    let mut upload = NewUpload::new(name).external(source, id);
    upload.project = options.project;
    if options.checksum {
        let checksum = file.checksum().await;
        upload.checksum = Some(checksum.map_err(|fault| fault.to_string())?);
    }

    let place = board.add(path, file.size());
    let shown = place.clone();
    let client = client.clone().on_progress(move |it| shown.show(it));
    let uploaded = client.upload(&upload, &file).await;
    place.end();
    uploaded.map_err(|fault| fault.to_string())
}

/// The same for each run as long as the file is the same: its path, its size, its last change.
async fn pair(file: &FileSource) -> Result<(ExternalLabel, ExternalLabel), Failure> {
    let path = tokio::fs::canonicalize(file.path()).await;
    let path = path.map_err(|fault| fault.to_string())?;
    let modified = file
        .modified()
        .ok_or("its time of modification is not known")?;
    // Before 1970 it counts backwards.
    let modified = match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => format!("+{}", after.as_nanos()),
        Err(before) => format!("-{}", before.duration().as_nanos()),
    };
    let mut hash = Sha256::new();
    hash.update(path.as_os_str().as_encoded_bytes());
    hash.update(format!("\0{}\0{modified}", file.size()));
    let id = const_hex::encode(hash.finalize());
    let label = |text: String| ExternalLabel::new(text).map_err(|fault| fault.to_string());
    Ok((label("upload".to_owned())?, label(id)?))
}
