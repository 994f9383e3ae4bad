//! Creates an asset: one statement checks all conditions and inserts the row.

use std::num::NonZeroU32;

use tokio_postgres::Row;

use super::assets::find;
use super::rows::{self, asset_columns};
use super::tables::Tables;
use crate::asset::{ExternalLabel, NewAsset, PendingCaps, ProjectId, WorkspaceId};
use crate::ports::CreateOutcome;
use crate::stores::pg::{Fault, Statement, in_micros, values};

/// SQL for "the cap is reached": there is a row at the offset of the cap less one.
macro_rules! reached {
    ($cap:literal, $of:literal) => {
        concat!(
            "(",
            $cap,
            "::bigint IS NOT NULL AND EXISTS (SELECT 1 FROM {schema}.asset WHERE workspace_id = $1 AND ",
            $of,
            " ORDER BY created_by LIMIT 1 OFFSET ",
            $cap,
            " - 1))"
        )
    };
}

/// To check a cap, the statement reads at most as many index entries as the cap allows.
///
/// Two statements that insert the same external pair concurrently don't see each other, so the unique
/// index decides: the second one waits for the first, and then inserts nothing.
const CREATE: &str = concat!(
    "WITH checked AS (SELECT \
        $3::uuid IS NULL OR EXISTS (SELECT 1 FROM {schema}.project \
            WHERE workspace_id = $1 AND id = $3 AND deleted_at IS NULL) AS has_project, \
        ",
    reached!("$14", "state = 'pending' AND deleted_at IS NULL"),
    " OR ",
    reached!(
        "$15",
        "created_by = $12 AND state = 'pending' AND deleted_at IS NULL"
    ),
    " AS too_many_pending, ",
    reached!("$16", "num_nonnulls(deleted_at, difference) > 0"),
    " OR ",
    reached!(
        "$17",
        "created_by = $12 AND num_nonnulls(deleted_at, difference) > 0"
    ),
    " AS too_many_discarded), \
    twin AS (SELECT ",
    asset_columns!(),
    " FROM {schema}.asset WHERE workspace_id = $1 AND external_source = $10 \
        AND external_id = $11 AND deleted_at IS NULL AND state <> 'rejected'), \
    made AS (INSERT INTO {schema}.asset (workspace_id, id, project_id, object_key, display_name, \
        object_name, media_type, size, checksum_sha256, external_source, external_id, created_by, \
        created_at) \
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM checked \
        WHERE has_project AND NOT too_many_pending AND NOT too_many_discarded \
        AND NOT EXISTS (SELECT 1 FROM twin) \
        ON CONFLICT (workspace_id, external_source, external_id) \
        WHERE deleted_at IS NULL AND external_source IS NOT NULL AND external_id IS NOT NULL \
        AND state <> 'rejected' DO NOTHING RETURNING 1) \
    SELECT has_project, too_many_pending, too_many_discarded, EXISTS (SELECT 1 FROM made) AS made, \
        twin.id IS NOT NULL AS has_twin, twin.* FROM checked LEFT JOIN twin ON true"
);

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[CREATE];

/// The most attempts at a create. A new attempt follows if an external pair was taken, and the asset
/// that had it was deleted before the statement could read it.
const ATTEMPTS: usize = 10;

/// Creates the asset. If the connection breaks, the answer is lost with it, so the create is tried once
/// more over another connection. If the asset exists by then, the first attempt has created it.
pub(super) async fn create(
    mut tables: Tables,
    workspace: WorkspaceId,
    asset: NewAsset,
    caps: PendingCaps,
) -> Result<CreateOutcome, Fault> {
    let created = attempt(&mut tables, workspace, &asset, caps).await;
    if !created.as_ref().is_err_and(Fault::is_lost) {
        return created;
    }
    tables.renew().await?;
    let created = attempt(&mut tables, workspace, &asset, caps).await;
    match &created {
        Ok(CreateOutcome::New) => return created,
        Err(fault) if fault.is_lost() => return created,
        _ => {}
    }
    let found = find(&mut tables, workspace, asset.id).await?;
    if found.is_some_and(|found| found.made == as_stored(&asset)) {
        return Ok(CreateOutcome::New);
    }
    created
}

/// Returns the asset as it reads back: PostgreSQL cuts its creation time off to microseconds.
fn as_stored(asset: &NewAsset) -> NewAsset {
    let mut stored = asset.clone();
    stored.created_at = in_micros(asset.created_at);
    stored
}

async fn attempt(
    tables: &mut Tables,
    workspace: WorkspaceId,
    asset: &NewAsset,
    caps: PendingCaps,
) -> Result<CreateOutcome, Fault> {
    let cap = |cap: Option<NonZeroU32>| cap.map(|cap| i64::from(cap.get()));
    let size = i64::try_from(asset.size.bytes()).map_err(|_| Fault::Range("the size"))?;
    let checksum = asset.checksum.as_ref();
    let external = &asset.external;
    let values = values![
        UUID: workspace.as_uuid(),
        UUID: asset.id.as_uuid(),
        UUID: asset.project.as_ref().map(ProjectId::as_uuid),
        TEXT: asset.key.as_str(),
        TEXT: asset.display_name.as_str(),
        TEXT: asset.object_name.as_str(),
        TEXT: asset.media_type.as_str(),
        INT8: size,
        BYTEA: checksum.map(|checksum| checksum.as_bytes().as_slice()),
        TEXT: external.source.as_ref().map(ExternalLabel::as_str),
        TEXT: external.id.as_ref().map(ExternalLabel::as_str),
        UUID: asset.created_by.as_uuid(),
        TIMESTAMPTZ: in_micros(asset.created_at),
        INT8: cap(caps.per_workspace),
        INT8: cap(caps.per_caller),
        INT8: cap(caps.discarded_per_workspace),
        INT8: cap(caps.discarded_per_caller),
    ];
    let capped = caps != PendingCaps::default();
    for _ in 0..ATTEMPTS {
        let answer = if capped {
            // A transaction that counts holds the workspace's lock, so two can't pass the cap together.
            let lock = Some(("pending", workspace.as_uuid().as_bytes().as_slice()));
            let statement = Statement::new(CREATE, &values);
            tables.transaction(lock, &[statement]).await
        } else {
            tables.write(CREATE, &values).await
        };
        let rows = match answer {
            Err(fault) if fault.violates("asset_pkey") => {
                return Err(Fault::Refused("an asset with this id already exists"));
            }
            answer => answer?,
        };
        let row = rows.first().ok_or(Fault::Row("made"))?;
        if let Some(created) = outcome(row)? {
            return Ok(created);
        }
    }
    Err(Fault::Contended)
}

/// Returns `None` if an asset that the statement could not see has the external pair.
fn outcome(row: &Row) -> Result<Option<CreateOutcome>, Fault> {
    let is = |name| rows::column::<bool>(row, name);
    Ok(if is("made")? {
        Some(CreateOutcome::New)
    } else if !is("has_project")? {
        Some(CreateOutcome::ProjectNotFound)
    } else if is("has_twin")? {
        Some(CreateOutcome::Duplicate(Box::new(rows::asset(row)?)))
    } else if is("too_many_pending")? {
        Some(CreateOutcome::TooManyPending)
    } else if is("too_many_discarded")? {
        Some(CreateOutcome::TooManyDiscarded)
    } else {
        None
    })
}
