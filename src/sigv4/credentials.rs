//! Who signs.

use std::fmt;

use time::OffsetDateTime;
use zeroize::Zeroizing;

/// An access key: its id, its secret and, for temporary ones, the session token and the end.
///
/// The secret is wiped from memory when the last copy goes, and `Debug` shows neither it nor the
/// token.
///
/// ```
/// use tower_asset_upload::sigv4::Credentials;
///
/// let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")?;
/// assert!(!format!("{credentials:?}").contains("wJalr"));
/// # Ok::<(), tower_asset_upload::sigv4::InvalidCredentials>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    access_key_id: String,
    secret_access_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
    expires_at: Option<OffsetDateTime>,
}

/// Why two texts are no [`Credentials`]. Never shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCredentials {
    /// The id is empty, longer than 128 bytes, or holds something else than visible ASCII without
    /// `/` and `,`, which delimit it in the credential scope and in headers.
    #[error("the access key id must be 1 to 128 visible ASCII characters without `/` and `,`")]
    AccessKeyId,
    /// The secret is empty.
    #[error("the secret access key is empty")]
    SecretAccessKey,
    /// The token is empty or holds something else than visible ASCII.
    #[error("the session token must be visible ASCII, and not empty when it is given")]
    SessionToken,
}

impl Credentials {
    /// Long-lived credentials.
    ///
    /// # Errors
    /// When the id can't stand in a credential scope, or the secret is empty.
    pub fn new(
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
    ) -> Result<Self, InvalidCredentials> {
        let access_key_id = access_key_id.into();
        let secret_access_key = Zeroizing::new(secret_access_key.into());
        let sound_id = (1..=128).contains(&access_key_id.len())
            && access_key_id
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'/' && b != b',');
        if !sound_id {
            return Err(InvalidCredentials::AccessKeyId);
        }
        if secret_access_key.is_empty() {
            return Err(InvalidCredentials::SecretAccessKey);
        }
        Ok(Self {
            access_key_id,
            secret_access_key,
            session_token: None,
            expires_at: None,
        })
    }

    /// Makes them temporary: adds the session token that the security token service gave out with
    /// them. State their end too, by [`expiring_at`](Self::expiring_at): a signature made without it
    /// may outlive them.
    ///
    /// # Errors
    /// When the token is empty or not visible ASCII.
    pub fn with_session_token(
        mut self,
        token: impl Into<String>,
    ) -> Result<Self, InvalidCredentials> {
        let token = Zeroizing::new(token.into());
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidCredentials::SessionToken);
        }
        self.session_token = Some(token);
        Ok(self)
    }

    /// States when they end. No signature made with them outlives that.
    #[must_use]
    pub fn expiring_at(mut self, end: OffsetDateTime) -> Self {
        self.expires_at = Some(end);
        self
    }

    /// The public half.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The session token, when they are temporary. It goes into every form and URL.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_ref().map(|token| token.as_str())
    }

    /// When they end, where that is known.
    #[must_use]
    pub fn expires_at(&self) -> Option<OffsetDateTime> {
        self.expires_at
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret_access_key
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &"[redacted]")
            .field(
                "session_token",
                &self.session_token.as_ref().map(|_| "[redacted]"),
            )
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let credentials = Credentials::new("AKID", "sEcReT")
            .unwrap()
            .with_session_token("tOkEn")
            .unwrap();
        let shown = format!("{credentials:?} {credentials:#?}");
        assert!(shown.contains("AKID"));
        assert!(
            !shown.contains("sEcReT") && !shown.contains("tOkEn"),
            "{shown}"
        );
    }

    #[test]
    fn what_cannot_stand_in_a_scope_is_refused() {
        assert_eq!(
            Credentials::new("", "s"),
            Err(InvalidCredentials::AccessKeyId)
        );
        assert_eq!(
            Credentials::new("a/b", "s"),
            Err(InvalidCredentials::AccessKeyId)
        );
        assert_eq!(
            Credentials::new("a\n", "s"),
            Err(InvalidCredentials::AccessKeyId)
        );
        assert_eq!(
            Credentials::new("a", ""),
            Err(InvalidCredentials::SecretAccessKey)
        );
        let temporary = Credentials::new("a", "s")
            .unwrap()
            .with_session_token("t\r\n");
        assert_eq!(temporary, Err(InvalidCredentials::SessionToken));
    }
}
