//! JSON written into one buffer of known size.
//!
//! A policy is a handful of strings between constant punctuation, so it is written piece by piece
//! instead of through a tree of values. Every string that is not a literal of this crate is a
//! [`Text`]: no value can close its own quotes.
#![expect(
    clippy::inline_always,
    reason = "names that are literals are then appended without a call, which is what most of it costs"
)]

use std::borrow::Cow;

use crate::asset::{Pairs, is_plain};

/// A text that is going to be a JSON string, looked at once: whether it can be copied as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text<'a> {
    text: Cow<'a, str>,
    plain: bool,
}

impl<'a> Text<'a> {
    #[inline]
    pub(super) fn new(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        let plain = is_plain(&text);
        Self { text, plain }
    }

    #[inline]
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether there is nothing in it that JSON, a header or S3's substitution could make something
    /// else of.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Adds it to pairs, under a plain name in two parts.
    #[inline]
    pub(super) fn push_to(&self, pairs: &mut Pairs, prefix: &str, name: &str) {
        pairs.push_with(prefix, name, self.plain, |text| text.push_str(&self.text));
    }

    /// Adds it to pairs, under a plain name with all that is before the value.
    #[inline(always)]
    pub(super) fn push_opened_to(&self, pairs: &mut Pairs, opening: &str) {
        pairs.push_opened(opening, self.plain, |text| text.push_str(&self.text));
    }

    /// Writes the string without its quotes, in ASCII.
    ///
    /// Plain text, which is nearly all there is, is copied; the rest is `serde_json`'s work, and then
    /// has its non-ASCII characters escaped too, as the policy's documentation asks (AWS, "POST
    /// Policy", "Escape characters").
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if self.plain {
            out.extend_from_slice(self.text.as_bytes());
        } else {
            write_escaped(&self.text, out);
        }
    }
}

#[cold]
fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let quoted = serde_json::Value::from(text).to_string();
    for c in quoted[1..quoted.len() - 1].chars() {
        if c.is_ascii() {
            out.extend(u8::try_from(c));
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\u");
                out.extend_from_slice(const_hex::encode(unit.to_be_bytes()).as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_string_reads_back(text in "\\PC*|(?s).*") {
            let mut json = b"\"".to_vec();
            Text::new(&*text).write(&mut json);
            json.push(b'"');
            prop_assert!(json.is_ascii());
            prop_assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
        }
    }
}
