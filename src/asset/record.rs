//! The asset: what a caller announced, and what has become of it.

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

/// How another system knows the asset. Either half may stand alone; only both together identify
/// an asset, and then only one living asset of a workspace may bear them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// The facts about an asset that are known when it is created, and never change.
///
/// Exhaustive, so that a store which takes it apart does not compile when a release adds a field. As
/// JSON (serde) the times are RFC 3339, the checksum is base64, and the rest is as in the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl NewAsset {
    /// An asset named `name` that belongs to no project and bears no external reference; set those
    /// fields afterwards.
    ///
    /// # Errors
    /// [`InvalidObjectName::Empty`] if nothing is left of the name after cleaning.
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

    /// How a stored object differs from what was announced, if it does.
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
            // It is whatever its sender has sent, and the sentence has to end.
            let stored: String = stored.chars().take(100).collect();
            return Some(Mismatch::new(&format!(
                "The object's type is {stored}; {announced} was announced."
            )));
        }
        if let Some(encoding) = object.effective_encoding() {
            // Its sender chose it, and the sentence has to end.
            let encoding: String = encoding.chars().take(100).collect();
            return Some(Mismatch::new(&format!(
                "The object is stored with the Content-Encoding {encoding}; upload the file without one."
            )));
        }
        // A checksum that the store doesn't tell can't be held against it: it is refused, not skipped.
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

/// An asset as the store knows it. A deleted one is never handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// What it was made with.
    pub made: NewAsset,
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
