//! Reads rows into the crate's types.

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use crate::asset::{
    Asset, Checksum, DisplayName, ExternalLabel, ExternalRef, Mismatch, NewAsset, ObjectKey,
    ObjectName, StoredObject, UploadSize, UploadState,
};
use crate::stores::pg::Fault;

/// The columns that [`asset`] reads.
macro_rules! asset_columns {
    () => {
        "id, project_id, object_key, display_name, object_name, media_type, size, checksum_sha256, \
         external_source, external_id, created_by, created_at, \
         state, difference, stored_size, stored_content_type, stored_content_encoding, stored_etag, \
         stored_version, stored_checksum_sha256"
    };
}
pub(super) use asset_columns;

/// Reads an asset. A column whose value doesn't parse is an error.
pub(super) fn asset(row: &Row) -> Result<Asset, Fault> {
    let text = |name: &'static str| column::<&str>(row, name);
    let label = |name: &'static str| -> Result<_, Fault> {
        let label = column::<Option<&str>>(row, name)?;
        let label = label.map(ExternalLabel::new).transpose();
        label.map_err(|_| Fault::Row(name))
    };
    Ok(Asset {
        made: NewAsset {
            id: id(row, "id")?,
            key: ObjectKey::new(text("object_key")?).map_err(|_| Fault::Row("object_key"))?,
            display_name: DisplayName::new(text("display_name")?),
            object_name: ObjectName::clean(text("object_name")?)
                .map_err(|_| Fault::Row("object_name"))?,
            media_type: text("media_type")?
                .parse()
                .map_err(|_| Fault::Row("media_type"))?,
            size: UploadSize::new(size(column(row, "size")?, "size")?)
                .map_err(|_| Fault::Row("size"))?,
            checksum: checksum(row, "checksum_sha256")?,
            project: column::<Option<Uuid>>(row, "project_id")?.map(Into::into),
            external: ExternalRef {
                source: label("external_source")?,
                id: label("external_id")?,
            },
            created_by: id(row, "created_by")?,
            created_at: column(row, "created_at")?,
        },
        state: state(row)?,
    })
}

fn state(row: &Row) -> Result<UploadState, Fault> {
    match column(row, "state")? {
        "pending" => Ok(UploadState::Pending),
        "uploaded" => Ok(UploadState::Uploaded(stored_object(row)?)),
        "rejected" => {
            let difference = Mismatch::new(column(row, "difference")?);
            Ok(UploadState::Rejected(difference))
        }
        _ => Err(Fault::Row("state")),
    }
}

fn stored_object(row: &Row) -> Result<Option<StoredObject>, Fault> {
    let Some(stored) = column(row, "stored_size")? else {
        return Ok(None);
    };
    Ok(Some(StoredObject {
        size: size(stored, "stored_size")?,
        content_type: column(row, "stored_content_type")?,
        content_encoding: column(row, "stored_content_encoding")?,
        etag: column(row, "stored_etag")?,
        version: column(row, "stored_version")?,
        checksum: checksum(row, "stored_checksum_sha256")?,
    }))
}

fn size(bytes: i64, name: &'static str) -> Result<u64, Fault> {
    u64::try_from(bytes).map_err(|_| Fault::Row(name))
}

fn checksum(row: &Row, name: &'static str) -> Result<Option<Checksum>, Fault> {
    let bytes = column::<Option<&[u8]>>(row, name)?;
    let bytes = bytes.map(<[u8; 32]>::try_from).transpose();
    Ok(bytes.map_err(|_| Fault::Row(name))?.map(Checksum::new))
}

pub(super) fn id<T: From<Uuid>>(row: &Row, name: &'static str) -> Result<T, Fault> {
    Ok(column::<Uuid>(row, name)?.into())
}

/// Reads a column. Unlike the driver's `Row::get`, this doesn't panic.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &'static str) -> Result<T, Fault> {
    row.try_get(name).map_err(|_| Fault::Row(name))
}
