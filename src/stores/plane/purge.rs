//! The clean-up's statements.

use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::assets::living;
use super::rows::{get, rejected};
use crate::asset::{AssetId, ObjectKey, WorkspaceId};
use crate::ports::purge::{Condemned, FailedRemoval, PurgeStep, StoreTime};
use crate::stores::pg::{Fault, Session, in_micros, values};

/// What this endpoint makes and nobody has attached to anything since. All else is Plane's.
macro_rules! loose {
    () => {
        "file_assets.entity_type = 'ISSUE_ATTACHMENT' AND file_assets.workspace_id IS NOT NULL \
         AND NOT file_assets.is_archived AND file_assets.issue_id IS NULL \
         AND file_assets.comment_id IS NULL AND file_assets.page_id IS NULL \
         AND file_assets.draft_issue_id IS NULL AND file_assets.user_id IS NULL \
         AND file_assets.entity_identifier IS NULL"
    };
}
pub(super) use loose;

const FORGET: &str = concat!(
    "DELETE FROM file_assets WHERE file_assets.id = ANY ($1) \
     AND (file_assets.workspace_id, file_assets.id) IN (SELECT * FROM unnest($2, $1)) \
     AND file_assets.deleted_at < $3 AND ",
    loose!()
);

/// Plane's tables have no columns for what the clean-up has to remember, and must not be given any. So it
/// is in `storage_metadata`, under names that Plane doesn't have: numbers are seconds since 1970. A value
/// that isn't an object, which Plane allows, counts as empty.
macro_rules! metadata {
    () => {
        "coalesce(nullif(file_assets.storage_metadata, 'null'), '{}')"
    };
}

/// Whether it is noted that a row's object is gone. The path finds the note also where it had to be put
/// behind something that isn't an object.
macro_rules! noted {
    () => {
        "(file_assets.storage_metadata @@ '$.ObjectRemoved == true') IS TRUE"
    };
}

/// A number that was noted; NULL where there is none.
macro_rules! number {
    ($name:literal) => {
        concat!(
            "(jsonb_path_query_first(file_assets.storage_metadata, '$.",
            $name,
            " ? (@.type() == \"number\")') #>> '{}')::float8"
        )
    };
}

/// Rows that another replica has in hand are left to it, so that no two wait for each other.
const NOTE: &str = concat!(
    "UPDATE file_assets SET storage_metadata = (",
    metadata!(),
    " || '{\"ObjectRemoved\": true}') - 'RemovalFailures' - 'RemovalRetryAt' \
     WHERE file_assets.id IN (SELECT file_assets.id FROM file_assets WHERE file_assets.id = ANY ($1) \
     AND (file_assets.workspace_id, file_assets.id) IN (SELECT * FROM unnest($2, $1)) \
     AND file_assets.deleted_at >= $3 AND NOT ",
    noted!(),
    " AND ",
    loose!(),
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
    loose!()
);

/// Since when a row is pending, if that is noted and of the row's own key: Plane copies metadata when it
/// duplicates an asset.
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

/// Since when a row is pending is noted where the sidecar takes an upload back, or makes a row by a clock
/// that is not the server's; all others are since they were made. A row that was uploaded once and
/// that Plane has taken back tells no time: it is left to Plane.
///
/// Rows that another replica gives up at the same moment are passed over.
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
    loose!(),
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
    loose!(),
    " AND ($2 IS NULL \
     OR (file_assets.deleted_at, file_assets.workspace_id, file_assets.id) > ($2, $3, $4)) \
     ORDER BY file_assets.deleted_at, file_assets.workspace_id, file_assets.id LIMIT $5"
);

const TIME: &str = "SELECT pg_catalog.clock_timestamp() AS now";

/// The server's clock.
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
        Err(fault) if !fault.is_passing() => {}
        forgotten => return forgotten,
    }
    // One of them stands in the way of all, as something of Plane's refers to it.
    for gone in &step.gone {
        let alone = std::slice::from_ref(gone);
        match of_gone(session, FORGET, alone, step.forget_before).await {
            Err(fault) if !fault.is_passing() => {
                tracing::warn!(asset = %gone.id, %fault, "the row of a deleted asset can't go");
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

/// A key that Plane made and that can't be expressed here is Plane's to clean up. Where there are
/// nothing but such, the next ones are looked at: an empty answer means that there are no more.
async fn condemn(session: &mut Session, step: &PurgeStep) -> Result<Vec<Condemned>, Fault> {
    let mut after = step.after.as_ref().map(Place::of);
    loop {
        let rows = after_place(session, after, step).await?;
        let mut condemned = Vec::with_capacity(rows.len());
        for row in &rows {
            let place = Place::read(row)?;
            after = Some(place);
            match ObjectKey::new(get::<String>(row, "asset")?) {
                Ok(key) => {
                    let failures = get::<Option<i32>>(row, "failures")?.unwrap_or_default();
                    condemned.push(place.condemned(key, failures.unsigned_abs()));
                }
                Err(fault) => {
                    tracing::warn!(asset = %place.id, %fault, "an object is left to Plane");
                }
            }
        }
        if !condemned.is_empty() || rows.is_empty() {
            return Ok(condemned);
        }
    }
}

async fn after_place(
    session: &mut Session,
    after: Option<Place>,
    step: &PurgeStep,
) -> Result<Vec<Row>, Fault> {
    let values = values![
        TIMESTAMPTZ: in_micros(step.forget_before),
        TIMESTAMPTZ: after.map(|place| place.deleted_at),
        UUID: after.map(|place| place.workspace),
        UUID: after.map(|place| place.id),
        INT8: i64::from(step.most.get()),
        TIMESTAMPTZ: in_micros(step.now),
    ];
    session.read(CONDEMN, &values).await
}

/// Where a row stands in the order of [`Condemned`].
#[derive(Clone, Copy)]
struct Place {
    deleted_at: OffsetDateTime,
    workspace: Uuid,
    id: Uuid,
}

impl Place {
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
