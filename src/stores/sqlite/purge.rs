//! The statements of a purge step.

use rusqlite::{Connection, params};
use time::OffsetDateTime;

use super::fault::Fault;
use super::query::{change, many, one};
use super::rows;
use crate::asset::ObjectKey;
use crate::ports::purge::{Condemned, FailedRemoval, PurgeStep};

const FORGET: &str = "DELETE FROM asset WHERE workspace_id = ?1 AND id = ?2 AND deleted_at < ?3";

const NOTE_GONE: &str = "\
    UPDATE asset SET object_gone = 1, removal_failures = 0, removal_retry_at = NULL \
    WHERE workspace_id = ?1 AND id = ?2 AND deleted_at >= ?3";

const NOTE_FAILED: &str = "\
    UPDATE asset SET removal_failures = removal_failures + 1, removal_retry_at = ?3 \
    WHERE workspace_id = ?1 AND id = ?2 AND deleted_at IS NOT NULL";

const NOTE_RUN: &str = "UPDATE clean_up SET ran_at = max(coalesce(ran_at, ?1), ?1) WHERE id = 1";

/// The newest moment of all: the previous purge, the last asset created, the last one taken back, or the
/// last one deleted. The rowid grows with each insert, so the largest one is the last asset created.
const LAST_RECORDED: &str = "\
    SELECT max(at) FROM (SELECT ran_at AS at FROM clean_up \
    UNION ALL SELECT pending_since FROM asset WHERE rowid = (SELECT max(rowid) FROM asset) \
    UNION ALL SELECT max(pending_since) FROM asset WHERE state = 'pending' AND deleted_at IS NULL \
    UNION ALL SELECT max(deleted_at) FROM asset WHERE object_gone = 0 AND deleted_at IS NOT NULL \
    UNION ALL SELECT max(deleted_at) FROM asset WHERE object_gone = 1 AND deleted_at IS NOT NULL)";

const GIVE_UP: &str = "\
    UPDATE asset SET deleted_at = ?1 WHERE rowid IN (\
        SELECT rowid FROM asset \
        WHERE state = 'pending' AND deleted_at IS NULL AND pending_since < ?2 \
        ORDER BY pending_since, workspace_id, id LIMIT ?3)";

const GIVE_UP_REJECTED: &str = "\
    UPDATE asset SET deleted_at = ?1 WHERE rowid IN (\
        SELECT rowid FROM asset WHERE state = 'rejected' AND deleted_at IS NULL \
        ORDER BY created_at, workspace_id, id LIMIT ?2)";

/// The condition on `object_gone` names one value, because only then does the index give the rows in
/// order.
macro_rules! condemned {
    ($which:literal) => {
        concat!(
            "SELECT deleted_at, workspace_id, id, object_key, removal_failures FROM asset WHERE ",
            $which,
            " AND deleted_at IS NOT NULL AND (deleted_at, workspace_id, id) > (?1, ?2, ?3) \
             AND (removal_retry_at IS NULL OR removal_retry_at <= ?5) \
             ORDER BY deleted_at, workspace_id, id LIMIT ?4"
        )
    };
}

const CONDEMNED: &str = condemned!("object_gone = 0");

const CONDEMNED_AGAIN: &str = condemned!("object_gone = 1 AND deleted_at < ?6");

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    FORGET,
    NOTE_GONE,
    NOTE_FAILED,
    NOTE_RUN,
    LAST_RECORDED,
    GIVE_UP,
    GIVE_UP_REJECTED,
    CONDEMNED,
    CONDEMNED_AGAIN,
];

pub(super) fn step(connection: &Connection, step: &PurgeStep) -> Result<Vec<Condemned>, Fault> {
    let forget_before = rows::nanos_of_end(step.forget_before);
    for gone in &step.gone {
        let key = params![gone.workspace.as_uuid(), gone.id.as_uuid(), forget_before];
        if !change(connection, FORGET, key)? {
            change(connection, NOTE_GONE, key)?;
        }
    }
    for FailedRemoval {
        condemned,
        retry_at,
    } in &step.failed
    {
        let retry_at = rows::nanos_of_end(*retry_at);
        let key = params![
            condemned.workspace.as_uuid(),
            condemned.id.as_uuid(),
            retry_at
        ];
        change(connection, NOTE_FAILED, key)?;
    }
    let most = step.most.get();
    let now = rows::nanos(step.now)?;
    change(connection, NOTE_RUN, params![now])?;
    let pending_before = rows::nanos_of_end(step.pending_before);
    change(connection, GIVE_UP, params![now, pending_before, most])?;
    change(connection, GIVE_UP_REJECTED, params![now, most])?;

    // Without `after`, the page begins before every possible row.
    let (at, workspace, id): (_, &[u8], &[u8]) = match &step.after {
        Some(last) => (
            rows::nanos_of_end(last.deleted_at),
            last.workspace.as_uuid().as_bytes(),
            last.id.as_uuid().as_bytes(),
        ),
        None => (i64::MIN, &[], &[]),
    };
    let due = params![at, workspace, id, most, now];
    let mut condemned = many(connection, CONDEMNED, due, read)?;
    let again = params![at, workspace, id, most, now, forget_before];
    condemned.extend(many(connection, CONDEMNED_AGAIN, again, read)?);
    condemned.sort_unstable();
    condemned.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(condemned)
}

/// Returns the newest moment that the store's clock has stamped, if any.
pub(super) fn last_recorded(connection: &Connection) -> Result<Option<OffsetDateTime>, Fault> {
    let read = |row: &rusqlite::Row<'_>| Ok(row.get::<_, Option<i64>>(0)?);
    let at = one(connection, LAST_RECORDED, [], read)?.flatten();
    at.map(|at| rows::instant(at, "the newest moment"))
        .transpose()
}

fn read(row: &rusqlite::Row<'_>) -> Result<Condemned, Fault> {
    Ok(Condemned {
        deleted_at: rows::instant(row.get("deleted_at")?, "deleted_at")?,
        workspace: rows::id(row, "workspace_id")?,
        id: rows::id(row, "id")?,
        key: ObjectKey::new(row.get::<_, String>("object_key")?)
            .map_err(|_| Fault::Row("object_key"))?,
        failures: row.get("removal_failures")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::sqlite::query::plan;

    #[test]
    fn every_statement_is_a_search_of_an_index() {
        const BY_ID: &str =
            "SEARCH asset USING INDEX sqlite_autoindex_asset_1 (workspace_id=? AND id=?)";
        for (sql, expected) in [
            (FORGET, &[BY_ID][..]),
            (NOTE_GONE, &[BY_ID]),
            (NOTE_FAILED, &[BY_ID]),
            (
                NOTE_RUN,
                &["SEARCH clean_up USING INTEGER PRIMARY KEY (rowid=?)"],
            ),
            // The plan reads the end of each index, and the one row that says when the purge last ran.
            (
                LAST_RECORDED,
                &[
                    "CO-ROUTINE (subquery-6)",
                    "COMPOUND QUERY",
                    "LEFT-MOST SUBQUERY",
                    "SCAN clean_up",
                    "UNION ALL",
                    "SEARCH asset USING INTEGER PRIMARY KEY (rowid=?)",
                    "SCALAR SUBQUERY 2",
                    "SEARCH asset",
                    "UNION ALL",
                    "SEARCH asset USING INDEX asset_stale",
                    "UNION ALL",
                    "SEARCH asset USING COVERING INDEX asset_condemned (object_gone=? AND deleted_at>?)",
                    "UNION ALL",
                    "SEARCH asset USING COVERING INDEX asset_condemned (object_gone=? AND deleted_at>?)",
                    "SEARCH (subquery-6)",
                ],
            ),
            (
                GIVE_UP,
                &[
                    "SEARCH asset USING INTEGER PRIMARY KEY (rowid=?)",
                    "LIST SUBQUERY 1",
                    "SEARCH asset USING INDEX asset_stale (pending_since<?)",
                ],
            ),
            (
                GIVE_UP_REJECTED,
                &[
                    "SEARCH asset USING INTEGER PRIMARY KEY (rowid=?)",
                    "LIST SUBQUERY 1",
                    "SCAN asset USING INDEX asset_rejected",
                ],
            ),
            // The rows come in the order of the index, so SQLite sorts nothing, and reads no more rows
            // than the limit.
            (
                CONDEMNED,
                &[
                    "SEARCH asset USING INDEX asset_condemned (object_gone=? AND (deleted_at,workspace_id,id)>(?,?,?))",
                ],
            ),
            (
                CONDEMNED_AGAIN,
                &[
                    "SEARCH asset USING INDEX asset_condemned (object_gone=? AND (deleted_at,workspace_id,id)>(?,?,?) AND deleted_at<?)",
                ],
            ),
        ] {
            assert_eq!(plan(sql), expected, "{sql}");
        }
    }
}
