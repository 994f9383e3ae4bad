//! The settings of the rate limit: which requests count, and by which key.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;

use super::key::RateKey;
use super::limiter::Limiter;

type KeyOf = dyn Fn(&Parts) -> Option<RateKey> + Send + Sync;
type Only = dyn Fn(&Parts) -> bool + Send + Sync;

/// The settings that a layer shares with its services.
#[derive(Clone)]
pub(super) struct CountingRules {
    pub(super) limiter: Arc<Limiter>,
    pub(super) key: Arc<KeyOf>,
    pub(super) only: Option<Arc<Only>>,
    pub(super) retry_when_full: bool,
}

impl fmt::Debug for CountingRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountingRules")
            .field("limiter", &self.limiter)
            .finish_non_exhaustive()
    }
}
