//! The workspace, and its slug. Every method of a store that touches assets takes a [`Workspace`].

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

use super::id::WorkspaceId;
use super::text::text;

/// A workspace's name in URL paths: 1 to 255 bytes of UTF-8, without slashes, white space or
/// control characters. `.` and `..` are not slugs.
///
/// ```
/// use tower_asset_upload::asset::WorkspaceSlug;
///
/// assert_eq!(WorkspaceSlug::new("my-workspace")?.as_str(), "my-workspace");
/// assert!(WorkspaceSlug::new("../secrets").is_err());
/// # Ok::<(), tower_asset_upload::asset::InvalidSlug>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkspaceSlug(SmolStr);

/// The error for text that isn't a [`WorkspaceSlug`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a workspace slug has 1 to 255 bytes without slashes, white space or control characters")]
#[non_exhaustive]
pub struct InvalidSlug;

impl WorkspaceSlug {
    /// The longest slug, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Parses a slug. The text must be percent-decoded.
    ///
    /// # Errors
    /// [`InvalidSlug`] if the text is not a slug.
    pub fn new(slug: impl AsRef<str>) -> Result<Self, InvalidSlug> {
        let slug = slug.as_ref();
        let other = |c: char| c.is_control() || c.is_whitespace() || c == '/' || c == '\\';
        // Checks ASCII slugs byte by byte, without decoding UTF-8: most slugs are ASCII.
        let simple = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let sound = !slug.is_empty()
            && slug.len() <= Self::MAX_BYTES
            && slug != "."
            && slug != ".."
            && (slug.bytes().all(simple) || !slug.chars().any(other));
        if sound {
            Ok(Self(slug.into()))
        } else {
            Err(InvalidSlug)
        }
    }

    /// Returns the slug, percent-decoded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WorkspaceSlug {
    type Err = InvalidSlug;

    fn from_str(slug: &str) -> Result<Self, InvalidSlug> {
        Self::new(slug)
    }
}

text!(WorkspaceSlug);

impl fmt::Debug for WorkspaceSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkspaceSlug({:?})", self.0)
    }
}

impl fmt::Display for WorkspaceSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A workspace, and the proof that the caller is an active member of it.
///
/// [`AssetStore::enter`](crate::AssetStore::enter) returns a `Workspace` to active members only,
/// and every other method of the store takes one. **Security:** construct a `Workspace` in a store
/// only, after the membership check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    id: WorkspaceId,
    slug: WorkspaceSlug,
    deletion: Deletion,
    ownership: Ownership,
}

/// Which applications create assets in the store's table. Decides how the service completes an
/// upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ownership {
    /// Only this service creates assets. An object must have exactly the announced size. If an
    /// object differs from the announcement, the service rejects the asset and removes the object
    /// at once.
    #[default]
    Exclusive,
    /// Another application creates rows in the same table. Its rows may hold the largest size that
    /// the upload form accepts, so an object may be smaller than announced. Completing an upload
    /// removes no object; only the [purge](crate::purge::purge) does, so the credentials of the
    /// object store need no permission to delete (`s3:DeleteObject`) for completion.
    Shared,
}

/// Which assets of a workspace a member may delete through the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deletion {
    /// All assets of the workspace.
    #[default]
    Any,
    /// The assets that the member created. `DELETE` of another asset is 403.
    Own,
    /// No asset. Every `DELETE` is 403.
    Nothing,
}

impl Workspace {
    /// Creates the proof that a caller is an active member of this workspace. For stores: call it
    /// in [`AssetStore::enter`](crate::AssetStore::enter), after the membership check.
    #[must_use]
    pub fn new(id: WorkspaceId, slug: WorkspaceSlug) -> Self {
        Self {
            id,
            slug,
            deletion: Deletion::default(),
            ownership: Ownership::default(),
        }
    }

    /// Sets which applications create assets in the table; [`Ownership::Exclusive`] by default. For
    /// stores over another application's tables.
    #[must_use]
    pub fn with_ownership(self, ownership: Ownership) -> Self {
        Self { ownership, ..self }
    }

    /// Returns which applications create assets in the table.
    #[must_use]
    pub fn ownership(&self) -> Ownership {
        self.ownership
    }

    /// Sets which assets the caller may delete; [`Deletion::Any`] by default. For stores that know
    /// roles.
    ///
    /// ```
    /// use tower_asset_upload::asset::{Deletion, Workspace, WorkspaceId, WorkspaceSlug};
    ///
    /// # let (id, slug) = (WorkspaceId::new(uuid::Uuid::nil()), "w".parse()?);
    /// let guest = Workspace::new(id, slug).with_deletion(Deletion::Nothing);
    /// assert_eq!(guest.deletion(), Deletion::Nothing);
    /// # Ok::<(), tower_asset_upload::asset::InvalidSlug>(())
    /// ```
    #[must_use]
    pub fn with_deletion(self, deletion: Deletion) -> Self {
        Self { deletion, ..self }
    }

    /// Returns which assets the caller may delete.
    #[must_use]
    pub fn deletion(&self) -> Deletion {
        self.deletion
    }

    /// Returns the workspace's identifier.
    #[must_use]
    pub fn id(&self) -> WorkspaceId {
        self.id
    }

    /// Returns the slug that the caller used to enter the workspace.
    #[must_use]
    pub fn slug(&self) -> &WorkspaceSlug {
        &self.slug
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_slugs_are_refused() {
        for bad in [
            "", ".", "..", "a/b", "a\\b", "a b", "a\0b", "a\nb", "\u{85}",
        ] {
            assert!(WorkspaceSlug::new(bad).is_err(), "{bad:?}");
        }
        assert!(WorkspaceSlug::new("a".repeat(255)).is_ok());
        assert!(WorkspaceSlug::new("a".repeat(256)).is_err());
        assert!(WorkspaceSlug::new("文件").is_ok());
    }
}
