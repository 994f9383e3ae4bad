//! Names: the one people see, the one that is safe in a key, and the key itself.

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
/// [`ObjectName::clean`] makes it from whatever a client sent:
/// 1. control characters (C0, C1, DEL) and bidirectional embeddings, overrides and isolates go;
/// 2. only what follows the last `/` or `\` stays;
/// 3. every `..` goes, then white space at both ends and leading dots;
/// 4. Unicode normalisation form C (UAX #15);
/// 5. `${` becomes `_{`, as S3 replaces `${filename}` in a form's fields;
/// 6. at most 255 bytes of UTF-8, cut on a character boundary before the extension.
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
/// Parsing, in contrast, accepts only a name that is clean already.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ObjectName(SmolStr);

/// Why a text is not an [`ObjectName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidObjectName {
    /// Cleaning leaves nothing.
    #[error("a file name needs a character besides dots, slashes, white space and controls")]
    Empty,
    /// A text that was to be clean already is not.
    #[error("this file name is not clean: it has to go through `ObjectName::clean` first")]
    NotClean,
}

impl ObjectName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// An extension longer than this is cut like the rest of the name.
    const MAX_EXTENSION_BYTES: usize = 32;

    /// The name for people and the clean one of what a client sent: one text where they are the same.
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
    /// [`InvalidObjectName::Empty`] if nothing is left.
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
        // After all that brings characters together which were apart.
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

    /// The cleaned name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether cleaning would change nothing, told without trying: of most names it can be.
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
    // A cut just behind a dot would make `..` with the extension's own.
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

/// The name as the client gave it, for people to read: free of control characters, otherwise
/// untouched. Never part of a key, a path or a header.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DisplayName(SmolStr);

impl DisplayName {
    /// The longest name that a client may send, in characters. A longer one is answered with 400, code
    /// `invalid_name`: every asset keeps its name, for days after its deletion too.
    pub const MAX_CHARS: usize = 1024;

    /// Drops the control characters of a name. Any length is taken, as stores may hold longer names
    /// than [`MAX_CHARS`](Self::MAX_CHARS).
    #[must_use]
    pub fn new(raw: &str) -> Self {
        if is_plain(raw) {
            return Self(raw.into());
        }
        let shown: String = raw.chars().filter(|c| !c.is_control()).collect();
        Self(shown.into())
    }

    /// The name.
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

/// The key of an object: 1 to 1,024 bytes of UTF-8 (AWS, "Naming Amazon S3 objects") that mean the
/// same in a form, in a URL and in a path: no control characters, no `${`, no leading slash, no
/// segment that is `.` or `..`.
///
/// ```
/// use tower_asset_upload::asset::ObjectKey;
///
/// assert!(ObjectKey::new("workspace/photo.png").is_ok());
/// assert!(ObjectKey::new("workspace/${filename}").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

/// Why a text is no [`ObjectKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidObjectKey {
    /// Empty, or longer than 1,024 bytes.
    #[error("an object key has 1 to 1,024 bytes")]
    Length,
    /// A control character.
    #[error("an object key has no control characters")]
    Control,
    /// `${`, which S3 may substitute.
    #[error("an object key has no `${{`: S3 would substitute it")]
    Substitution,
    /// A leading slash or a segment `.` or `..`, which clients and proxies rewrite.
    #[error("an object key has no leading slash and no segment `.` or `..`")]
    Path,
}

/// Whether a segment of the path is `.` or `..`. Few have a segment that so much as begins with a dot.
fn has_dot_segment(key: &str) -> bool {
    (key.starts_with('.') || has_pair(key, [b'/', b'.']))
        && key.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// Whether these two bytes stand side by side, told without an early end: the compiler makes vector
/// instructions of it.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "a lazy operator is an early end"
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

    /// Takes a key.
    ///
    /// # Errors
    /// When the key breaks one of the rules above; see [`InvalidObjectKey`].
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

    /// The key.
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
        fn the_short_cut_leads_to_the_same_name(raw in "[ ./a-c\\\\$\u{e9}]{0,12}") {
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
    fn keys_mean_the_same_everywhere() {
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
