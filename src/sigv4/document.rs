//! The policy document, written piece by piece into one buffer.

use super::json::push_string;
use super::number::push_number;
use super::policy::Match;

/// The policy document as it grows. Names are literals of this crate or were checked to be header
/// names; values go through the JSON escape.
#[derive(Default)]
pub(super) struct Document(String);

impl Document {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// Conditions that were written before.
    pub(super) fn append(&mut self, conditions: &str) {
        self.0.push_str(conditions);
    }

    /// The conditions alone, to be appended to other documents.
    pub(super) fn into_conditions(self) -> String {
        self.0
    }

    pub(super) fn open(&mut self, expiration: &str) {
        self.0.push_str("{\"expiration\":\"");
        self.0.push_str(expiration);
        self.0.push_str("\",\"conditions\":[");
    }

    pub(super) fn condition(&mut self, name: &[&str], value: &str) {
        self.0.push_str("{\"");
        for part in name {
            self.0.push_str(part);
        }
        self.0.push_str("\":");
        push_string(&mut self.0, value);
        self.0.push_str("},");
    }

    fn starts_with(&mut self, name: &[&str], prefix: &str) {
        self.0.push_str("[\"starts-with\",\"$");
        for part in name {
            self.0.push_str(part);
        }
        self.0.push_str("\",");
        push_string(&mut self.0, prefix);
        self.0.push_str("],");
    }

    pub(super) fn rule(&mut self, name: &[&str], rule: &Match<'_>) {
        match rule {
            Match::Exact(value) => self.condition(name, value),
            Match::StartsWith(prefix) => self.starts_with(name, prefix),
        }
    }

    pub(super) fn range(&mut self, least: u64, most: u64) {
        self.0.push_str("[\"content-length-range\",");
        push_number(&mut self.0, least);
        self.0.push(',');
        push_number(&mut self.0, most);
        self.0.push_str("],");
    }

    pub(super) fn close(mut self) -> String {
        self.0.pop();
        self.0.push_str("]}");
        self.0
    }
}
