//! The signing key: derived once a day, kept as the two hash states that HMAC starts from.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::dialect::Dialect;

/// A derived signing key (AWS, "Deriving the signing key": four HMACs over date, region, service and
/// terminator). What is kept are the hash states behind the padded key, so that a signature costs
/// the message and one more block. They are wiped on drop.
#[derive(Clone)]
pub(super) struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    pub(super) fn derive(dialect: &Dialect, secret: &str, date: &str, region: &str) -> Self {
        let seed = zeroize::Zeroizing::new([dialect.secret_prefix, secret].concat());
        let mut key = Self::from_bytes(seed.as_bytes());
        for part in [date, region, dialect.service, dialect.terminator] {
            let derived = zeroize::Zeroizing::new(key.mac([part.as_bytes()]));
            key = Self::from_bytes(derived.as_ref());
        }
        key
    }

    fn from_bytes(key: &[u8]) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "HMAC takes a key of any length (RFC 2104, section 3)"
        )]
        Self(Hmac::new_from_slice(key).expect("any length is a key"))
    }

    fn mac<'a>(&self, message: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
        let mut mac = self.0.clone();
        for piece in message {
            mac.update(piece);
        }
        mac.finalize().into_bytes().into()
    }

    /// The signature of the pieces of a message, as 64 lower-case hexadecimal digits.
    pub(super) fn sign<'a>(&self, message: impl IntoIterator<Item = &'a [u8]>) -> Hex {
        hex(&self.mac(message))
    }
}

/// The hexadecimal digits of a digest.
pub(super) type Hex = const_hex::Buffer<32>;

/// Lower-case hexadecimal.
pub(super) fn hex(digest: &[u8; 32]) -> Hex {
    let mut digits = Hex::new();
    digits.format(digest);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS, "Examples of how to derive a signing key for Signature Version 4".
    #[test]
    fn the_published_key() {
        let iam = Dialect {
            service: "iam",
            ..Dialect::AWS
        };
        let key = SigningKey::derive(
            &iam,
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "20150830",
            "us-east-1",
        );
        let expected: [u8; 32] = const_hex::decode_to_array(
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9",
        )
        .unwrap();
        let text = b"any message";
        assert_eq!(
            key.mac([&text[..]]),
            SigningKey::from_bytes(&expected).mac([&text[..]])
        );
    }

    /// AWS, "Browser-Based Uploads Using POST (AWS Signature Version 4)", its example policy.
    #[test]
    fn the_published_post_signature() {
        let policy = include_str!("../../tests/vectors/aws-post-example/policy.base64");
        let key = SigningKey::derive(
            &Dialect::AWS,
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "20151229",
            "us-east-1",
        );
        assert_eq!(
            key.sign([policy.trim_end().as_bytes()]).as_str(),
            "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"
        );
    }
}
