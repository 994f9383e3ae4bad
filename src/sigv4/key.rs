//! The signing key: derived once a day, kept as the two hash states that HMAC starts from.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::dialect::Dialect;
use super::sha256::{BLOCK, START, State, behind, finish};

/// A derived signing key (AWS, "Deriving the signing key": four HMACs over date, region, service and
/// terminator).
///
/// What is kept are the states of the two hashes behind the padded key (RFC 2104, section 4), so that
/// a signature costs the message and one more block. That last HMAC is done here and not by the crate
/// that derives the key; [`sha256`](super::sha256) says why. The states are wiped on drop.
#[derive(Clone)]
pub(super) struct SigningKey {
    inner: State,
    outer: State,
}

impl SigningKey {
    pub(super) fn derive(dialect: &Dialect, secret: &str, date: &str, region: &str) -> Self {
        let mut key = Zeroizing::new([dialect.secret_prefix, secret].concat().into_bytes());
        for part in [date, region, dialect.service, dialect.terminator] {
            let mut mac = hmac(&key);
            mac.update(part.as_bytes());
            key = Zeroizing::new(mac.finalize().into_bytes().to_vec());
        }
        Self::from_bytes(&key)
    }

    /// A key of a block at most (RFC 2104, section 2), as the hash that every derived key is.
    fn from_bytes(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        let mut state_behind = |pad: u8| {
            block.iter_mut().for_each(|byte| *byte ^= pad);
            let state = behind(START, &block);
            block.iter_mut().for_each(|byte| *byte ^= pad);
            state
        };
        Self {
            inner: state_behind(0x36),
            outer: state_behind(0x5c),
        }
    }

    fn mac(&self, message: &[u8]) -> [u8; 32] {
        finish(self.outer, 1, &finish(self.inner, 1, message))
    }

    /// The signature of a message, as 64 lower-case hexadecimal digits.
    pub(super) fn sign(&self, message: &[u8]) -> Hex {
        hex(&self.mac(message))
    }
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes a key of any length (RFC 2104, section 3)"
    )]
    Hmac::new_from_slice(key).expect("any length is a key")
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_hmac_of_the_crate_for_it(
            key in prop::collection::vec(any::<u8>(), 0..=BLOCK),
            message in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let mut theirs = hmac(&key);
            theirs.update(&message);
            let theirs: [u8; 32] = theirs.finalize().into_bytes().into();
            prop_assert_eq!(SigningKey::from_bytes(&key).mac(&message), theirs);
        }
    }

    /// Where padding has to take one block more.
    #[test]
    fn every_length_of_the_last_block() {
        let message = [b'a'; 200];
        for length in 0..message.len() {
            let mut theirs = hmac(b"key");
            theirs.update(&message[..length]);
            let theirs: [u8; 32] = theirs.finalize().into_bytes().into();
            let ours = SigningKey::from_bytes(b"key").mac(&message[..length]);
            assert_eq!(ours, theirs, "{length}");
        }
    }

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
        assert_eq!(key.mac(text), SigningKey::from_bytes(&expected).mac(text));
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
            key.sign(policy.trim_end().as_bytes()).as_str(),
            "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"
        );
    }
}
