//! Time as PostgreSQL has it.

use time::{Duration, OffsetDateTime};

/// The instant in whole microseconds, which is all that a `timestamptz` holds (PostgreSQL, "Date/Time
/// Types"). What is cut off lies after it, always: so two instants never change places.
pub(in crate::stores) fn in_micros(instant: OffsetDateTime) -> OffsetDateTime {
    instant - Duration::nanoseconds(i64::from(instant.nanosecond() % 1000))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn nanoseconds_are_cut_off_on_both_sides_of_an_epoch() {
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
