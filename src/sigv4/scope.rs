//! When and for what a signature holds: the time stamps and the region.

use std::fmt;

use time::{OffsetDateTime, UtcOffset};

/// A moment as the algorithm writes it, to the second: `20151229T000000Z`, its first eight digits
/// the scope's date. Fractions are cut off.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    basic: [u8; 16],
}

impl Stamp {
    /// The beginning of 1970.
    pub(super) const FIRST: Self = Self {
        basic: *b"19700101T000000Z",
    };

    /// The stamp of a moment; `None` outside the years 1970 to 9999, which the format can't write.
    pub(super) fn of(time: OffsetDateTime) -> Option<Self> {
        let utc = time.to_offset(UtcOffset::UTC);
        if !(1970..=9999).contains(&utc.year()) {
            return None;
        }
        let (year, month, day) = utc.to_calendar_date();
        let (hour, minute, second) = utc.to_hms();
        let mut basic = *b"00000000T000000Z";
        let year = year.unsigned_abs();
        write_two(&mut basic, 0, year / 100);
        write_two(&mut basic, 2, year % 100);
        write_two(&mut basic, 4, u32::from(u8::from(month)));
        write_two(&mut basic, 6, u32::from(day));
        write_two(&mut basic, 9, u32::from(hour));
        write_two(&mut basic, 11, u32::from(minute));
        write_two(&mut basic, 13, u32::from(second));
        Some(Self { basic })
    }

    /// `20151229T000000Z`
    pub(super) fn as_str(&self) -> &str {
        ascii(&self.basic)
    }

    /// `20151229`
    pub(super) fn date(&self) -> &str {
        ascii(&self.basic[..8])
    }

    /// `2015-12-29T00:00:00Z`, as the policy's expiration is written.
    pub(super) fn extended(&self) -> [u8; 20] {
        let b = &self.basic;
        [
            b[0], b[1], b[2], b[3], b'-', b[4], b[5], b'-', b[6], b[7], b'T', b[9], b[10], b':',
            b[11], b[12], b':', b[13], b[14], b'Z',
        ]
    }
}

fn write_two(buffer: &mut [u8; 16], at: usize, value: u32) {
    buffer[at] = b'0' + (value / 10 % 10) as u8;
    buffer[at + 1] = b'0' + (value % 10) as u8;
}

/// Text that was assembled from ASCII digits and punctuation only.
pub(super) fn ascii(bytes: &[u8]) -> &str {
    debug_assert!(bytes.is_ascii());
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// The region of a bucket, as it stands in the credential scope: `us-east-1`, `auto`, `garage`.
///
/// ```
/// use tower_asset_upload::sigv4::Region;
///
/// assert_eq!(Region::new("eu-central-1")?.as_str(), "eu-central-1");
/// assert!(Region::new("us east 1").is_err());
/// # Ok::<(), tower_asset_upload::sigv4::InvalidRegion>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Region(String);

/// Why a text is no [`Region`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a region has 1 to 64 letters, digits, hyphens and underscores, as in us-east-1")]
pub struct InvalidRegion;

impl Region {
    /// Takes a region.
    ///
    /// # Errors
    /// When it is empty, longer than 64 bytes or holds anything but ASCII letters, digits, `-` and `_`.
    pub fn new(region: impl Into<String>) -> Result<Self, InvalidRegion> {
        let region = region.into();
        let sound = (1..=64).contains(&region.len())
            && region
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if sound {
            Ok(Self(region))
        } else {
            Err(InvalidRegion)
        }
    }

    /// `us-east-1`, the region whose endpoint AWS calls global.
    #[must_use]
    pub fn us_east_1() -> Self {
        Self("us-east-1".to_owned())
    }

    /// The region.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(unix: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(unix).unwrap()
    }

    #[test]
    fn stamps_are_utc_to_the_second() {
        let leap = at(1_835_481_599) + time::Duration::milliseconds(999);
        let stamp = Stamp::of(leap).unwrap();
        assert_eq!(stamp.as_str(), "20280229T235959Z");
        assert_eq!(stamp.date(), "20280229");
        assert_eq!(ascii(&stamp.extended()), "2028-02-29T23:59:59Z");
        let east = leap.to_offset(UtcOffset::from_hms(9, 30, 0).unwrap());
        assert!(Stamp::of(east).unwrap() == stamp);
    }

    #[test]
    fn years_that_do_not_fit_are_refused() {
        assert!(Stamp::of(at(-1)).is_none());
        assert!(Stamp::of(at(0)).is_some());
        assert!(Stamp::of(at(253_402_300_799)).is_some());
    }
}
