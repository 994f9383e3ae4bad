//! Creates an asset, exactly once.

use tokio_postgres::Row;

use super::assets::living;
use super::purge::unattached;
use super::rows::{self, asset_columns, get, rejected};
use crate::asset::{ExternalLabel, NewAsset, PendingCaps, ProjectId, WorkspaceId};
use crate::ports::CreateOutcome;
use crate::stores::pg::{Fault, Session, Statement, in_micros, lock_key, values};

const LOCK: &str = "SELECT 1 FROM pg_catalog.pg_advisory_xact_lock($1)";

/// The longest object key that the column `asset` takes, in characters.
const KEY_CHARS: usize = 800;

pub(super) const PRIMARY_KEY: &str = "file_asset_pkey";

/// SQL for "the cap is reached". Only assets that the purge may remove one day count. Plane's own
/// uploads don't.
macro_rules! reached {
    ($cap:literal, $($of:expr),+ $(,)?) => {
        concat!(
            $cap,
            " <= (SELECT count(*) FROM (SELECT FROM file_assets WHERE file_assets.workspace_id = $1 AND ",
            $($of,)+
            " AND ",
            unattached!(),
            " LIMIT ",
            $cap,
            ") AS counted)"
        )
    };
}

macro_rules! pending {
    () => {
        concat!(
            "NOT file_assets.is_uploaded AND NOT (",
            rejected!(),
            ") AND ",
            living!()
        )
    };
}

/// SQL for "the asset is discarded": it waits for the purge.
macro_rules! discarded {
    () => {
        concat!("(file_assets.deleted_at IS NOT NULL OR ", rejected!(), ")")
    };
}

/// Checks all conditions and inserts the row in one statement, so all checks see one snapshot.
///
/// If Plane itself has created several assets with this external pair, the newest one counts, as in
/// Plane.
const CREATE: &str = concat!(
    "WITH twin AS (SELECT ",
    asset_columns!(),
    " FROM file_assets WHERE file_assets.workspace_id = $1 \
     AND file_assets.external_source = $4 AND file_assets.external_id = $5 AND ",
    living!(),
    " AND NOT (",
    rejected!(),
    ")",
    " ORDER BY file_assets.created_at DESC LIMIT 1), \
     verdict AS (SELECT CASE \
     WHEN $13 AND EXISTS (SELECT FROM file_assets WHERE file_assets.id = $2 \
     AND file_assets.workspace_id = $1 AND file_assets.asset = $8) \
     THEN 'again' \
     WHEN $3 IS NOT NULL AND NOT EXISTS (SELECT FROM projects \
     WHERE projects.id = $3 AND projects.workspace_id = $1 AND projects.deleted_at IS NULL) \
     THEN 'no project' \
     WHEN EXISTS (SELECT FROM twin) THEN 'twin' \
     WHEN ",
    reached!("$11", pending!()),
    " OR ",
    reached!("$12", "file_assets.created_by_id = $6 AND ", pending!()),
    " THEN 'full' WHEN ",
    reached!("$14", discarded!()),
    " OR ",
    reached!("$15", "file_assets.created_by_id = $6 AND ", discarded!()),
    " THEN 'littered' ELSE 'new' END AS verdict), \
     made AS (INSERT INTO file_assets (workspace_id, id, project_id, external_source, external_id, \
     created_by_id, created_at, updated_at, asset, attributes, size, entity_type, \
     storage_metadata, is_deleted, is_archived, is_uploaded) \
     SELECT $1, $2, $3, $4, $5, $6, $7, $7, $8, $9::jsonb, $10, 'ISSUE_ATTACHMENT', \
     CASE WHEN $7 NOT BETWEEN now() - interval '1 hour' AND now() + interval '1 hour' \
     THEN jsonb_build_object('PendingSince', extract(epoch FROM now())) ELSE '{}' END, \
     false, false, false FROM verdict WHERE verdict.verdict = 'new') \
     SELECT verdict.verdict, twin.* FROM verdict LEFT JOIN twin ON verdict.verdict = 'twin'"
);

/// Returns the advisory locks that a create needs: the workspace's if there are caps, then the external
/// pair's. All replicas take them in this order, so no two deadlock.
fn locks(workspace: WorkspaceId, asset: &NewAsset, caps: PendingCaps) -> Vec<i64> {
    let workspace = workspace.as_uuid().as_bytes();
    let capped = caps != PendingCaps::default();
    let of_workspace = capped.then(|| lock_key(&[b"plane pending", workspace]));
    let of_pair = asset.external.pair().map(|(source, id)| {
        lock_key(&[b"plane pair", workspace, source.as_bytes(), id.as_bytes()])
    });
    of_workspace.into_iter().chain(of_pair).collect()
}

pub(super) async fn create(
    session: &mut Session,
    workspace: WorkspaceId,
    asset: &NewAsset,
    caps: PendingCaps,
) -> Result<CreateOutcome, Fault> {
    // PostgreSQL silently cuts off trailing blanks that exceed the column's length.
    if asset.key.as_str().chars().count() > KEY_CHARS {
        return Err(Fault::Refused(
            "the object key is longer than the 800 characters that Plane's column holds",
        ));
    }
    let locks = locks(workspace, asset, caps);
    let mut retried = false;
    let mut answer = send(session, &locks, workspace, asset, caps, retried).await;
    if answer.as_ref().is_err_and(Fault::is_lost) {
        // The first attempt may have committed the row. The statement then finds it.
        retried = true;
        session.renew().await?;
        answer = send(session, &locks, workspace, asset, caps, retried).await;
    }
    if answer
        .as_ref()
        .is_err_and(|fault| fault.violated().is_some())
    {
        // The transaction that came first has committed, so this attempt sees its row: the first
        // attempt's own, or a duplicate of Plane's.
        answer = send(session, &locks, workspace, asset, caps, retried).await;
    }
    let rows = answer?;
    let row = rows.first().ok_or(Fault::Row("verdict"))?;
    outcome(row)
}

fn outcome(row: &Row) -> Result<CreateOutcome, Fault> {
    Ok(match get(row, "verdict")? {
        "new" | "again" => CreateOutcome::New,
        "no project" => CreateOutcome::ProjectNotFound,
        "twin" => CreateOutcome::Duplicate(Box::new(rows::asset(row)?)),
        "full" => CreateOutcome::TooManyPending,
        "littered" => CreateOutcome::TooManyDiscarded,
        _ => return Err(Fault::Row("verdict")),
    })
}

async fn send(
    session: &mut Session,
    locks: &[i64],
    workspace: WorkspaceId,
    asset: &NewAsset,
    caps: PendingCaps,
    retried: bool,
) -> Result<Vec<Row>, Fault> {
    let cap = |cap: Option<std::num::NonZeroU32>| cap.map(|cap| i64::from(cap.get()));
    let values = values![
        UUID: workspace.as_uuid(),
        UUID: asset.id.as_uuid(),
        UUID: asset.project.as_ref().map(ProjectId::as_uuid),
        TEXT: asset.external.source.as_ref().map(ExternalLabel::as_str),
        TEXT: asset.external.id.as_ref().map(ExternalLabel::as_str),
        UUID: asset.created_by.as_uuid(),
        TIMESTAMPTZ: in_micros(asset.created_at),
        TEXT: asset.key.as_str(),
        TEXT: rows::attributes(asset),
        FLOAT8: rows::size_column(asset.size),
        INT8: cap(caps.per_workspace),
        INT8: cap(caps.per_caller),
        BOOL: retried,
        INT8: cap(caps.discarded_per_workspace),
        INT8: cap(caps.discarded_per_caller),
    ];
    let create = Statement::new(CREATE, &values);
    match locks {
        [] => session.write(create.sql, create.values).await,
        [lock] => session.transaction(Some(*lock), &[create]).await,
        [first, second, ..] => {
            let second = values![INT8: second];
            let statements = [Statement::new(LOCK, &second), create];
            session.transaction(Some(*first), &statements).await
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::asset::{MediaType, ObjectKey, UploadSize};

    fn asset(source: &str, id: &str) -> NewAsset {
        let user = uuid::Uuid::from_u128(1);
        let key = ObjectKey::new("workspace/photo.png").unwrap();
        let size = UploadSize::PLANE_DEFAULT;
        let at = datetime!(2026-05-04 03:02:01 UTC);
        let kind = MediaType::octet_stream();
        let mut asset =
            NewAsset::new(user.into(), key, "photo.png", kind, size, user.into(), at).unwrap();
        asset.external.source = ExternalLabel::new(source).ok();
        asset.external.id = ExternalLabel::new(id).ok();
        asset
    }

    /// Replicas of different releases must wait for each other.
    #[test]
    fn lock_keys_never_change() {
        let workspace = WorkspaceId::new(uuid::Uuid::from_u128(2));
        let caps = PendingCaps {
            per_workspace: std::num::NonZeroU32::new(7),
            ..PendingCaps::default()
        };
        let none = PendingCaps::default();
        assert_eq!(locks(workspace, &asset("github", ""), none), [0; 0]);
        let both = locks(workspace, &asset("github", "7"), caps);
        assert_eq!(both, [3_558_122_978_645_652_540, 7_150_469_752_425_389_831]);
        assert_eq!(locks(workspace, &asset("github", "7"), none), [both[1]]);
        assert_eq!(locks(workspace, &asset("", "7"), caps), [both[0]]);
        let elsewhere = locks(workspace, &asset("githu", "b7"), none);
        assert_ne!(elsewhere, [both[1]]);
    }
}
