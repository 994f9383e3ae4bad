//! The policy document, written piece by piece into one buffer.
//!
//! What goes before a value is a literal of this crate or a name that was checked to be a header's;
//! the values go through the JSON escape. Literals are as long as they can be, since each piece costs
//! as much as its bytes.

use std::cell::Cell;

use super::json::Text;
use super::policy::Match;

/// The document as it grows: UTF-8, kept as bytes because that is what is hashed.
#[derive(Default)]
pub(super) struct Document(Vec<u8>);

thread_local! {
    /// The last document's buffer, for the thread's next one: a document is short-lived, and no longer
    /// than a form may be.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Document {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        // A thread that ends may have let go of it already.
        let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
        buffer.clear();
        buffer.reserve(bytes);
        Self(buffer)
    }

    /// Keeps the buffer for the next document.
    pub(super) fn recycle(self) {
        _ = BUFFER.try_with(|buffer| buffer.set(self.0));
    }

    #[inline]
    pub(super) fn open(&mut self, expiration: [u8; 20], bucket: &Text<'_>) {
        self.append(b"{\"expiration\":\"");
        self.append(&expiration);
        self.append(b"\",\"conditions\":[{\"bucket\":\"");
        bucket.write(&mut self.0);
        self.append(b"\"},");
    }

    #[inline]
    pub(super) fn range(&mut self, least: u64, most: u64) {
        let mut digits = itoa::Buffer::new();
        if least == 1 {
            self.append(b"[\"content-length-range\",1,");
        } else {
            self.append(b"[\"content-length-range\",");
            self.append(digits.format(least).as_bytes());
            self.append(b",");
        }
        self.append(digits.format(most).as_bytes());
        self.append(b"],");
    }

    #[inline]
    pub(super) fn content_type(&mut self, rule: &Match<'_>) {
        self.rule(
            rule,
            b"{\"Content-Type\":\"",
            b"[\"starts-with\",\"$Content-Type\",\"",
        );
    }

    #[inline]
    pub(super) fn key(&mut self, rule: &Match<'_>) {
        self.rule(rule, b"{\"key\":\"", b"[\"starts-with\",\"$key\",\"");
    }

    /// A condition, its name in what goes before the value.
    #[inline]
    fn rule<const E: usize, const S: usize>(
        &mut self,
        rule: &Match<'_>,
        exact: &[u8; E],
        starts_with: &[u8; S],
    ) {
        match rule {
            Match::Exact(value) => {
                self.append(exact);
                value.write(&mut self.0);
                self.append(b"\"},");
            }
            Match::StartsWith(start) => {
                self.append(starts_with);
                start.write(&mut self.0);
                self.append(b"\"],");
            }
        }
    }

    /// An exact condition, its name in two parts.
    pub(super) fn condition(&mut self, prefix: &str, name: &str, value: &Text<'_>) {
        for part in ["{\"", prefix, name, "\":\""] {
            self.append(part.as_bytes());
        }
        value.write(&mut self.0);
        self.append(b"\"},");
    }

    /// What needs no escapes: literals, a date, conditions that were written before.
    #[inline]
    pub(super) fn append(&mut self, written: &[u8]) {
        self.0.extend_from_slice(written);
    }

    /// Ends the document, in place of the comma behind the last condition.
    pub(super) fn close(&mut self) {
        self.0.pop();
        self.append(b"]}");
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
