//! How a database is connected to.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::schema::{self, InvalidSchemaName, Schema};
use super::store::{Inner, PostgresStore};
use crate::ports::StoreError;
use crate::stores::pg::{Fault, Pg, Settings};
use crate::tls::TrustRoots;

/// How a [`PostgresStore`] connects.
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
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            schema: Schema::default(),
            settings: Settings::default(),
        }
    }

    /// The schema that everything is in, which is made when there is none; `asset_upload` by default.
    /// Two stores in schemas of their own know nothing of each other. Leave nothing else in it.
    ///
    /// # Errors
    /// See [`InvalidSchemaName`].
    pub fn schema(mut self, name: &str) -> Result<Self, InvalidSchemaName> {
        self.schema = Schema::new(name)?;
        Ok(self)
    }

    /// How many connections there may be at one time; 10 by default. The server's own limit is for
    /// all replicas together (PostgreSQL, `max_connections`).
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
    /// As [`PostgresStore::connect`].
    pub async fn connect(&self, url: &str) -> Result<PostgresStore, StoreError> {
        Ok(self.open(url).await?)
    }

    async fn open(&self, url: &str) -> Result<PostgresStore, Fault> {
        let pg = Pg::new(url, &self.settings)?;
        let schema = Arc::new(self.schema.clone());
        let own = Arc::clone(&schema);
        pg.call_within(schema::PATIENCE, move |mut session| async move {
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
    /// Connects to the database of that URL (PostgreSQL, "Connection URIs"), with the defaults of
    /// [`PostgresOptions`]. Makes the schema when there is none, for which the user needs the
    /// privilege CREATE on the database, and brings an older one up to date: five minutes are the most
    /// it waits for that. Where nothing has to be made, reading and writing the tables is all the
    /// user has to be allowed to do.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server can't be reached, or the schema was migrated to a
    /// version that this release can't work with; [`StoreError::Failed`] when the URL is malformed or
    /// the user is not let in.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        PostgresOptions::new().connect(url).await
    }

    /// Options to connect with; short for [`PostgresOptions::new`].
    #[must_use]
    pub fn options() -> PostgresOptions {
        PostgresOptions::new()
    }
}
