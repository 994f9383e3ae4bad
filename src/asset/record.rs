//! The asset: the announcement that a caller made, and the state of the upload.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use time::OffsetDateTime;

use super::checksum::Checksum;
use super::id::{AssetId, ProjectId, UserId};
use super::limits::UploadSize;
use super::media_type::MediaType;
use super::mismatch::Mismatch;
use super::names::{DisplayName, InvalidObjectName, ObjectKey, ObjectName};
use super::plain::is_plain;
use super::state::UploadState;
use super::stored_object::StoredObject;
use super::text::text;
use super::workspace::Ownership;

/// One of the two labels of an [`ExternalRef`]: 1 to 255 characters, without control characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalLabel(SmolStr);

/// The error for text that isn't an [`ExternalLabel`]. The sentence follows the name of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 255 characters, none of them a control character")]
#[non_exhaustive]
pub struct InvalidExternalLabel;

impl ExternalLabel {
    /// The longest label, in characters.
    pub const MAX_CHARS: usize = 255;

    /// Parses a label.
    ///
    /// # Errors
    /// [`InvalidExternalLabel`] if the text is empty, is longer than 255 characters, or has a
    /// control character.
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

    /// Returns the label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExternalLabel {
    type Err = InvalidExternalLabel;

    fn from_str(label: &str) -> Result<Self, InvalidExternalLabel> {
        Self::new(label)
    }
}

impl fmt::Display for ExternalLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text!(ExternalLabel);

impl fmt::Debug for ExternalLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// An asset's name in another system. Source and id may be given alone, but only both together form
/// the external pair, which identifies an asset. At most one asset of a workspace has a given
/// pair; deleted and rejected assets don't count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExternalRef {
    /// The other system, such as `github`.
    pub source: Option<ExternalLabel>,
    /// The asset's identifier in the other system.
    pub id: Option<ExternalLabel>,
}

impl ExternalRef {
    /// Returns the external pair `(source, id)`. `None` unless both are set.
    #[must_use]
    pub fn pair(&self) -> Option<(&str, &str)> {
        Some((self.source.as_ref()?.as_str(), self.id.as_ref()?.as_str()))
    }
}

/// The facts of an asset that are fixed when it is created.
///
/// The struct is exhaustive: a store that destructures it stops compiling when a release adds a
/// field.
///
/// In JSON (serde), times are RFC 3339, the checksum is base64, and the other fields are as in the
/// API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAsset {
    /// The asset's identifier.
    pub id: AssetId,
    /// The key of the object in the bucket.
    pub key: ObjectKey,
    /// The name to show to people.
    pub display_name: DisplayName,
    /// The name that is safe in object keys, file systems and headers.
    pub object_name: ObjectName,
    /// The announced and signed media type.
    pub media_type: MediaType,
    /// The announced and signed size, in bytes.
    pub size: UploadSize,
    /// The SHA-256 that the client announced, if any.
    pub checksum: Option<Checksum>,
    /// The asset's project, if any.
    pub project: Option<ProjectId>,
    /// The asset's name in another system.
    pub external: ExternalRef,
    /// The user who created the asset.
    pub created_by: UserId,
    /// When the asset was created, by the clock of the service.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl NewAsset {
    /// Creates the facts of an asset. `name` is the name that the client sent; the display name and
    /// the object name derive from it. The asset has no checksum, project or external reference;
    /// set those fields afterwards.
    ///
    /// # Errors
    /// [`InvalidObjectName::Empty`] if cleaning the name leaves no characters.
    pub fn new(
        id: AssetId,
        key: ObjectKey,
        name: &str,
        media_type: MediaType,
        size: UploadSize,
        created_by: UserId,
        created_at: OffsetDateTime,
    ) -> Result<Self, InvalidObjectName> {
        Ok(Self {
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

    /// Compares the stored object with the announcement. Returns `None` if they agree.
    pub(crate) fn difference_from(
        &self,
        object: &StoredObject,
        ownership: Ownership,
    ) -> Option<Mismatch> {
        let (stored, announced) = (object.size, self.size.bytes());
        let is_as_announced = match ownership {
            Ownership::Exclusive => stored == announced,
            Ownership::Shared => stored <= announced,
        };
        if !is_as_announced {
            return Some(Mismatch::new(&format!(
                "The object has {stored} bytes; {announced} were announced."
            )));
        }
        if let Some(stored) = &object.content_type
            && stored.parse().as_ref() != Ok(&self.media_type)
        {
            let announced = &self.media_type;
            // The uploader chose the type, so its length is bounded here.
            let stored: String = stored.chars().take(100).collect();
            return Some(Mismatch::new(&format!(
                "The object's type is {stored}; {announced} was announced."
            )));
        }
        if let Some(encoding) = object.effective_encoding() {
            // The uploader chose the encoding, so its length is bounded here.
            let encoding: String = encoding.chars().take(100).collect();
            return Some(Mismatch::new(&format!(
                "The object is stored with the Content-Encoding {encoding}; upload the file without one."
            )));
        }
        // Fails closed: an object without a checksum is refused if a checksum was announced.
        let announced = self.checksum?;
        match object.checksum {
            Some(stored) if stored == announced => None,
            Some(stored) => Some(Mismatch::new(&format!(
                "The object's SHA-256 is {stored}; {announced} was announced."
            ))),
            None => Some(Mismatch::new(
                "The object store tells no SHA-256 of the object; one was announced.",
            )),
        }
    }
}

/// An asset as a store returns it. Stores never return a deleted asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// The facts that are fixed at creation.
    pub made: NewAsset,
    /// The state of the upload.
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
    fn an_external_pair_needs_both_labels() {
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
