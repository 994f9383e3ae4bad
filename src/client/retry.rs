//! How often, and how long after one another.

use std::num::NonZeroU32;
use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::error::{Again, ClientError};
use crate::asset::IdSource;

/// How often a call is tried, and how long to wait in between.
///
/// The wait doubles each time, and each is shortened by up to a half at random, so that clients which
/// failed together don't come back together. A peer that asks for more time with `Retry-After` gets
/// it.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use tower_asset_upload::client::RetryPolicy;
///
/// let patient = RetryPolicy::new()
///     .attempts(NonZeroU32::new(10).unwrap())
///     .longest(Duration::from_mins(10));
/// # let _ = patient;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    attempts: NonZeroU32,
    first: Duration,
    longest: Duration,
}

impl RetryPolicy {
    /// Five attempts, half a second after the first, and never more than two minutes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            attempts: NonZeroU32::MIN.saturating_add(4),
            first: Duration::from_millis(500),
            longest: Duration::from_mins(2),
        }
    }

    /// How often a call is tried, the first time included; 5 by default.
    #[must_use]
    pub const fn attempts(mut self, attempts: NonZeroU32) -> Self {
        self.attempts = attempts;
        self
    }

    /// How long to wait after the first failure; half a second by default.
    #[must_use]
    pub const fn first(mut self, wait: Duration) -> Self {
        self.first = wait;
        self
    }

    /// The longest wait; two minutes by default. A peer that asks for more is not waited for: the
    /// call fails at once, and its error says [how long](ClientError::retry_after) it would be.
    #[must_use]
    pub const fn longest(mut self, wait: Duration) -> Self {
        self.longest = wait;
        self
    }

    /// How long to wait after so many failures; `None` to give up. `random` is any number.
    fn wait(&self, failures: u32, asked: Option<Duration>, random: u32) -> Option<Duration> {
        if failures >= self.attempts.get() {
            return None;
        }
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let half = self.first.saturating_mul(doubled).min(self.longest) / 2;
        let spread = half.mul_f64(f64::from(random) / f64::from(u32::MAX));
        match asked {
            Some(asked) if asked > self.longest => None,
            // Spread behind what was asked for, not before it.
            Some(asked) if asked > half => Some(asked.saturating_add(spread)),
            _ => Some(half.saturating_add(spread)),
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// The attempts at one call.
pub(super) struct Attempts<'a> {
    policy: RetryPolicy,
    random: &'a dyn IdSource,
    failures: u32,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(policy: RetryPolicy, random: &'a dyn IdSource) -> Self {
        Self {
            policy,
            random,
            failures: 0,
        }
    }

    /// Which attempt is next, from 1.
    pub(super) fn number(&self) -> u32 {
        self.failures.saturating_add(1)
    }

    /// Waits for the next attempt; gives the error back when there is none.
    pub(super) async fn pause(
        &mut self,
        error: ClientError,
        repeatable: bool,
    ) -> Result<(), ClientError> {
        self.failures = self.failures.saturating_add(1);
        let sensible = match error.again() {
            Again::Never => false,
            Again::Always => true,
            Again::IfRepeatable => repeatable,
        };
        // Of version 4 all of these bits are random (RFC 9562, section 5.4).
        let [.., a, b, c, d] = *self.random.next_id().as_bytes();
        let random = u32::from_be_bytes([a, b, c, d]);
        let wait = self.policy.wait(self.failures, error.retry_after(), random);
        let Some(wait) = wait.filter(|_| sensible) else {
            return Err(error);
        };
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            ?wait,
            "a call failed and is tried again"
        );
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// What `Retry-After` says: seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = OffsetDateTime::parse(value, &Rfc2822).ok()?;
    Some((then - now).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_and_end() {
        let policy = RetryPolicy::new()
            .first(2 * SECOND)
            .longest(10 * SECOND)
            .attempts(NonZeroU32::new(6).unwrap());
        let full = |failures| policy.wait(failures, None, u32::MAX);
        let half = |failures| policy.wait(failures, None, 0);
        for (failures, seconds) in [(1, 2), (2, 4), (3, 8), (4, 10), (5, 10)] {
            assert_eq!(full(failures), Some(seconds * SECOND), "{failures}");
            assert_eq!(half(failures), Some(seconds * SECOND / 2), "{failures}");
        }
        assert_eq!(full(6), None);
        assert_eq!(full(u32::MAX), None);
        let endless = policy.attempts(NonZeroU32::MAX).longest(Duration::MAX);
        assert!(endless.wait(u32::MAX - 1, None, u32::MAX).is_some());
    }

    #[test]
    fn who_asks_for_time_gets_it() {
        let policy = RetryPolicy::new().first(2 * SECOND).longest(60 * SECOND);
        for random in [0, 1, u32::MAX] {
            let wait = policy.wait(1, Some(30 * SECOND), random).unwrap();
            assert!((30 * SECOND..=31 * SECOND).contains(&wait), "{wait:?}");
        }
        assert_eq!(policy.wait(1, Some(61 * SECOND), 0), None);
        assert_eq!(policy.wait(1, Some(Duration::ZERO), 0), Some(SECOND));
    }

    #[test]
    fn both_spellings_of_retry_after() {
        let now = datetime!(1994-11-06 08:49:00 UTC);
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(of("17"), Some(17 * SECOND));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(37 * SECOND));
        assert_eq!(of("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(of("soon"), None);
        assert_eq!(of("-1"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
