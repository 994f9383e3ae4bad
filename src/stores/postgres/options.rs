//! The options of a PostgreSQL store, and its constructors.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::schema::{self, InvalidSchemaName, Schema};
use super::store::{Inner, PostgresStore};
use crate::ports::StoreError;
use crate::stores::pg::{Fault, Pg, Settings};
use crate::tls::TrustRoots;

/// The options with which a [`PostgresStore`] connects.
///
/// ```no_run
/// use std::num::NonZeroUsize;
/// use std::time::Duration;
/// use tower_asset_upload::PostgresStore;
/// use tower_asset_upload::tls::TrustRoots;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::options()
///     .max_connections(NonZeroUsize::new(4).unwrap())
///     .call_timeout(Duration::from_secs(3))
///     .trust_roots(&TrustRoots::mozilla().pem(std::fs::read("database-ca.pem")?)?)
///     .connect("postgres://uploads:secret@db.example.com/app?sslmode=require")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    schema: Schema,
    settings: Settings,
}

impl PostgresOptions {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self {
            schema: Schema::default(),
            settings: Settings::default(),
        }
    }

    /// Sets the schema that holds all tables; `asset_upload` by default. [`connect`](Self::connect)
    /// creates it if it is missing. Stores in different schemas share nothing. Keep nothing else in the
    /// schema.
    ///
    /// # Errors
    /// See [`InvalidSchemaName`].
    pub fn schema(mut self, name: &str) -> Result<Self, InvalidSchemaName> {
        self.schema = Schema::new(name)?;
        Ok(self)
    }

    /// Sets the most connections at one time; 10 by default. All replicas together share the server's
    /// limit (PostgreSQL, `max_connections`).
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

    /// Connects to the database of this URL (PostgreSQL, "Connection URIs").
    ///
    /// # Errors
    /// See [`PostgresStore::connect`].
    pub async fn connect(&self, url: &str) -> Result<PostgresStore, StoreError> {
        Ok(self.open(url).await?)
    }

    async fn open(&self, url: &str) -> Result<PostgresStore, Fault> {
        let pg = Pg::new(url, &self.settings)?;
        let schema = Arc::new(self.schema.clone());
        let own = Arc::clone(&schema);
        pg.call_within(schema::MIGRATE_TIMEOUT, move |mut session| async move {
            schema::migrate(&mut session, &own).await
        })
        .await?;
        Ok(PostgresStore {
            inner: Arc::new(Inner { pg, schema }),
        })
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl PostgresStore {
    /// Connects to the database of this URL (PostgreSQL, "Connection URIs") with the default
    /// [`PostgresOptions`].
    ///
    /// Creates the schema if it is missing, and migrates an older one. It gives up after five minutes,
    /// waiting for other processes included. To create the schema, the user needs the privilege CREATE
    /// on the database. If nothing has to be created or migrated, the privileges to read and write the
    /// tables are enough.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the server can't be reached, or if the schema was migrated to a
    /// version that this release can't work with. [`StoreError::Failed`] if there is no Tokio runtime,
    /// the URL is malformed, or the server refuses the user.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        PostgresOptions::new().connect(url).await
    }

    /// Returns the default options, as [`PostgresOptions::new`] does.
    #[must_use]
    pub fn options() -> PostgresOptions {
        PostgresOptions::new()
    }
}
