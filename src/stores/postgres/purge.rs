//! The statements of a purge step.

use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows;
use super::tables::Tables;
use crate::asset::{AssetId, ObjectKey, WorkspaceId};
use crate::ports::purge::{Condemned, PurgeStep, StoreTime};
use crate::stores::pg::{Fault, Statement, in_micros, values};

/// SQL for the rows that the step names, as long as they are still deleted at the same moment. Rows that
/// another replica has locked are skipped, so no two replicas wait for each other.
///
/// The lateral join looks each row up by itself. The planner would choose another kind of join by the
/// number of deleted rows at the last ANALYZE, and might compare every deleted row with every named one.
macro_rules! named {
    ($values:literal, $columns:literal, $which:literal) => {
        concat!(
            "named AS (SELECT found.*, given.* FROM unnest(",
            $values,
            ") AS given (",
            $columns,
            ") CROSS JOIN LATERAL (SELECT asset.workspace_id, asset.id FROM {schema}.asset \
             WHERE asset.workspace_id = given.in_workspace AND asset.id = given.asset \
             AND asset.deleted_at = given.at AND ",
            $which,
            " FOR UPDATE SKIP LOCKED) AS found)"
        )
    };
    ($which:literal) => {
        named!(
            "$1::uuid[], $2::uuid[], $3::timestamptz[]",
            "in_workspace, asset, at",
            $which
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
    " UPDATE {schema}.asset SET object_gone = true, removal_failures = 0, removal_retry_at = NULL \
      FROM named WHERE asset.workspace_id = named.workspace_id AND asset.id = named.id"
);

const NOTE_FAILED: &str = concat!(
    "WITH ",
    named!(
        "$1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[]",
        "in_workspace, asset, at, retry_at",
        "true"
    ),
    " UPDATE {schema}.asset SET removal_failures = asset.removal_failures + 1, \
      removal_retry_at = named.retry_at FROM named WHERE asset.workspace_id = named.workspace_id AND asset.id = named.id"
);

/// A row that another call is just completing is locked. SKIP LOCKED passes it over, so the asset isn't
/// deleted.
const GIVE_UP: &str = "\
    WITH waiting AS (SELECT workspace_id, id FROM {schema}.asset \
        WHERE state = 'pending' AND deleted_at IS NULL AND NOT object_gone AND pending_since < $1 \
        ORDER BY pending_since LIMIT $3 FOR UPDATE SKIP LOCKED) \
    UPDATE {schema}.asset SET deleted_at = $2 FROM waiting \
    WHERE asset.workspace_id = waiting.workspace_id AND asset.id = waiting.id";

const GIVE_UP_REJECTED: &str = "\
    WITH rejected AS (SELECT workspace_id, id FROM {schema}.asset \
        WHERE state = 'rejected' AND deleted_at IS NULL \
        ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED) \
    UPDATE {schema}.asset SET deleted_at = $1 FROM rejected \
    WHERE asset.workspace_id = rejected.workspace_id AND asset.id = rejected.id";

/// Takes the first rows after the last one that was returned, from each of the two indexes, already in
/// order.
const CONDEMNED: &str = "\
    (SELECT deleted_at, workspace_id, id, object_key, removal_failures FROM {schema}.asset \
        WHERE deleted_at IS NOT NULL AND NOT object_gone \
        AND (removal_retry_at IS NULL OR removal_retry_at <= $6) \
        AND (deleted_at, workspace_id, id) > (coalesce($2::timestamptz, '-infinity'), $3, $4) \
        ORDER BY deleted_at, workspace_id, id LIMIT $5) \
    UNION ALL \
    (SELECT deleted_at, workspace_id, id, object_key, removal_failures FROM {schema}.asset \
        WHERE deleted_at IS NOT NULL AND object_gone AND deleted_at < $1 \
        AND (removal_retry_at IS NULL OR removal_retry_at <= $6) \
        AND (deleted_at, workspace_id, id) > (coalesce($2::timestamptz, '-infinity'), $3, $4) \
        ORDER BY deleted_at, workspace_id, id LIMIT $5) \
    ORDER BY deleted_at, workspace_id, id LIMIT $5";

const TIME: &str = "SELECT pg_catalog.clock_timestamp() AS now";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    FORGET,
    NOTE,
    NOTE_FAILED,
    GIVE_UP,
    GIVE_UP_REJECTED,
    CONDEMNED,
    TIME,
];

/// Returns the time of the server's clock.
pub(super) async fn time(mut tables: Tables) -> Result<StoreTime, Fault> {
    let rows = tables.read(TIME, &[]).await?;
    let row = rows.first().ok_or(Fault::Row("now"))?;
    Ok(StoreTime::of_server(rows::column(row, "now")?))
}

/// The columns by which [`named`] finds condemned assets.
struct Named {
    workspaces: Vec<Uuid>,
    ids: Vec<Uuid>,
    deleted: Vec<OffsetDateTime>,
}

impl Named {
    fn of<'a>(condemned: impl Iterator<Item = &'a Condemned> + Clone) -> Self {
        Self {
            workspaces: condemned.clone().map(|one| one.workspace.into()).collect(),
            ids: condemned.clone().map(|one| one.id.into()).collect(),
            deleted: condemned.map(|one| in_micros(one.deleted_at)).collect(),
        }
    }
}

pub(super) async fn purge(mut tables: Tables, step: PurgeStep) -> Result<Vec<Condemned>, Fault> {
    let forget_before = in_micros(step.forget_before);
    let now = in_micros(step.now);
    let most = i64::from(step.most.get());

    let gone = Named::of(step.gone.iter());
    let gone = values![
        UUID_ARRAY: gone.workspaces,
        UUID_ARRAY: gone.ids,
        TIMESTAMPTZ_ARRAY: gone.deleted,
        TIMESTAMPTZ: forget_before,
    ];
    let failed = Named::of(step.failed.iter().map(|failed| &failed.condemned));
    let retry: Vec<_> = step
        .failed
        .iter()
        .map(|failed| in_micros(failed.retry_at))
        .collect();
    let failed = values![
        UUID_ARRAY: failed.workspaces,
        UUID_ARRAY: failed.ids,
        TIMESTAMPTZ_ARRAY: failed.deleted,
        TIMESTAMPTZ_ARRAY: retry,
    ];
    let stale = values![
        TIMESTAMPTZ: in_micros(step.pending_before),
        TIMESTAMPTZ: now,
        INT8: most,
    ];
    let rejected = values![TIMESTAMPTZ: now, INT8: most];
    let after = step.after.as_ref();
    let page = values![
        TIMESTAMPTZ: forget_before,
        TIMESTAMPTZ: after.map(|last| in_micros(last.deleted_at)),
        UUID: after.map_or(Uuid::nil(), |last| last.workspace.into()),
        UUID: after.map_or(Uuid::nil(), |last| last.id.into()),
        INT8: most,
        TIMESTAMPTZ: now,
    ];

    let mut statements = Vec::new();
    if !step.gone.is_empty() {
        statements.push(Statement::new(FORGET, &gone));
        statements.push(Statement::new(NOTE, &gone));
    }
    if !step.failed.is_empty() {
        statements.push(Statement::new(NOTE_FAILED, &failed));
    }
    statements.push(Statement::new(GIVE_UP, &stale));
    statements.push(Statement::new(GIVE_UP_REJECTED, &rejected));
    statements.push(Statement::new(CONDEMNED, &page));
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
        failures: u32::try_from(rows::column::<i32>(row, "removal_failures")?)
            .map_err(|_| Fault::Row("removal_failures"))?,
    })
}
