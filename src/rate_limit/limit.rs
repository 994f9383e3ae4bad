//! A limit: a number of requests in a period.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

/// A number of requests that may pass in a period, for each credential.
///
/// Each credential has a quota that refills evenly (GCRA, the "virtual scheduling algorithm" of
/// ITU-T I.371). For example, 60 a minute allows 60 requests at once, and one more for each second
/// that passes. So a client may send a burst after a pause, and a steady client is held to the
/// rate. In any period at most twice the number of requests pass; in the long run, only the rate.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use tower_asset_upload::rate_limit::RateLimit;
///
/// let thousand = NonZeroU32::new(1000).unwrap();
/// let daily = RateLimit::new(thousand, Duration::from_hours(24)).unwrap();
/// assert_eq!(daily.requests(), thousand);
/// assert!(RateLimit::new(thousand, Duration::ZERO).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    requests: NonZeroU32,
    period: Duration,
}

impl RateLimit {
    /// Plane's limit on API keys: 60 requests a minute.
    pub const PLANE_DEFAULT: Self = Self::per_minute(NonZeroU32::new(60).unwrap());

    /// Creates a limit. `None` if the period is under 1 second or over 366 days, or if the limit
    /// allows more than one request a nanosecond.
    #[must_use]
    pub const fn new(requests: NonZeroU32, period: Duration) -> Option<Self> {
        let shortest = Duration::from_secs(1).as_nanos();
        let longest = Duration::from_hours(366 * 24).as_nanos();
        let nanos = period.as_nanos();
        if nanos < shortest || nanos > longest || (requests.get() as u128) > nanos {
            return None;
        }
        Some(Self { requests, period })
    }

    /// Creates a limit of the given number of requests a minute.
    #[must_use]
    pub const fn per_minute(requests: NonZeroU32) -> Self {
        let period = Duration::from_mins(1);
        Self { requests, period }
    }

    /// Returns the number of requests.
    #[must_use]
    pub const fn requests(self) -> NonZeroU32 {
        self.requests
    }

    /// Returns the period.
    #[must_use]
    pub const fn period(self) -> Duration {
        self.period
    }

    /// Converts the limit to a quota of governor.
    pub(super) fn quota(self) -> Quota {
        let each = self.period / self.requests.get();
        // `each` is at least a nanosecond, so there always is a quota.
        let quota = Quota::with_period(each).unwrap_or(Quota::per_minute(self.requests));
        quota.allow_burst(self.requests)
    }
}

impl Default for RateLimit {
    /// Returns 60 requests a minute.
    fn default() -> Self {
        Self::PLANE_DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_each_range() {
        let many = |requests, period| RateLimit::new(NonZeroU32::new(requests).unwrap(), period);
        assert!(many(1, Duration::from_secs(1)).is_some());
        assert!(many(1, Duration::from_millis(999)).is_none());
        assert!(many(1, Duration::from_hours(366 * 24)).is_some());
        assert!(many(1, Duration::from_hours(366 * 24) + Duration::from_nanos(1)).is_none());
        assert!(many(1_000_000_000, Duration::from_secs(1)).is_some());
        assert!(many(1_000_000_001, Duration::from_secs(1)).is_none());
        assert!(many(u32::MAX, Duration::from_mins(1)).is_some());
    }

    #[test]
    fn a_quota_fills_up_in_its_period() {
        for (requests, period, each) in [
            (60, Duration::from_mins(1), Duration::from_secs(1)),
            (7, Duration::from_secs(1), Duration::from_nanos(142_857_142)),
            (
                1_000_000_000,
                Duration::from_secs(1),
                Duration::from_nanos(1),
            ),
            (1, Duration::from_hours(1), Duration::from_hours(1)),
        ] {
            let limit = RateLimit::new(NonZeroU32::new(requests).unwrap(), period).unwrap();
            let quota = limit.quota();
            assert_eq!(quota.replenish_interval(), each);
            assert_eq!(quota.burst_size(), limit.requests());
            assert!(quota.burst_size_replenished_in() <= period);
        }
    }
}
