//! How an object differs from what was announced.

use std::fmt;

use crate::asset::{NewAsset, StoredObject};
use crate::workspace::Ownership;

/// In a sentence, how an object differs from what was announced: at most 500 characters, none of them
/// a control character. Clients are told it, so that it holds nothing but what they may know.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Difference(String);

impl Difference {
    /// The longest sentence, in characters.
    pub const MAX_CHARS: usize = 500;

    /// Takes a sentence. Control characters are dropped and what is too long is cut; where nothing is
    /// left it says that there is a difference, and no more.
    ///
    /// ```
    /// use tower_asset_upload::Difference;
    ///
    /// let difference = Difference::new("The object has 5 bytes;\n 7 were announced.");
    /// assert_eq!(difference.as_str(), "The object has 5 bytes; 7 were announced.");
    /// ```
    #[must_use]
    pub fn new(sentence: &str) -> Self {
        let plain = sentence.chars().filter(|c| !c.is_control());
        let plain: String = plain.take(Self::MAX_CHARS).collect();
        if plain.trim().is_empty() {
            return Self("The object is not what was announced.".to_owned());
        }
        Self(plain)
    }

    /// The sentence.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How an object differs from what was announced of it, if it does.
    pub(crate) fn between(
        asset: &NewAsset,
        object: &StoredObject,
        ownership: Ownership,
    ) -> Option<Self> {
        let (stored, announced) = (object.size, asset.size.bytes());
        let is_as_announced = match ownership {
            Ownership::Exclusive => stored == announced,
            Ownership::Shared => stored <= announced,
        };
        if !is_as_announced {
            return Some(Self::new(&format!(
                "The object has {stored} bytes; {announced} were announced."
            )));
        }
        if let Some(stored) = &object.content_type
            && stored.parse().as_ref() != Ok(&asset.media_type)
        {
            let announced = &asset.media_type;
            // It is whatever its sender has sent, and the sentence has to end.
            let stored: String = stored.chars().take(100).collect();
            return Some(Self::new(&format!(
                "The object's type is {stored}; {announced} was announced."
            )));
        }
        if let Some(encoding) = object.effective_encoding() {
            // Its sender chose it, and the sentence has to end.
            let encoding: String = encoding.chars().take(100).collect();
            return Some(Self::new(&format!(
                "The object is stored with the Content-Encoding {encoding}; upload the file without one."
            )));
        }
        // A checksum that the store doesn't tell can't be held against it: it is refused, not skipped.
        let announced = asset.checksum?;
        match object.checksum {
            Some(stored) if stored == announced => None,
            Some(stored) => Some(Self::new(&format!(
                "The object's SHA-256 is {stored}; {announced} was announced."
            ))),
            None => Some(Self::new(
                "The object store tells no SHA-256 of the object; one was announced.",
            )),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_one_line_of_bounded_length() {
        let long = "文".repeat(Difference::MAX_CHARS + 1);
        let cut = Difference::new(&long);
        assert_eq!(cut.as_str().chars().count(), Difference::MAX_CHARS);
        assert_eq!(Difference::new("a\0b\r\n\u{85}c").as_str(), "abc");
        for nothing in ["", " ", "\n"] {
            let said = Difference::new(nothing);
            assert_eq!(said.as_str(), "The object is not what was announced.");
        }
        // What was kept reads back as it was.
        assert_eq!(Difference::new(cut.as_str()), cut);
    }
}
