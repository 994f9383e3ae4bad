//! Callers by the headers they send: `X-API-Key`, or `Authorization: Bearer`.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::auth::{AuthError, Authenticator, Principal};
use crate::clock::{Clock, SystemClock};
use crate::credential::{Credential, CredentialKind, CredentialVerifier};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Reads `X-API-Key: <key>` or `Authorization: Bearer <token>` (RFC 6750, section 2.1; the scheme in
/// any case) and has a [`CredentialVerifier`] look it up.
///
/// # Security
/// 1. With both headers the key decides and the other is not looked at: gateways leave their own
///    `Authorization` behind.
/// 2. A header that comes twice, or a secret that is not visible ASCII, is not valid.
/// 3. A scheme other than Bearer counts as no credentials.
///
/// ```
/// use tower_asset_upload::{
///     Credential, CredentialKind, CredentialRecord, HeaderAuthenticator, MemoryStore, Principal, UserId,
/// };
///
/// let store = MemoryStore::new();
/// let key = Credential::new(CredentialKind::ApiKey, "plane_api_0123456789abcdef0123456789abcdef");
/// let user = UserId::parse_hyphenated("11111111-1111-4111-8111-000000000001").unwrap();
/// store.add_credential(CredentialRecord::new(&key, Principal::with_all_scopes(user)));
/// let authenticator = HeaderAuthenticator::new(store);
/// # let _ = authenticator;
/// ```
pub struct HeaderAuthenticator<V> {
    verifier: V,
    clock: Arc<dyn Clock>,
}

impl<V> HeaderAuthenticator<V> {
    /// Looks credentials up with `verifier`.
    #[must_use]
    pub fn new(verifier: V) -> Self {
        Self {
            verifier,
            clock: Arc::new(SystemClock),
        }
    }

    /// The clock by which credentials expire; the machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

#[async_trait]
impl<V: CredentialVerifier> Authenticator for HeaderAuthenticator<V> {
    async fn authenticate(&self, request: &Parts) -> Result<Principal, AuthError> {
        let credential = presented(&request.headers)?;
        let principal = self.verifier.verify(&credential, self.clock.now()).await?;
        principal.ok_or(AuthError::Invalid)
    }
}

fn presented(headers: &HeaderMap) -> Result<Credential<'_>, AuthError> {
    if let Some(key) = only(headers, &API_KEY)? {
        return Ok(Credential::new(
            CredentialKind::ApiKey,
            visible(key.as_bytes())?,
        ));
    }
    let authorization = only(headers, &AUTHORIZATION)?
        .ok_or(AuthError::Missing)?
        .as_bytes();
    let scheme_end = authorization
        .iter()
        .position(|b| *b == b' ')
        .unwrap_or(authorization.len());
    let (scheme, token) = authorization.split_at(scheme_end);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(AuthError::Missing);
    }
    Ok(Credential::new(
        CredentialKind::Bearer,
        visible(token.trim_ascii_start())?,
    ))
}

fn only<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, AuthError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(AuthError::Invalid),
        (value, None) => Ok(value),
    }
}

fn visible(secret: &[u8]) -> Result<&str, AuthError> {
    match std::str::from_utf8(secret) {
        Ok(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) => Ok(text),
        _ => Err(AuthError::Invalid),
    }
}

impl<V> fmt::Debug for HeaderAuthenticator<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderAuthenticator")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        headers: &[(&'static str, &'static str)],
    ) -> Result<(CredentialKind, String), &'static str> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        match presented(&map) {
            Ok(credential) => Ok((credential.kind(), credential.expose_secret().to_owned())),
            Err(AuthError::Missing) => Err("missing"),
            Err(_) => Err("invalid"),
        }
    }

    #[test]
    fn which_header_counts() {
        use CredentialKind::{ApiKey, Bearer};
        assert_eq!(read(&[]), Err("missing"));
        assert_eq!(read(&[("x-api-key", "k")]), Ok((ApiKey, "k".into())));
        assert_eq!(
            read(&[("authorization", "bEaReR  t")]),
            Ok((Bearer, "t".into()))
        );
        assert_eq!(
            read(&[("x-api-key", "k"), ("authorization", "Basic x")]),
            Ok((ApiKey, "k".into()))
        );
        assert_eq!(
            read(&[
                ("x-api-key", "k"),
                ("authorization", "Bearer a"),
                ("authorization", "Bearer b")
            ]),
            Ok((ApiKey, "k".into()))
        );
        assert_eq!(read(&[("authorization", "Basic x")]), Err("missing"));
        assert_eq!(read(&[("authorization", "Bearer")]), Err("invalid"));
        assert_eq!(read(&[("authorization", "Bearer a b")]), Err("invalid"));
        assert_eq!(
            read(&[("authorization", "Bearer a"), ("authorization", "Bearer a")]),
            Err("invalid")
        );
        assert_eq!(
            read(&[("x-api-key", "k"), ("x-api-key", "k")]),
            Err("invalid")
        );
        assert_eq!(read(&[("x-api-key", "")]), Err("invalid"));
        assert_eq!(read(&[("x-api-key", "ké")]), Err("invalid"));
        assert_eq!(read(&[("x-api-key", "a b")]), Err("invalid"));
    }
}
