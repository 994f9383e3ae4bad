//! Names and values in order: a form's fields, a request's headers.
#![expect(
    clippy::inline_always,
    reason = "names that are literals are then appended without a call, which is what most of it costs"
)]

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use smallvec::SmallVec;

use crate::plain::is_plain;

/// Names and values in order, in one buffer.
///
/// Serializes as a map in that order. `Debug` shows the names only: the values may be a permission.
///
/// ```
/// use tower_asset_upload::Pairs;
///
/// let pairs: Pairs = [("key", "a/b.png"), ("Content-Type", "image/png")].into_iter().collect();
/// assert_eq!(pairs.get("key"), Some("a/b.png"));
/// assert_eq!(pairs.iter().count(), 2);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Pairs {
    /// `"name":"value",` one behind the other: members of a JSON object, as long as they need no escapes.
    /// An answer to a create request is mostly that, and then takes it in one piece.
    text: String,
    /// As small as they can be, as a form is moved several times on its way.
    lengths: SmallVec<[Lengths; 8]>,
    /// Whether each name and each value is [plain](is_plain).
    plain: bool,
}

/// What is before a name, between it and its value, and behind that.
const BEFORE: &str = "\"";
const BETWEEN: &str = "\":\"";
const BEHIND: &str = "\",";

/// The bytes of all that.
const AROUND: usize = BEFORE.len() + BETWEEN.len() + BEHIND.len();

/// Of a name and of its value, in bytes.
type Lengths = (u32, u32);

impl Pairs {
    pub(crate) const NONE: Self = Self {
        text: String::new(),
        lengths: SmallVec::new_const(),
        plain: true,
    };

    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::NONE
    }

    /// None yet, with room for `bytes` of names and values.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self::with_room(8, bytes)
    }

    /// None yet, with room for so many and for `bytes` of their names and values.
    pub(crate) fn with_room(pairs: usize, bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes + pairs * AROUND),
            ..Self::NONE
        }
    }

    /// Adds one at the end. One that has 4 GiB or more is not added: no request could carry it.
    #[inline]
    pub fn push(&mut self, name: &str, value: &str) {
        let plain = is_plain(name) && is_plain(value);
        self.push_with("", name, plain, |text| text.push_str(value));
    }

    /// Adds one whose name comes in two parts and whose value is what `write` appends, all of it known
    /// to be plain or not. Gives the value.
    #[inline]
    pub(crate) fn push_with(
        &mut self,
        prefix: &str,
        name: &str,
        plain: bool,
        write: impl FnOnce(&mut String),
    ) -> &str {
        let start = self.text.len();
        self.text.push_str(BEFORE);
        self.text.push_str(prefix);
        self.text.push_str(name);
        self.text.push_str(BETWEEN);
        self.push_value(start, plain, write)
    }

    /// Adds one whose name is plain and comes with all that is before its value, as in `"name":"`.
    #[inline(always)]
    pub(crate) fn push_opened(
        &mut self,
        opening: &str,
        plain: bool,
        write: impl FnOnce(&mut String),
    ) -> &str {
        let start = self.text.len();
        self.text.push_str(opening);
        self.push_value(start, plain, write)
    }

    /// The value of the one whose opening begins at `start`.
    #[inline(always)]
    fn push_value(&mut self, start: usize, plain: bool, write: impl FnOnce(&mut String)) -> &str {
        let middle = self.text.len();
        write(&mut self.text);
        let end = self.text.len();
        let name = middle - start - BEFORE.len() - BETWEEN.len();
        if let (Ok(name), Ok(value)) = (u32::try_from(name), u32::try_from(end - middle)) {
            self.text.push_str(BEHIND);
            self.plain &= plain;
            self.lengths.push((name, value));
            &self.text[middle..end]
        } else {
            self.text.truncate(start);
            ""
        }
    }

    /// Adds all of others at the end.
    #[inline]
    pub(crate) fn extend(&mut self, others: &Self) {
        self.text.push_str(&others.text);
        self.lengths.extend_from_slice(&others.lengths);
        self.plain &= others.plain;
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = self.text.as_str();
        self.lengths.iter().map(move |&(name, value)| {
            let (name, from_there) = rest[BEFORE.len()..].split_at(name as usize);
            let (value, from_there) = from_there[BETWEEN.len()..].split_at(value as usize);
            rest = &from_there[BEHIND.len()..];
            (name, value)
        })
    }

    /// The first value of that very name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find_map(|(other, value)| (other == name).then_some(value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// All of them as the members of a JSON object, unless something in them needs an escape.
    pub(crate) fn as_members(&self) -> Option<&str> {
        let members = self.text.strip_suffix(',').unwrap_or(&self.text);
        self.plain.then_some(members)
    }

    /// The bytes of all names and values.
    pub(crate) fn text_len(&self) -> usize {
        self.text.len() - self.lengths.len() * AROUND
    }
}

impl Default for Pairs {
    fn default() -> Self {
        Self::NONE
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut collected = Self::new();
        for (name, value) in pairs {
            collected.push(name.as_ref(), value.as_ref());
        }
        collected
    }
}

impl fmt::Debug for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(|(name, _)| name))
            .finish()
    }
}

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
