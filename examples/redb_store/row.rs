//! An asset as it is written: JSON, so that a field can join later.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tower_asset_upload::asset::{
    Asset, AssetId, Checksum, ExternalLabel, Mismatch, NewAsset, ObjectKey, ObjectName,
    StoredObject, UploadSize, UploadState,
};
use uuid::Uuid;

use super::{Result, corrupted};

#[derive(Serialize, Deserialize)]
struct Row {
    key: String,
    display_name: String,
    object_name: String,
    media_type: String,
    size: u64,
    checksum: Option<String>,
    project: Option<Uuid>,
    external_source: Option<String>,
    external_id: Option<String>,
    created_by: Uuid,
    /// Seconds since 1970 and nanoseconds: one number would end in 2262.
    created_at: (i64, u32),
    state: State,
}

#[derive(Serialize, Deserialize)]
enum State {
    Pending,
    Uploaded(Option<Object>),
    Rejected(String),
}

#[derive(Serialize, Deserialize)]
struct Object {
    size: u64,
    content_type: Option<String>,
    content_encoding: Option<String>,
    etag: Option<String>,
    version: Option<String>,
    checksum: Option<String>,
}

pub(crate) fn write(asset: &Asset) -> Result<Vec<u8>> {
    let Asset { made, state } = asset;
    let text =
        |label: &Option<ExternalLabel>| label.as_ref().map(|label| label.as_str().to_owned());
    let row = Row {
        key: made.key.as_str().to_owned(),
        display_name: made.display_name.as_str().to_owned(),
        object_name: made.object_name.as_str().to_owned(),
        media_type: made.media_type.as_str().to_owned(),
        size: made.size.bytes(),
        checksum: made.checksum.map(Checksum::to_base64),
        project: made.project.map(|project| *project.as_uuid()),
        external_source: text(&made.external.source),
        external_id: text(&made.external.id),
        created_by: *made.created_by.as_uuid(),
        created_at: (
            made.created_at.unix_timestamp(),
            made.created_at.nanosecond(),
        ),
        state: match state {
            UploadState::Uploaded(object) => State::Uploaded(object.as_ref().map(Object::of)),
            UploadState::Pending => State::Pending,
            UploadState::Rejected(difference) => State::Rejected(difference.to_string()),
            // Refused, as it could not be read back.
            _ => return Err(corrupted("a state that this store doesn't know")),
        },
    };
    serde_json::to_vec(&row).map_err(|fault| redb::Error::Backend(fault.into()))
}

/// Through the types' own constructors: a row that was tampered with is an error and not an asset.
pub(crate) fn read(id: AssetId, bytes: &[u8]) -> Result<Asset> {
    let row: Row = serde_json::from_slice(bytes).map_err(|_| corrupted("an asset"))?;
    let (seconds, nanos) = row.created_at;
    let created_at = OffsetDateTime::from_unix_timestamp(seconds)
        .and_then(|at| at.replace_nanosecond(nanos))
        .map_err(|_| corrupted("a time"))?;
    let mut made = NewAsset::new(
        id,
        ObjectKey::new(row.key).map_err(|_| corrupted("a key"))?,
        &row.display_name,
        row.media_type.parse().map_err(|_| corrupted("a type"))?,
        UploadSize::new(row.size).ok_or_else(|| corrupted("a size"))?,
        row.created_by.into(),
        created_at,
    )
    .ok_or_else(|| corrupted("a name"))?;
    made.object_name = ObjectName::clean(&row.object_name).ok_or_else(|| corrupted("a name"))?;
    made.checksum = checksum(row.checksum)?;
    made.project = row.project.map(Into::into);
    made.external.source = label(row.external_source)?;
    made.external.id = label(row.external_id)?;
    let state = match row.state {
        State::Pending => UploadState::Pending,
        State::Uploaded(object) => UploadState::Uploaded(object.map(Object::read).transpose()?),
        State::Rejected(difference) => UploadState::Rejected(Mismatch::new(&difference)),
    };
    Ok(Asset {
        made: made.into(),
        state,
    })
}

impl Object {
    fn of(object: &StoredObject) -> Self {
        Self {
            size: object.size,
            content_type: object.content_type.clone(),
            content_encoding: object.content_encoding.clone(),
            etag: object.etag.clone(),
            version: object.version.clone(),
            checksum: object.checksum.map(Checksum::to_base64),
        }
    }

    fn read(self) -> Result<StoredObject> {
        let mut object = StoredObject::of_size(self.size);
        object.content_type = self.content_type;
        object.content_encoding = self.content_encoding;
        object.etag = self.etag;
        object.version = self.version;
        object.checksum = checksum(self.checksum)?;
        Ok(object)
    }
}

fn label(text: Option<String>) -> Result<Option<ExternalLabel>> {
    let label = text.map(ExternalLabel::new).transpose();
    label.map_err(|_| corrupted("a label"))
}

fn checksum(text: Option<String>) -> Result<Option<Checksum>> {
    let checksum = text.map(|text| text.parse()).transpose();
    checksum.map_err(|_| corrupted("a checksum"))
}
