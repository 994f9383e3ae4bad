//! Converts between rows and the crate's types.

use rusqlite::Row;
use time::OffsetDateTime;
use uuid::Uuid;

use super::fault::Fault;
use crate::asset::{
    Asset, Checksum, DisplayName, ExternalLabel, ExternalRef, Mismatch, NewAsset, ObjectKey,
    ObjectName, StoredObject, UploadSize, UploadState,
};

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
pub(super) fn asset(row: &Row<'_>) -> Result<Asset, Fault> {
    let text = |column: &'static str| row.get::<_, String>(column);
    let label = |column: &'static str| -> Result<_, Fault> {
        let label = row.get::<_, Option<String>>(column)?;
        let label = label.map(ExternalLabel::new).transpose();
        label.map_err(|_| Fault::Row(column))
    };
    Ok(Asset {
        made: NewAsset {
            id: id(row, "id")?,
            key: ObjectKey::new(text("object_key")?).map_err(|_| Fault::Row("object_key"))?,
            display_name: DisplayName::new(&text("display_name")?),
            object_name: ObjectName::clean(&text("object_name")?)
                .map_err(|_| Fault::Row("object_name"))?,
            media_type: text("media_type")?
                .parse()
                .map_err(|_| Fault::Row("media_type"))?,
            size: bytes(row, "size")?
                .and_then(|bytes| UploadSize::new(bytes).ok())
                .ok_or(Fault::Row("size"))?,
            checksum: checksum(row, "checksum_sha256")?,
            project: row.get::<_, Option<Uuid>>("project_id")?.map(Into::into),
            external: ExternalRef {
                source: label("external_source")?,
                id: label("external_id")?,
            },
            created_by: id(row, "created_by")?,
            created_at: instant(row.get("created_at")?, "created_at")?,
        },
        state: state(row)?,
    })
}

fn state(row: &Row<'_>) -> Result<UploadState, Fault> {
    match row.get_ref("state")?.as_str() {
        Ok("pending") => Ok(UploadState::Pending),
        Ok("uploaded") => Ok(UploadState::Uploaded(stored_object(row)?)),
        Ok("rejected") => {
            let difference = row.get::<_, String>("difference")?;
            Ok(UploadState::Rejected(Mismatch::new(&difference)))
        }
        _ => Err(Fault::Row("state")),
    }
}

fn stored_object(row: &Row<'_>) -> Result<Option<StoredObject>, Fault> {
    let Some(size) = bytes(row, "stored_size")? else {
        return Ok(None);
    };
    Ok(Some(StoredObject {
        size,
        content_type: row.get("stored_content_type")?,
        content_encoding: row.get("stored_content_encoding")?,
        etag: row.get("stored_etag")?,
        version: row.get("stored_version")?,
        checksum: checksum(row, "stored_checksum_sha256")?,
    }))
}

/// Reads a size. SQLite's integers are signed, so a negative one is an error.
fn bytes(row: &Row<'_>, column: &'static str) -> Result<Option<u64>, Fault> {
    let bytes = row.get::<_, Option<i64>>(column)?;
    let bytes = bytes.map(u64::try_from).transpose();
    bytes.map_err(|_| Fault::Row(column))
}

/// Returns a size as SQLite stores it.
pub(super) fn size(bytes: u64) -> Result<i64, Fault> {
    i64::try_from(bytes).map_err(|_| Fault::Range("the size"))
}

fn checksum(row: &Row<'_>, column: &'static str) -> Result<Option<Checksum>, Fault> {
    Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(Checksum::new))
}

pub(super) fn id<T: From<Uuid>>(row: &Row<'_>, column: &'static str) -> Result<T, Fault> {
    Ok(row.get::<_, Uuid>(column)?.into())
}

pub(super) fn instant(nanos: i64, column: &'static str) -> Result<OffsetDateTime, Fault> {
    OffsetDateTime::from_unix_timestamp_nanos(nanos.into()).map_err(|_| Fault::Row(column))
}

/// Returns an instant as SQLite stores it: nanoseconds since 1970 in 64 bits, from September 1677 to
/// April 2262.
pub(super) fn nanos(instant: OffsetDateTime) -> Result<i64, Fault> {
    i64::try_from(instant.unix_timestamp_nanos()).map_err(|_| Fault::Range("the time"))
}

/// Returns the end of a period as SQLite stores it. An instant outside the range becomes the range's
/// first or last, which compares alike.
pub(super) fn nanos_of_end(end: OffsetDateTime) -> i64 {
    let far = if end.unix_timestamp() < 0 {
        i64::MIN
    } else {
        i64::MAX
    };
    nanos(end).unwrap_or(far)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn instants_read_back_to_the_nanosecond() {
        let at = datetime!(2026-05-04 03:02:01.123456789 +02:00);
        assert_eq!(instant(nanos(at).unwrap(), "at").unwrap(), at);
        assert!(nanos(datetime!(9999-12-31 23:59 UTC)).is_err());
    }

    #[test]
    fn an_end_outside_the_range_becomes_the_range_s_own() {
        assert_eq!(nanos_of_end(datetime!(9999-12-31 23:59 UTC)), i64::MAX);
        assert_eq!(nanos_of_end(datetime!(0001-01-01 0:00 UTC)), i64::MIN);
    }
}
