//! The clean-up's part: what has to go.

use tokio_postgres::Row;
use uuid::Uuid;

use super::rows;
use super::tables::Tables;
use crate::id::{AssetId, WorkspaceId};
use crate::object_name::ObjectKey;
use crate::purge::{Condemned, PurgeStep};
use crate::stores::pg::{Fault, Statement, in_micros, values};

/// The rows that the caller has named, if they are still as they were then. Those that another
/// replica has in hand are left to it, so that no two wait for each other.
macro_rules! named {
    ($which:literal) => {
        concat!(
            "named AS (SELECT asset.workspace_id, asset.id FROM {schema}.asset \
             JOIN unnest($1, $2, $3) AS gone (workspace_id, id, deleted_at) \
             ON asset.workspace_id = gone.workspace_id AND asset.id = gone.id \
             AND asset.deleted_at = gone.deleted_at WHERE ",
            $which,
            " FOR UPDATE OF asset SKIP LOCKED)"
        )
    };
}

const FORGET: &str = concat!(
    "WITH ",
    named!("asset.deleted_at < $4"),
    " DELETE FROM {schema}.asset USING named \
      WHERE asset.workspace_id = named.workspace_id AND asset.id = named.id"
);

const NOTE: &str = concat!(
    "WITH ",
    named!("asset.deleted_at >= $4 AND NOT asset.object_gone"),
    " UPDATE {schema}.asset SET object_gone = true FROM named \
      WHERE asset.workspace_id = named.workspace_id AND asset.id = named.id"
);

/// One that is completed at this moment is passed over, and not given up: its row is locked.
const GIVE_UP: &str = "\
    WITH waiting AS (SELECT workspace_id, id FROM {schema}.asset \
        WHERE state = 'pending' AND deleted_at IS NULL AND NOT object_gone AND created_at < $1 \
        ORDER BY created_at LIMIT $3 FOR UPDATE SKIP LOCKED) \
    UPDATE {schema}.asset SET deleted_at = $2 FROM waiting \
    WHERE asset.workspace_id = waiting.workspace_id AND asset.id = waiting.id";

const GIVE_UP_REJECTED: &str = "\
    WITH rejected AS (SELECT workspace_id, id FROM {schema}.asset \
        WHERE state = 'rejected' AND deleted_at IS NULL \
        ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED) \
    UPDATE {schema}.asset SET deleted_at = $1 FROM rejected \
    WHERE asset.workspace_id = rejected.workspace_id AND asset.id = rejected.id";

/// From each of the two indexes the first ones behind the last one, already in order.
const CONDEMNED: &str = "\
    (SELECT deleted_at, workspace_id, id, object_key FROM {schema}.asset \
        WHERE deleted_at IS NOT NULL AND NOT object_gone \
        AND (deleted_at, workspace_id, id) > (coalesce($2, '-infinity'), $3, $4) \
        ORDER BY deleted_at, workspace_id, id LIMIT $5) \
    UNION ALL \
    (SELECT deleted_at, workspace_id, id, object_key FROM {schema}.asset \
        WHERE deleted_at IS NOT NULL AND object_gone AND deleted_at < $1 \
        AND (deleted_at, workspace_id, id) > (coalesce($2, '-infinity'), $3, $4) \
        ORDER BY deleted_at, workspace_id, id LIMIT $5) \
    ORDER BY deleted_at, workspace_id, id LIMIT $5";

pub(super) async fn purge(mut tables: Tables, step: PurgeStep) -> Result<Vec<Condemned>, Fault> {
    let forget_before = in_micros(step.forget_before);
    let most = i64::from(step.most.get());

    let workspaces: Vec<Uuid> = step.gone.iter().map(|gone| gone.workspace.into()).collect();
    let ids: Vec<Uuid> = step.gone.iter().map(|gone| gone.id.into()).collect();
    let deleted: Vec<_> = step
        .gone
        .iter()
        .map(|gone| in_micros(gone.deleted_at))
        .collect();
    let gone = values![
        UUID_ARRAY: workspaces,
        UUID_ARRAY: ids,
        TIMESTAMPTZ_ARRAY: deleted,
        TIMESTAMPTZ: forget_before,
    ];
    let waiting = values![
        TIMESTAMPTZ: in_micros(step.pending_before),
        TIMESTAMPTZ: in_micros(step.now),
        INT8: most,
    ];
    let rejected = values![TIMESTAMPTZ: in_micros(step.now), INT8: most];
    let after = step.after.as_ref();
    let behind = values![
        TIMESTAMPTZ: forget_before,
        TIMESTAMPTZ: after.map(|last| in_micros(last.deleted_at)),
        UUID: after.map_or(Uuid::nil(), |last| last.workspace.into()),
        UUID: after.map_or(Uuid::nil(), |last| last.id.into()),
        INT8: most,
    ];

    let mut statements = Vec::new();
    if !step.gone.is_empty() {
        statements.push(Statement::new(FORGET, &gone));
        statements.push(Statement::new(NOTE, &gone));
    }
    statements.push(Statement::new(GIVE_UP, &waiting));
    statements.push(Statement::new(GIVE_UP_REJECTED, &rejected));
    statements.push(Statement::new(CONDEMNED, &behind));
    let rows = tables.transaction(None, &statements).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Condemned, Fault> {
    let key: &str = rows::column(row, "object_key")?;
    Ok(Condemned {
        deleted_at: rows::column(row, "deleted_at")?,
        workspace: rows::id::<WorkspaceId>(row, "workspace_id")?,
        id: rows::id::<AssetId>(row, "id")?,
        key: ObjectKey::new(key).map_err(|_| Fault::Row("object_key"))?,
    })
}
