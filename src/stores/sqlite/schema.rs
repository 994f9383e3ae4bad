//! Opening connections: whose file it is, which version, and how it is kept safe.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::fault::Fault;

/// Marks a file as this crate's (SQLite, "Database File Format", offset 68).
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"tAUp");

/// What brings a database of version *n* to version *n* + 1. Released ones are never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
];

/// More than there are statements, so that none is prepared twice.
const CACHED_STATEMENTS: usize = 32;

const WAL_RETRY: Duration = Duration::from_millis(10);

/// The connection that writes. Makes the file when there is none, and brings it up to date.
pub(super) fn open_writer(path: &Path, busy_timeout: Duration) -> Result<Connection, Fault> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE, busy_timeout)?;
    // Before anything is written: a file that is not ours has to stay as it is.
    version(&connection)?;
    write_ahead(&connection, busy_timeout)?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// A connection that only reads, to a file that [`open_writer`] has opened before.
pub(super) fn open_reader(path: &Path, busy_timeout: Duration) -> Result<Connection, Fault> {
    let connection = connect(path, OpenFlags::empty(), busy_timeout)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn connect(path: &Path, more: OpenFlags, busy_timeout: Duration) -> Result<Connection, Fault> {
    // Without SQLITE_OPEN_URI, a path is a path whatever characters it has.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // A commit is on the disk before anyone hears of it; `fullfsync` is what that takes on macOS.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

/// The version of the database; 0 when the file is empty.
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
        Ok(version @ 1..) if version <= MIGRATIONS.len() => Ok(version),
        Ok(1..) => Err(Fault::Newer {
            found,
            known: MIGRATIONS.len(),
        }),
        _ => foreign("version", found),
    }
}

fn write_ahead(connection: &Connection, busy_timeout: Duration) -> Result<(), Fault> {
    // Here SQLite does not wait by itself while another process does the same.
    let mut patience = busy_timeout;
    loop {
        let switched = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
            .map_err(Fault::from);
        match switched {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(other) => return Err(Fault::NoWal(other)),
            Err(fault) if fault.is_busy() && !patience.is_zero() => {
                thread::sleep(WAL_RETRY);
                patience = patience.saturating_sub(WAL_RETRY);
            }
            Err(fault) => return Err(fault),
        }
    }
}

fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    if version(connection)? == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again, as another process may have been faster.
    let from = version(&transaction)?;
    for (migration, number) in MIGRATIONS.iter().zip(1_i64..).skip(from) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[test]
    fn a_file_is_made_once_and_opened_ever_after() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sqlite3");
        for _ in 0..2 {
            let connection = open_writer(&path, PATIENCE).unwrap();
            assert_eq!(version(&connection).unwrap(), MIGRATIONS.len());
            let setting = |name| {
                let value = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
                value.unwrap()
            };
            assert_eq!(setting("synchronous"), 2, "FULL");
            assert_eq!(setting("foreign_keys"), 1);
        }
        let reader = open_reader(&path, PATIENCE).unwrap();
        assert!(reader.execute("DELETE FROM asset", []).is_err());
    }

    #[test]
    fn a_file_of_any_version_is_brought_up_to_date() {
        let schema = |connection: &Connection| {
            let sql = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name";
            let mut statement = connection.prepare(sql).unwrap();
            let read = |row: &rusqlite::Row<'_>| {
                Ok([row.get(0)?, row.get(1)?, row.get(2)?] as [Option<String>; 3])
            };
            let rows = statement.query_map([], read).unwrap();
            rows.map(Result::unwrap).collect::<Vec<_>>()
        };
        let directory = tempfile::tempdir().unwrap();
        let newest = open_writer(&directory.path().join("new"), PATIENCE).unwrap();
        for from in 1..MIGRATIONS.len() {
            let path = directory.path().join(from.to_string());
            let old = Connection::open(&path).unwrap();
            for migration in &MIGRATIONS[..from] {
                old.execute_batch(migration).unwrap();
            }
            old.pragma_update(None, "user_version", i64::try_from(from).unwrap())
                .unwrap();
            old.pragma_update(None, "application_id", APPLICATION_ID)
                .unwrap();
            drop(old);
            let connection = open_writer(&path, PATIENCE).unwrap();
            assert_eq!(version(&connection).unwrap(), MIGRATIONS.len(), "{from}");
            assert_eq!(schema(&connection), schema(&newest), "{from}");
        }
    }

    #[test]
    fn what_older_versions_kept_is_kept() {
        const ROWS: &str = "
            INSERT INTO workspace (id, slug) VALUES (zeroblob(16), 'home');
            INSERT INTO project (workspace_id, id) VALUES (zeroblob(16), zeroblob(16));
            WITH n (n) AS (SELECT value FROM json_each('[1, 2, 3, 4, 5, 6, 7, 8, 9]'))
            INSERT INTO asset (workspace_id, id, project_id, object_key, display_name, object_name,
                media_type, size, external_source, external_id, created_by, created_at, state,
                stored_size, deleted_at)
            SELECT zeroblob(16), randomblob(16), zeroblob(16), 'key/' || n, 'a.png', 'a.png',
                'image/png', n, 'github', n % 5, randomblob(16), n, iif(n % 2, 'pending', 'uploaded'),
                iif(n % 2, NULL, n), iif(n > 5, n, NULL) FROM n;";
        const ALL: &str = "
            SELECT group_concat(concat_ws(' ', rowid, hex(id), hex(project_id), object_key, size,
                external_id, hex(created_by), state, stored_size, deleted_at), ';')
            FROM (SELECT rowid, * FROM asset ORDER BY rowid)";
        let directory = tempfile::tempdir().unwrap();
        for from in 1..MIGRATIONS.len() {
            let path = directory.path().join(from.to_string());
            let old = Connection::open(&path).unwrap();
            for migration in &MIGRATIONS[..from] {
                old.execute_batch(migration).unwrap();
            }
            old.execute_batch(ROWS).unwrap();
            let version = i64::try_from(from).unwrap();
            old.pragma_update(None, "user_version", version).unwrap();
            old.pragma_update(None, "application_id", APPLICATION_ID)
                .unwrap();
            let text = |connection: &Connection, sql: &str| -> String {
                connection.query_row(sql, [], |row| row.get(0)).unwrap()
            };
            let before = text(&old, ALL);
            assert_eq!(before.split(';').count(), 9);
            drop(old);
            let connection = open_writer(&path, PATIENCE).unwrap();
            assert_eq!(text(&connection, ALL), before, "{from}");
            let sound = text(&connection, "PRAGMA integrity_check");
            assert_eq!(sound, "ok", "{from}");
            let mut broken = connection.prepare("PRAGMA foreign_key_check").unwrap();
            assert!(!broken.exists([]).unwrap(), "{from}");
        }
    }

    #[test]
    fn processes_that_open_a_new_file_at_once_all_get_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sqlite3");
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| open_writer(&path, PATIENCE).unwrap());
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
            let refused = open_writer(&path, PATIENCE).unwrap_err();
            assert!(matches!(refused, Fault::Foreign(_)), "{name}: {refused}");
            assert_eq!(std::fs::read(&path).unwrap(), before, "{name}");
        }
        let path = directory.path().join("text");
        std::fs::write(&path, "no database at all, but long enough to be read").unwrap();
        assert!(!open_writer(&path, PATIENCE).unwrap_err().is_passing());
    }

    #[test]
    fn what_can_not_keep_a_log_is_refused() {
        let refused = open_writer(Path::new(":memory:"), PATIENCE).unwrap_err();
        assert!(matches!(refused, Fault::NoWal(_)), "{refused}");
    }
}
