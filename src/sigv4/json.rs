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
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    if is_plain(text) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    let escaped = serde_json::Value::from(text).to_string();
    for c in escaped.chars() {
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

/// Whether every byte is ASCII, no control character, no quote and no backslash: eight at a time.
fn is_plain(text: &str) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // A byte below `least` borrows from its highest bit, which ASCII leaves free. What a borrow does
    // to the next byte can only be a false alarm, and there has been a true one by then.
    let below = |word: u64, least: u8| word.wrapping_sub(ONES * u64::from(least)) & !word;
    let special = |word: u64| {
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        (word | below(word, b' ') | quote | backslash) & HIGH
    };
    let (words, rest) = text.as_bytes().as_chunks();
    let mut last = [b' '; 8];
    last[..rest.len()].copy_from_slice(rest);
    let found = words
        .iter()
        .fold(special(u64::from_le_bytes(last)), |found, word| {
            found | special(u64::from_le_bytes(*word))
        });
    found == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_is_what_needs_no_escape(text in "[ -~\u{7f}-\u{ff}\0-\u{1f}]{0,40}", plain in "[ !#-\\[\\]-~]{0,40}") {
            let needs_none = |c: char| matches!(c, ' '..='\u{7f}') && c != '"' && c != '\\';
            prop_assert_eq!(is_plain(&text), text.chars().all(needs_none));
            prop_assert!(is_plain(&plain));
        }

        #[test]
        fn every_string_reads_back(text in "\\PC*|(?s).*") {
            let mut json = Vec::new();
            push_string(&mut json, &text);
            prop_assert!(json.is_ascii());
            prop_assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
        }
    }
}
