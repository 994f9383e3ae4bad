//! API keys and tokens: the port that looks them up, and the digests that stores keep.

use std::fmt;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::principal::Principal;
use crate::asset::UserId;
use crate::error::Unavailable;
use sha2::{Digest, Sha256};

/// Looks up the API keys and tokens that [`HeaderAuthenticator`](crate::HeaderAuthenticator) reads.
///
/// # Security
/// 1. **Constant time.** The time of a look-up must not reveal how much of a guessed secret was
///    right. Looking up [`Credential::digest`] by equality is safe: an attacker can't make
///    guesses whose SHA-256 comes closer to the stored one.
/// 2. **One answer.** Return `Ok(None)` for unknown, expired and disabled credentials alike.
/// 3. **No secrets kept.** Don't store or log the secret.
/// 4. **Random secrets only.** A SHA-256 without salt or stretching is enough for secrets of 128 or
///    more random bits. It is **not** enough for passwords, or for keys that people choose.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't look up credentials",
    label = "this type doesn't implement `CredentialVerifier`",
    note = "pass a store that keeps credentials, or implement `CredentialVerifier`"
)]
#[async_trait]
pub trait CredentialVerifier: Send + Sync {
    /// Returns the credential's principal. `None` if the credential is not valid at `now`.
    ///
    /// # Errors
    /// [`Unavailable`] if a backend does not answer. Never return `Ok(None)` in that case.
    async fn verify(
        &self,
        credential: &Credential<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, Unavailable>;
}

forward! { CredentialVerifier {
    async fn verify(
        &self,
        credential: &Credential<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, Unavailable>;
} }

/// The kind of a credential, which is the way a request presents it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CredentialKind {
    /// A personal API key, in `X-API-Key`. Has every scope of its owner unless it was granted
    /// fewer.
    ApiKey,
    /// An OAuth token, in `Authorization: Bearer`. Has the scopes that it was granted.
    Bearer,
}

impl CredentialKind {
    /// Returns the kind's name in seed files and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Bearer => "bearer",
        }
    }
}

/// A credential as a request presents it. The secret is visible ASCII. `Debug` shows only the kind.
#[derive(Clone, Copy)]
pub struct Credential<'a> {
    kind: CredentialKind,
    secret: &'a str,
}

impl<'a> Credential<'a> {
    /// Wraps a secret of the given kind.
    #[must_use]
    pub fn new(kind: CredentialKind, secret: &'a str) -> Self {
        Self { kind, secret }
    }

    /// Returns the credential's kind.
    #[must_use]
    pub fn kind(&self) -> CredentialKind {
        self.kind
    }

    /// Returns the secret, for backends that need it, such as token introspection. **Danger:**
    /// don't store or log it.
    #[must_use]
    pub fn expose_secret(&self) -> &'a str {
        self.secret
    }

    /// Returns the SHA-256 of the secret, which stores keep in its place.
    #[must_use]
    pub fn digest(&self) -> CredentialDigest {
        CredentialDigest(Sha256::digest(self.secret.as_bytes()).into())
    }
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("kind", &self.kind)
            .field("secret", &"[redacted]")
            .finish()
    }
}

/// The SHA-256 of a secret. A store can recognise a presented secret by its digest, but nobody can
/// present the digest as the secret. `Debug` doesn't show it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialDigest([u8; 32]);

impl CredentialDigest {
    /// Wraps the 32 bytes of a stored digest.
    #[must_use]
    pub const fn from_bytes(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// Returns the 32 bytes, for a column of a table.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for CredentialDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialDigest([redacted])")
    }
}

/// A credential as the crate's own stores keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRecord {
    /// The way a request must present the credential.
    pub kind: CredentialKind,
    /// The digest of the secret.
    pub digest: CredentialDigest,
    /// The owner, and the scopes that the credential grants.
    pub principal: Principal,
    /// The expiry, if any. The credential is not valid at this moment or later.
    pub expires_at: Option<OffsetDateTime>,
    /// Whether the credential is enabled.
    pub active: bool,
}

impl CredentialRecord {
    /// Creates an enabled credential without expiry. Keeps only the digest of the secret.
    #[must_use]
    pub fn new(credential: &Credential<'_>, principal: Principal) -> Self {
        Self {
            kind: credential.kind,
            digest: credential.digest(),
            principal,
            expires_at: None,
            active: true,
        }
    }

    /// Creates an enabled API key of a user, with every scope and without expiry. Keeps only the digest
    /// of the secret.
    ///
    /// ```
    /// use tower_asset_upload::asset::UserId;
    /// use tower_asset_upload::auth::CredentialRecord;
    ///
    /// let user: UserId = "11111111-1111-4111-8111-000000000001".parse()?;
    /// let record = CredentialRecord::api_key("a key of 128 random bits", user);
    /// assert_eq!(record.principal.user, user);
    /// # Ok::<(), tower_asset_upload::asset::InvalidId>(())
    /// ```
    #[must_use]
    pub fn api_key(secret: &str, user: UserId) -> Self {
        let key = Credential::new(CredentialKind::ApiKey, secret);
        Self::new(&key, Principal::with_all_scopes(user))
    }

    /// Returns the owner if the credential is enabled and not expired at `now`.
    #[must_use]
    pub fn principal_at(&self, now: OffsetDateTime) -> Option<&Principal> {
        let valid = self.active && self.expires_at.is_none_or(|end| now < end);
        valid.then_some(&self.principal)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let credential = Credential::new(CredentialKind::ApiKey, "sEcReT");
        let record = CredentialRecord::new(
            &credential,
            Principal::with_all_scopes(UserId::new(uuid::Uuid::nil())),
        );
        let shown = format!("{credential:?} {record:?}");
        assert!(!shown.contains("sEcReT"), "{shown}");
        assert!(!shown.contains(&const_hex::encode(record.digest.as_bytes())));
    }

    #[test]
    fn a_credential_is_valid_until_its_expiry() {
        let credential = Credential::new(CredentialKind::Bearer, "t");
        let mut record = CredentialRecord::new(
            &credential,
            Principal::with_all_scopes(UserId::new(uuid::Uuid::nil())),
        );
        let end = datetime!(2026-01-01 0:00 UTC);
        record.expires_at = Some(end);
        assert!(
            record
                .principal_at(end - time::Duration::NANOSECOND)
                .is_some()
        );
        assert!(record.principal_at(end).is_none());
        record.active = false;
        assert!(record.principal_at(end - time::Duration::DAY).is_none());
    }
}
