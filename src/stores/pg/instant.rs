//! Timestamps in PostgreSQL's precision.

use time::{Duration, OffsetDateTime};

/// Cuts the instant off to whole microseconds, the precision of a `timestamptz` (PostgreSQL, "Date/Time
/// Types"). It always rounds down, also before 1970, so no two instants change their order.
pub(in crate::stores) fn in_micros(instant: OffsetDateTime) -> OffsetDateTime {
    instant - Duration::nanoseconds(i64::from(instant.nanosecond() % 1000))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn instants_round_down_before_and_after_the_epoch() {
        for (exact, kept) in [
            (
                datetime!(2026-05-04 03:02:01.123456789 UTC),
                datetime!(2026-05-04 03:02:01.123456 UTC),
            ),
            (
                datetime!(1969-12-31 23:59:59.999999999 UTC),
                datetime!(1969-12-31 23:59:59.999999 UTC),
            ),
            (
                datetime!(2026-05-04 03:02:01.000000001 +02:00),
                datetime!(2026-05-04 01:02:01 UTC),
            ),
        ] {
            assert_eq!(in_micros(exact), kept);
        }
    }
}
