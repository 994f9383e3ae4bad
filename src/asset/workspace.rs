//! The workspace: what a caller is let into, and the only key that opens its assets.

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

use super::id::WorkspaceId;
use super::text::text;

/// The name of a workspace as it stands in a path: 1 to 255 bytes of UTF-8 without slashes, white
/// space or control characters.
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

/// Why a text is not a [`WorkspaceSlug`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a workspace slug has 1 to 255 bytes without slashes, white space or control characters")]
#[non_exhaustive]
pub struct InvalidSlug;

impl WorkspaceSlug {
    /// The longest slug, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Takes a slug that has been percent-decoded already.
    ///
    /// # Errors
    /// If the text can't name a workspace; see [`InvalidSlug`].
    pub fn new(slug: impl AsRef<str>) -> Result<Self, InvalidSlug> {
        let slug = slug.as_ref();
        let other = |c: char| c.is_control() || c.is_whitespace() || c == '/' || c == '\\';
        // Most slugs are of letters, digits and hyphens, which is told without decoding UTF-8.
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

    /// The slug, decoded.
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

/// A workspace that a caller was let into.
///
/// [`AssetStore::enter`](crate::AssetStore::enter) hands one out to active members only, and every
/// other method of the store asks for it: holding one *is* the proof of membership. Build it
/// nowhere but in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    id: WorkspaceId,
    slug: WorkspaceSlug,
    deletion: Deletion,
    ownership: Ownership,
}

/// Who keeps files behind the assets of a workspace. It decides how an upload is completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ownership {
    /// This service alone. An object has to be exactly as large as announced. One that differs from the
    /// announcement is removed as soon as its asset is rejected.
    #[default]
    Exclusive,
    /// Another application, too, which makes rows of its own in the same table. Its rows may hold the
    /// largest size that their forms take, so a smaller object counts. Completion removes no object;
    /// only the [clean-up](crate::purge::purge) does, so the verifier's credentials need no permission to
    /// delete (`s3:DeleteObject`).
    Shared,
}

/// Which assets of a workspace the member who entered it may delete through the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deletion {
    /// All of them.
    #[default]
    Any,
    /// Those that the member has made. Others are 403.
    Own,
    /// None of them: every `DELETE` is 403.
    Nothing,
}

impl Workspace {
    /// For stores: states that the caller of [`AssetStore::enter`](crate::AssetStore::enter) is an
    /// active member of this workspace.
    #[must_use]
    pub fn new(id: WorkspaceId, slug: WorkspaceSlug) -> Self {
        Self {
            id,
            slug,
            deletion: Deletion::default(),
            ownership: Ownership::default(),
        }
    }

    /// For stores over another application's tables: who keeps files behind the assets;
    /// [`Ownership::Exclusive`] by default.
    #[must_use]
    pub fn with_ownership(self, ownership: Ownership) -> Self {
        Self { ownership, ..self }
    }

    /// Who keeps files behind the assets.
    #[must_use]
    pub fn ownership(&self) -> Ownership {
        self.ownership
    }

    /// For stores that know roles: what the caller may delete; [`Deletion::Any`] by default.
    ///
    /// ```
    /// use tower_asset_upload::asset::{Deletion, Workspace, WorkspaceId, WorkspaceSlug};
    ///
    /// # let (id, slug) = (WorkspaceId::new(uuid::Uuid::nil()), "w".parse()?);
    /// let of_a_guest = Workspace::new(id, slug).with_deletion(Deletion::Nothing);
    /// assert_eq!(of_a_guest.deletion(), Deletion::Nothing);
    /// # Ok::<(), tower_asset_upload::asset::InvalidSlug>(())
    /// ```
    #[must_use]
    pub fn with_deletion(self, deletion: Deletion) -> Self {
        Self { deletion, ..self }
    }

    /// What the caller may delete.
    #[must_use]
    pub fn deletion(&self) -> Deletion {
        self.deletion
    }

    /// The identifier of the workspace.
    #[must_use]
    pub fn id(&self) -> WorkspaceId {
        self.id
    }

    /// The slug under which it was entered.
    #[must_use]
    pub fn slug(&self) -> &WorkspaceSlug {
        &self.slug
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_that_cannot_name_a_workspace() {
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
