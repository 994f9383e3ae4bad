//! Statements and transactions on a connection.

use std::time::Duration;

use futures_util::future::{OptionFuture, join_all, join3};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::fault::Fault;
use super::lease::Lease;

/// The values of a statement with their types. Without the types the driver would have to ask the
/// server, which takes a round trip.
pub(in crate::stores) type Values<'a> = [(&'a (dyn ToSql + Sync), Type)];

/// `values![UUID: id, TEXT: name]` gives `id` for `$1` and `name` for `$2`.
macro_rules! values {
    ($($kind:ident: $value:expr),* $(,)?) => {
        [$((
            &$value as &(dyn tokio_postgres::types::ToSql + Sync),
            tokio_postgres::types::Type::$kind,
        )),*]
    };
}
pub(in crate::stores) use values;

/// A statement and its values.
#[derive(Clone, Copy)]
pub(in crate::stores) struct Statement<'a> {
    pub(in crate::stores) sql: &'a str,
    pub(in crate::stores) values: &'a Values<'a>,
}

impl<'a> Statement<'a> {
    pub(in crate::stores) fn new(sql: &'a str, values: &'a Values<'a>) -> Self {
        Self { sql, values }
    }
}

/// The connection of one [call](super::Pg::call). A statement takes one round trip, a transaction two.
pub(in crate::stores) struct Session {
    lease: Lease,
    limit: Duration,
}

impl Session {
    pub(super) fn new(lease: Lease, limit: Duration) -> Self {
        Self { lease, limit }
    }

    /// Runs an idempotent statement and returns its rows. If the connection breaks, it sends the
    /// statement once more over another connection.
    pub(in crate::stores) async fn read(
        &mut self,
        sql: &str,
        values: &Values<'_>,
    ) -> Result<Vec<Row>, Fault> {
        match self.write(sql, values).await {
            Err(fault) if fault.is_lost() => {
                self.renew().await?;
                self.write(sql, values).await
            }
            answer => answer,
        }
    }

    /// Runs a statement as a transaction of its own and returns its rows.
    pub(in crate::stores) async fn write(
        &mut self,
        sql: &str,
        values: &Values<'_>,
    ) -> Result<Vec<Row>, Fault> {
        self.send(async |client| Ok(client.query_typed(sql, values).await?))
            .await
    }

    /// Runs the statements as one transaction and returns the rows of the last one. At READ COMMITTED
    /// each statement sees everything that was committed before it began. With `lock`, the key of an
    /// [advisory lock](super::lock_key), the transaction waits for all other transactions with this key.
    ///
    /// BEGIN is a round trip of its own: if BEGIN fails, statements that were sent along with it would
    /// run and commit one by one. Everything else is sent at once, so a slow client never holds a
    /// snapshot or a lock open.
    pub(in crate::stores) async fn transaction(
        &mut self,
        lock: Option<i64>,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Row>, Fault> {
        let limit = self.limit.as_millis().clamp(1, 2_147_483_647);
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
             SET LOCAL statement_timeout = {limit}"
        );
        let lock = lock.map(|key| format!("SELECT pg_catalog.pg_advisory_xact_lock({key})"));
        self.send(async |client| {
            if let Err(refused) = client.batch_execute(&begin).await {
                // BEGIN may have succeeded, and the SET after it failed.
                client.batch_execute("ROLLBACK").await?;
                return Err(refused.into());
            }
            // The driver queues a message when its future is first polled. These futures are polled in
            // the order in which they stand here.
            let statements = statements
                .iter()
                .map(|statement| client.query_typed(statement.sql, statement.values));
            let (locked, answers, committed) = join3(
                OptionFuture::from(lock.as_deref().map(|lock| client.batch_execute(lock))),
                join_all(statements),
                client.batch_execute("COMMIT"),
            )
            .await;
            // The first error is the cause of all later ones. After it, COMMIT rolls the transaction
            // back.
            locked.transpose()?;
            let mut rows = Vec::new();
            for answer in answers {
                rows = answer?;
            }
            committed?;
            Ok(rows)
        })
        .await
    }

    /// Replaces the connection, for example after it broke.
    pub(in crate::stores) async fn renew(&mut self) -> Result<(), Fault> {
        self.lease.renew().await
    }

    /// Returns the client itself, for work of several round trips. The connection is closed at the end
    /// of the call, and an open transaction with it, unless [`settle`](Self::settle) is called first.
    pub(in crate::stores) fn take_over(&mut self) -> Result<&Client, Fault> {
        self.lease.set_busy(true);
        self.lease.client()
    }

    /// Declares that no transaction is open, so the connection may return to the pool.
    pub(in crate::stores) fn settle(&mut self) {
        self.lease.set_busy(false);
    }

    async fn send<T>(
        &mut self,
        message: impl AsyncFnOnce(&Client) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.lease.set_busy(true);
        let answer = message(self.lease.client()?).await;
        // After any other error, answers may still be on their way.
        let settled = answer.as_ref().err().is_none_or(Fault::is_answer);
        self.lease.set_busy(!settled);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Pg, Settings};
    use super::*;

    #[tokio::test]
    async fn calls_can_be_spawned() {
        let pg = Pg::new("postgres://127.0.0.1:1/x", &Settings::default()).unwrap();
        let answer = pg.call(|mut session| async move {
            let (id, name) = (uuid::Uuid::nil(), "x".to_owned());
            session.read("SELECT $1", &values![UUID: id]).await?;
            session.renew().await?;
            session.write("SELECT $1", &values![TEXT: name]).await?;
            let values = values![TEXT: name];
            let statements = [Statement::new("SELECT $1", &values)];
            session.transaction(Some(7), &statements).await
        });
        let refused = answer.await.unwrap_err();
        assert!(matches!(refused, Fault::Connect(_)), "{refused}");
        assert!(refused.is_transient(), "{refused}");
    }
}
