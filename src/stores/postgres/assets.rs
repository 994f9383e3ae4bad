//! Statements that find, change and delete an asset.

use super::rows::{self, asset_columns};
use super::tables::Tables;
use crate::asset::{
    Asset, AssetId, ChangeOutcome, Mismatch, StateChange, StoredObject, UploadState, WorkspaceId,
};
use crate::stores::pg::{Fault, values};

const FIND: &str = concat!(
    "SELECT ",
    asset_columns!(),
    " FROM {schema}.asset WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL"
);

/// The row is locked before it is read. A transaction that had to wait for another one then reads the
/// state that the other one has committed.
const SET_STATE: &str = concat!(
    "WITH found AS (SELECT ",
    asset_columns!(),
    " FROM {schema}.asset WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE), \
    changed AS (UPDATE {schema}.asset SET state = $3, stored_size = $4, stored_content_type = $5, \
        stored_content_encoding = $6, stored_etag = $7, stored_version = $8, \
        stored_checksum_sha256 = $9, difference = $10, \
        uploaded_at = CASE WHEN $3 = 'uploaded' THEN now() END, \
        pending_since = CASE WHEN $3 = 'pending' THEN now() ELSE asset.pending_since END FROM found \
        WHERE asset.workspace_id = $1 AND asset.id = $2 AND found.state = $11 RETURNING 1) \
    SELECT EXISTS (SELECT 1 FROM changed) AS changed, found.* FROM found"
);

const DELETE: &str = "\
    UPDATE {schema}.asset SET deleted_at = now() \
    WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING 1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[FIND, SET_STATE, DELETE];

pub(super) async fn find(
    tables: &mut Tables,
    workspace: WorkspaceId,
    id: AssetId,
) -> Result<Option<Asset>, Fault> {
    let key = values![UUID: workspace.as_uuid(), UUID: id.as_uuid()];
    let found = tables.read(FIND, &key).await?;
    found.first().map(rows::asset).transpose()
}

pub(super) async fn set_state(
    mut tables: Tables,
    workspace: WorkspaceId,
    id: AssetId,
    change: StateChange,
) -> Result<ChangeOutcome, Fault> {
    let from = change.from();
    let state = change.into_state();
    let (object, difference) = match &state {
        UploadState::Pending => (None, None),
        UploadState::Uploaded(object) => (object.as_ref(), None),
        UploadState::Rejected(difference) => (None, Some(difference)),
    };
    let size = object.map(|object| i64::try_from(object.size)).transpose();
    let size = size.map_err(|_| Fault::Range("the size of the object"))?;
    let text = |of: fn(&StoredObject) -> Option<&str>| object.and_then(of);
    let checksum = object.and_then(|object| object.checksum.as_ref());
    let values = values![
        UUID: workspace.as_uuid(),
        UUID: id.as_uuid(),
        TEXT: state.kind().as_str(),
        INT8: size,
        TEXT: text(|object| object.content_type.as_deref()),
        TEXT: text(|object| object.content_encoding.as_deref()),
        TEXT: text(|object| object.etag.as_deref()),
        TEXT: text(|object| object.version.as_deref()),
        BYTEA: checksum.map(|checksum| checksum.as_bytes().as_slice()),
        TEXT: difference.map(Mismatch::as_str),
        TEXT: from.as_str(),
    ];
    let rows = tables.write(SET_STATE, &values).await?;
    Ok(match rows.first() {
        None => ChangeOutcome::NotFound,
        Some(row) if rows::column(row, "changed")? => ChangeOutcome::Done,
        Some(row) => ChangeOutcome::Is(rows::asset(row)?.state),
    })
}

pub(super) async fn delete(
    mut tables: Tables,
    workspace: WorkspaceId,
    id: AssetId,
) -> Result<bool, Fault> {
    let values = values![UUID: workspace.as_uuid(), UUID: id.as_uuid()];
    let deleted = tables.write(DELETE, &values).await?;
    Ok(!deleted.is_empty())
}
