//! The names of a file: the display name, the object name, and the object key.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;
use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::plain::is_plain;
use super::text::{serde_as_text, text};

/// A file name that is safe as the last part of an object key.
///
/// [`ObjectName::clean`] derives it from a name that a client sent, in this order:
/// 1. It drops control characters (C0, C1, DEL) and bidirectional embeddings, overrides and
///    isolates.
/// 2. It keeps only the part after the last `/` or `\`.
/// 3. It drops every `..`.
/// 4. It converts to Unicode normalisation form C (UAX #15).
/// 5. It trims leading dots, and white space at both ends.
/// 6. It replaces `${` by `_{`, because S3 substitutes `${filename}` in form fields.
/// 7. It cuts the name to 255 bytes of UTF-8, on a character boundary and before the extension.
///
/// ```
/// use tower_asset_upload::asset::ObjectName;
///
/// assert_eq!(ObjectName::clean("../../etc/.passwd")?.as_str(), "passwd");
/// assert_eq!(ObjectName::clean("C:\\photos\\a..b.png")?.as_str(), "ab.png");
/// assert!(ObjectName::clean("..").is_err());
/// # Ok::<(), tower_asset_upload::asset::InvalidObjectName>(())
/// ```
///
/// Parsing (`FromStr`) accepts only a name that is already clean.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ObjectName(SmolStr);

/// The error for text that isn't an [`ObjectName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidObjectName {
    /// Cleaning leaves no characters.
    #[error("a file name needs a character besides dots, slashes, white space and controls")]
    Empty,
    /// The parsed text is not clean.
    #[error("this file name is not clean: it has to go through `ObjectName::clean` first")]
    NotClean,
}

impl ObjectName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// The longest extension, in bytes with its dot, that [`shorten`] keeps whole.
    const MAX_EXTENSION_BYTES: usize = 32;

    /// Returns the display name and the object name. They share one text if the name is clean.
    pub(crate) fn both(raw: &str) -> Result<(DisplayName, Self), InvalidObjectName> {
        if is_clean(raw) {
            let name = SmolStr::from(raw);
            Ok((DisplayName(name.clone()), Self(name)))
        } else {
            Ok((DisplayName::new(raw), Self::clean_closely(raw)?))
        }
    }

    /// Cleans a name by the rules above.
    ///
    /// # Errors
    /// [`InvalidObjectName::Empty`] if cleaning leaves no characters.
    pub fn clean(raw: &str) -> Result<Self, InvalidObjectName> {
        if is_clean(raw) {
            Ok(Self(raw.into()))
        } else {
            Self::clean_closely(raw)
        }
    }

    fn clean_closely(raw: &str) -> Result<Self, InvalidObjectName> {
        let visible: Cow<'_, str> = if raw.chars().any(is_dropped) {
            raw.chars()
                .filter(|c| !is_dropped(*c))
                .collect::<String>()
                .into()
        } else {
            raw.into()
        };
        let base = visible.rsplit(['/', '\\']).next().unwrap_or_default();
        let name = base.replace("..", "");
        // Normalises after all removals: a removal can bring a letter and its combining accent
        // together.
        let name = if is_nfc(&name) {
            name
        } else {
            name.nfc().collect()
        };
        let name = name
            .trim_start_matches(|c: char| c == '.' || c.is_whitespace())
            .trim_end();
        let mut name = name.replace("${", "_{");
        shorten(&mut name);
        if name.is_empty() {
            return Err(InvalidObjectName::Empty);
        }
        Ok(Self(name.into()))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A fast check for common names. `true` means that cleaning would not change the name; `false`
/// says nothing.
fn is_clean(raw: &str) -> bool {
    (1..=ObjectName::MAX_BYTES).contains(&raw.len())
        && is_plain(raw)
        && !raw.starts_with(['.', ' '])
        && !raw.ends_with(' ')
        && !raw.contains('/')
        && !has_pair(raw, [b'.', b'.'])
}

fn is_dropped(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn shorten(name: &mut String) {
    if name.len() <= ObjectName::MAX_BYTES {
        return;
    }
    let extension = match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= ObjectName::MAX_EXTENSION_BYTES => {
            name.split_off(dot)
        }
        _ => String::new(),
    };
    let mut end = ObjectName::MAX_BYTES - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    // A cut right after a dot would form `..` with the extension's dot.
    let trimmed = name
        .trim_end_matches(|c: char| c == '.' || c.is_whitespace())
        .len();
    name.truncate(trimmed);
    name.push_str(&extension);
}

impl FromStr for ObjectName {
    type Err = InvalidObjectName;

    fn from_str(name: &str) -> Result<Self, InvalidObjectName> {
        let clean = Self::clean(name)?;
        if clean.as_str() == name {
            Ok(clean)
        } else {
            Err(InvalidObjectName::NotClean)
        }
    }
}

text!(ObjectName);

impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectName({:?})", self.0)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name to show to people: the client's name without control characters, otherwise unchanged.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DisplayName(SmolStr);

impl DisplayName {
    /// The longest name that a client may send, in characters. A longer one is 400, code
    /// `invalid_name`. The limit bounds the table: every row keeps its name, for days after the
    /// asset's deletion.
    pub const MAX_CHARS: usize = 1024;

    /// Drops the control characters of a name. Accepts any length, because stores may hold names
    /// longer than [`MAX_CHARS`](Self::MAX_CHARS).
    #[must_use]
    pub fn new(raw: &str) -> Self {
        if is_plain(raw) {
            return Self(raw.into());
        }
        let shown: String = raw.chars().filter(|c| !c.is_control()).collect();
        Self(shown.into())
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DisplayName {
    type Err = Infallible;

    fn from_str(raw: &str) -> Result<Self, Infallible> {
        Ok(Self::new(raw))
    }
}

impl AsRef<str> for DisplayName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(DisplayName);

impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DisplayName({:?})", self.0)
    }
}

/// The key of an object in the bucket: 1 to 1,024 bytes of UTF-8 (AWS, "Naming Amazon S3 objects").
///
/// It has the same meaning in a form, a URL and a path: no control characters, no `${`, no leading
/// slash, and no segment `.` or `..`.
///
/// ```
/// use tower_asset_upload::asset::ObjectKey;
///
/// assert!(ObjectKey::new("workspace/photo.png").is_ok());
/// assert!(ObjectKey::new("workspace/${filename}").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

/// The error for text that isn't an [`ObjectKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidObjectKey {
    /// The text is empty or longer than 1,024 bytes.
    #[error("an object key has 1 to 1,024 bytes")]
    Length,
    /// The text has a control character.
    #[error("an object key has no control characters")]
    Control,
    /// The text has `${`, which S3 may substitute.
    #[error("an object key has no `${{`: S3 would substitute it")]
    Substitution,
    /// The text has a leading slash, or a segment `.` or `..`, which clients and proxies rewrite.
    #[error("an object key has no leading slash and no segment `.` or `..`")]
    Path,
}

/// Whether a segment is `.` or `..`. The first condition is fast and excludes most keys.
fn has_dot_segment(key: &str) -> bool {
    (key.starts_with('.') || has_pair(key, [b'/', b'.']))
        && key.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// Whether these two bytes are adjacent. The loop has no early exit, so the compiler vectorises it.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "a lazy operator would be an early exit"
)]
fn has_pair(text: &str, [first, second]: [u8; 2]) -> bool {
    let neighbours = text.as_bytes().iter().zip(text.as_bytes().iter().skip(1));
    neighbours.fold(false, |found, (a, b)| {
        found | ((*a == first) & (*b == second))
    })
}

impl ObjectKey {
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Parses a key.
    ///
    /// # Errors
    /// [`InvalidObjectKey`] if the text breaks one of the rules above.
    pub fn new(key: impl Into<String>) -> Result<Self, InvalidObjectKey> {
        let key = key.into();
        let plain = is_plain(&key);
        if key.is_empty() || key.len() > Self::MAX_BYTES {
            Err(InvalidObjectKey::Length)
        } else if !plain && key.chars().any(char::is_control) {
            Err(InvalidObjectKey::Control)
        } else if !plain && key.contains("${") {
            Err(InvalidObjectKey::Substitution)
        } else if key.starts_with('/') || has_dot_segment(&key) {
            Err(InvalidObjectKey::Path)
        } else {
            Ok(Self(key))
        }
    }

    /// Returns the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ObjectKey {
    type Err = InvalidObjectKey;

    fn from_str(key: &str) -> Result<Self, InvalidObjectKey> {
        Self::new(key)
    }
}

text!(ObjectKey);

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectKey({:?})", self.0)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_fast_check_does_not_change_the_result(raw in "[ ./a-c\\\\$\u{e9}]{0,12}") {
            let closely = ObjectName::clean_closely(&raw);
            prop_assert_eq!(ObjectName::clean(&raw), closely);
        }
    }

    #[test]
    fn names_are_cleaned() {
        for (raw, expected) in [
            ("image.jpg", "image.jpg"),
            ("a/b/c.png", "c.png"),
            ("C:\\x\\y.png", "y.png"),
            ("a..b.png", "ab.png"),
            ("a....b.png", "ab.png"),
            ("a...b", "a.b"),
            (".\0.\0/x.png", "x.png"),
            ("a\nb.png", "ab.png"),
            ("\u{202e}gnp.exe", "gnp.exe"),
            ("\u{a0}a.png\u{a0}", "a.png"),
            ("\u{3000}a.png", "a.png"),
            ("a\u{85}b\u{7f}.png", "ab.png"),
            (" . .hidden ", "hidden"),
            ("${filename}", "_{filename}"),
            ("$${filename}.png", "$_{filename}.png"),
            ("e\u{301}.png", "é.png"),
            ("e\u{0}\u{301}.png", "é.png"),
            ("e..\u{301}.png", "é.png"),
            ("-rf", "-rf"),
        ] {
            assert_eq!(
                ObjectName::clean(raw).unwrap().as_str(),
                expected,
                "{raw:?}"
            );
        }
        for nothing in [
            "",
            ".",
            "..",
            "/",
            "a\\",
            "a/",
            "\0",
            " ",
            "....",
            "\u{202e}",
            "\u{1}\u{1f}",
        ] {
            assert!(ObjectName::clean(nothing).is_err(), "{nothing:?}");
        }
    }

    #[test]
    fn long_names_keep_their_extension() {
        let name = ObjectName::clean(&format!("{}.png", "a".repeat(2000))).unwrap();
        assert_eq!(name.as_str().len(), 255);
        assert!(name.as_str().ends_with("aa.png"));
        let name = ObjectName::clean(&format!("{}.png", "文".repeat(300))).unwrap();
        assert!(name.as_str().len() <= 255 && name.as_str().ends_with("文.png"));
        let name = ObjectName::clean(&format!("{}.{}", "a".repeat(250), "b".repeat(60))).unwrap();
        assert_eq!(name.as_str().len(), 255);
        let name = ObjectName::clean(&format!("{}.b.png", "a".repeat(250))).unwrap();
        assert!(!name.as_str().contains(".."), "{name}");
    }

    #[test]
    fn keys_that_clients_or_proxies_rewrite_are_refused() {
        assert_eq!(ObjectKey::new(""), Err(InvalidObjectKey::Length));
        assert_eq!(
            ObjectKey::new("a".repeat(1025)),
            Err(InvalidObjectKey::Length)
        );
        assert_eq!(ObjectKey::new("a\r\nb"), Err(InvalidObjectKey::Control));
        assert_eq!(
            ObjectKey::new("a/${filename}"),
            Err(InvalidObjectKey::Substitution)
        );
        assert_eq!(ObjectKey::new("/a"), Err(InvalidObjectKey::Path));
        for bad in ["a/../b", "a/./b", "..", "./a", "a/..", "a//../b", ".a/.."] {
            assert_eq!(ObjectKey::new(bad), Err(InvalidObjectKey::Path), "{bad}");
        }
        assert!(ObjectKey::new("a/..b").is_ok());
    }
}
