//! Converts between rows of `file_assets` and assets.

use std::error::Error;

use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, WrongType};
use uuid::Uuid;

use crate::asset::{
    Asset, Checksum, DisplayName, ExternalLabel, ExternalRef, MediaType, Mismatch, NewAsset,
    ObjectKey, ObjectName, StoredObject, UploadSize, UploadState, UserId,
};
use crate::stores::pg::Fault;

/// Members of `attributes` that only this store writes, and only if they add something to Plane's own.
pub(super) const DISPLAY_NAME: &str = "display_name";
pub(super) const CHECKSUM: &str = "checksum_sha256";

/// Members of `storage_metadata`. Only this store writes `Rejected` and `Key`: Plane has no column for
/// them.
const REJECTED: &str = "Rejected";
const KEY: &str = "Key";
const VERSION: &str = "VersionId";

/// SQL that adds the object key to non-empty metadata. When Plane duplicates an asset it copies the
/// metadata, and the copy's object has another key, entity tag and version.
macro_rules! bound_to_key {
    ($metadata:literal, $key:literal) => {
        concat!(
            "CASE ",
            $metadata,
            " WHEN '{}' THEN '{}' ELSE ",
            $metadata,
            " || pg_catalog.jsonb_build_object('Key', ",
            $key,
            ") END"
        )
    };
}
pub(super) use bound_to_key;

/// SQL for "the asset is rejected". The note doesn't count if the asset is uploaded, or if the note was
/// made for another object key.
macro_rules! rejected {
    () => {
        "NOT file_assets.is_uploaded AND file_assets.storage_metadata ->> 'Rejected' IS NOT NULL \
         AND coalesce(file_assets.storage_metadata ->> 'Key', file_assets.asset) = file_assets.asset"
    };
}
pub(super) use rejected;

/// The columns that [`asset`] reads.
macro_rules! asset_columns {
    () => {
        "file_assets.id, file_assets.project_id, file_assets.asset, \
         file_assets.attributes::text AS attributes, file_assets.size, file_assets.external_source, \
         file_assets.external_id, file_assets.created_by_id, file_assets.created_at, \
         file_assets.is_uploaded, file_assets.storage_metadata::text AS storage_metadata"
    };
}
pub(super) use asset_columns;

/// Reads an asset.
///
/// Plane's rows may lack values that an [`Asset`] has:
/// - A missing name is taken from the object key.
/// - A missing or malformed type becomes `application/octet-stream`.
/// - A fractional size is cut off, as by Plane. For a size of 0, the store reads the two other places
///   where Plane keeps a size, and otherwise takes Plane's default limit.
/// - A missing creator becomes the nil UUID (RFC 9562, section 5.9).
///
/// Any other value that doesn't parse is an error that names its column.
pub(super) fn asset(row: &Row) -> Result<Asset, Fault> {
    let key: String = get(row, "asset")?;
    let attributes = json(row, "attributes")?;
    let metadata = metadata_for(&key, json(row, "storage_metadata")?);
    let (display_name, object_name) = names(&attributes, &key)?;
    let media_type = attributes["type"].as_str();
    let creator: Option<Uuid> = get(row, "created_by_id")?;
    Ok(Asset {
        made: NewAsset {
            id: get::<Uuid>(row, "id")?.into(),
            display_name,
            object_name,
            media_type: media_type
                .and_then(|text| text.parse().ok())
                .unwrap_or_else(MediaType::octet_stream),
            size: size(get(row, "size")?, &attributes, &metadata)?,
            checksum: announced_checksum(&attributes)?,
            project: get::<Option<Uuid>>(row, "project_id")?.map(Into::into),
            external: ExternalRef {
                source: label(row, "external_source")?,
                id: label(row, "external_id")?,
            },
            created_by: UserId::new(creator.unwrap_or_default()),
            created_at: get(row, "created_at")?,
            key: ObjectKey::new(key).map_err(|_| Fault::Row("asset"))?,
        },
        state: state(get(row, "is_uploaded")?, &metadata),
    })
}

/// Reads a column. A value of another type or outside the type's range is an error that names the
/// column.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: &'static str) -> Result<T, Fault> {
    row.try_get(column).map_err(|error| {
        let wrong_type = |cause: &(dyn Error + 'static)| cause.is::<WrongType>();
        if error.source().is_some_and(wrong_type) {
            Fault::Type(column)
        } else {
            Fault::Row(column)
        }
    })
}

/// Reads a column of JSON. `NULL` counts as empty. A value that isn't an object has no members.
fn json(row: &Row, column: &'static str) -> Result<Value, Fault> {
    match get::<Option<&str>>(row, column)? {
        None => Ok(Value::Null),
        Some(text) => serde_json::from_str(text).map_err(|_| Fault::Row(column)),
    }
}

/// Returns the part of the metadata that is about the object with this key.
///
/// Metadata of another key counts as empty. Metadata without a key, which Plane or an earlier release
/// wrote, may be a copy from another row. A copied version id links to no object, so it is dropped. The
/// other members are the same for the copy's object.
fn metadata_for(key: &str, mut metadata: Value) -> Value {
    match &metadata[KEY] {
        Value::Null => {
            if let Some(members) = metadata.as_object_mut() {
                members.remove(VERSION);
            }
            metadata
        }
        Value::String(recorded) if recorded == key => metadata,
        _ => Value::Null,
    }
}

fn names(attributes: &Value, key: &str) -> Result<(DisplayName, ObjectName), Fault> {
    let candidates = [attributes["name"].as_str(), Some(name_in_key(key))];
    let (name, object_name) = candidates
        .into_iter()
        .flatten()
        .find_map(|name| Some((name, ObjectName::clean(name).ok()?)))
        .ok_or(Fault::Row("attributes"))?;
    let display_name = attributes[DISPLAY_NAME].as_str().unwrap_or(name);
    Ok((DisplayName::new(display_name), object_name))
}

/// Returns `photo.png` of `{workspace}/{32 hex digits}-photo.png`.
fn name_in_key(key: &str) -> &str {
    let last = key.rsplit('/').next().unwrap_or(key);
    match last.split_once('-') {
        Some((random, name)) if random.len() == 32 && !name.is_empty() => name,
        _ => last,
    }
}

fn size(column: f64, attributes: &Value, metadata: &Value) -> Result<UploadSize, Fault> {
    let announced = || attributes["size"].as_f64();
    let stored = || metadata["ContentLength"].as_f64();
    whole(column)
        .or_else(|| announced().and_then(whole))
        .or_else(|| stored().and_then(whole))
        .or_else(|| {
            (0.0..1.0)
                .contains(&column)
                .then_some(UploadSize::PLANE_DEFAULT)
        })
        .ok_or(Fault::Row("size"))
}

/// Cuts a fraction off, because Plane signs a size of 12.7 as 12.
fn whole(size: f64) -> Option<UploadSize> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "fractions are cut off, and `UploadSize` refuses sizes out of range"
    )]
    let bytes = size as u64;
    UploadSize::new(bytes).ok()
}

/// Reads the announced checksum. A malformed one is an error: without it the object could not be
/// compared.
fn announced_checksum(attributes: &Value) -> Result<Option<Checksum>, Fault> {
    match &attributes[CHECKSUM] {
        Value::Null => Ok(None),
        Value::String(text) => text.parse().map(Some).map_err(|_| Fault::Row("attributes")),
        _ => Err(Fault::Row("attributes")),
    }
}

fn label(row: &Row, column: &'static str) -> Result<Option<ExternalLabel>, Fault> {
    match get::<Option<String>>(row, column)? {
        None => Ok(None),
        Some(empty) if empty.is_empty() => Ok(None),
        Some(text) => ExternalLabel::new(text)
            .map(Some)
            .map_err(|_| Fault::Row(column)),
    }
}

fn state(is_uploaded: bool, metadata: &Value) -> UploadState {
    if is_uploaded {
        return UploadState::Uploaded(stored_object(metadata));
    }
    match &metadata[REJECTED] {
        Value::Null => UploadState::Pending,
        Value::String(difference) => UploadState::Rejected(Mismatch::new(difference)),
        other => UploadState::Rejected(Mismatch::new(&other.to_string())),
    }
}

/// Reads the answer to a HEAD, under boto3's names. Returns `None` if there is no size.
fn stored_object(metadata: &Value) -> Option<StoredObject> {
    let text = |name: &str| metadata[name].as_str().map(str::to_owned);
    let mut object = StoredObject::of_size(metadata["ContentLength"].as_u64()?);
    object.content_type = text("ContentType");
    object.content_encoding = text("ContentEncoding");
    object.etag = text("ETag");
    object.version = text(VERSION);
    object.checksum = text("ChecksumSHA256").and_then(|checksum| checksum.parse().ok());
    Some(object)
}

/// Returns the column `attributes` of a new asset.
pub(super) fn attributes(asset: &NewAsset) -> String {
    let mut attributes = serde_json::json!({
        "name": asset.object_name.as_str(),
        "type": asset.media_type.as_str(),
        "size": asset.size.bytes(),
    });
    if asset.display_name.as_str() != asset.object_name.as_str() {
        attributes[DISPLAY_NAME] = asset.display_name.as_str().into();
    }
    if let Some(checksum) = asset.checksum {
        attributes[CHECKSUM] = checksum.to_base64().into();
    }
    attributes.to_string()
}

/// Returns the column `storage_metadata` of an asset in this state. It has only the members that are
/// known.
pub(super) fn storage_metadata(state: &UploadState) -> String {
    let mut metadata = serde_json::Map::new();
    if let UploadState::Rejected(difference) = state {
        metadata.insert(REJECTED.into(), difference.as_str().into());
    }
    if let UploadState::Uploaded(Some(object)) = state {
        metadata.insert("ContentLength".into(), object.size.into());
        let texts = [
            ("ContentType", object.content_type.clone()),
            ("ContentEncoding", object.content_encoding.clone()),
            ("ETag", object.etag.clone()),
            (VERSION, object.version.clone()),
            ("ChecksumSHA256", object.checksum.map(Checksum::to_base64)),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                metadata.insert(name.into(), text.into());
            }
        }
    }
    Value::Object(metadata).to_string()
}

/// Returns the column `size`.
pub(super) fn size_column(size: UploadSize) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "at most 5 GiB, and a float is exact to 2^53"
    )]
    let bytes = size.bytes() as f64;
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missing_name_is_taken_from_the_key() {
        let key = "22222222-2222-4222-8222-000000000001/0ad9e4e3717e4883bed0ff63ea90f9ec-a-b.png";
        for attributes in [
            json!({}),
            json!(null),
            json!([]),
            json!("name"),
            json!({"name": null}),
            json!({"name": ""}),
            json!({"name": ".."}),
            json!({"name": 5}),
        ] {
            let (display_name, name) = names(&attributes, key).unwrap();
            assert_eq!(
                (display_name.as_str(), name.as_str()),
                ("a-b.png", "a-b.png")
            );
        }
        for (key, name) in [("a.png", "a.png"), ("x/a-b", "a-b"), ("x/-", "-")] {
            assert_eq!(name_in_key(key), name, "{key}");
        }
        let nothing = names(&json!({}), "x/..");
        assert!(matches!(nothing, Err(Fault::Row("attributes"))));
    }

    #[test]
    fn a_size_is_read_from_all_places_where_plane_keeps_it() {
        let none = json!({});
        let of = |column, attributes: &Value, metadata: &Value| {
            size(column, attributes, metadata)
                .map(UploadSize::bytes)
                .ok()
        };
        assert_eq!(of(1_024_000.0, &none, &none), Some(1_024_000));
        assert_eq!(of(12.7, &none, &none), Some(12));
        assert_eq!(of(0.0, &json!({"size": 7}), &none), Some(7));
        assert_eq!(of(0.0, &none, &json!({"ContentLength": 8})), Some(8));
        let default = Some(UploadSize::PLANE_DEFAULT.bytes());
        for nowhere in [0.0, -0.0, 0.5] {
            assert_eq!(of(nowhere, &none, &none), default, "{nowhere}");
            assert_eq!(of(nowhere, &json!({"size": "7"}), &none), default);
        }
        for out_of_range in [-5.0, 1e30, f64::NAN, f64::INFINITY] {
            assert_eq!(of(out_of_range, &none, &none), None, "{out_of_range}");
        }
    }

    #[test]
    fn metadata_without_a_size_has_no_stored_object() {
        for metadata in [
            json!({}),
            json!(null),
            json!({"ETag": "x"}),
            json!({"ContentLength": -1}),
        ] {
            assert_eq!(stored_object(&metadata), None, "{metadata}");
        }
    }

    #[test]
    fn metadata_counts_only_for_its_own_key() {
        let all = json!({"ContentLength": 7, "VersionId": "v", "Rejected": "It differs."});
        let of = |key: Value| {
            let mut metadata = all.clone();
            metadata[KEY] = key;
            metadata_for("w/a.png", metadata)
        };
        let own = of(json!("w/a.png"));
        assert_eq!(stored_object(&own).unwrap().version.as_deref(), Some("v"));
        assert!(state(false, &own).is_rejected());
        for copied in [json!("w/b.png"), json!(""), json!(5), json!([])] {
            assert_eq!(of(copied), Value::Null);
        }
        for without_key in [metadata_for("w/a.png", all.clone()), of(Value::Null)] {
            let object = stored_object(&without_key).unwrap();
            assert_eq!((object.size, object.version), (7, None));
            assert!(state(false, &without_key).is_rejected());
        }
        for odd in [json!(null), json!([1]), json!("VersionId"), json!(5)] {
            assert_eq!(metadata_for("w/a.png", odd.clone()), odd);
        }
    }

    #[test]
    fn a_malformed_checksum_is_an_error() {
        assert!(announced_checksum(&json!({})).unwrap().is_none());
        for wrong in [json!("abc"), json!(5), json!([])] {
            let read = announced_checksum(&json!({ CHECKSUM: wrong }));
            assert!(matches!(read, Err(Fault::Row("attributes"))), "{wrong}");
        }
    }
}
