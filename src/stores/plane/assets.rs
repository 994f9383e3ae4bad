//! Statements on assets, with one function for each method of the port but `create`.

use super::rows::{self, asset_columns, bound_to_key, get, rejected};
use crate::asset::{Asset, AssetId, ChangeOutcome, StateChange, WorkspaceId};
use crate::stores::pg::{Fault, Session, values};

/// SQL for "the asset is living". Plane sets both columns together. If only one of them is set, somebody
/// meant to delete the asset.
macro_rules! living {
    () => {
        "file_assets.deleted_at IS NULL AND NOT file_assets.is_deleted"
    };
}
pub(super) use living;

const FIND: &str = concat!(
    "SELECT ",
    asset_columns!(),
    " FROM file_assets WHERE file_assets.id = $2 AND file_assets.workspace_id = $1 AND ",
    living!()
);

/// The row is locked before it is read. A transaction that had to wait for another one then reads the
/// state that the other one has committed. As in Plane, `updated_at` and `updated_by_id` stay unchanged.
const SET_STATE: &str = concat!(
    "WITH found AS (SELECT ",
    asset_columns!(),
    ", CASE WHEN file_assets.is_uploaded THEN 'uploaded' WHEN ",
    rejected!(),
    " THEN 'rejected' ELSE 'pending' END AS state \
     FROM file_assets WHERE file_assets.id = $2 AND file_assets.workspace_id = $1 AND ",
    living!(),
    " FOR UPDATE), \
     changed AS (UPDATE file_assets SET is_uploaded = $3, storage_metadata = ",
    bound_to_key!(
        "($4::jsonb || CASE WHEN $5 = 'uploaded' \
         THEN jsonb_build_object('PendingSince', extract(epoch FROM now())) ELSE '{}' END)",
        "found.asset"
    ),
    " FROM found \
     WHERE file_assets.id = $2 AND file_assets.workspace_id = $1 AND found.state = $5 RETURNING 1) \
     SELECT EXISTS (SELECT FROM changed) AS changed, found.* FROM found"
);

const DELETE: &str = concat!(
    "UPDATE file_assets SET is_deleted = true, deleted_at = now() \
     WHERE file_assets.id = $2 AND file_assets.workspace_id = $1 AND ",
    living!(),
    " RETURNING 1"
);

pub(super) async fn find(
    session: &mut Session,
    workspace: WorkspaceId,
    id: AssetId,
) -> Result<Option<Asset>, Fault> {
    let values = values![UUID: workspace.as_uuid(), UUID: id.as_uuid()];
    let found = session.read(FIND, &values).await?;
    found.first().map(rows::asset).transpose()
}

pub(super) async fn set_state(
    session: &mut Session,
    workspace: WorkspaceId,
    id: AssetId,
    change: StateChange,
) -> Result<ChangeOutcome, Fault> {
    let from = change.from();
    let state = change.into_state();
    let values = values![
        UUID: workspace.as_uuid(),
        UUID: id.as_uuid(),
        BOOL: state.is_uploaded(),
        TEXT: rows::storage_metadata(&state),
        TEXT: from.as_str(),
    ];
    let rows = session.write(SET_STATE, &values).await?;
    Ok(match rows.first() {
        None => ChangeOutcome::NotFound,
        Some(row) if get(row, "changed")? => ChangeOutcome::Done,
        Some(row) => ChangeOutcome::Is(rows::asset(row)?.state),
    })
}

pub(super) async fn delete(
    session: &mut Session,
    workspace: WorkspaceId,
    id: AssetId,
) -> Result<bool, Fault> {
    let values = values![UUID: workspace.as_uuid(), UUID: id.as_uuid()];
    let deleted = session.write(DELETE, &values).await?;
    Ok(!deleted.is_empty())
}
