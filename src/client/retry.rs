//! Retries of failed calls.

use std::num::NonZeroU32;
use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::error::{Again, ClientError};
use crate::asset::IdSource;

/// How often a call is tried, and the waits in between.
///
/// The wait doubles after each attempt. Each wait is shortened by a random amount of up to one
/// half, so that clients which failed together don't retry together. A longer time in `Retry-After`
/// replaces the wait, up to [`longest`](Self::longest).
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
    /// Creates the default policy: five attempts, a first wait of half a second, no wait above two
    /// minutes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            attempts: NonZeroU32::MIN.saturating_add(4),
            first: Duration::from_millis(500),
            longest: Duration::from_mins(2),
        }
    }

    /// Sets the number of attempts, including the first; 5 by default.
    #[must_use]
    pub const fn attempts(mut self, attempts: NonZeroU32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets the wait after the first failure; half a second by default.
    #[must_use]
    pub const fn first(mut self, wait: Duration) -> Self {
        self.first = wait;
        self
    }

    /// Sets the longest wait; two minutes by default.
    ///
    /// If a `Retry-After` asks for more, the call fails at once. Its error has [the
    /// time](ClientError::retry_after).
    #[must_use]
    pub const fn longest(mut self, wait: Duration) -> Self {
        self.longest = wait;
        self
    }

    /// Returns the wait after this number of failures, or `None` to give up. `asked` is the time in
    /// `Retry-After`, and `random` is uniformly distributed.
    fn wait(&self, failures: u32, asked: Option<Duration>, random: u32) -> Option<Duration> {
        if failures >= self.attempts.get() {
            return None;
        }
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let half = self.first.saturating_mul(doubled).min(self.longest) / 2;
        let spread = half.mul_f64(f64::from(random) / f64::from(u32::MAX));
        match asked {
            Some(asked) if asked > self.longest => None,
            // The random part is added, so the wait is never shorter than `Retry-After`.
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

/// Counts the attempts of one call.
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

    /// Returns the number of the next attempt, from 1.
    pub(super) fn number(&self) -> u32 {
        self.failures.saturating_add(1)
    }

    /// Waits before the next attempt. Returns the error if there must be no other attempt.
    pub(super) async fn pause(
        &mut self,
        error: ClientError,
        repeatable: bool,
    ) -> Result<(), ClientError> {
        self.failures = self.failures.saturating_add(1);
        let may_retry = match error.again() {
            Again::Never => false,
            Again::Always => true,
            Again::IfRepeatable => repeatable,
        };
        // In a UUID of version 4 all of these bits are random (RFC 9562, section 5.4).
        let [.., a, b, c, d] = *self.random.next_id().as_bytes();
        let random = u32::from_be_bytes([a, b, c, d]);
        let wait = self.policy.wait(self.failures, error.retry_after(), random);
        let Some(wait) = wait.filter(|_| may_retry) else {
            return Err(error);
        };
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            ?wait,
            "a call failed and will be tried again"
        );
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// Parses `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
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
    fn waits_double_up_to_the_longest() {
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
    fn the_wait_is_at_least_retry_after() {
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
