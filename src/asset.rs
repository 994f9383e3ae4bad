//! The asset: what a caller announced, and what has become of it.

use std::fmt;

use smol_str::SmolStr;
use time::OffsetDateTime;

use crate::checksum::Checksum;
use crate::id::{AssetId, ProjectId, UserId};
use crate::limits::UploadSize;
use crate::media_type::MediaType;
use crate::object_name::{DisplayName, ObjectKey, ObjectName};
use crate::plain::is_plain;
use crate::state::UploadState;

/// One of the two labels of an [`ExternalRef`]: 1 to 255 characters, none of them a control
/// character.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalLabel(SmolStr);

/// Why a text is no [`ExternalLabel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 255 characters, none of them a control character")]
#[non_exhaustive]
pub struct InvalidExternalLabel;

impl ExternalLabel {
    /// The longest label, in characters.
    pub const MAX_CHARS: usize = 255;

    /// Takes a label.
    ///
    /// # Errors
    /// When it is empty, longer than 255 characters or holds a control character.
    pub fn new(label: impl AsRef<str>) -> Result<Self, InvalidExternalLabel> {
        let label = label.as_ref();
        let plain = is_plain(label);
        let chars = if plain {
            label.len()
        } else {
            label.chars().count()
        };
        if !(1..=Self::MAX_CHARS).contains(&chars)
            || (!plain && label.chars().any(char::is_control))
        {
            return Err(InvalidExternalLabel);
        }
        Ok(Self(label.into()))
    }

    /// The label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ExternalLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// How another system knows the asset. Either half may stand alone; only both together identify
/// an asset, and then only one living asset of a workspace may bear them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExternalRef {
    /// The other system, such as `github`.
    pub source: Option<ExternalLabel>,
    /// The asset's identifier over there.
    pub id: Option<ExternalLabel>,
}

impl ExternalRef {
    /// `(source, id)` when both are given: the pair that is unique in a workspace.
    #[must_use]
    pub fn pair(&self) -> Option<(&str, &str)> {
        Some((self.source.as_ref()?.as_str(), self.id.as_ref()?.as_str()))
    }
}

/// What is known of an asset when it is made, and never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewAsset {
    /// The asset's own identifier.
    pub id: AssetId,
    /// Where in the bucket the object goes.
    pub key: ObjectKey,
    /// The name for people.
    pub display_name: DisplayName,
    /// The name that is safe in keys, file systems and headers.
    pub object_name: ObjectName,
    /// The type that was signed.
    pub media_type: MediaType,
    /// The size that was signed, in bytes.
    pub size: UploadSize,
    /// What the file has to hash to, if its sender said so.
    pub checksum: Option<Checksum>,
    /// The project it belongs to, if any.
    pub project: Option<ProjectId>,
    /// How another system knows it.
    pub external: ExternalRef,
    /// Who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

impl NewAsset {
    /// An asset named `name` that belongs to no project and bears no external reference; set those
    /// fields afterwards. `None` when nothing is left of the name after cleaning.
    #[must_use]
    pub fn new(
        id: AssetId,
        key: ObjectKey,
        name: &str,
        media_type: MediaType,
        size: UploadSize,
        created_by: UserId,
        created_at: OffsetDateTime,
    ) -> Option<Self> {
        Some(Self {
            id,
            key,
            display_name: DisplayName::new(name),
            object_name: ObjectName::clean(name)?,
            media_type,
            size,
            checksum: None,
            project: None,
            external: ExternalRef::default(),
            created_by,
            created_at,
        })
    }
}

/// What an object store says of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredObject {
    /// Its size in bytes.
    pub size: u64,
    /// Its `Content-Type`, as the store has it.
    pub content_type: Option<String>,
    /// Its `Content-Encoding`, as the store has it. The crate's signers announce none, so only
    /// `identity` passes a completion: browsers would unpack downloads of anything else.
    pub content_encoding: Option<String>,
    /// Its entity tag, quotes included (RFC 9110, section 8.8.3).
    pub etag: Option<String>,
    /// Its version, in a bucket that keeps versions.
    pub version: Option<String>,
    /// Its SHA-256, where the store has it.
    pub checksum: Option<Checksum>,
}

impl StoredObject {
    /// An object of which only the size is known.
    #[must_use]
    pub fn of_size(size: u64) -> Self {
        Self {
            size,
            ..Self::default()
        }
    }

    /// The content encodings that a client would have to undo. `None` for an object whose bytes are
    /// sent as they are.
    #[must_use]
    pub fn effective_encoding(&self) -> Option<&str> {
        let encoding = self.content_encoding.as_deref()?.trim();
        let is_none = encoding
            .split(',')
            .all(|coding| matches!(coding.trim().to_ascii_lowercase().as_str(), "" | "identity"));
        (!is_none).then_some(encoding)
    }

    /// Whether this, looked at later, is the same object still: in everything that both of them tell.
    /// An encoding that came since makes it another one, though its bytes and so its entity tag are
    /// the same.
    ///
    /// An entity tag is an MD5 in most stores: whoever prepares two files for it can exchange one for
    /// the other unnoticed. A version or a SHA-256 can't be deceived.
    #[must_use]
    pub fn is_still(&self, recorded: &Self) -> bool {
        fn agree<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
            a.zip(b).is_none_or(|(a, b)| a == b)
        }
        self.size == recorded.size
            && self.effective_encoding() == recorded.effective_encoding()
            && agree(self.etag.as_ref(), recorded.etag.as_ref())
            && agree(self.version.as_ref(), recorded.version.as_ref())
            && agree(self.checksum.as_ref(), recorded.checksum.as_ref())
    }

    /// The version by which just this object can be asked for, whatever is uploaded later.
    ///
    /// `null` is none: that is how S3 calls the one version that is overwritten while a bucket keeps no
    /// versions any more (AWS, "Working with objects in a versioning-suspended bucket").
    #[must_use]
    pub fn pinned_version(&self) -> Option<&str> {
        let version = self.version.as_deref()?;
        (!version.is_empty() && version != "null").then_some(version)
    }
}

/// An asset as the store knows it. A deleted one is never handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// What it was made with. Boxed, as it is large and handed on.
    pub made: Box<NewAsset>,
    /// What has become of it.
    pub state: UploadState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_count_characters_not_bytes() {
        assert!(ExternalLabel::new("文".repeat(255)).is_ok());
        assert!(ExternalLabel::new("文".repeat(256)).is_err());
        assert!(ExternalLabel::new("").is_err());
        assert!(ExternalLabel::new("a\0b").is_err());
    }

    #[test]
    fn an_object_is_the_same_in_all_that_is_known() {
        let object = |etag: Option<&str>, version: Option<&str>| StoredObject {
            etag: etag.map(str::to_owned),
            version: version.map(str::to_owned),
            ..StoredObject::of_size(7)
        };
        let recorded = object(Some("\"a\""), Some("1"));
        for same in [
            recorded.clone(),
            object(Some("\"a\""), None),
            object(None, None),
        ] {
            assert!(same.is_still(&recorded) && recorded.is_still(&same));
        }
        let mut hashed = recorded.clone();
        hashed.checksum = Some(Checksum::new([1; 32]));
        assert!(hashed.is_still(&recorded));
        let mut other = hashed.clone();
        other.checksum = Some(Checksum::new([2; 32]));
        assert!(!other.is_still(&hashed));
        for other in [
            StoredObject::of_size(8),
            object(Some("\"b\""), Some("1")),
            object(Some("\"a\""), Some("2")),
        ] {
            assert!(!other.is_still(&recorded));
        }
    }

    #[test]
    fn a_version_that_can_be_overwritten_pins_nothing() {
        let of = |version: Option<&str>| {
            let mut object = StoredObject::of_size(7);
            object.version = version.map(str::to_owned);
            object.pinned_version().map(str::to_owned)
        };
        assert_eq!(of(Some("3/L4kqtJ")).as_deref(), Some("3/L4kqtJ"));
        for nothing in [None, Some("null"), Some("")] {
            assert_eq!(of(nothing), None);
        }
    }

    #[test]
    fn half_a_reference_identifies_nothing() {
        let label = |text| Some(ExternalLabel::new(text).unwrap());
        assert_eq!(
            ExternalRef {
                source: label("github"),
                id: None
            }
            .pair(),
            None
        );
        assert_eq!(
            ExternalRef {
                source: label("github"),
                id: label("7")
            }
            .pair(),
            Some(("github", "7"))
        );
    }
}
