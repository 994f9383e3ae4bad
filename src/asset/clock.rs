//! Time and randomness as arguments, so that every signature in a test is a constant.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use time::OffsetDateTime;
use uuid::Uuid;

/// Tells the time. One reading serves a whole request: the scope's date, `x-amz-date`, the expiry
/// and the time of creation all come from it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now.
    fn now(&self) -> OffsetDateTime;
}

/// The clock of the machine, in UTC.
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
        // In half the time of the conversion, which adds a duration to a date.
        let exact = since.and_then(|since| {
            let second = i64::try_from(since.as_secs()).ok()?;
            let second = OffsetDateTime::from_unix_timestamp(second).ok()?;
            second.replace_nanosecond(since.subsec_nanos()).ok()
        });
        exact.unwrap_or_else(|| now.into())
    }
}

/// A clock that stands still, for tests and for reproducing a signature.
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

/// Gives out identifiers: one for each asset and one for each object key.
///
/// An object key has to be hard to guess, so an implementation for production draws at least 122
/// random bits, as UUID version 4 does (RFC 9562, section 5.4).
pub trait IdSource: Send + Sync + fmt::Debug {
    /// An identifier that was never given out before.
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

/// Counts up from a start: for tests, never for production (its keys can be guessed).
#[derive(Debug)]
pub struct SequentialIds(AtomicU64);

impl SequentialIds {
    /// Starts at `first`; the UUIDs end in the number, in hexadecimal.
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
