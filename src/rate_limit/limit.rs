//! How many requests in what time.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

/// So many requests in a period, for each credential.
///
/// What is counted is a quota that fills up evenly (GCRA, the "virtual scheduling algorithm" of
/// ITU-T I.371): 60 a minute are 60 at once, and another one each second from the first on. So a
/// client that has paused gets through in a burst, and one that is steady is held to the rate. In
/// no period do more than twice the number get through, and in the long run never more than the
/// rate.
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
    /// Plane's own limit on API keys: 60 a minute.
    pub const PLANE_DEFAULT: Self = Self::per_minute(NonZeroU32::new(60).unwrap());

    /// That many requests in any such period. `None` for a period under a second or over 366 days,
    /// and for more than one request a nanosecond.
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

    /// That many requests a minute.
    #[must_use]
    pub const fn per_minute(requests: NonZeroU32) -> Self {
        let period = Duration::from_mins(1);
        Self { requests, period }
    }

    /// How many requests.
    #[must_use]
    pub const fn requests(self) -> NonZeroU32 {
        self.requests
    }

    /// In what time.
    #[must_use]
    pub const fn period(self) -> Duration {
        self.period
    }

    /// The same as governor has it.
    pub(super) fn quota(self) -> Quota {
        let each = self.period / self.requests.get();
        // Never below a nanosecond, so there always is one.
        let quota = Quota::with_period(each).unwrap_or(Quota::per_minute(self.requests));
        quota.allow_burst(self.requests)
    }
}

impl Default for RateLimit {
    /// 60 a minute.
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
