//! The schema that everything is in: its name, and what brings it up to date.

use std::fmt;
use std::time::Duration;

use tokio_postgres::Client;

use super::rows::column;
use crate::stores::pg::{Fault, Session, lock_key, values};

/// What brings a database of version *n* to version *n* + 1. Released ones are never changed.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql"), include_str!("schema_2.sql")];

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
    if found.version(MIGRATIONS.len())? == MIGRATIONS.len() {
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
        client.batch_execute(migration).await?;
        let sql = schema.sql("INSERT INTO {schema}.migration (version) VALUES ($1)");
        client.query_typed(&sql, &values![INT8: number]).await?;
    }
    client.batch_execute("COMMIT").await?;
    session.settle();
    Ok(())
}

/// What there is of a schema.
struct Found {
    schema: bool,
    /// 0 when there are no tables.
    version: i64,
}

impl Found {
    /// The catalogs are asked by SELECT: what looks names up (`to_regclass`, a CREATE with IF NOT EXISTS)
    /// remembers names that were not there, and doesn't learn in a transaction that they are by now.
    const LOOK: &str = "\
        SELECT count(*) > 0 AS has_schema, coalesce(bool_or(relname IS NOT NULL), false) AS has_table \
        FROM pg_catalog.pg_namespace LEFT JOIN pg_catalog.pg_class \
        ON relnamespace = pg_namespace.oid AND relname = 'migration' WHERE nspname = $1";

    const VERSION: &str = "SELECT coalesce(max(version), 0) AS version FROM {schema}.migration";

    async fn in_database(client: &Client, schema: &Schema) -> Result<Self, Fault> {
        let name = values![TEXT: schema.name];
        let rows = client.query_typed(Self::LOOK, &name).await?;
        let row = rows.first().ok_or(Fault::Row("has_schema"))?;
        let mut found = Self {
            schema: column(row, "has_schema")?,
            version: 0,
        };
        if column(row, "has_table")? {
            let version = schema.sql(Self::VERSION);
            let rows = client.query_typed(&version, &[]).await?;
            let row = rows.first().ok_or(Fault::Row("version"))?;
            found.version = column(row, "version")?;
        }
        Ok(found)
    }

    /// The version, if this release knows it.
    fn version(&self, known: usize) -> Result<usize, Fault> {
        let found = self.version;
        match usize::try_from(found) {
            Ok(version) if version <= known => Ok(version),
            Ok(_) => Err(Fault::Newer { found, known }),
            Err(_) => Err(Fault::Row("version")),
        }
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

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
            .map(|migration| const_hex::encode(Sha256::digest(migration)))
            .collect();
        assert_eq!(
            digests,
            [
                "a20c3ef8f195f5d96fc9e9deb1a0946b5da2b387365a6a24a88b9dae566a6f8c",
                "621e87d34c17e92090b4cba1471091384b96ce23e6bfb2b4273f342357cb69c9",
            ]
        );
    }
}
