//! The clean-up's statements.

use std::num::NonZeroU32;

use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::assets::living;
use super::rows::{get, rejected};
use crate::id::{AssetId, WorkspaceId};
use crate::object_name::ObjectKey;
use crate::purge::{Condemned, PurgeStep};
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

/// Whether it is noted that a row's object is gone: in its metadata, as there is no column for it. The
/// path finds the note also where it had to be put behind something that isn't an object.
macro_rules! noted {
    () => {
        "(file_assets.storage_metadata @@ '$.ObjectRemoved == true') IS TRUE"
    };
}

/// Rows that another replica has in hand are left to it, so that no two wait for each other.
const NOTE: &str = concat!(
    "UPDATE file_assets SET storage_metadata = \
     coalesce(nullif(file_assets.storage_metadata, 'null'), '{}') || '{\"ObjectRemoved\": true}' \
     WHERE file_assets.id IN (\
     SELECT file_assets.id FROM file_assets WHERE file_assets.id = ANY ($1) \
     AND (file_assets.workspace_id, file_assets.id) IN (SELECT * FROM unnest($2, $1)) \
     AND file_assets.deleted_at >= $3 AND NOT ",
    noted!(),
    " AND ",
    loose!(),
    " FOR NO KEY UPDATE SKIP LOCKED)"
);

/// Rows that another replica gives up at the same moment are passed over.
const GIVE_UP: &str = concat!(
    "UPDATE file_assets SET is_deleted = true, deleted_at = $1 WHERE file_assets.id IN (\
     SELECT file_assets.id FROM file_assets \
     WHERE NOT file_assets.is_uploaded AND (file_assets.created_at < $2 OR ",
    rejected!(),
    ") AND ",
    living!(),
    " AND ",
    loose!(),
    " ORDER BY file_assets.created_at, file_assets.id LIMIT $3 FOR UPDATE SKIP LOCKED)"
);

const CONDEMN: &str = concat!(
    "SELECT file_assets.deleted_at, file_assets.workspace_id, file_assets.id, file_assets.asset \
     FROM file_assets \
     WHERE file_assets.deleted_at IS NOT NULL AND (file_assets.deleted_at < $1 OR NOT ",
    noted!(),
    ") AND ",
    loose!(),
    " AND ($2 IS NULL \
     OR (file_assets.deleted_at, file_assets.workspace_id, file_assets.id) > ($2, $3, $4)) \
     ORDER BY file_assets.deleted_at, file_assets.workspace_id, file_assets.id LIMIT $5"
);

pub(super) async fn purge(
    session: &mut Session,
    step: &PurgeStep,
) -> Result<Vec<Condemned>, Fault> {
    if !step.gone.is_empty() {
        forget(session, step).await?;
        of_gone(session, NOTE, &step.gone, step.forget_before).await?;
    }
    give_up(session, step).await?;
    condemn(session, step).await
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
        let rows = after_place(session, after, step.forget_before, step.most).await?;
        let mut condemned = Vec::with_capacity(rows.len());
        for row in &rows {
            let place = Place::read(row)?;
            after = Some(place);
            match ObjectKey::new(get::<String>(row, "asset")?) {
                Ok(key) => condemned.push(place.condemned(key)),
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
    before: OffsetDateTime,
    most: NonZeroU32,
) -> Result<Vec<Row>, Fault> {
    let values = values![
        TIMESTAMPTZ: in_micros(before),
        TIMESTAMPTZ: after.map(|place| place.deleted_at),
        UUID: after.map(|place| place.workspace),
        UUID: after.map(|place| place.id),
        INT8: i64::from(most.get()),
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

    fn condemned(self, key: ObjectKey) -> Condemned {
        Condemned {
            deleted_at: self.deleted_at,
            workspace: WorkspaceId::new(self.workspace),
            id: AssetId::new(self.id),
            key,
        }
    }
}
