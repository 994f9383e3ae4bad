//! Limits: the size of a file, the lifetime of a signature, and the number of unfinished assets.

use std::num::NonZeroU32;
use std::time::Duration;

/// The size of a file in bytes: 1 to [`UploadSize::MAX`].
///
/// ```
/// use tower_asset_upload::asset::UploadSize;
///
/// assert_eq!(UploadSize::new(1024)?.bytes(), 1024);
/// assert!(UploadSize::new(0).is_err());
/// # Ok::<(), tower_asset_upload::asset::InvalidUploadSize>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(into = "u64", try_from = "u64")]
pub struct UploadSize(u64);

/// The error for a number that isn't an [`UploadSize`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a file has 1 byte to 5 GiB (5,368,709,120 bytes)")]
#[non_exhaustive]
pub struct InvalidUploadSize;

impl UploadSize {
    /// 5 GiB: the largest object that S3 accepts in one POST or PUT (AWS, "Uploading objects").
    pub const MAX: Self = Self(5 * 1024 * 1024 * 1024);

    /// 5 MiB: Plane's default for `FILE_SIZE_LIMIT`.
    pub const PLANE_DEFAULT: Self = Self(5 * 1024 * 1024);

    /// Creates a size from a number of bytes.
    ///
    /// # Errors
    /// [`InvalidUploadSize`] for 0 and for more than [`UploadSize::MAX`].
    pub const fn new(bytes: u64) -> Result<Self, InvalidUploadSize> {
        if bytes >= 1 && bytes <= Self::MAX.0 {
            Ok(Self(bytes))
        } else {
            Err(InvalidUploadSize)
        }
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for UploadSize {
    type Error = InvalidUploadSize;

    fn try_from(bytes: u64) -> Result<Self, InvalidUploadSize> {
        Self::new(bytes)
    }
}

impl From<UploadSize> for u64 {
    fn from(size: UploadSize) -> Self {
        size.bytes()
    }
}

/// How the service answers a request that announces a file over the size limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oversize {
    /// 400, with the limit in the error sentence.
    #[default]
    Refuse,
    /// 200, with upload data for at most the limit, as in Plane. An upload over the limit then
    /// fails at the object store.
    Clamp,
}

/// How long a signed form or URL is valid: 1 second to 7 days, in whole seconds. One hour by
/// default.
///
/// Signature Version 4 allows at most 7 days (AWS, "Authenticating Requests: Using Query
/// Parameters", `X-Amz-Expires`).
///
/// ```
/// use std::time::Duration;
/// use tower_asset_upload::asset::ExpiresIn;
///
/// assert_eq!(ExpiresIn::default().as_duration(), Duration::from_secs(3600));
/// assert!(ExpiresIn::new(Duration::ZERO).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpiresIn(u32);

/// The error for a duration that isn't an [`ExpiresIn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signature is valid for 1 second to 7 days")]
#[non_exhaustive]
pub struct InvalidExpiresIn;

impl ExpiresIn {
    /// Seven days.
    pub const MAX: Self = Self(7 * 24 * 60 * 60);

    /// Creates a lifetime. Drops fractions of a second.
    ///
    /// # Errors
    /// [`InvalidExpiresIn`] for less than 1 second and for more than 7 days.
    pub const fn new(duration: Duration) -> Result<Self, InvalidExpiresIn> {
        let seconds = duration.as_secs();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "at most 604,800 at that point"
        )]
        if seconds >= 1 && seconds <= Self::MAX.0 as u64 {
            Ok(Self(seconds as u32))
        } else {
            Err(InvalidExpiresIn)
        }
    }

    /// Returns the lifetime in whole seconds.
    #[must_use]
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    /// Returns the lifetime as a [`Duration`].
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl Default for ExpiresIn {
    /// Returns one hour.
    fn default() -> Self {
        Self(3600)
    }
}

/// Caps on the number of unfinished and discarded assets. `None`, the default, is no cap.
///
/// A store checks the caps in the transaction that inserts the row, so concurrent calls can't
/// exceed them.
///
/// # Which caps to set
/// 1. **Set the caps on discarded assets too.** A cap on pending assets alone doesn't bound the
///    table. A client that creates and deletes assets in turn has one pending asset at a time, and
///    each deleted asset leaves a row. The row stays until all its forms have expired and the
///    [purge](crate::purge::purge) has removed its object: eight days by default, and for ever on a
///    host that doesn't run the purge.
/// 2. **Set the caps per caller beside those per workspace.** Otherwise one member can use up the
///    workspace's caps.
///
/// ```
/// use std::num::NonZeroU32;
/// use tower_asset_upload::asset::PendingCaps;
///
/// let caps = PendingCaps {
///     per_caller: NonZeroU32::new(100),
///     discarded_per_caller: NonZeroU32::new(10_000),
///     ..PendingCaps::default()
/// };
/// # let _ = caps;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PendingCaps {
    /// Pending assets in one workspace.
    pub per_workspace: Option<NonZeroU32>,
    /// Pending assets in one workspace that one caller created.
    pub per_caller: Option<NonZeroU32>,
    /// Deleted and rejected assets in one workspace that the purge has not yet removed.
    pub discarded_per_workspace: Option<NonZeroU32>,
    /// Deleted and rejected assets in one workspace that one caller created and the purge has not
    /// yet removed.
    pub discarded_per_caller: Option<NonZeroU32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_each_range() {
        assert!(UploadSize::new(5 * 1024 * 1024 * 1024).is_ok());
        assert!(UploadSize::new(5 * 1024 * 1024 * 1024 + 1).is_err());
        assert!(ExpiresIn::new(Duration::from_hours(7 * 24)).is_ok());
        assert!(ExpiresIn::new(Duration::from_secs(604_801)).is_err());
        assert!(ExpiresIn::new(Duration::from_millis(999)).is_err());
    }
}
