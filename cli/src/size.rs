//! Sizes on the command line.

/// Reads bytes: a number alone, or with a decimal (kB, MB, GB) or binary (KiB, MiB, GiB) unit.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "kb" => Some(1_000),
        "mb" => Some(1_000_000),
        "gb" => Some(1_000_000_000),
        "kib" => Some(1 << 10),
        "mib" => Some(1 << 20),
        "gib" => Some(1 << 30),
        _ => None,
    };
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let number: Option<u64> = digits.parse().ok().filter(|_| plain);
    number
        .zip(unit)
        .and_then(|(number, unit)| number.checked_mul(unit))
        .ok_or_else(|| "is no size: write whole bytes, or a unit as in 20MB or 16MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn units_are_decimal_or_binary() {
        for (text, bytes) in [
            ("0", 0),
            ("5242880", 5_242_880),
            ("7B", 7),
            ("20MB", 20_000_000),
            ("20mb", 20_000_000),
            ("3kB", 3_000),
            ("16MiB", 16 << 20),
            ("1KiB", 1024),
            ("5GiB", 5 << 30),
            ("5GB", 5_000_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "MB",
            "lots",
            "-1",
            "+1",
            "1.5MB",
            "1 MB",
            "1M",
            "1XB",
            "١MB",
            "1MBMB",
            "18446744073709551616",
            "18446744073709551615kB",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
