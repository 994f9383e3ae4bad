//! The URLs of the API, and the header with the credential.

use http::{HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::asset::{AssetId, WorkspaceSlug};
use crate::auth::{Credential, CredentialKind};
use crate::http_client::ServerUrl;

/// The base path of the API if the server's address has no path.
const BASE_PATH: &str = "/api/v1";

/// Error of creating an [`AssetClient`](super::AssetClient).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidClient {
    /// The server's address is not an `http` or `https` URL, or it has a user, a query or a
    /// fragment.
    #[error(
        "the server's address must be http:// or https:// and a host, without a user, query or \
         fragment, as in https://assets.example.com"
    )]
    Server,
    /// The API key or token is empty, or has characters that can't be sent in a header.
    #[error(
        "an API key or token must have at least one character, and visible ASCII characters only"
    )]
    Secret,
}

/// The URL of one workspace's assets: `http://host/api/v1/workspaces/slug/assets/`.
#[derive(Clone, Debug)]
pub(super) struct Address(String);

impl Address {
    /// Builds the URL. A path in `server` replaces `/api/v1`.
    pub(super) fn new(server: &str, workspace: &WorkspaceSlug) -> Result<Self, InvalidClient> {
        let url = ServerUrl::parse(server).ok_or(InvalidClient::Server)?;
        let base = if url.path().is_empty() {
            BASE_PATH
        } else {
            url.path()
        };
        let slug = utf8_percent_encode(workspace.as_str(), NON_ALPHANUMERIC);
        Ok(Self(format!(
            "{}{base}/workspaces/{slug}/assets/",
            url.origin()
        )))
    }

    pub(super) fn collection(&self) -> &str {
        &self.0
    }

    pub(super) fn item(&self, id: AssetId) -> String {
        format!("{}{id}/", self.0)
    }
}

/// Returns the header with the credential. Its value is marked as sensitive, so `Debug` hides it.
pub(super) fn header(
    credential: &Credential<'_>,
) -> Result<(HeaderName, HeaderValue), InvalidClient> {
    let secret = credential.expose_secret();
    if secret.is_empty() || !secret.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(InvalidClient::Secret);
    }
    let (name, value) = match credential.kind() {
        CredentialKind::ApiKey => (
            HeaderName::from_static("x-api-key"),
            HeaderValue::from_str(secret),
        ),
        CredentialKind::Bearer => (
            http::header::AUTHORIZATION,
            HeaderValue::from_str(&format!("Bearer {secret}")),
        ),
    };
    let mut value = value.map_err(|_| InvalidClient::Secret)?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let slug = |slug| WorkspaceSlug::new(slug).unwrap();
        for (server, workspace, expected) in [
            ("http://h:80", "w", "http://h/api/v1/workspaces/w/assets/"),
            (
                "http://h:8080",
                "w",
                "http://h:8080/api/v1/workspaces/w/assets/",
            ),
            (
                "http://127.1/a%20b//c",
                "w",
                "http://127.1/a%20b//c/workspaces/w/assets/",
            ),
            ("https://h/", "w", "https://h/api/v1/workspaces/w/assets/"),
            ("https://h/a/b/", "w", "https://h/a/b/workspaces/w/assets/"),
            (
                "https://[::1]:1",
                "w",
                "https://[::1]:1/api/v1/workspaces/w/assets/",
            ),
            (
                "http://h",
                "é?",
                "http://h/api/v1/workspaces/%C3%A9%3F/assets/",
            ),
        ] {
            let address = Address::new(server, &slug(workspace)).unwrap();
            assert_eq!(address.collection(), expected);
        }
        for bad in [
            "",
            "h",
            "/path",
            "h:80",
            "ftp://h",
            "http://",
            "http://u:p@h",
            "http://h/?q",
            "http://h/#f",
            "http://h h",
        ] {
            let refused = Address::new(bad, &slug("w"));
            assert_eq!(refused.unwrap_err(), InvalidClient::Server, "{bad}");
        }
    }

    #[test]
    fn secrets_are_sent_but_hidden_in_debug() {
        let of = |kind, secret| header(&Credential::new(kind, secret));
        let (name, value) = of(CredentialKind::ApiKey, "k1").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("x-api-key", &b"k1"[..]));
        assert_eq!(format!("{value:?}"), "Sensitive");
        let (name, value) = of(CredentialKind::Bearer, "t").unwrap();
        assert_eq!(name, "authorization");
        assert_eq!(value, "Bearer t");
        for bad in ["", "a b", "a\r\nb", "é"] {
            assert_eq!(
                of(CredentialKind::ApiKey, bad).unwrap_err(),
                InvalidClient::Secret
            );
        }
    }
}
