//! Texts in which every character means only itself: nearly all there are.

/// Whether a text is printable ASCII without `"`, `\` and `$`: nothing that JSON, a header, a path of
/// Windows or S3's substitution could make something else of. Texts that aren't get a closer look.
///
/// Without an early end, so that the compiler makes vector instructions of it: some 10 ns for an
/// object key.
pub(crate) fn is_plain(text: &str) -> bool {
    let special = |b: u8| !matches!(b, b' '..=b'~') || matches!(b, b'"' | b'\\' | b'$');
    !text.bytes().fold(false, |found, b| found | special(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_is_what_means_only_itself(text in "[ -~\u{7f}-\u{ff}\0-\u{1f}]{0,40}", plain in "[ !#%-\\[\\]-~]{0,40}") {
            let needs_none = |c: char| matches!(c, ' '..='~') && !"\"\\$".contains(c);
            prop_assert_eq!(is_plain(&text), text.chars().all(needs_none));
            prop_assert!(is_plain(&plain));
        }
    }
}
