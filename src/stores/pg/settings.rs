//! How the stores over PostgreSQL connect.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::tls::TrustRoots;

/// What the options of each store set.
#[derive(Clone, Debug)]
pub(in crate::stores) struct Settings {
    /// At one time, of this store.
    pub(in crate::stores) max_connections: NonZeroUsize,
    /// For a new connection, TLS and authentication included.
    pub(in crate::stores) connect_timeout: Duration,
    /// For a connection that is free.
    pub(in crate::stores) acquire_timeout: Duration,
    /// For a whole call, all that precedes included.
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
