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
        "entity_type = 'ISSUE_ATTACHMENT' AND workspace_id IS NOT NULL AND NOT is_archived \
         AND issue_id IS NULL AND comment_id IS NULL AND page_id IS NULL \
         AND draft_issue_id IS NULL AND user_id IS NULL AND entity_identifier IS NULL"
    };
}
pub(super) use loose;

const FORGET: &str = concat!(
    "DELETE FROM file_assets WHERE id = ANY ($1) \
     AND (workspace_id, id) IN (SELECT * FROM unnest($2, $1)) AND deleted_at < $3 AND ",
    loose!()
);

/// Rows that another replica gives up at the same moment are passed over.
const GIVE_UP: &str = concat!(
    "UPDATE file_assets SET is_deleted = true, deleted_at = $1 WHERE id IN (\
     SELECT id FROM file_assets WHERE NOT is_uploaded AND (created_at < $2 OR ",
    rejected!(),
    ") AND ",
    living!(),
    " AND ",
    loose!(),
    " ORDER BY created_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)"
);

const CONDEMN: &str = concat!(
    "SELECT deleted_at, workspace_id, id, asset FROM file_assets WHERE deleted_at < $1 AND ",
    loose!(),
    " AND ($2 IS NULL OR (deleted_at, workspace_id, id) > ($2, $3, $4)) \
     ORDER BY deleted_at, workspace_id, id LIMIT $5"
);

pub(super) async fn purge(
    session: &mut Session,
    step: &PurgeStep,
) -> Result<Vec<Condemned>, Fault> {
    forget(session, step).await?;
    give_up(session, step).await?;
    condemn(session, step).await
}

async fn forget(session: &mut Session, step: &PurgeStep) -> Result<(), Fault> {
    if step.gone.is_empty() {
        return Ok(());
    }
    match forget_rows(session, &step.gone, step.forget_before).await {
        Err(fault) if !fault.is_passing() => {}
        forgotten => return forgotten,
    }
    // One of them stands in the way of all, as something of Plane's refers to it.
    for gone in &step.gone {
        let alone = std::slice::from_ref(gone);
        match forget_rows(session, alone, step.forget_before).await {
            Err(fault) if !fault.is_passing() => {
                tracing::warn!(asset = %gone.id, %fault, "the row of a deleted asset can't go");
            }
            forgotten => forgotten?,
        }
    }
    Ok(())
}

async fn forget_rows(
    session: &mut Session,
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
    session.write(FORGET, &values).await.map(drop)
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
