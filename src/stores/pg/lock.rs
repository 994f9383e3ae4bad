//! Advisory locks that are identified by name.

use sha2::{Digest, Sha256};

/// Returns the key of the advisory lock with this name, for
/// [`Session::transaction`](super::Session::transaction).
///
/// The key must be the same in all processes and all releases, because replicas of two releases run side
/// by side. If two names happen to have the same key, their transactions only wait for each other.
pub(in crate::stores) fn lock_key(name: &[&[u8]]) -> i64 {
    let mut hash = Sha256::new();
    for part in name {
        // The lengths tell `["ab", "c"]` from `["a", "bc"]`.
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
    fn keys_never_change() {
        // SHA-256 of the two parts, each after its length in eight bytes.
        let known = -6_458_097_033_261_533_976;
        assert_eq!(lock_key(&[b"pending", b"x"]), known);
        assert_ne!(lock_key(&[b"pendingx", b""]), known);
    }
}
