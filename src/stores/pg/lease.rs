//! A connection of the pool, for the time of a call.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::{CancelToken, Client};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::Fault;

/// Connections to one database, and how they are made.
pub(super) struct Connections {
    pub(super) pool: Pool,
    pub(super) tls: MakeRustlsConnect,
    pub(super) runtime: Handle,
    pub(super) connect_timeout: Duration,
}

impl Connections {
    /// Asks the server to stop what it does for a client that is gone. Nobody waits for that.
    fn cancel(&self, token: CancelToken) {
        let tls = self.tls.clone();
        let limit = self.connect_timeout;
        self.runtime.spawn(async move {
            // Where it fails there is nothing left to stop, or no way to.
            let _ = timeout(limit, token.cancel_query(tls)).await;
        });
    }
}

/// A connection for the time of a call. One that is dropped while it is busy is closed, and what it
/// was busy with is cancelled; any other goes back into the pool.
pub(super) struct Lease {
    /// `None` once it was given up.
    object: Option<Object>,
    connections: Arc<Connections>,
    busy: bool,
}

impl Lease {
    /// Waits for a connection that is free.
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

    /// States whether the server owes an answer, or the client the end of a transaction.
    pub(super) fn set_busy(&mut self, busy: bool) {
        self.busy = busy;
    }

    /// Takes another connection for this one, which is given up.
    pub(super) async fn renew(&mut self) -> Result<(), Fault> {
        self.give_up();
        self.object = Some(self.connections.pool.get().await?);
        self.busy = false;
        Ok(())
    }

    fn give_up(&mut self) {
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
            self.give_up();
        }
    }
}
