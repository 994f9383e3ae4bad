//! When and for what a signature holds: the time stamps and the region.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use time::OffsetDateTime;

/// A moment as the algorithm writes it, to the second: `20151229T000000Z`, its first eight digits
/// the scope's date. Fractions are cut off.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    unix: i64,
    basic: [u8; 16],
}

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

impl Stamp {
    /// The beginning of 1970.
    pub(super) const FIRST: Self = Self {
        unix: 0,
        basic: *b"19700101T000000Z",
    };

    /// The stamp of a moment; `None` outside the years 1970 to 9999, which the format can't write.
    pub(super) fn of(time: OffsetDateTime) -> Option<Self> {
        let unix = time.unix_timestamp();
        // A day that begins in a year also ends there.
        let (year, month, day) = OffsetDateTime::from_unix_timestamp(unix)
            .ok()?
            .to_calendar_date();
        if unix < 0 || year > 9999 {
            return None;
        }
        let year = year.unsigned_abs();
        let mut basic = Self::FIRST.basic;
        write_two(&mut basic, 0, year / 100);
        write_two(&mut basic, 2, year % 100);
        write_two(&mut basic, 4, u32::from(u8::from(month)));
        write_two(&mut basic, 6, u32::from(day));
        Some(Self { unix, basic }.with_time())
    }

    /// The stamp of some seconds later.
    pub(super) fn later(&self, seconds: u32) -> Option<Self> {
        let unix = self.unix + i64::from(seconds);
        if unix / SECONDS_PER_DAY == self.unix / SECONDS_PER_DAY {
            return Some(Self { unix, ..*self }.with_time());
        }
        OffsetDateTime::from_unix_timestamp(unix)
            .ok()
            .and_then(Self::of)
    }

    /// Writes the time of day behind the date that is there.
    fn with_time(mut self) -> Self {
        let second = u32::try_from(self.unix % SECONDS_PER_DAY).unwrap_or(0);
        write_two(&mut self.basic, 9, second / 3600);
        write_two(&mut self.basic, 11, second / 60 % 60);
        write_two(&mut self.basic, 13, second % 60);
        self
    }

    /// In seconds since 1970.
    pub(super) fn unix(&self) -> i64 {
        self.unix
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

/// The moment of a stamp's second.
pub(super) fn time_of(unix: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix).unwrap_or(OffsetDateTime::UNIX_EPOCH)
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
#[non_exhaustive]
pub struct InvalidRegion;

impl TryFrom<&str> for Region {
    type Error = InvalidRegion;

    fn try_from(region: &str) -> Result<Self, InvalidRegion> {
        Self::new(region)
    }
}

impl FromStr for Region {
    type Err = InvalidRegion;

    fn from_str(region: &str) -> Result<Self, InvalidRegion> {
        Self::new(region)
    }
}

/// A [`Region`] in place of a text is valid already.
impl From<Infallible> for InvalidRegion {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

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

    /// `auto`, for stores that find a bucket's region themselves: Cloudflare R2, Google Cloud Storage.
    #[must_use]
    pub fn auto() -> Self {
        Self("auto".to_owned())
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
    use time::UtcOffset;

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
    fn later_is_the_same_as_of_later() {
        for start in [0, 1_835_481_599, 1_779_185_472, 253_402_300_799 - 604_800] {
            for seconds in [0, 1, 3600, 86_399, 86_400, 604_800] {
                let stamp = Stamp::of(at(start)).unwrap().later(seconds).unwrap();
                assert!(Some(stamp) == Stamp::of(at(start + i64::from(seconds))));
                assert_eq!(time_of(stamp.unix()), at(start + i64::from(seconds)));
            }
        }
        assert!(Stamp::of(at(253_402_300_799)).unwrap().later(1).is_none());
    }

    #[test]
    fn years_that_do_not_fit_are_refused() {
        assert!(Stamp::of(at(-1)).is_none());
        assert!(Stamp::of(at(0)).is_some());
        assert!(Stamp::of(at(253_402_300_799)).is_some());
    }
}
