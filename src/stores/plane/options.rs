//! The options of a Plane store, and its constructors.

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

/// The options with which a [`PlaneStore`] connects.
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
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self {
            settings: Settings::default(),
        }
    }

    /// Sets the most connections at one time; 10 by default. Plane's own processes and all replicas
    /// share the server's limit (PostgreSQL, `max_connections`).
    #[must_use]
    pub fn max_connections(mut self, connections: NonZeroUsize) -> Self {
        self.settings.max_connections = connections;
        self
    }

    /// Sets the time limit for a new connection, TLS and authentication included; 5 seconds by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// Sets how long a call waits for a connection if all are in use; 5 seconds by default.
    #[must_use]
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.settings.acquire_timeout = timeout;
        self
    }

    /// Sets the time limit for a call, waiting and connecting included; 10 seconds by default. A call
    /// that takes longer is [`StoreError::Unavailable`]: the query is cancelled on the server, and the
    /// connection is closed.
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.settings.call_timeout = timeout;
        self
    }

    /// Sets the certificate authorities to trust; [`TrustRoots::mozilla`] by default.
    #[must_use]
    pub fn trust_roots(mut self, roots: &TrustRoots) -> Self {
        self.settings.roots = roots.clone();
        self
    }

    /// Connects to the database of this URL (PostgreSQL, "Connection URIs"), and checks that it has
    /// Plane's tables.
    ///
    /// # Errors
    /// See [`PlaneStore::connect`].
    pub async fn connect(&self, url: &str) -> Result<PlaneStore, StoreError> {
        let store = self.open(url)?;
        let mismatches = store.schema_mismatches().await?;
        if mismatches.is_empty() {
            return Ok(store);
        }
        let sentence = schema::sentence(&mismatches);
        Err(StoreError::failed(format!(
            "the tables are not those of a Plane that this release knows: {sentence}"
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
    /// Connects to the database of this URL (PostgreSQL, "Connection URIs") with the default
    /// [`PlaneOptions`], and checks that it has Plane's tables.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the server can't be reached. [`StoreError::Failed`] if there is no
    /// Tokio runtime, the URL is malformed, the server refuses the user, or the tables don't fit
    /// ([`PlaneStore::schema_mismatches`]). No error repeats the URL.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        PlaneOptions::new().connect(url).await
    }

    /// Returns the default options, as [`PlaneOptions::new`] does.
    #[must_use]
    pub fn options() -> PlaneOptions {
        PlaneOptions::new()
    }
}
