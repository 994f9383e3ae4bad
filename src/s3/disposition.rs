//! `Content-Disposition`: whether a download is shown or saved, and under which name.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::asset::ObjectName;

/// All characters except the `attr-char`s of RFC 8187, section 3.2.1.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Returns the header's value (RFC 6266, section 4). It has the name in UTF-8, which all current
/// clients read. For older clients an ASCII name that needs no escapes comes first.
pub(crate) fn content_disposition(inline: bool, name: &ObjectName) -> String {
    let name = name.as_str();
    let kind = if inline { "inline" } else { "attachment" };
    let plain = name
        .bytes()
        .all(|b| (b.is_ascii_graphic() || b == b' ') && !b"\"\\%".contains(&b));
    let mut value = String::with_capacity(kind.len() + 32 + 4 * name.len());
    value.push_str(kind);
    if plain {
        value.push_str("; filename=\"");
        value.push_str(name);
        value.push('"');
    }
    value.push_str("; filename*=UTF-8''");
    value.extend(utf8_percent_encode(name, ATTR_CHAR));
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_for_old_and_new_clients() {
        let value = |inline, name| content_disposition(inline, &ObjectName::clean(name).unwrap());
        assert_eq!(
            value(true, "a b.png"),
            "inline; filename=\"a b.png\"; filename*=UTF-8''a%20b.png"
        );
        assert_eq!(
            value(false, "a\"b'.svg"),
            "attachment; filename*=UTF-8''a%22b%27.svg"
        );
        assert_eq!(
            value(false, "50%.txt"),
            "attachment; filename*=UTF-8''50%25.txt"
        );
        assert_eq!(
            value(true, "文.png"),
            "inline; filename*=UTF-8''%E6%96%87.png"
        );
    }
}
