//! The checksum that a client announces for a file.

use std::fmt;
use std::str::FromStr;

use base64_simd::STANDARD;

use super::text::serde_as_text;

/// The SHA-256 that a client announced for its file.
///
/// Parses from base64, as S3 writes it, or from hexadecimal, as `sha256sum` prints it. Displays as
/// base64.
///
/// ```
/// use tower_asset_upload::asset::Checksum;
///
/// let hex: Checksum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse()?;
/// let base64: Checksum = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse()?;
/// assert_eq!(hex, base64);
/// # Ok::<(), tower_asset_upload::asset::InvalidChecksum>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum([u8; 32]);

/// The error for text that isn't a [`Checksum`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a SHA-256 in base64 (44 characters) or hexadecimal (64 digits)")]
#[non_exhaustive]
pub struct InvalidChecksum;

impl Checksum {
    /// Wraps the 32 bytes of a SHA-256.
    #[must_use]
    pub const fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the checksum in base64 with padding, as S3 writes it.
    #[must_use]
    pub fn to_base64(self) -> String {
        STANDARD.encode_to_string(self.0)
    }
}

impl FromStr for Checksum {
    type Err = InvalidChecksum;

    fn from_str(text: &str) -> Result<Self, InvalidChecksum> {
        let sha256 = match text.len() {
            44 => STANDARD.decode_to_vec(text).ok(),
            64 => const_hex::decode(text).ok(),
            _ => None,
        };
        let sha256 = sha256.and_then(|bytes| bytes.try_into().ok());
        sha256.map(Self).ok_or(InvalidChecksum)
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_base64())
    }
}

serde_as_text!(Checksum);

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_base64_and_hexadecimal_are_parsed() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let read: Checksum = hex.parse().unwrap();
        assert_eq!(hex.to_uppercase().parse(), Ok(read));
        assert_eq!(read.to_string().parse(), Ok(read));
        for bad in [
            "",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
            &hex[1..],
            &format!("0x{}", &hex[2..]),
            &hex.replace('e', "g"),
            // 33 bytes, and bits of a 33rd.
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
        ] {
            assert_eq!(bad.parse::<Checksum>(), Err(InvalidChecksum), "{bad}");
        }
    }
}
