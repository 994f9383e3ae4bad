//! Names and values in order: a form's fields, a request's headers.
#![expect(
    clippy::inline_always,
    reason = "names that are literals are then appended without a call, which is what most of it costs"
)]

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::plain::is_plain;

/// Names and values in order, in one buffer.
///
/// Serializes as a map in that order. `Debug` shows the names only: the values may be a permission.
///
/// ```
/// use tower_asset_upload::asset::Pairs;
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
    count: usize,
    /// None as long as all is [plain](is_plain): quotes then tell where a name and a value end. A form is
    /// moved several times on its way, and so is no larger than need be.
    #[expect(
        clippy::box_collection,
        reason = "a vector is three times as large where there is none"
    )]
    lengths: Option<Box<Vec<Lengths>>>,
}

/// What is before a name, between it and its value, and behind that.
const BEFORE: &str = "\"";
const BETWEEN: &str = "\":\"";
const BEHIND: &str = "\",";

/// The bytes of all that.
const AROUND: usize = BEFORE.len() + BETWEEN.len() + BEHIND.len();

/// Of a name and of its value, in bytes.
type Lengths = (usize, usize);

impl Pairs {
    pub(crate) const NONE: Self = Self {
        text: String::new(),
        count: 0,
        lengths: None,
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

    /// Adds one at the end.
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
        debug_assert!(!plain || is_plain(&self.text[middle..end]));
        debug_assert!(!plain || is_plain(&self.text[start + BEFORE.len()..middle - BETWEEN.len()]));
        self.text.push_str(BEHIND);
        if !plain || self.lengths.is_some() {
            let name = middle - start - BEFORE.len() - BETWEEN.len();
            self.lengths().push((name, end - middle));
        }
        self.count += 1;
        &self.text[middle..end]
    }

    /// The lengths, which are kept from now on.
    #[cold]
    fn lengths(&mut self) -> &mut Vec<Lengths> {
        let so_far = || Box::new(lengths_of(&self.text, self.count, None).collect());
        self.lengths.get_or_insert_with(so_far)
    }

    /// Adds all of others at the end.
    #[inline]
    pub(crate) fn extend(&mut self, others: &Self) {
        if self.lengths.is_some() || others.lengths.is_some() {
            self.lengths().extend(others.each_lengths());
        }
        self.text.push_str(&others.text);
        self.count += others.count;
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = self.text.as_str();
        self.each_lengths().map(move |(name, value)| {
            let (name, from_there) = rest[BEFORE.len()..].split_at(name);
            let (value, from_there) = from_there[BETWEEN.len()..].split_at(value);
            rest = &from_there[BEHIND.len()..];
            (name, value)
        })
    }

    fn each_lengths(&self) -> impl Iterator<Item = Lengths> {
        lengths_of(&self.text, self.count, self.lengths.as_deref())
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
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them as the members of a JSON object, unless something in them needs an escape.
    pub(crate) fn as_members(&self) -> Option<&str> {
        let members = self.text.strip_suffix(',').unwrap_or(&self.text);
        self.lengths.is_none().then_some(members)
    }

    /// The bytes of all names and values.
    pub(crate) fn text_len(&self) -> usize {
        self.text.len() - self.count * AROUND
    }
}

/// The lengths of so many pairs: those that are kept, or else by where the quotes are.
fn lengths_of(
    text: &str,
    count: usize,
    kept: Option<&Vec<Lengths>>,
) -> impl Iterator<Item = Lengths> {
    let mut texts = text.split('"').skip(1).step_by(2);
    let mut kept = kept.map(|kept| kept.iter());
    let next = move || match &mut kept {
        Some(kept) => kept.next().copied(),
        None => Some((texts.next()?.len(), texts.next()?.len())),
    };
    std::iter::from_fn(next).take(count)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts() -> impl Strategy<Value = Vec<(String, String)>> {
        prop::collection::vec(("[a-z-]{0,9}|\\PC{0,9}", "[ -~]{0,9}|(?s).{0,9}"), 0..6)
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(first in texts(), second in texts()) {
            let mut pairs: Pairs = first.iter().map(|(n, v)| (n, v)).collect();
            pairs.extend(&second.iter().map(|(n, v)| (n, v)).collect());
            let all: Vec<_> = first.iter().chain(&second).map(|(n, v)| (&**n, &**v)).collect();
            prop_assert_eq!(pairs.iter().collect::<Vec<_>>(), &*all);
            prop_assert_eq!(pairs.len(), all.len());
            let bytes: usize = all.iter().map(|(name, value)| name.len() + value.len()).sum();
            prop_assert_eq!(pairs.text_len(), bytes);
            prop_assert_eq!(&pairs, &all.iter().copied().collect());

            let plain = all.iter().all(|(name, value)| is_plain(name) && is_plain(value));
            prop_assert_eq!(pairs.as_members().is_some(), plain);
            if let Some(members) = pairs.as_members() {
                let object = ["{", members, "}"].concat();
                prop_assert!(serde_json::from_str::<serde_json::Value>(&object).is_ok());
            }
        }
    }
}
