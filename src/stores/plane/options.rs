//! How Plane's database is connected to.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::schema;
use super::stamps::Stamps;
use super::store::{Inner, PlaneStore};
use crate::ports::StoreError;
use crate::stores::pg::{Fault, Pg, Settings};
use crate::tls::TrustRoots;

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
    settings: Settings,
}

impl PlaneOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            settings: Settings::default(),
        }
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

    /// The certificate authorities to trust; [`TrustRoots::mozilla`] by default.
    #[must_use]
    pub fn trust_roots(mut self, roots: &TrustRoots) -> Self {
        self.settings.roots = roots.clone();
        self
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

impl PlaneStore {
    /// Connects to the database of that URL (PostgreSQL, "Connection URIs"), with the defaults of
    /// [`PlaneOptions`], and looks whether it has Plane's tables.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server can't be reached, and [`StoreError::Failed`] when
    /// the URL is malformed, the user is not let in, or a table or a column is missing or may not be
    /// read. No error repeats the URL.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        PlaneOptions::new().connect(url).await
    }

    /// Options to connect with; short for [`PlaneOptions::new`].
    #[must_use]
    pub fn options() -> PlaneOptions {
        PlaneOptions::new()
    }
}
