//! The connection settings of the stores over PostgreSQL.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::tls::TrustRoots;

/// The settings that both `PostgresOptions` and `PlaneOptions` have.
#[derive(Clone, Debug)]
pub(in crate::stores) struct Settings {
    /// The most connections of this store at one time.
    pub(in crate::stores) max_connections: NonZeroUsize,
    /// The time limit for a new connection, TLS and authentication included.
    pub(in crate::stores) connect_timeout: Duration,
    /// The time limit for getting a free connection.
    pub(in crate::stores) acquire_timeout: Duration,
    /// The time limit for a whole call, with connecting and waiting for a connection.
    pub(in crate::stores) call_timeout: Duration,
    pub(in crate::stores) roots: TrustRoots,
}

impl Default for Settings {
    fn default() -> Self {
        const TEN: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9);
        Self {
            max_connections: TEN,
            connect_timeout: Duration::from_secs(5),
            acquire_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(10),
            roots: TrustRoots::mozilla(),
        }
    }
}
