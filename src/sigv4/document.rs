//! The policy document, written piece by piece into one buffer.
//!
//! What goes before a value is a literal of this crate or a name that was checked to be a header's;
//! the values go through the JSON escape.

use super::json::push_string;
use super::policy::{FormField, Match};

/// The document as it grows.
#[derive(Default)]
pub(super) struct Document(String);

impl Document {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    pub(super) fn open(&mut self, expiration: &str, bucket: &str) {
        self.0.push_str("{\"expiration\":\"");
        self.0.push_str(expiration);
        self.0.push_str("\",\"conditions\":[{\"bucket\":");
        push_string(&mut self.0, bucket);
        self.0.push_str("},");
    }

    pub(super) fn range(&mut self, least: u64, most: u64) {
        let mut digits = itoa::Buffer::new();
        self.0.push_str("[\"content-length-range\",");
        self.0.push_str(digits.format(least));
        self.0.push(',');
        self.0.push_str(digits.format(most));
        self.0.push_str("],");
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

    pub(super) fn field(&mut self, field: &FormField, prefix: &str) {
        let name = field.name_parts(prefix).concat();
        let exact = ["{\"", &name, "\":"].concat();
        let starts_with = ["[\"starts-with\",\"$", &name, "\","].concat();
        self.rule(&field.rule, &exact, &starts_with);
    }

    /// A condition, its name in what goes before the value.
    fn rule(&mut self, rule: &Match<'_>, exact: &str, starts_with: &str) {
        let (before, value, behind) = match rule {
            Match::Exact(value) => (exact, value, "},"),
            Match::StartsWith(start) => (starts_with, start, "],"),
        };
        self.0.push_str(before);
        push_string(&mut self.0, value);
        self.0.push_str(behind);
    }

    pub(super) fn condition(&mut self, name: &str, value: &str) {
        self.0.push_str("{\"");
        self.0.push_str(name);
        self.0.push_str("\":");
        push_string(&mut self.0, value);
        self.0.push_str("},");
    }

    /// A condition up to its value, which follows as plain text.
    pub(super) fn open_condition(&mut self, name: &str) {
        self.0.push_str("{\"");
        self.0.push_str(name);
        self.0.push_str("\":\"");
    }

    pub(super) fn close_condition(&mut self) {
        self.0.push_str("\"},");
    }

    /// Text that needs no escapes: parts of a document, digits.
    pub(super) fn plain(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// Ends the document, in place of the comma behind the last condition.
    pub(super) fn close(&mut self) {
        self.0.pop();
        self.0.push_str("]}");
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}
