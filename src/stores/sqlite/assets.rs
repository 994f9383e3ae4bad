//! Statements on assets, with one function for each method of the port.

use std::num::NonZeroU32;

use rusqlite::{Connection, params};
use time::OffsetDateTime;

use super::fault::Fault;
use super::query::{self, change, exists, one};
use super::rows::{self, asset_columns};
use crate::asset::{
    Asset, AssetId, ChangeOutcome, ExternalLabel, Mismatch, NewAsset, PendingCaps, ProjectId,
    StateChange, StoredObject, UploadState, WorkspaceId,
};
use crate::ports::CreateOutcome;

const FIND: &str = concat!(
    "SELECT ",
    asset_columns!(),
    " FROM asset WHERE workspace_id = ?1 AND id = ?2 AND deleted_at IS NULL"
);

const FIND_BY_PAIR: &str = concat!(
    "SELECT ",
    asset_columns!(),
    " FROM asset WHERE workspace_id = ?1 AND external_source = ?2 AND external_id = ?3 \
      AND deleted_at IS NULL AND state <> 'rejected'"
);

const HAS_PROJECT: &str = "\
    SELECT 1 FROM project WHERE workspace_id = ?1 AND id = ?2 AND deleted_at IS NULL";

/// Finds a row if the cap is reached: the offset is the cap less one. The statement reads at most as
/// many index entries as the cap allows, and no rows.
const PENDING_AT: &str = "\
    SELECT 1 FROM asset WHERE workspace_id = ?1 AND state = 'pending' AND deleted_at IS NULL \
    LIMIT 1 OFFSET ?2";

const PENDING_OF_CALLER_AT: &str = "\
    SELECT 1 FROM asset WHERE workspace_id = ?1 AND created_by = ?3 AND state = 'pending' \
    AND deleted_at IS NULL LIMIT 1 OFFSET ?2";

const DISCARDED_AT: &str = "\
    SELECT 1 FROM asset WHERE workspace_id = ?1 AND (deleted_at IS NOT NULL OR state = 'rejected') \
    LIMIT 1 OFFSET ?2";

const DISCARDED_OF_CALLER_AT: &str = "\
    SELECT 1 FROM asset WHERE workspace_id = ?1 AND created_by = ?3 \
    AND (deleted_at IS NOT NULL OR state = 'rejected') LIMIT 1 OFFSET ?2";

const INSERT: &str = "\
    INSERT INTO asset (workspace_id, id, project_id, object_key, display_name, object_name, \
    media_type, size, external_source, external_id, created_by, created_at, checksum_sha256, \
    pending_since) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

const SET_STATE: &str = "\
    UPDATE asset SET state = ?3, uploaded_at = ?4, stored_size = ?5, stored_content_type = ?6, \
    stored_etag = ?7, stored_version = ?8, stored_checksum_sha256 = ?9, difference = ?10, \
    stored_content_encoding = ?12, pending_since = coalesce(?13, pending_since) \
    WHERE workspace_id = ?1 AND id = ?2 AND deleted_at IS NULL AND state = ?11";

const DELETE: &str = "\
    UPDATE asset SET deleted_at = ?3 WHERE workspace_id = ?1 AND id = ?2 AND deleted_at IS NULL";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    FIND,
    FIND_BY_PAIR,
    HAS_PROJECT,
    PENDING_AT,
    PENDING_OF_CALLER_AT,
    DISCARDED_AT,
    DISCARDED_OF_CALLER_AT,
    INSERT,
    SET_STATE,
    DELETE,
];

pub(super) fn find(
    connection: &Connection,
    workspace: WorkspaceId,
    id: AssetId,
) -> Result<Option<Asset>, Fault> {
    let key = params![workspace.as_uuid(), id.as_uuid()];
    one(connection, FIND, key, rows::asset)
}

pub(super) fn create(
    connection: &Connection,
    workspace: WorkspaceId,
    asset: &NewAsset,
    caps: PendingCaps,
    now: OffsetDateTime,
) -> Result<CreateOutcome, Fault> {
    if let Some(project) = asset.project {
        let key = params![workspace.as_uuid(), project.as_uuid()];
        if !exists(connection, HAS_PROJECT, key)? {
            return Ok(CreateOutcome::ProjectNotFound);
        }
    }
    if let Some((source, id)) = asset.external.pair() {
        let key = params![workspace.as_uuid(), source, id];
        if let Some(duplicate) = one(connection, FIND_BY_PAIR, key, rows::asset)? {
            return Ok(CreateOutcome::Duplicate(Box::new(duplicate)));
        }
    }
    let of_workspace = |sql, cap: Option<NonZeroU32>| {
        cap.map_or(Ok(false), |cap| {
            exists(connection, sql, params![workspace.as_uuid(), cap.get() - 1])
        })
    };
    let of_caller = |sql, cap: Option<NonZeroU32>| {
        let caller = asset.created_by.as_uuid();
        cap.map_or(Ok(false), |cap| {
            let values = params![workspace.as_uuid(), cap.get() - 1, caller];
            exists(connection, sql, values)
        })
    };
    if of_workspace(PENDING_AT, caps.per_workspace)?
        || of_caller(PENDING_OF_CALLER_AT, caps.per_caller)?
    {
        return Ok(CreateOutcome::TooManyPending);
    }
    if of_workspace(DISCARDED_AT, caps.discarded_per_workspace)?
        || of_caller(DISCARDED_OF_CALLER_AT, caps.discarded_per_caller)?
    {
        return Ok(CreateOutcome::TooManyDiscarded);
    }
    insert(connection, workspace, asset, now)?;
    Ok(CreateOutcome::New)
}

pub(super) fn set_state(
    connection: &Connection,
    workspace: WorkspaceId,
    id: AssetId,
    change: StateChange,
    now: OffsetDateTime,
) -> Result<ChangeOutcome, Fault> {
    let from = change.from();
    let state = change.into_state();
    let now = rows::nanos(now)?;
    let (uploaded_at, object, difference) = match &state {
        UploadState::Pending => (None, None, None),
        UploadState::Uploaded(object) => (Some(now), object.as_ref(), None),
        UploadState::Rejected(difference) => (None, None, Some(difference)),
    };
    let text = |of: fn(&StoredObject) -> Option<&str>| object.and_then(of);
    let values = params![
        workspace.as_uuid(),
        id.as_uuid(),
        state.kind().as_str(),
        uploaded_at,
        object.map(|object| rows::size(object.size)).transpose()?,
        text(|object| object.content_type.as_deref()),
        text(|object| object.etag.as_deref()),
        text(|object| object.version.as_deref()),
        object
            .and_then(|object| object.checksum)
            .map(|checksum| *checksum.as_bytes()),
        difference.map(Mismatch::as_str),
        from.as_str(),
        text(|object| object.content_encoding.as_deref()),
        state.is_pending().then_some(now),
    ];
    if query::change(connection, SET_STATE, values)? {
        return Ok(ChangeOutcome::Done);
    }
    // The same transaction reads the state, so no other call comes in between.
    let found = find(connection, workspace, id)?;
    Ok(found.map_or(ChangeOutcome::NotFound, |found| {
        ChangeOutcome::Is(found.state)
    }))
}

pub(super) fn delete(
    connection: &Connection,
    workspace: WorkspaceId,
    id: AssetId,
    now: OffsetDateTime,
) -> Result<bool, Fault> {
    let values = params![workspace.as_uuid(), id.as_uuid(), rows::nanos(now)?];
    change(connection, DELETE, values)
}

fn insert(
    connection: &Connection,
    workspace: WorkspaceId,
    asset: &NewAsset,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let values = params![
        workspace.as_uuid(),
        asset.id.as_uuid(),
        asset.project.as_ref().map(ProjectId::as_uuid),
        asset.key.as_str(),
        asset.display_name.as_str(),
        asset.object_name.as_str(),
        asset.media_type.as_str(),
        rows::size(asset.size.bytes())?,
        asset.external.source.as_ref().map(ExternalLabel::as_str),
        asset.external.id.as_ref().map(ExternalLabel::as_str),
        asset.created_by.as_uuid(),
        rows::nanos(asset.created_at)?,
        asset.checksum.map(|checksum| *checksum.as_bytes()),
        rows::nanos(now)?,
    ];
    change(connection, INSERT, values).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::sqlite::query::{instructions, plan};

    #[test]
    fn every_statement_is_a_search_of_an_index() {
        for (sql, expected) in [
            (
                FIND,
                "SEARCH asset USING INDEX sqlite_autoindex_asset_1 (workspace_id=? AND id=?)",
            ),
            (
                FIND_BY_PAIR,
                "SEARCH asset USING INDEX asset_external (workspace_id=? AND external_source=? AND external_id=?)",
            ),
            (
                HAS_PROJECT,
                "SEARCH project USING PRIMARY KEY (workspace_id=? AND id=?)",
            ),
            (
                PENDING_AT,
                "SEARCH asset USING INDEX asset_pending (workspace_id=?)",
            ),
            (
                PENDING_OF_CALLER_AT,
                "SEARCH asset USING INDEX asset_pending (workspace_id=? AND created_by=?)",
            ),
            (
                DISCARDED_AT,
                "SEARCH asset USING INDEX asset_discarded (workspace_id=?)",
            ),
            (
                DISCARDED_OF_CALLER_AT,
                "SEARCH asset USING INDEX asset_discarded (workspace_id=? AND created_by=?)",
            ),
            (
                SET_STATE,
                "SEARCH asset USING INDEX sqlite_autoindex_asset_1 (workspace_id=? AND id=?)",
            ),
            (
                DELETE,
                "SEARCH asset USING INDEX sqlite_autoindex_asset_1 (workspace_id=? AND id=?)",
            ),
        ] {
            assert_eq!(plan(sql), [expected], "{sql}");
        }
        assert_eq!(plan(INSERT), [""; 0]);
    }

    #[test]
    fn caps_are_looked_up_in_the_index_alone() {
        for sql in [
            PENDING_AT,
            PENDING_OF_CALLER_AT,
            DISCARDED_AT,
            DISCARDED_OF_CALLER_AT,
        ] {
            let reads_a_column = instructions(sql).contains(&"Column".to_owned());
            assert!(!reads_a_column, "{sql}");
        }
        assert!(instructions(FIND).contains(&"Column".to_owned()));
    }
}
