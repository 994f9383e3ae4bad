//! The object store's description of an object.

use serde::{Deserialize, Serialize};

use super::checksum::Checksum;

/// What an object store says of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
