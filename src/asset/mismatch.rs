//! The difference between an uploaded object and its announcement.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use super::text::serde_as_text;

/// A sentence that says how an object differs from the announcement: at most 500 characters,
/// without control characters. **Security:** clients see the sentence, so it must hold no secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mismatch(String);

impl Mismatch {
    /// The longest sentence, in characters.
    pub const MAX_CHARS: usize = 500;

    /// Creates a mismatch from a sentence. Drops control characters, cuts the sentence to
    /// [`MAX_CHARS`](Self::MAX_CHARS), and replaces an empty sentence by "The object is not what
    /// was announced."
    ///
    /// ```
    /// use tower_asset_upload::asset::Mismatch;
    ///
    /// let mismatch = Mismatch::new("The object has 5 bytes;\n 7 were announced.");
    /// assert_eq!(mismatch.as_str(), "The object has 5 bytes; 7 were announced.");
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

    /// Returns the sentence.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Mismatch {
    type Err = Infallible;

    fn from_str(sentence: &str) -> Result<Self, Infallible> {
        Ok(Self::new(sentence))
    }
}

serde_as_text!(Mismatch);

impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_one_line_of_bounded_length() {
        let long = "文".repeat(Mismatch::MAX_CHARS + 1);
        let cut = Mismatch::new(&long);
        assert_eq!(cut.as_str().chars().count(), Mismatch::MAX_CHARS);
        assert_eq!(Mismatch::new("a\0b\r\n\u{85}c").as_str(), "abc");
        for nothing in ["", " ", "\n"] {
            let said = Mismatch::new(nothing);
            assert_eq!(said.as_str(), "The object is not what was announced.");
        }
        // A kept sentence reads back unchanged.
        assert_eq!(Mismatch::new(cut.as_str()), cut);
    }
}
