//! The schema that everything is in: its name, and what brings it up to date.

use std::fmt;
use std::time::Duration;

use tokio_postgres::{Client, Row};

use super::rows::column;
use crate::stores::pg::{Fault, Session, lock_key, values};

/// The migration at index *n* brings a database of version *n* to version *n* + 1. Released ones are
/// never changed, and a new one keeps the statements of the release before it working, as replicas of
/// both run side by side while an upgrade goes on.
const MIGRATIONS: &[Migration] = &[Migration {
    sql: include_str!("schema_1.sql"),
    oldest_release: 1,
}];

struct Migration {
    sql: &'static str,
    /// Releases that know this version of the schema, or a later one, can work with what it makes.
    oldest_release: i64,
}

/// How long a start may take that has to wait for other processes, or to migrate.
pub(super) const PATIENCE: Duration = Duration::from_mins(5);

/// Why a text can't name the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a schema's name has 1 to 63 bytes, none of them NUL, and doesn't begin with `pg_`, which is PostgreSQL's own"
)]
#[non_exhaustive]
pub struct InvalidSchemaName;

/// A schema, by its name.
#[derive(Clone)]
pub(super) struct Schema {
    name: String,
    /// With its quotes, as an identifier (PostgreSQL, "Lexical Structure").
    quoted: String,
}

impl Schema {
    const MAX_BYTES: usize = 63;

    pub(super) fn new(name: &str) -> Result<Self, InvalidSchemaName> {
        let sound = (1..=Self::MAX_BYTES).contains(&name.len())
            && !name.contains('\0')
            && !name.starts_with("pg_");
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let name = name.to_owned();
        sound
            .then_some(Self { name, quoted })
            .ok_or(InvalidSchemaName)
    }

    /// A statement with its tables in this schema.
    pub(super) fn sql(&self, template: &str) -> String {
        template.replace("{schema}", &self.quoted)
    }

    /// The advisory lock for a purpose of this schema's.
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

/// Brings the schema up to date, or makes it. Any number of processes may do so at once.
pub(super) async fn migrate(session: &mut Session, schema: &Schema) -> Result<(), Fault> {
    // Where there is nothing to do no right is needed but to read.
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
    // Looked at again, as another process may have been faster.
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

/// Refuses a schema that needs a newer release than this.
pub(super) async fn require_known(session: &mut Session, schema: &Schema) -> Result<(), Fault> {
    let rows = session.read(&schema.sql(Found::NEWEST), &[]).await?;
    Found::newest(rows.first())?
        .version(MIGRATIONS.len())
        .map(drop)
}

/// What there is of a schema.
struct Found {
    schema: bool,
    /// 0 when there are no tables.
    version: i64,
    /// The oldest version that a release has to know.
    oldest_release: i64,
}

impl Found {
    /// The catalogs are asked by SELECT: what looks names up (`to_regclass`, a CREATE with IF NOT EXISTS)
    /// remembers names that were not there, and doesn't learn in a transaction that they are by now.
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

    /// The version, if a release that knows that many can work with it.
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

    /// `tests/postgres/start.rs` prepares them, and those of the release before.
    #[test]
    fn the_statements_of_this_release_are_written_down() {
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
