//! The store's schema: its name and its migrations.

use std::fmt;
use std::time::Duration;

use tokio_postgres::{Client, Row};

use super::rows::column;
use crate::stores::pg::{Fault, Session, lock_key, values};

/// The migration at index *n* brings a schema of version *n* to version *n* + 1. A released migration
/// never changes. A new one must keep the statements of the previous release working, because replicas
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

/// The time limit for migrating at start, waiting for other processes included.
pub(super) const MIGRATE_TIMEOUT: Duration = Duration::from_mins(5);

/// The error for a text that can't name a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a schema name must have 1 to 63 bytes, no NUL, and must not begin with `pg_`, which PostgreSQL reserves"
)]
#[non_exhaustive]
pub struct InvalidSchemaName;

/// The name of a schema.
#[derive(Clone)]
pub(super) struct Schema {
    name: String,
    /// The name as a quoted identifier (PostgreSQL, "Lexical Structure").
    quoted: String,
}

impl Schema {
    const MAX_BYTES: usize = 63;

    pub(super) fn new(name: &str) -> Result<Self, InvalidSchemaName> {
        let is_valid = (1..=Self::MAX_BYTES).contains(&name.len())
            && !name.contains('\0')
            && !name.starts_with("pg_");
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let name = name.to_owned();
        is_valid
            .then_some(Self { name, quoted })
            .ok_or(InvalidSchemaName)
    }

    /// Returns the statement with its tables in this schema.
    pub(super) fn sql(&self, template: &str) -> String {
        template.replace("{schema}", &self.quoted)
    }

    /// Returns the key of this schema's advisory lock for a purpose, such as a cap, and the thing that
    /// it protects, such as a workspace.
    pub(super) fn lock(&self, purpose: &str, of: &[u8]) -> i64 {
        let own = b"tower-asset-upload";
        lock_key(&[own, self.quoted.as_bytes(), purpose.as_bytes(), of])
    }
}

impl Default for Schema {
    fn default() -> Self {
        Self {
            name: "asset_upload".to_owned(),
            quoted: "\"asset_upload\"".to_owned(),
        }
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.quoted)
    }
}

/// Creates or migrates the schema. Any number of processes may do so at once.
pub(super) async fn migrate(session: &mut Session, schema: &Schema) -> Result<(), Fault> {
    // If nothing has to be migrated, the user needs no privilege but reading.
    let found = Found::in_database(session.take_over()?, schema).await?;
    if found.version(MIGRATIONS.len())? >= MIGRATIONS.len() {
        session.settle();
        return Ok(());
    }
    let client = session.take_over()?;
    let lock = schema.lock("migrate", b"");
    client
        .batch_execute(&format!(
            "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
             SET LOCAL idle_in_transaction_session_timeout = 0; \
             SELECT pg_catalog.pg_advisory_xact_lock({lock})"
        ))
        .await?;
    // Another process may have migrated the schema while this one waited for the lock.
    let found = Found::in_database(client, schema).await?;
    let from = found.version(MIGRATIONS.len())?;
    if !found.schema {
        let create = schema.sql("CREATE SCHEMA {schema}");
        client.batch_execute(&create).await?;
    }
    let path = schema.sql("SET LOCAL search_path TO {schema}");
    client.batch_execute(&path).await?;
    for (migration, number) in MIGRATIONS.iter().zip(1_i64..).skip(from) {
        client.batch_execute(migration.sql).await?;
        let sql =
            schema.sql("INSERT INTO {schema}.migration (version, oldest_release) VALUES ($1, $2)");
        let values = values![INT8: number, INT8: migration.oldest_release];
        client.query_typed(&sql, &values).await?;
    }
    client.batch_execute("COMMIT").await?;
    session.settle();
    Ok(())
}

/// Returns an error if the schema needs a newer release than this one.
pub(super) async fn require_known(session: &mut Session, schema: &Schema) -> Result<(), Fault> {
    let rows = session.read(&schema.sql(Found::NEWEST), &[]).await?;
    Found::newest(rows.first())?
        .version(MIGRATIONS.len())
        .map(drop)
}

/// The state of a schema in the database.
struct Found {
    schema: bool,
    /// 0 if there are no tables.
    version: i64,
    /// The oldest schema version that a release must know to work with this schema.
    oldest_release: i64,
}

impl Found {
    /// This reads the catalogs by SELECT. `to_regclass` and CREATE … IF NOT EXISTS cache names that were
    /// missing, and within a transaction don't see that another process has created them since.
    const LOOK: &str = "\
        SELECT count(*) > 0 AS has_schema, coalesce(bool_or(relname IS NOT NULL), false) AS has_table \
        FROM pg_catalog.pg_namespace LEFT JOIN pg_catalog.pg_class \
        ON relnamespace = pg_namespace.oid AND relname = 'migration' WHERE nspname = $1";

    const NEWEST: &str = "\
        SELECT version, oldest_release FROM {schema}.migration ORDER BY version DESC LIMIT 1";

    async fn in_database(client: &Client, schema: &Schema) -> Result<Self, Fault> {
        let name = values![TEXT: schema.name];
        let rows = client.query_typed(Self::LOOK, &name).await?;
        let row = rows.first().ok_or(Fault::Row("has_schema"))?;
        let (has_schema, has_table): (bool, bool) =
            (column(row, "has_schema")?, column(row, "has_table")?);
        let newest = if has_table {
            let newest = schema.sql(Self::NEWEST);
            client.query_typed(&newest, &[]).await?
        } else {
            Vec::new()
        };
        Ok(Self {
            schema: has_schema,
            ..Self::newest(newest.first())?
        })
    }

    fn newest(migration: Option<&Row>) -> Result<Self, Fault> {
        let of = |name| migration.map_or(Ok(0), |row| column(row, name));
        Ok(Self {
            schema: true,
            version: of("version")?,
            oldest_release: of("oldest_release")?,
        })
    }

    /// Returns the version if a release that knows the versions up to `known` can work with it.
    fn version(&self, known: usize) -> Result<usize, Fault> {
        let found = self.version;
        let oldest = usize::try_from(self.oldest_release);
        match (usize::try_from(found), oldest) {
            (Ok(version), Ok(oldest)) if version <= known || oldest <= known => Ok(version),
            (Ok(_), Ok(_)) => Err(Fault::Newer { found, known }),
            _ => Err(Fault::Row("version")),
        }
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::stores::postgres::{assets, create, directory, purge};

    /// `tests/postgres/start.rs` prepares these statements and those of the previous release.
    #[test]
    fn the_statements_of_this_release_are_recorded() {
        let own = [
            assets::STATEMENTS,
            create::STATEMENTS,
            directory::STATEMENTS,
            purge::STATEMENTS,
        ];
        let own: String = own.concat().iter().flat_map(|sql| [sql, ";\n"]).collect();
        assert_eq!(own, include_str!("statements_1.sql"));
        assert_eq!(MIGRATIONS.len(), 1, "the file is named after this");
    }

    #[test]
    fn names_are_quoted() {
        let quoted = |name| Schema::new(name).map(|schema| schema.quoted);
        assert_eq!(quoted("Assets").unwrap(), "\"Assets\"");
        assert_eq!(quoted("a\"; --").unwrap(), "\"a\"\"; --\"");
        let long = "a".repeat(64);
        for bad in ["", "pg_assets", "a\0", &long] {
            assert_eq!(quoted(bad), Err(InvalidSchemaName), "{bad:?}");
        }
        assert_eq!(Schema::default().quoted, quoted("asset_upload").unwrap());
    }

    #[test]
    fn a_released_migration_is_never_changed() {
        let digests: Vec<_> = MIGRATIONS
            .iter()
            .map(|migration| const_hex::encode(Sha256::digest(migration.sql)))
            .collect();
        assert_eq!(
            digests,
            ["9cb602fc3173738336b2cc1798ea028384c8d7e0c83f01f3e43df0302ea31061"]
        );
    }
}
