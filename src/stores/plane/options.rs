//! How Plane's database is connected to.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::stamps::Stamps;
use super::{Inner, PlaneStore, schema};
use crate::clock::{Clock, SystemClock};
use crate::store::StoreError;
use crate::stores::pg::{Fault, InvalidRootCertificate, Pg, Settings};

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

    /// How many connections there may be at one time; 10 by default. Plane's own processes and all
    /// replicas share the server's limit (PostgreSQL, `max_connections`).
    #[must_use]
    pub fn max_connections(mut self, connections: NonZeroUsize) -> Self {
        self.settings.max_connections = connections;
        self
    }

    /// How long making a connection may take, TLS and authentication included; 5 seconds by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How long to wait for a connection when all are in use; 5 seconds by default.
    #[must_use]
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.settings.acquire_timeout = timeout;
        self
    }

    /// How long a call may take, waiting and connecting included; 10 seconds by default. Then it is
    /// [`StoreError::Unavailable`], the server is told to stop, and the connection is closed.
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.settings.call_timeout = timeout;
        self
    }

    /// Certificate authorities to trust besides the Mozilla roots: the contents of a PEM file with
    /// one certificate or several. None by default.
    ///
    /// # Errors
    /// See [`InvalidRootCertificate`].
    pub fn root_certificates(
        mut self,
        pem: impl AsRef<[u8]>,
    ) -> Result<Self, InvalidRootCertificate> {
        self.settings.roots.add_pem(pem.as_ref())?;
        Ok(self)
    }

    /// Connects to the database.
    ///
    /// # Errors
    /// As [`PlaneStore::connect`].
    pub async fn connect(&self, url: &str) -> Result<PlaneStore, StoreError> {
        let store = self.open(url)?;
        let mismatches = store.schema_mismatches().await?;
        if mismatches.is_empty() {
            return Ok(store);
        }
        let sentence = schema::sentence(&mismatches);
        Err(StoreError::failed(format!(
            "these aren't the tables of a Plane that this release knows: {sentence}"
        )))
    }

    fn open(&self, url: &str) -> Result<PlaneStore, Fault> {
        let runtime = Handle::try_current().map_err(|_| Fault::NoRuntime)?;
        let pg = Pg::new(url, &self.settings)?;
        Ok(PlaneStore {
            inner: Arc::new(Inner {
                stamps: Stamps::new(pg.clone(), runtime),
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
