//! Opens connections: checks that the file is this crate's, migrates it, and sets how it is synced.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::fault::Fault;

/// Marks a file as this crate's (SQLite, "Database File Format", offset 68).
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"tAUp");

/// The migration at index *n* brings a database of version *n* to version *n* + 1. A released migration
/// never changes. A new one must keep the statements of the previous release working, because processes
/// of both releases run side by side during an upgrade.
const MIGRATIONS: &[Migration] = &[Migration {
    sql: include_str!("schema_1.sql"),
    oldest_release: 1,
}];

struct Migration {
    sql: &'static str,
    /// The oldest schema version whose releases can work with this migration. A release that knows this
    /// version or a later one can.
    oldest_release: i64,
}

/// More than the store has statements, so each is prepared once for each connection.
const CACHED_STATEMENTS: usize = 64;

const WAL_RETRY: Duration = Duration::from_millis(10);

/// Opens the connection that writes. Creates the file if it is missing, and migrates it.
pub(super) fn open_writer(path: &Path, busy_timeout: Duration) -> Result<Connection, Fault> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE, busy_timeout)?;
    // Checked before anything is written: the file of another application must stay unchanged.
    version(&connection)?;
    write_ahead(&connection, busy_timeout)?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// Opens a connection that only reads. [`open_writer`] must have opened the file before.
pub(super) fn open_reader(path: &Path, busy_timeout: Duration) -> Result<Connection, Fault> {
    let connection = connect(path, OpenFlags::empty(), busy_timeout)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn connect(path: &Path, more: OpenFlags, busy_timeout: Duration) -> Result<Connection, Fault> {
    // Without SQLITE_OPEN_URI, SQLite takes every character of the path literally.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // A commit is on the disk before its callers get an answer. On macOS that takes `fullfsync`.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

/// Returns the version of the database, or 0 if the file is empty. The version may be later than this
/// release knows if the database says that this release can work with it.
fn version(connection: &Connection) -> Result<usize, Fault> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id")?;
    let found = pragma("user_version")?;
    let has_tables: bool =
        connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| {
            row.get(0)
        })?;
    let foreign = |mark, value| Err(Fault::Foreign(format!("{mark} is {value}")));
    match usize::try_from(found) {
        _ if application == 0 && found == 0 && !has_tables => Ok(0),
        _ if application != i64::from(APPLICATION_ID) => foreign("application id", application),
        Ok(version @ 1..) => {
            if version > MIGRATIONS.len() {
                require_known(connection)?;
            }
            Ok(version)
        }
        _ => foreign("version", found),
    }
}

/// Returns an error if the database needs a newer release than this one.
fn require_known(connection: &Connection) -> Result<(), Fault> {
    const NEWEST: &str =
        "SELECT version, oldest_release FROM migration ORDER BY version DESC LIMIT 1";
    let known = MIGRATIONS.len();
    let newest = connection.query_row(NEWEST, [], |row| Ok((row.get(0)?, row.get(1)?)));
    let (found, oldest): (i64, i64) = newest?;
    if usize::try_from(oldest).is_ok_and(|oldest| oldest <= known) {
        return Ok(());
    }
    Err(Fault::Newer { found, known })
}

/// Returns the cause of a failed statement: [`Fault::Newer`] if another process has migrated the
/// database to a version that this release can't work with, otherwise the same fault.
pub(super) fn explain(connection: &Connection, fault: Fault) -> Fault {
    if !fault.may_be_of_schema() {
        return fault;
    }
    match require_known(connection) {
        Err(newer @ Fault::Newer { .. }) => newer,
        _ => fault,
    }
}

fn write_ahead(connection: &Connection, busy_timeout: Duration) -> Result<(), Fault> {
    // SQLite's busy timeout doesn't apply while another process switches the journal mode.
    let mut remaining = busy_timeout;
    loop {
        let switched = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
            .map_err(Fault::from);
        match switched {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(other) => return Err(Fault::NoWal(other)),
            Err(fault) if fault.is_busy() && !remaining.is_zero() => {
                thread::sleep(WAL_RETRY);
                remaining = remaining.saturating_sub(WAL_RETRY);
            }
            Err(fault) => return Err(fault),
        }
    }
}

fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    if version(connection)? >= MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have migrated the database while this one waited for the lock.
    let from = version(&transaction)?;
    for (migration, number) in MIGRATIONS.iter().zip(1_i64..).skip(from) {
        transaction.execute_batch(migration.sql)?;
        transaction.execute(
            "INSERT INTO migration (version, oldest_release) VALUES (?1, ?2)",
            [number, migration.oldest_release],
        )?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::stores::sqlite::{assets, directory, purge};

    const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

    #[test]
    fn a_file_is_created_once_and_then_opened() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sqlite3");
        for _ in 0..2 {
            let connection = open_writer(&path, BUSY_TIMEOUT).unwrap();
            assert_eq!(version(&connection).unwrap(), MIGRATIONS.len());
            let setting = |name| {
                let value = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
                value.unwrap()
            };
            assert_eq!(setting("synchronous"), 2, "FULL");
            assert_eq!(setting("foreign_keys"), 1);
        }
        let reader = open_reader(&path, BUSY_TIMEOUT).unwrap();
        assert!(reader.execute("DELETE FROM asset", []).is_err());
    }

    #[test]
    fn a_released_migration_is_never_changed() {
        let digests: Vec<_> = MIGRATIONS
            .iter()
            .map(|migration| const_hex::encode(Sha256::digest(migration.sql)))
            .collect();
        assert_eq!(
            digests,
            ["c76a54e876d52335c71b5dc17f1e4c4f60a3a7d64b9861ee7b30230300a4ef36"]
        );
    }

    /// The statements of each release, by the schema version that it knows. Adding a version leaves the
    /// file of the previous version as it was released.
    const STATEMENTS: &[&str] = &[include_str!("statements_1.sql")];

    #[test]
    fn the_statements_of_this_release_are_recorded() {
        assert_eq!(STATEMENTS.len(), MIGRATIONS.len());
        let own = [assets::STATEMENTS, directory::STATEMENTS, purge::STATEMENTS].concat();
        let own: String = own.iter().flat_map(|sql| [sql, ";\n"]).collect();
        assert_eq!(STATEMENTS.last(), Some(&own.as_str()));
    }

    #[test]
    fn statements_of_the_release_before_still_work() {
        let directory = tempfile::tempdir().unwrap();
        let newest = open_writer(&directory.path().join("a"), BUSY_TIMEOUT).unwrap();
        let columns = "SELECT m.name || '.' || c.name FROM sqlite_schema AS m \
             JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' AND c.\"notnull\" \
             AND c.dflt_value IS NULL AND c.pk = 0";
        let mut columns = newest.prepare(columns).unwrap();
        let required: Vec<String> = columns
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for statements in STATEMENTS.iter().rev().take(2) {
            for sql in statements.split_terminator(";\n") {
                newest.prepare(sql).expect(sql);
                let Some((table, given)) = sql
                    .trim_start()
                    .strip_prefix("INSERT INTO ")
                    .and_then(|insert| insert.split_once(" ("))
                else {
                    continue;
                };
                let given = given.split_once(')').unwrap().0;
                for column in &required {
                    let (of, column) = column.split_once('.').unwrap();
                    let fills = given.split(", ").any(|given| given == column);
                    assert!(of != table || fills, "{column} is left out by: {sql}");
                }
            }
        }
    }

    /// Migrates the file as another process of a later release would.
    fn migrated_later(path: &Path, oldest_release: i64, sql: &str) {
        let other = open_writer(path, BUSY_TIMEOUT).unwrap();
        let later = i64::try_from(MIGRATIONS.len()).unwrap() + 1;
        other.execute_batch(sql).unwrap();
        other
            .execute(
                "INSERT INTO migration (version, oldest_release) VALUES (?1, ?2)",
                [later, oldest_release],
            )
            .unwrap();
        other.pragma_update(None, "user_version", later).unwrap();
    }

    #[test]
    fn a_later_version_is_accepted_only_if_it_is_compatible() {
        let directory = tempfile::tempdir().unwrap();
        let known = i64::try_from(MIGRATIONS.len()).unwrap();
        let path = directory.path().join("compatible");
        migrated_later(&path, known, "ALTER TABLE asset ADD COLUMN new_in_2 TEXT");
        open_writer(&path, BUSY_TIMEOUT).unwrap();

        let path = directory.path().join("incompatible");
        let running = open_writer(&path, BUSY_TIMEOUT).unwrap();
        let sql = "SELECT display_name FROM asset";
        let read = || running.prepare_cached(sql)?.exists([]).map_err(Fault::from);
        read().unwrap();
        let rename = "ALTER TABLE asset RENAME COLUMN display_name TO shown_name";
        migrated_later(&path, known + 1, rename);
        let refused = open_writer(&path, BUSY_TIMEOUT).unwrap_err();
        assert!(matches!(refused, Fault::Newer { .. }), "{refused}");
        assert!(refused.is_transient(), "an upgrade is on its way");

        // A process that was running before the migration notices it when a statement fails.
        let failed = read().unwrap_err();
        assert!(!failed.is_transient(), "{failed}");
        let explained = explain(&running, failed);
        assert!(matches!(explained, Fault::Newer { .. }), "{explained}");
        let state = explain(&running, Fault::Row("state"));
        assert!(matches!(state, Fault::Newer { .. }), "{state}");
        let other = explain(&running, Fault::RolledBack);
        assert!(matches!(other, Fault::RolledBack), "{other}");
    }

    #[test]
    fn processes_that_open_a_new_file_at_once_all_get_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sqlite3");
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| open_writer(&path, BUSY_TIMEOUT).unwrap());
            }
        });
    }

    #[test]
    fn a_database_of_another_application_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        for (name, statements) in [
            ("tables", "CREATE TABLE mine (a)"),
            ("id", "PRAGMA application_id = 7"),
            ("version", "PRAGMA user_version = 1"),
        ] {
            let path = directory.path().join(name);
            Connection::open(&path)
                .unwrap()
                .execute_batch(statements)
                .unwrap();
            let before = std::fs::read(&path).unwrap();
            let refused = open_writer(&path, BUSY_TIMEOUT).unwrap_err();
            assert!(matches!(refused, Fault::Foreign(_)), "{name}: {refused}");
            assert_eq!(std::fs::read(&path).unwrap(), before, "{name}");
        }
        let path = directory.path().join("text");
        std::fs::write(&path, "no database at all, but long enough to be read").unwrap();
        assert!(!open_writer(&path, BUSY_TIMEOUT).unwrap_err().is_transient());
    }

    #[test]
    fn a_database_without_a_write_ahead_log_is_refused() {
        let refused = open_writer(Path::new(":memory:"), BUSY_TIMEOUT).unwrap_err();
        assert!(matches!(refused, Fault::NoWal(_)), "{refused}");
    }
}
