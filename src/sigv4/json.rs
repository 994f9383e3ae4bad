//! JSON written into one buffer of known size.
//!
//! A policy is a handful of strings between constant punctuation, so it is written piece by piece
//! instead of through a tree of values. Every string that is not a literal of this crate goes
//! through [`push_string`]: no value can close its own quotes.

/// Writes a JSON string, quotes included, in ASCII.
///
/// Text without anything to escape, which is nearly all there is, is copied; the rest is
/// `serde_json`'s work, and then has its non-ASCII characters escaped too, as the policy's
/// documentation asks (AWS, "POST Policy", "Escape characters").
pub(super) fn push_string(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push('"');
        out.push_str(text);
        out.push('"');
        return;
    }
    let escaped = serde_json::Value::from(text).to_string();
    for c in escaped.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str("\\u");
                for shift in [12, 8, 4, 0] {
                    let digit = u32::from(*unit) >> shift & 0xf;
                    out.push(char::from_digit(digit, 16).unwrap_or('0'));
                }
            }
        }
    }
}

/// A whole-string fold and not a search: without an early exit the compiler turns it into vector
/// instructions.
fn is_plain(text: &str) -> bool {
    let special = |b: u8| u8::from(!(0x20..0x7f).contains(&b) || b == b'"' || b == b'\\');
    text.bytes().fold(0, |found, b| found | special(b)) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_string_reads_back(text in "\\PC*|(?s).*") {
            let mut json = String::new();
            push_string(&mut json, &text);
            prop_assert!(json.is_ascii());
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
