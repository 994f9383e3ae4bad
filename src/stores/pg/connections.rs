//! The connection pool, and calls that use its connections.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::Fault;
use super::lease::{Connections, Lease};
use super::session::Session;
use super::settings::Settings;
use super::url;

/// Connections to one database. This is a handle: clones share the pool.
///
/// Calls run on the Tokio runtime in which [`new`](Self::new) was called, so callers need no runtime of
/// their own. A caller that hangs up never leaves a connection with a half-finished call.
#[derive(Clone)]
pub(in crate::stores) struct Pg {
    inner: Arc<Inner>,
}

struct Inner {
    connections: Arc<Connections>,
    call_timeout: Duration,
}

impl Pg {
    /// Reads the URL. The first call connects.
    pub(in crate::stores) fn new(url: &str, settings: &Settings) -> Result<Self, Fault> {
        let runtime = Handle::try_current().map_err(|_| Fault::NoRuntime)?;
        let config = url::parse(url, settings.connect_timeout)?;
        let tls = MakeRustlsConnect::new(settings.roots.client_config());
        let manager = ManagerConfig {
            // Checks a pooled connection without a round trip: the client knows when its connection is
            // closed.
            recycling_method: RecyclingMethod::Fast,
        };
        let pool = Pool::builder(Manager::from_config(config, tls.clone(), manager))
            .max_size(settings.max_connections.get())
            .wait_timeout(Some(settings.acquire_timeout))
            .create_timeout(Some(settings.connect_timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|_| Fault::Stopped)?;
        Ok(Self {
            inner: Arc::new(Inner {
                connections: Arc::new(Connections {
                    pool,
                    tls,
                    runtime,
                    connect_timeout: settings.connect_timeout,
                }),
                call_timeout: settings.call_timeout,
            }),
        })
    }

    /// Runs `work` with a connection, for at most the call timeout of the settings.
    ///
    /// Once `work` has begun it runs to its end, even if this future is dropped. If the future is
    /// dropped while the call still waits for a connection, `work` is never run.
    pub(in crate::stores) async fn call<T, W>(
        &self,
        work: impl FnOnce(Session) -> W + Send + 'static,
    ) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        self.call_within(self.inner.call_timeout, work).await
    }

    /// Runs `work` with a connection, for at most `limit`.
    pub(in crate::stores) async fn call_within<T, W>(
        &self,
        limit: Duration,
        work: impl FnOnce(Session) -> W + Send + 'static,
    ) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let (waiting, hung_up) = oneshot::channel::<Infallible>();
        let connections = Arc::clone(&self.inner.connections);
        let call = self.inner.connections.runtime.spawn(async move {
            let whole = async {
                let lease = match select(pin!(Lease::take(connections)), hung_up).await {
                    Either::Left((lease, _)) => lease?,
                    Either::Right(_) => return Err(Fault::HungUp),
                };
                work(Session::new(lease, limit)).await
            };
            timeout(limit, whole).await.unwrap_or(Err(Fault::Timeout))
        });
        let answer = call.await.unwrap_or_else(|fault| {
            Err(if fault.is_panic() {
                Fault::Panicked
            } else {
                Fault::Stopped
            })
        });
        drop(waiting);
        answer
    }
}

impl fmt::Debug for Pg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pg")
            .field(
                "max_connections",
                &self.inner.connections.pool.status().max_size,
            )
            .finish_non_exhaustive()
    }
}
