//! The clean-up: the statements, and a step of it.

use rusqlite::{Connection, params};

use super::fault::Fault;
use super::query::{change, many};
use super::rows;
use crate::object_name::ObjectKey;
use crate::purge::{Condemned, PurgeStep};

const FORGET: &str = "DELETE FROM asset WHERE workspace_id = ?1 AND id = ?2 AND deleted_at < ?3";

const NOTE_GONE: &str = "\
    UPDATE asset SET object_gone = 1 WHERE workspace_id = ?1 AND id = ?2 AND deleted_at >= ?3";

const GIVE_UP: &str = "\
    UPDATE asset SET deleted_at = ?1 WHERE rowid IN (\
        SELECT rowid FROM asset \
        WHERE state = 'pending' AND deleted_at IS NULL AND created_at < ?2 \
        ORDER BY created_at, workspace_id, id LIMIT ?3)";

const GIVE_UP_REJECTED: &str = "\
    UPDATE asset SET deleted_at = ?1 WHERE rowid IN (\
        SELECT rowid FROM asset WHERE state = 'rejected' AND deleted_at IS NULL \
        ORDER BY created_at, workspace_id, id LIMIT ?2)";

/// The state of the object is said in so many words, as only then does the index give the order.
macro_rules! condemned {
    ($of_those:literal) => {
        concat!(
            "SELECT deleted_at, workspace_id, id, object_key FROM asset WHERE ",
            $of_those,
            " AND deleted_at IS NOT NULL AND (deleted_at, workspace_id, id) > (?1, ?2, ?3) \
             ORDER BY deleted_at, workspace_id, id LIMIT ?4"
        )
    };
}

const CONDEMNED: &str = condemned!("object_gone = 0");

const CONDEMNED_AGAIN: &str = condemned!("object_gone = 1 AND deleted_at < ?5");

pub(super) fn step(connection: &Connection, step: &PurgeStep) -> Result<Vec<Condemned>, Fault> {
    let forget_before = rows::nanos_of_end(step.forget_before);
    for gone in &step.gone {
        let key = params![gone.workspace.as_uuid(), gone.id.as_uuid(), forget_before];
        if !change(connection, FORGET, key)? {
            change(connection, NOTE_GONE, key)?;
        }
    }
    let most = step.most.get();
    let pending_before = rows::nanos_of_end(step.pending_before);
    let stale = params![rows::nanos(step.now)?, pending_before, most];
    change(connection, GIVE_UP, stale)?;
    let rejected = params![rows::nanos(step.now)?, most];
    change(connection, GIVE_UP_REJECTED, rejected)?;

    // Without a last one: before anything that there can be.
    let (at, workspace, id): (_, &[u8], &[u8]) = match &step.after {
        Some(last) => (
            rows::nanos_of_end(last.deleted_at),
            last.workspace.as_uuid().as_bytes(),
            last.id.as_uuid().as_bytes(),
        ),
        None => (i64::MIN, &[], &[]),
    };
    let due = params![at, workspace, id, most];
    let mut condemned = many(connection, CONDEMNED, due, read)?;
    let again = params![at, workspace, id, most, forget_before];
    condemned.extend(many(connection, CONDEMNED_AGAIN, again, read)?);
    condemned.sort_unstable();
    condemned.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(condemned)
}

fn read(row: &rusqlite::Row<'_>) -> Result<Condemned, Fault> {
    Ok(Condemned {
        deleted_at: rows::instant(row.get("deleted_at")?, "deleted_at")?,
        workspace: rows::id(row, "workspace_id")?,
        id: rows::id(row, "id")?,
        key: ObjectKey::new(row.get::<_, String>("object_key")?)
            .map_err(|_| Fault::Row("object_key"))?,
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
            (
                GIVE_UP,
                &[
                    "SEARCH asset USING INTEGER PRIMARY KEY (rowid=?)",
                    "LIST SUBQUERY 1",
                    "SEARCH asset USING INDEX asset_stale (created_at<?)",
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
            // In the order of the index: nothing is sorted, and no more is read than is named.
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
