//! Reads the credential from the headers `X-API-Key` and `Authorization: Bearer`.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::authenticator::AuthError;
use super::credential::{Credential, CredentialKind};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Reads the credential by the rules of [`HeaderAuthenticator`](crate::HeaderAuthenticator).
pub(crate) fn presented(headers: &HeaderMap) -> Result<Credential<'_>, AuthError> {
    if let Some(key) = single_value(headers, &API_KEY)? {
        return Ok(Credential::new(
            CredentialKind::ApiKey,
            visible_ascii(key.as_bytes())?,
        ));
    }
    let authorization = single_value(headers, &AUTHORIZATION)?
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
        visible_ascii(token.trim_ascii_start())?,
    ))
}

fn single_value<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, AuthError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(AuthError::Invalid),
        (value, None) => Ok(value),
    }
}

fn visible_ascii(secret: &[u8]) -> Result<&str, AuthError> {
    match std::str::from_utf8(secret) {
        Ok(text) if !text.is_empty() && is_graphic(text) => Ok(text),
        _ => Err(AuthError::Invalid),
    }
}

/// The loop has no early exit, so the compiler vectorises it.
fn is_graphic(text: &str) -> bool {
    text.bytes().fold(true, |all, b| all & b.is_ascii_graphic())
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
    fn the_key_wins_and_repeated_or_malformed_headers_are_invalid() {
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
