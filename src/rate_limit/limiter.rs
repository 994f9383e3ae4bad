//! Decides whether a request may pass.

use std::num::NonZeroUsize;
use std::sync::Arc;

use governor::RateLimiter;
use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;

use super::key::RateKey;
use super::limit::RateLimit;
use super::quotas::{EpochClock, Quotas};
use crate::asset::Clock;

const SECOND: u64 = 1_000_000_000;

/// Counts requests against the quota of their key.
#[derive(Debug)]
pub(super) struct Limiter {
    pub(super) limit: RateLimit,
    pub(super) capacity: NonZeroUsize,
    pub(super) clock: Arc<dyn Clock>,
    epoch: EpochClock,
    quotas: Quotas,
    governor: RateLimiter<RateKey, Quotas, EpochClock, StateInformationMiddleware>,
}

/// The quota of a key after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QuotaState {
    /// How many more requests would pass right now.
    pub(super) remaining: u32,
    /// The first second since 1970 at which the whole quota is available, if no requests pass until
    /// then.
    pub(super) reset: u64,
}

/// The refusal of a request over the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverLimit {
    pub(super) quota: QuotaState,
    /// In how many seconds a request passes again; at least 1.
    pub(super) retry_after: u64,
    /// In how many seconds the whole quota is available, if no requests pass until then; at least
    /// 1.
    pub(super) full_after: u64,
}

impl Limiter {
    pub(super) fn new(limit: RateLimit, capacity: NonZeroUsize, clock: Arc<dyn Clock>) -> Self {
        let epoch = EpochClock::default();
        let quotas = Quotas::new(capacity, epoch.clone(), limit.period());
        let governor = RateLimiter::new(limit.quota(), quotas.clone(), epoch.clone());
        epoch.set(Arc::clone(&clock));
        Self {
            limit,
            capacity,
            clock,
            epoch,
            quotas,
            governor,
        }
    }

    /// Counts a request, if it may pass.
    pub(super) fn check(&self, key: RateKey) -> Result<QuotaState, OverLimit> {
        let decision = self.governor.check_key(&key);
        let now = self.epoch.now();
        // Another thread may have dropped the key since, and its count with it.
        let full_at = self.quotas.full_at(&key).unwrap_or(now);
        let quota = |remaining| QuotaState {
            remaining,
            reset: seconds(full_at),
        };
        match decision {
            Ok(passed) => Ok(quota(passed.remaining_burst_capacity())),
            Err(refused) => {
                let wait = refused.wait_time_from(now).into();
                let rest = full_at.as_u64().saturating_sub(now.as_u64());
                Err(OverLimit {
                    quota: quota(0),
                    retry_after: seconds(wait).max(1),
                    full_after: rest.div_ceil(SECOND).max(1),
                })
            }
        }
    }

    /// Returns the quota to show for a request that doesn't count: the whole quota.
    pub(super) fn uncounted(&self) -> QuotaState {
        QuotaState {
            remaining: self.limit.requests().get(),
            reset: seconds(self.epoch.now()),
        }
    }

    /// Returns the number of keys.
    pub(super) fn held(&self) -> usize {
        self.quotas.len()
    }
}

/// Rounds up, so that the quota is available from the beginning of the promised second.
fn seconds(time: Nanos) -> u64 {
    time.as_u64().div_ceil(SECOND)
}
