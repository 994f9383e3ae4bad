//! The object store's description of an object.

use serde::{Deserialize, Serialize};

use super::checksum::Checksum;

/// An object store's description of an object, as a HEAD request returns it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredObject {
    /// The size in bytes.
    pub size: u64,
    /// The `Content-Type`, verbatim.
    pub content_type: Option<String>,
    /// The `Content-Encoding`, verbatim. The crate's signers announce none, so completion accepts
    /// only `identity`: browsers would decode downloads with any other encoding.
    pub content_encoding: Option<String>,
    /// The entity tag, with its quotes (RFC 9110, section 8.8.3).
    pub etag: Option<String>,
    /// The version, in a bucket that keeps versions.
    pub version: Option<String>,
    /// The SHA-256, if the object store has one.
    pub checksum: Option<Checksum>,
}

impl StoredObject {
    /// Describes an object by its size alone.
    #[must_use]
    pub fn of_size(size: u64) -> Self {
        Self {
            size,
            ..Self::default()
        }
    }

    /// Returns the content encodings that a client has to decode. `None` if the object's bytes are
    /// sent as they are.
    #[must_use]
    pub fn effective_encoding(&self) -> Option<&str> {
        let encoding = self.content_encoding.as_deref()?.trim();
        let is_none = encoding
            .split(',')
            .all(|coding| matches!(coding.trim().to_ascii_lowercase().as_str(), "" | "identity"));
        (!is_none).then_some(encoding)
    }

    /// Whether this description, fetched later, is of the same object as `recorded`. Compares the
    /// size, the effective encoding, and those of entity tag, version and checksum that both
    /// descriptions have. The encoding counts because it can change without changing the bytes or
    /// the entity tag.
    ///
    /// **Security:** in most object stores an entity tag is an MD5. An attacker who prepares two
    /// files with one MD5 can exchange them unnoticed. A version or a SHA-256 has no such weakness.
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

    /// Returns the version that identifies this object even after later uploads. `None` if there is
    /// no such version.
    ///
    /// `null` doesn't count: S3 gives it to the version that is overwritten while versioning is
    /// suspended (AWS, "Working with objects in a versioning-suspended bucket").
    #[must_use]
    pub fn pinned_version(&self) -> Option<&str> {
        let version = self.version.as_deref()?;
        (!version.is_empty() && version != "null").then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_compared_in_everything_that_both_descriptions_have() {
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
    fn the_null_version_does_not_identify_an_object() {
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
}
