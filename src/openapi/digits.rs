//! A range of whole numbers as a regular expression over their digits.

/// Matches the decimal digits of every whole number from 1 to `most`, with leading zeros or without,
/// and nothing else. In the common subset of regular expressions (JSON Schema 2020-12, Core, section
/// 6.4).
pub(super) fn up_to(most: u64) -> String {
    let digits = most.to_string();
    let mut ways = Vec::new();
    if digits.len() > 1 {
        ways.push(format!("[1-9][0-9]{{0,{}}}", digits.len() - 2));
    }
    for (at, digit) in digits.char_indices() {
        let least = if at == 0 { '1' } else { '0' };
        let rest = digits.len() - at - 1;
        // As long, the same up to here, and less from here on.
        if let Some(below) = (least..digit).last() {
            let same = &digits[..at];
            ways.push(format!("{same}[{least}-{below}][0-9]{{{rest}}}"));
        }
    }
    ways.push(digits);
    format!("^0*(?:{})$", ways.join("|"))
}

#[cfg(test)]
mod tests {
    use super::up_to;

    #[test]
    fn written_out() {
        assert_eq!(up_to(1), "^0*(?:1)$");
        assert_eq!(
            up_to(203),
            "^0*(?:[1-9][0-9]{0,1}|[1-1][0-9]{2}|20[0-2][0-9]{0}|203)$"
        );
    }
}
