//! How Plane's database is connected to.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::stamps::Stamps;
use super::{Inner, PlaneStore, schema};
use crate::clock::{Clock, SystemClock};
use crate::store::StoreError;
use crate::stores::pg::{InvalidRootCertificate, Pg, Settings};

/// How a [`PlaneStore`] is connected.
///
/// ```no_run
/// use std::time::Duration;
/// use tower_asset_upload::PlaneStore;
///
/// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PlaneStore::options()
///     .call_timeout(Duration::from_secs(3))
///     .connect("postgresql://plane:plane@plane-db/plane")
///     .await?;
/// # let _ = store;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PlaneOptions {
    clock: Arc<dyn Clock>,
    settings: Settings,
}

impl PlaneOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            settings: Settings::default(),
        }
    }

    /// The clock that tells when an asset was deleted; the machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How many connections there are at most, of this store and its clones; 10 by default. Plane's own
    /// processes share the server's `max_connections` with it.
    #[must_use]
    pub fn max_connections(mut self, connections: NonZeroUsize) -> Self {
        self.settings.max_connections = connections;
        self
    }

    /// How long a new connection may take, TLS and authentication included; 5 seconds by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How long a call waits for a connection that is free; 5 seconds by default. Then it is
    /// [`StoreError::Unavailable`].
    #[must_use]
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.settings.acquire_timeout = timeout;
        self
    }

    /// How long a whole call may take, waiting and connecting included; 10 seconds by default. Then it
    /// is [`StoreError::Unavailable`], and the server is told to stop.
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.settings.call_timeout = timeout;
        self
    }

    /// Certificates, as PEM, that the server's may be signed by, besides the Mozilla roots.
    ///
    /// # Errors
    /// When there is none in it, or one that can't be read.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, InvalidRootCertificate> {
        self.settings.roots.add_pem(pem)?;
        Ok(self)
    }

    /// Connects to the database of that URL, and looks whether it has Plane's tables.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server can't be reached, and [`StoreError::Failed`] when the
    /// URL is none, the server doesn't let this user in, or a table or a column is missing. No error
    /// repeats the password.
    ///
    /// # Panics
    /// Outside a Tokio runtime. Calls are made on this runtime from now on.
    pub async fn connect(&self, url: &str) -> Result<PlaneStore, StoreError> {
        let pg = Pg::new(url, &self.settings)?;
        pg.call(|mut session| async move { schema::look(&mut session).await })
            .await?;
        Ok(PlaneStore {
            inner: Arc::new(Inner {
                stamps: Stamps::new(pg.clone()),
                clock: Arc::clone(&self.clock),
                pg,
            }),
        })
    }
}

impl Default for PlaneOptions {
    fn default() -> Self {
        Self::new()
    }
}
