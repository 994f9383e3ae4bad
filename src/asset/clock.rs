//! Time and randomness as arguments, so that tests can assert constant signatures.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use time::OffsetDateTime;
use uuid::Uuid;

/// Tells the time. A request reads the clock once: the credential scope's date, `x-amz-date`, the
/// expiry and the creation time all come from that reading.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Returns the current time.
    fn now(&self) -> OffsetDateTime;
}

/// The machine's clock, in UTC.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn now(&self) -> OffsetDateTime {
        let now = SystemTime::now();
        let since = now.duration_since(SystemTime::UNIX_EPOCH).ok();
        // Twice as fast as `OffsetDateTime::from(now)`, which adds a duration to a date.
        let exact = since.and_then(|since| {
            let second = i64::try_from(since.as_secs()).ok()?;
            let second = OffsetDateTime::from_unix_timestamp(second).ok()?;
            second.replace_nanosecond(since.subsec_nanos()).ok()
        });
        exact.unwrap_or_else(|| now.into())
    }
}

/// A clock that always returns the same time: for tests, and to reproduce a signature.
///
/// ```
/// use time::OffsetDateTime;
/// use tower_asset_upload::asset::{Clock, FixedClock};
///
/// let clock = FixedClock(OffsetDateTime::UNIX_EPOCH);
/// assert_eq!(clock.now(), clock.now());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(pub OffsetDateTime);

impl Clock for FixedClock {
    fn now(&self) -> OffsetDateTime {
        self.0
    }
}

/// Generates identifiers: one for each asset, and one for each object key.
///
/// **Security:** an object key must be hard to guess. In production, draw at least 122 random bits
/// for each identifier, as UUID version 4 does (RFC 9562, section 5.4).
pub trait IdSource: Send + Sync + fmt::Debug {
    /// Returns an identifier that this source never returned before.
    fn next_id(&self) -> Uuid;
}

/// Random UUIDs of version 4, from a generator that the operating system seeds.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that draws random ids"
    )]
    fn next_id(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// Identifiers that count up. For tests only: **never use them in production**, because object keys
/// could be guessed.
#[derive(Debug)]
pub struct SequentialIds(AtomicU64);

impl SequentialIds {
    /// Creates a source that starts at `first`. Each UUID ends in its number, in hexadecimal.
    #[must_use]
    pub fn starting_at(first: u64) -> Self {
        Self(AtomicU64::new(first))
    }
}

impl IdSource for SequentialIds {
    fn next_id(&self) -> Uuid {
        Uuid::from_u64_pair(
            0x0000_0000_0000_4000,
            1 << 63 | self.0.fetch_add(1, Ordering::Relaxed),
        )
    }
}
