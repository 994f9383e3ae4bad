//! How much is allowed: of a file, of a body, of a signature's life, of unfinished uploads.

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

/// Why a number is not an [`UploadSize`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a file has 1 byte to 5 GiB (5,368,709,120 bytes)")]
#[non_exhaustive]
pub struct InvalidUploadSize;

impl UploadSize {
    /// 5 GiB: the most that S3 takes in one POST or PUT (AWS, "Uploading objects").
    pub const MAX: Self = Self(5 * 1024 * 1024 * 1024);

    /// Plane's default of `FILE_SIZE_LIMIT`: 5 MiB.
    pub const PLANE_DEFAULT: Self = Self(5 * 1024 * 1024);

    /// A size of so many bytes.
    ///
    /// # Errors
    /// For 0, and for more than [`UploadSize::MAX`].
    pub const fn new(bytes: u64) -> Result<Self, InvalidUploadSize> {
        if bytes >= 1 && bytes <= Self::MAX.0 {
            Ok(Self(bytes))
        } else {
            Err(InvalidUploadSize)
        }
    }

    /// The number of bytes.
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

/// What becomes of a request for more than the size limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oversize {
    /// 400 with the limit in words.
    #[default]
    Refuse,
    /// 200, and a policy for just the limit, as Plane does: a larger upload then fails at the
    /// object store.
    Clamp,
}

/// How long a signed form or URL is good for: 1 second to 7 days, in whole seconds.
///
/// The upper end is the longest that Signature Version 4 allows (AWS, "Authenticating Requests:
/// Using Query Parameters", `X-Amz-Expires`).
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

/// Why a duration is not an [`ExpiresIn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signature is valid for 1 second to 7 days")]
#[non_exhaustive]
pub struct InvalidExpiresIn;

impl ExpiresIn {
    /// Seven days.
    pub const MAX: Self = Self(7 * 24 * 60 * 60);

    /// Cuts off fractions of a second.
    ///
    /// # Errors
    /// If the duration is not within 1 second to 7 days.
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

    /// In whole seconds.
    #[must_use]
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    /// As a duration.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl Default for ExpiresIn {
    /// One hour.
    fn default() -> Self {
        Self(3600)
    }
}

/// How many assets may be unfinished at one time; `None` is no cap.
///
/// A store checks the caps in the same transaction that makes the row, so that no race gets past
/// them.
///
/// A cap on pending assets alone does not bound the table: whoever creates and deletes in turn has
/// one pending asset and leaves a row behind each time. The row stays until no form for it is alive
/// and the [clean-up](crate::purge::purge) has removed its object: eight days by default, and for ever on a
/// host that doesn't run the clean-up. The caps on discarded assets bound those rows. Set the cap per
/// caller beside the one per workspace, or one member can use up the workspace's.
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
    /// Assets that wait for their upload, in one workspace.
    pub per_workspace: Option<NonZeroU32>,
    /// Assets that wait for their upload, in one workspace and made by one caller.
    pub per_caller: Option<NonZeroU32>,
    /// Deleted and rejected assets that wait for the clean-up, in one workspace.
    pub discarded_per_workspace: Option<NonZeroU32>,
    /// Deleted and rejected assets that wait for the clean-up, in one workspace and made by one
    /// caller.
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
