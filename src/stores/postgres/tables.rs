//! A connection together with the schema of the tables.

use std::sync::Arc;

use tokio_postgres::Row;

use super::schema::Schema;
use crate::stores::pg::{Fault, Session, Statement, Values};

/// Runs statements in the store's schema. Statements have `{schema}` before the names of their tables.
pub(super) struct Tables {
    session: Session,
    schema: Arc<Schema>,
}

impl Tables {
    pub(super) fn new(session: Session, schema: Arc<Schema>) -> Self {
        Self { session, schema }
    }

    /// See [`Session::read`].
    pub(super) async fn read(&mut self, sql: &str, values: &Values<'_>) -> Result<Vec<Row>, Fault> {
        self.session.read(&self.schema.sql(sql), values).await
    }

    /// See [`Session::write`].
    pub(super) async fn write(
        &mut self,
        sql: &str,
        values: &Values<'_>,
    ) -> Result<Vec<Row>, Fault> {
        self.session.write(&self.schema.sql(sql), values).await
    }

    /// See [`Session::transaction`]. `lock` is the purpose of the lock and the thing that it protects.
    pub(super) async fn transaction(
        &mut self,
        lock: Option<(&str, &[u8])>,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Row>, Fault> {
        let placed: Vec<_> = statements
            .iter()
            .map(|statement| (self.schema.sql(statement.sql), statement.values))
            .collect();
        let statements: Vec<_> = placed
            .iter()
            .map(|(sql, values)| Statement::new(sql, values))
            .collect();
        let lock = lock.map(|(purpose, of)| self.schema.lock(purpose, of));
        self.session.transaction(lock, &statements).await
    }

    /// See [`Session::renew`].
    pub(super) async fn renew(&mut self) -> Result<(), Fault> {
        self.session.renew().await
    }
}
