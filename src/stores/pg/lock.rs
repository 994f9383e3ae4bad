//! Advisory locks: by name, not by number.

use sha2::{Digest, Sha256};

/// The key of the advisory lock of that name, for [`Session::transaction`](super::Session::transaction).
///
/// The same in every process and every release: what two of them agree on must not change. Names that
/// happen to share a key only wait for each other.
pub(in crate::stores) fn lock_key(name: &[&[u8]]) -> i64 {
    let mut hash = Sha256::new();
    for part in name {
        // Lengths go in, so that it matters where the name is cut.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .take(size_of::<i64>())
        .fold(0, |key, byte| key << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_what_they_were() {
        // SHA-256 of the two parts, the length of each in eight bytes before it.
        let known = -6_458_097_033_261_533_976;
        assert_eq!(lock_key(&[b"pending", b"x"]), known);
        assert_ne!(lock_key(&[b"pendingx", b""]), known);
    }
}
