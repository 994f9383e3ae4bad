//! JSON objects of texts, written into one buffer: what every answer is.
//!
//! An answer to a create request is mostly one policy of plain text. `serde_json` looks at it byte by
//! byte, which takes as long as signing it; here it is looked at in whole vectors and copied. What has
//! to be escaped is `serde_json`'s work.
#![expect(
    clippy::inline_always,
    reason = "names that are literals are then appended without a call, which is what most of it costs"
)]

use crate::asset::{Pairs, is_plain};

/// An object that is still open. The members' names are literals that need no escape.
#[derive(Debug)]
pub(crate) struct JsonObject(Vec<u8>);

impl JsonObject {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut text = Vec::with_capacity(bytes);
        text.push(b'{');
        Self(text)
    }

    #[inline(always)]
    pub(crate) fn text(&mut self, name: &'static str, value: &str) {
        if is_plain(value) {
            self.plain_text(name, value);
        } else {
            self.name(name);
            self.escaped(value);
        }
    }

    /// A text that is known to be plain.
    #[inline(always)]
    pub(crate) fn plain_text(&mut self, name: &'static str, value: &str) {
        debug_assert!(is_plain(value));
        self.name(name);
        self.quoted(value);
    }

    #[inline]
    pub(crate) fn flag(&mut self, name: &'static str, value: bool) {
        self.name(name);
        self.append(if value { "true" } else { "false" });
    }

    pub(crate) fn number(&mut self, name: &'static str, value: u16) {
        self.name(name);
        self.append(itoa::Buffer::new().format(value));
    }

    /// A member that is an object itself.
    #[inline(always)]
    pub(crate) fn object(&mut self, name: &'static str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.append("{");
        write(self);
        self.append("}");
    }

    /// A member that is an object of names and values in their order.
    pub(crate) fn pairs(&mut self, name: &'static str, pairs: &Pairs) {
        self.object(name, |object| match pairs.as_members() {
            Some(members) => object.append(members),
            None => {
                for (name, value) in pairs.iter() {
                    object.comma();
                    object.escaped(name);
                    object.append(":");
                    object.escaped(value);
                }
            }
        });
    }

    /// The object, closed.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.append("}");
        self.0
    }

    #[inline(always)]
    fn name(&mut self, name: &'static str) {
        self.comma();
        self.quoted(name);
        self.append(":");
    }

    #[inline(always)]
    fn comma(&mut self) {
        if self.0.last() != Some(&b'{') {
            self.append(",");
        }
    }

    /// A text without anything to escape.
    #[inline(always)]
    fn quoted(&mut self, text: &str) {
        self.append("\"");
        self.append(text);
        self.append("\"");
    }

    fn escaped(&mut self, text: &str) {
        self.append(&serde_json::Value::from(text).to_string());
    }

    #[inline]
    fn append(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn members_and_objects_in_their_order() {
        let mut object = JsonObject::with_capacity(0);
        object.text("a", "{");
        object.object("b", |_| {});
        object.object("c", |c| c.flag("d", true));
        object.pairs("e", &[("f", "1"), ("g", "")].into_iter().collect());
        object.flag("h", false);
        assert_eq!(
            String::from_utf8(object.end()).unwrap(),
            r#"{"a":"{","b":{},"c":{"d":true},"e":{"f":"1","g":""},"h":false}"#
        );
        assert_eq!(JsonObject::with_capacity(0).end(), b"{}");
    }

    proptest! {
        #[test]
        fn every_text_reads_back(name in "\\PC*|(?s).*", value in "\\PC*|(?s).*") {
            let mut object = JsonObject::with_capacity(0);
            object.text("text", &value);
            object.pairs("pairs", &[(&name, &value)].into_iter().collect());
            let read: Value = serde_json::from_slice(&object.end()).unwrap();
            prop_assert_eq!(read, json!({"text": value, "pairs": {name: value}}));
        }
    }
}
