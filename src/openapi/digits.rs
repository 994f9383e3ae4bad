//! A regular expression for a range of whole numbers.

/// Returns a regular expression that matches the decimal digits of every whole number from 1 to
/// `most`, with or without leading zeros, and nothing else. It stays within the subset of regular
/// expressions that JSON Schema recommends (JSON Schema 2020-12, Core, section 6.4).
pub(super) fn up_to(most: u64) -> String {
    let digits = most.to_string();
    let mut ways = Vec::new();
    if digits.len() > 1 {
        ways.push(format!("[1-9][0-9]{{0,{}}}", digits.len() - 2));
    }
    for (at, digit) in digits.char_indices() {
        let least = if at == 0 { '1' } else { '0' };
        let rest = digits.len() - at - 1;
        // Numbers of the same length that have the same digits before `at` and a smaller digit at
        // `at`.
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
    fn examples() {
        assert_eq!(up_to(1), "^0*(?:1)$");
        assert_eq!(
            up_to(203),
            "^0*(?:[1-9][0-9]{0,1}|[1-1][0-9]{2}|20[0-2][0-9]{0}|203)$"
        );
    }
}
