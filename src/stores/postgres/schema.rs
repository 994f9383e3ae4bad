//! The schema that everything is in: its name, and what brings it up to date.

use std::fmt;
use std::time::Duration;

use tokio_postgres::Client;

use crate::stores::pg::{Fault, Session, lock_key, values};

/// What brings a database of version *n* to version *n* + 1. Released ones are never changed.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql")];

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
        sound.then_some(Self { quoted }).ok_or(InvalidSchemaName)
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
    if version(session.take_over()?, schema).await? == MIGRATIONS.len() {
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
    // Asked again, as another process may have been faster.
    let from = version(client, schema).await?;
    if from == 0 && !exists(client, "to_regnamespace", &schema.quoted).await? {
        client
            .batch_execute(&schema.sql("CREATE SCHEMA {schema}"))
            .await?;
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

/// The version of the schema; 0 when there is none.
async fn version(client: &Client, schema: &Schema) -> Result<usize, Fault> {
    if !exists(client, "to_regclass", &schema.sql("{schema}.migration")).await? {
        return Ok(0);
    }
    let sql = schema.sql("SELECT coalesce(max(version), 0) AS version FROM {schema}.migration");
    let rows = client.query_typed(&sql, &[]).await?;
    let found: i64 = rows
        .first()
        .and_then(|row| row.try_get("version").ok())
        .ok_or(Fault::Row("version"))?;
    match usize::try_from(found) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        Ok(_) => Err(Fault::Newer {
            found,
            known: MIGRATIONS.len(),
        }),
        Err(_) => Err(Fault::Row("version")),
    }
}

/// Whether there is something of that name (PostgreSQL, "System Catalog Information Functions").
async fn exists(client: &Client, look_up: &str, name: &str) -> Result<bool, Fault> {
    let sql = format!("SELECT pg_catalog.{look_up}($1) IS NOT NULL AS found");
    let rows = client.query_typed(&sql, &values![TEXT: name]).await?;
    let found = rows.first().and_then(|row| row.try_get("found").ok());
    found.ok_or(Fault::Row("found"))
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
            ["39c5b172917ea76365a5bd022ad543b4dce558126025636154a793361a597188"]
        );
    }
}
