//! The statements of a purge step.

use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::assets::living;
use super::rows::{get, rejected};
use crate::asset::{AssetId, ObjectKey, WorkspaceId};
use crate::ports::purge::{Condemned, FailedRemoval, PurgeStep, StoreTime};
use crate::stores::pg::{Fault, Session, in_micros, values};

/// SQL for "this API could have created the asset, and nothing has been attached to it since". All other
/// rows are Plane's.
macro_rules! unattached {
    () => {
        "file_assets.entity_type = 'ISSUE_ATTACHMENT' AND file_assets.workspace_id IS NOT NULL \
         AND NOT file_assets.is_archived AND file_assets.issue_id IS NULL \
         AND file_assets.comment_id IS NULL AND file_assets.page_id IS NULL \
         AND file_assets.draft_issue_id IS NULL AND file_assets.user_id IS NULL \
         AND file_assets.entity_identifier IS NULL"
    };
}
pub(super) use unattached;

const FORGET: &str = concat!(
    "DELETE FROM file_assets WHERE file_assets.id = ANY ($1) \
     AND (file_assets.workspace_id, file_assets.id) IN (SELECT * FROM unnest($2, $1)) \
     AND file_assets.deleted_at < $3 AND ",
    unattached!()
);

/// SQL for the metadata of a row, as an object.
///
/// The purge's notes are in `storage_metadata`, under names that Plane doesn't use, because Plane's
/// tables have no columns for them and must not get any. Times are seconds since 1970. A value of
/// `null`, which Plane allows, counts as empty.
macro_rules! metadata {
    () => {
        "coalesce(nullif(file_assets.storage_metadata, 'null'), '{}')"
    };
}

/// SQL for "the row's object is noted as gone". The path also finds the note in an array, which `||`
/// makes of metadata that isn't an object.
macro_rules! noted {
    () => {
        "(file_assets.storage_metadata @@ '$.ObjectRemoved == true') IS TRUE"
    };
}

/// SQL for a number among the notes, or NULL.
macro_rules! number {
    ($name:literal) => {
        concat!(
            "(jsonb_path_query_first(file_assets.storage_metadata, '$.",
            $name,
            " ? (@.type() == \"number\")') #>> '{}')::float8"
        )
    };
}

/// Rows that another replica has locked are skipped, so no two replicas wait for each other.
const NOTE: &str = concat!(
    "UPDATE file_assets SET storage_metadata = (",
    metadata!(),
    " || '{\"ObjectRemoved\": true}') - 'RemovalFailures' - 'RemovalRetryAt' \
     WHERE file_assets.id IN (SELECT file_assets.id FROM file_assets WHERE file_assets.id = ANY ($1) \
     AND (file_assets.workspace_id, file_assets.id) IN (SELECT * FROM unnest($2, $1)) \
     AND file_assets.deleted_at >= $3 AND NOT ",
    noted!(),
    " AND ",
    unattached!(),
    " FOR NO KEY UPDATE SKIP LOCKED)"
);

const NOTE_FAILED: &str = concat!(
    "UPDATE file_assets SET storage_metadata = ",
    metadata!(),
    " || jsonb_build_object('RemovalFailures', coalesce(",
    number!("RemovalFailures"),
    ", 0)::integer + 1, 'RemovalRetryAt', extract(epoch FROM failed.retry_at)) \
     FROM unnest($1, $2, $3) AS failed (id, workspace_id, retry_at) \
     WHERE file_assets.id = failed.id AND file_assets.workspace_id = failed.workspace_id \
     AND file_assets.deleted_at IS NOT NULL AND ",
    unattached!()
);

/// SQL for the noted moment since when a row is pending, or NULL. The note counts only for the row's own
/// key, because Plane copies metadata when it duplicates an asset.
macro_rules! since {
    () => {
        concat!(
            "CASE WHEN coalesce(file_assets.storage_metadata ->> 'Key', file_assets.asset) \
             = file_assets.asset THEN to_timestamp(",
            number!("PendingSince"),
            ") END"
        )
    };
}

/// Deletes stale and rejected assets. A row is pending since the noted moment, or else since its
/// creation. The store notes the moment if an upload is taken back, or if the row's creation time
/// differs from the server's clock. A row with a `ContentLength` but no noted moment was uploaded, and
/// Plane took the upload back. Its age is unknown, so it is left to Plane.
///
/// Rows that another replica has locked are skipped.
const GIVE_UP: &str = concat!(
    "UPDATE file_assets SET is_deleted = true, deleted_at = $1 WHERE file_assets.id IN (\
     SELECT file_assets.id FROM file_assets WHERE NOT file_assets.is_uploaded AND (coalesce(",
    since!(),
    ", CASE WHEN file_assets.storage_metadata @? '$.ContentLength' THEN NULL \
     ELSE file_assets.created_at END) < $2 OR ",
    rejected!(),
    ") AND ",
    living!(),
    " AND ",
    unattached!(),
    " ORDER BY coalesce(",
    since!(),
    ", file_assets.created_at), file_assets.id LIMIT $3 FOR UPDATE SKIP LOCKED)"
);

const CONDEMN: &str = concat!(
    "SELECT file_assets.deleted_at, file_assets.workspace_id, file_assets.id, file_assets.asset, \
     least(coalesce(",
    number!("RemovalFailures"),
    ", 0), 1000)::integer AS failures FROM file_assets \
     WHERE file_assets.deleted_at IS NOT NULL AND (file_assets.deleted_at < $1 OR NOT ",
    noted!(),
    ") AND coalesce(to_timestamp(",
    number!("RemovalRetryAt"),
    ") <= $6, true) AND ",
    unattached!(),
    " AND ($2 IS NULL \
     OR (file_assets.deleted_at, file_assets.workspace_id, file_assets.id) > ($2, $3, $4)) \
     ORDER BY file_assets.deleted_at, file_assets.workspace_id, file_assets.id LIMIT $5"
);

const TIME: &str = "SELECT pg_catalog.clock_timestamp() AS now";

/// Returns the time of the server's clock.
pub(super) async fn time(session: &mut Session) -> Result<StoreTime, Fault> {
    let rows = session.read(TIME, &[]).await?;
    let row = rows.first().ok_or(Fault::Row("now"))?;
    Ok(StoreTime::of_server(get(row, "now")?))
}

pub(super) async fn purge(
    session: &mut Session,
    step: &PurgeStep,
) -> Result<Vec<Condemned>, Fault> {
    if !step.gone.is_empty() {
        forget(session, step).await?;
        of_gone(session, NOTE, &step.gone, step.forget_before).await?;
    }
    if !step.failed.is_empty() {
        note_failed(session, &step.failed).await?;
    }
    give_up(session, step).await?;
    condemn(session, step).await
}

async fn note_failed(session: &mut Session, failed: &[FailedRemoval]) -> Result<(), Fault> {
    let condemned = failed.iter().map(|failed| &failed.condemned);
    let ids: Vec<Uuid> = condemned.clone().map(|one| one.id.into()).collect();
    let workspaces: Vec<Uuid> = condemned.map(|one| one.workspace.into()).collect();
    let retry: Vec<_> = failed
        .iter()
        .map(|failed| in_micros(failed.retry_at))
        .collect();
    let values = values![UUID_ARRAY: ids, UUID_ARRAY: workspaces, TIMESTAMPTZ_ARRAY: retry];
    session.write(NOTE_FAILED, &values).await.map(drop)
}

async fn forget(session: &mut Session, step: &PurgeStep) -> Result<(), Fault> {
    match of_gone(session, FORGET, &step.gone, step.forget_before).await {
        Err(fault) if !fault.is_transient() => {}
        forgotten => return forgotten,
    }
    // A row that another row of Plane's refers to fails the whole statement, so each row is removed by
    // itself.
    for gone in &step.gone {
        let alone = std::slice::from_ref(gone);
        match of_gone(session, FORGET, alone, step.forget_before).await {
            Err(fault) if !fault.is_transient() => {
                tracing::warn!(asset = %gone.id, %fault, "can't remove the row of a deleted asset");
            }
            forgotten => forgotten?,
        }
    }
    Ok(())
}

async fn of_gone(
    session: &mut Session,
    sql: &str,
    gone: &[Condemned],
    before: OffsetDateTime,
) -> Result<(), Fault> {
    let ids: Vec<Uuid> = gone.iter().map(|gone| gone.id.into()).collect();
    let workspaces: Vec<Uuid> = gone.iter().map(|gone| gone.workspace.into()).collect();
    let values = values![
        UUID_ARRAY: ids,
        UUID_ARRAY: workspaces,
        TIMESTAMPTZ: in_micros(before),
    ];
    session.write(sql, &values).await.map(drop)
}

async fn give_up(session: &mut Session, step: &PurgeStep) -> Result<(), Fault> {
    let values = values![
        TIMESTAMPTZ: in_micros(step.now),
        TIMESTAMPTZ: in_micros(step.pending_before),
        INT8: i64::from(step.most.get()),
    ];
    session.write(GIVE_UP, &values).await.map(drop)
}

/// Returns the next page of condemned assets. An asset of Plane's whose key this crate can't express is
/// skipped, and left to Plane. If a page has only such assets, the next page is read: an empty answer
/// means that no assets are left.
async fn condemn(session: &mut Session, step: &PurgeStep) -> Result<Vec<Condemned>, Fault> {
    let mut after = step.after.as_ref().map(Position::of);
    loop {
        let rows = page_after(session, after, step).await?;
        let mut condemned = Vec::with_capacity(rows.len());
        for row in &rows {
            let position = Position::read(row)?;
            after = Some(position);
            match ObjectKey::new(get::<String>(row, "asset")?) {
                Ok(key) => {
                    let failures = get::<Option<i32>>(row, "failures")?.unwrap_or_default();
                    condemned.push(position.condemned(key, failures.unsigned_abs()));
                }
                Err(fault) => {
                    tracing::warn!(asset = %position.id, %fault, "the purge leaves an object to Plane");
                }
            }
        }
        if !condemned.is_empty() || rows.is_empty() {
            return Ok(condemned);
        }
    }
}

async fn page_after(
    session: &mut Session,
    after: Option<Position>,
    step: &PurgeStep,
) -> Result<Vec<Row>, Fault> {
    let values = values![
        TIMESTAMPTZ: in_micros(step.forget_before),
        TIMESTAMPTZ: after.map(|position| position.deleted_at),
        UUID: after.map(|position| position.workspace),
        UUID: after.map(|position| position.id),
        INT8: i64::from(step.most.get()),
        TIMESTAMPTZ: in_micros(step.now),
    ];
    session.read(CONDEMN, &values).await
}

/// The position of a row in the order of [`Condemned`].
#[derive(Clone, Copy)]
struct Position {
    deleted_at: OffsetDateTime,
    workspace: Uuid,
    id: Uuid,
}

impl Position {
    fn of(condemned: &Condemned) -> Self {
        Self {
            deleted_at: in_micros(condemned.deleted_at),
            workspace: condemned.workspace.into(),
            id: condemned.id.into(),
        }
    }

    fn read(row: &Row) -> Result<Self, Fault> {
        Ok(Self {
            deleted_at: get(row, "deleted_at")?,
            workspace: get(row, "workspace_id")?,
            id: get(row, "id")?,
        })
    }

    fn condemned(self, key: ObjectKey, failures: u32) -> Condemned {
        Condemned {
            deleted_at: self.deleted_at,
            workspace: WorkspaceId::new(self.workspace),
            id: AssetId::new(self.id),
            key,
            failures,
        }
    }
}
