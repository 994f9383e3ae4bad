//! A pooled connection, borrowed for one call.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::{CancelToken, Client};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::Fault;

/// The pool of connections to one database, and the settings that new connections need.
pub(super) struct Connections {
    pub(super) pool: Pool,
    pub(super) tls: MakeRustlsConnect,
    pub(super) runtime: Handle,
    pub(super) connect_timeout: Duration,
}

impl Connections {
    /// Asks the server to cancel the query of a client that is gone. It returns at once, and sends the
    /// request from a task.
    fn cancel(&self, token: CancelToken) {
        let tls = self.tls.clone();
        let limit = self.connect_timeout;
        self.runtime.spawn(async move {
            // A failure needs no handling: the query has ended, or the server can't be reached.
            let _ = timeout(limit, token.cancel_query(tls)).await;
        });
    }
}

/// A connection that is borrowed for one call. Dropping it returns it to the pool, unless it is busy:
/// then the connection is closed and its query cancelled.
pub(super) struct Lease {
    /// `None` after [`discard`](Self::discard).
    object: Option<Object>,
    connections: Arc<Connections>,
    busy: bool,
}

impl Lease {
    /// Waits for a free connection.
    pub(super) async fn take(connections: Arc<Connections>) -> Result<Self, Fault> {
        Ok(Self {
            object: Some(connections.pool.get().await?),
            connections,
            busy: false,
        })
    }

    pub(super) fn client(&self) -> Result<&Client, Fault> {
        self.object
            .as_ref()
            .map(|object| &***object)
            .ok_or(Fault::Stopped)
    }

    /// Sets whether an answer of the server or the end of a transaction is still outstanding.
    pub(super) fn set_busy(&mut self, busy: bool) {
        self.busy = busy;
    }

    /// Discards this connection and takes another one from the pool.
    pub(super) async fn renew(&mut self) -> Result<(), Fault> {
        self.discard();
        self.object = Some(self.connections.pool.get().await?);
        self.busy = false;
        Ok(())
    }

    fn discard(&mut self) {
        let Some(object) = self.object.take() else {
            return;
        };
        let client = Object::take(object);
        if !client.is_closed() {
            self.connections.cancel(client.cancel_token());
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.busy {
            self.discard();
        }
    }
}
