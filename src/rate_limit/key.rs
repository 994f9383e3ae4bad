//! What requests are counted by.

use std::fmt;

use http::{Extensions, HeaderMap};
use sha2::{Digest, Sha256};

use crate::auth::{CredentialKind, Principal, presented};

/// What requests are counted by: a credential, a caller, or whatever a host chooses.
///
/// Half a SHA-256, so that the limiter holds nothing that could be presented: enough to tell
/// callers apart (finding another secret of the same key takes some 2^128 tries). `Debug` doesn't
/// show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateKey([u8; 16]);

impl RateKey {
    /// The credential in `X-API-Key` or `Authorization: Bearer`, by the very rules of
    /// [`HeaderAuthenticator`](crate::HeaderAuthenticator). `None` without one, and for what those
    /// rules don't take: such a request is answered with 401 before anything is looked up.
    ///
    /// A key and a token of the same text are two.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let credential = presented(headers).ok()?;
        let kind = match credential.kind() {
            CredentialKind::ApiKey => Kind::ApiKey,
            CredentialKind::Bearer => Kind::Bearer,
        };
        Some(Self::of(kind, credential.expose_secret().as_bytes()))
    }

    /// The user of the [`Principal`] that the host's own middleware has put into the request.
    /// `None` without one.
    #[must_use]
    pub fn from_extensions(extensions: &Extensions) -> Option<Self> {
        let principal: &Principal = extensions.get()?;
        Some(Self::of(Kind::User, principal.user.as_uuid().as_bytes()))
    }

    /// Anything else that tells callers apart: a tenant, an address. Never the same as one of the
    /// above.
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
    fn what_is_told_apart() {
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
    fn a_user_is_one_whatever_the_scopes() {
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
    fn nothing_is_shown() {
        let key = RateKey::new("tenant 7");
        assert_eq!(format!("{key:?}"), "RateKey([redacted])");
    }
}
