//! The keys that identify callers to the rate limit.

use std::fmt;

use http::{Extensions, HeaderMap};
use sha2::{Digest, Sha256};

use crate::auth::{CredentialKind, Principal, presented};

/// Identifies a caller to the rate limit: a credential, a user, or any name that the host chooses.
///
/// A key is the first half of a SHA-256, so the limiter holds no secret. Finding another secret
/// with the same key takes about 2^128 tries. `Debug` doesn't show the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateKey([u8; 16]);

impl RateKey {
    /// Creates a key from the credential in `X-API-Key` or `Authorization: Bearer`, by the rules of
    /// [`HeaderAuthenticator`](crate::HeaderAuthenticator). `None` if these rules find no
    /// credential; the authenticator answers such a request with 401 without a look-up.
    ///
    /// An API key and a token with the same text give different keys.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let credential = presented(headers).ok()?;
        let kind = match credential.kind() {
            CredentialKind::ApiKey => Kind::ApiKey,
            CredentialKind::Bearer => Kind::Bearer,
        };
        Some(Self::of(kind, credential.expose_secret().as_bytes()))
    }

    /// Creates a key from the user of the [`Principal`] that the host's middleware put into the
    /// request's extensions. `None` without a principal.
    #[must_use]
    pub fn from_extensions(extensions: &Extensions) -> Option<Self> {
        let principal: &Principal = extensions.get()?;
        Some(Self::of(Kind::User, principal.user.as_uuid().as_bytes()))
    }

    /// Creates a key from any name that tells callers apart, such as a tenant or an address. It
    /// never equals a key of the other constructors.
    ///
    /// ```
    /// use tower_asset_upload::rate_limit::RateKey;
    ///
    /// assert!(RateKey::new("tenant 7") == RateKey::new(b"tenant 7"));
    /// ```
    #[must_use]
    pub fn new(name: impl AsRef<[u8]>) -> Self {
        Self::of(Kind::Other, name.as_ref())
    }

    fn of(kind: Kind, name: &[u8]) -> Self {
        let digest = Sha256::new().chain_update([kind as u8]).chain_update(name);
        let mut half = [0; 16];
        half.copy_from_slice(&digest.finalize()[..16]);
        Self(half)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    ApiKey,
    Bearer,
    User,
    Other,
}

impl fmt::Debug for RateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RateKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::UserId;

    fn from(headers: &[(&'static str, &'static str)]) -> Option<RateKey> {
        let headers = headers.iter().map(|(name, value)| {
            let name: http::HeaderName = name.parse().unwrap();
            (name, http::HeaderValue::from_static(value))
        });
        RateKey::from_headers(&headers.collect())
    }

    #[test]
    fn kinds_and_secrets_give_different_keys() {
        let key = from(&[("x-api-key", "secret")]).unwrap();
        assert!(Some(key) == from(&[("x-api-key", "secret"), ("authorization", "Bearer x")]));
        let token = from(&[("authorization", "Bearer secret")]).unwrap();
        assert!(Some(token) == from(&[("authorization", "bearer  secret")]));
        assert!(key != token);
        assert!(key != from(&[("x-api-key", "Secret")]).unwrap());
        assert!(key != RateKey::new("secret"));
        for none in [
            &[][..],
            &[("authorization", "Basic x")],
            &[("x-api-key", "a b")],
        ] {
            assert!(from(none).is_none(), "{none:?}");
        }
    }

    #[test]
    fn a_user_has_one_key_whatever_the_scopes() {
        let [alice, bob] = [1, 2].map(|n| UserId::new(uuid::Uuid::from_u128(n)));
        let of = |principal: Principal| {
            let mut extensions = Extensions::new();
            extensions.insert(principal);
            RateKey::from_extensions(&extensions).unwrap()
        };
        let alice = of(Principal::with_all_scopes(alice));
        let narrow = Principal::new(
            UserId::new(uuid::Uuid::from_u128(1)),
            crate::auth::Scopes::none(),
        );
        assert!(alice == of(narrow));
        assert!(alice != of(Principal::with_all_scopes(bob)));
        assert!(RateKey::from_extensions(&Extensions::new()).is_none());
    }

    #[test]
    fn debug_does_not_show_the_key() {
        let key = RateKey::new("tenant 7");
        assert_eq!(format!("{key:?}"), "RateKey([redacted])");
    }
}
