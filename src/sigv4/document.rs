//! The policy document, written piece by piece into one buffer.
//!
//! What goes before a value is a literal of this crate or a name that was checked to be a header's;
//! the values go through the JSON escape.

use super::json::push_string;
use super::policy::Match;

/// The document as it grows: UTF-8, kept as bytes because that is what is hashed.
#[derive(Default)]
pub(super) struct Document(Vec<u8>);

impl Document {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(super) fn open(&mut self, expiration: [u8; 20], bucket: &str) {
        self.0.extend_from_slice(b"{\"expiration\":\"");
        self.0.extend_from_slice(&expiration);
        self.0.extend_from_slice(b"\",\"conditions\":[{\"bucket\":");
        push_string(&mut self.0, bucket);
        self.0.extend_from_slice(b"},");
    }

    pub(super) fn range(&mut self, least: u64, most: u64) {
        let mut digits = itoa::Buffer::new();
        self.0.extend_from_slice(b"[\"content-length-range\",");
        self.0.extend_from_slice(digits.format(least).as_bytes());
        self.0.push(b',');
        self.0.extend_from_slice(digits.format(most).as_bytes());
        self.0.extend_from_slice(b"],");
    }

    pub(super) fn content_type(&mut self, rule: &Match<'_>) {
        self.rule(
            rule,
            "{\"Content-Type\":",
            "[\"starts-with\",\"$Content-Type\",",
        );
    }

    pub(super) fn key(&mut self, rule: &Match<'_>) {
        self.rule(rule, "{\"key\":", "[\"starts-with\",\"$key\",");
    }

    /// A condition, its name in what goes before the value.
    fn rule(&mut self, rule: &Match<'_>, exact: &str, starts_with: &str) {
        let (before, value, behind) = match rule {
            Match::Exact(value) => (exact, value, "},"),
            Match::StartsWith(start) => (starts_with, start, "],"),
        };
        self.0.extend_from_slice(before.as_bytes());
        push_string(&mut self.0, value);
        self.0.extend_from_slice(behind.as_bytes());
    }

    /// An exact condition, its name in two parts.
    pub(super) fn condition(&mut self, prefix: &str, name: &str, value: &str) {
        self.open_name(prefix, name);
        push_string(&mut self.0, value);
        self.0.extend_from_slice(b"},");
    }

    /// An exact condition up to its value, which follows as plain text.
    pub(super) fn open_condition(&mut self, prefix: &str, name: &str) {
        self.open_name(prefix, name);
        self.0.push(b'"');
    }

    fn open_name(&mut self, prefix: &str, name: &str) {
        for part in ["{\"", prefix, name, "\":"] {
            self.0.extend_from_slice(part.as_bytes());
        }
    }

    pub(super) fn close_condition(&mut self) {
        self.0.extend_from_slice(b"\"},");
    }

    /// What needs no escapes: conditions that were written before, a date.
    pub(super) fn append(&mut self, written: &[u8]) {
        self.0.extend_from_slice(written);
    }

    /// Ends the document, in place of the comma behind the last condition.
    pub(super) fn close(&mut self) {
        self.0.pop();
        self.0.extend_from_slice(b"]}");
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}
