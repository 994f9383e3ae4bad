//! API keys and tokens: how they are looked up, and what of them is kept.

use std::fmt;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::principal::Principal;
use crate::asset::UserId;
use crate::error::Unavailable;
use sha2::{Digest, Sha256};

/// Looks up the API keys and tokens that [`HeaderAuthenticator`](crate::HeaderAuthenticator) finds.
///
/// # What must hold
/// 1. **Timing.** The answer's time tells nothing about how much of a secret was right. Looking up
///    [`Credential::digest`] by equality does that: who doesn't know the key can't steer its SHA-256.
/// 2. **Sameness.** Unknown, expired and disabled are all `Ok(None)`.
/// 3. **Silence.** The secret is neither kept nor logged.
///
/// A SHA-256 without salt or stretching is enough for secrets drawn at random (128 bits or more).
/// It is **not** for passwords or keys that people think up.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not know credentials",
    label = "this type doesn't implement `CredentialVerifier`",
    note = "pass a store that keeps credentials, or implement `CredentialVerifier`"
)]
#[async_trait]
pub trait CredentialVerifier: Send + Sync {
    /// Whose credential this is, if it is valid at `now`.
    ///
    /// # Errors
    /// When it can't be told because a backend does not answer; never `Ok(None)` for that.
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

/// The two ways to present a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CredentialKind {
    /// A personal API key, in `X-API-Key`. Carries every scope its owner has, unless it was granted
    /// fewer.
    ApiKey,
    /// An OAuth token, in `Authorization: Bearer`. Carries the scopes it was granted.
    Bearer,
}

impl CredentialKind {
    /// The kind's name in seed files and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Bearer => "bearer",
        }
    }
}

/// A secret as a request presented it: visible ASCII. `Debug` shows its kind only.
#[derive(Clone, Copy)]
pub struct Credential<'a> {
    kind: CredentialKind,
    secret: &'a str,
}

impl<'a> Credential<'a> {
    /// A secret of that kind.
    #[must_use]
    pub fn new(kind: CredentialKind, secret: &'a str) -> Self {
        Self { kind, secret }
    }

    /// How it was presented.
    #[must_use]
    pub fn kind(&self) -> CredentialKind {
        self.kind
    }

    /// The secret itself, for backends that need it (a token's introspection). Don't keep it.
    #[must_use]
    pub fn expose_secret(&self) -> &'a str {
        self.secret
    }

    /// What is kept of it.
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

/// The SHA-256 of a secret: enough to know it again, not enough to present it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialDigest([u8; 32]);

impl CredentialDigest {
    /// A digest that was kept as its 32 bytes.
    #[must_use]
    pub const fn from_bytes(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// The 32 bytes, for a column of a table.
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
    /// How it has to be presented.
    pub kind: CredentialKind,
    /// Its digest.
    pub digest: CredentialDigest,
    /// Whose it is, and what it allows.
    pub principal: Principal,
    /// When it ends, if it does. From that moment on it is not valid.
    pub expires_at: Option<OffsetDateTime>,
    /// Whether it is in force.
    pub active: bool,
}

impl CredentialRecord {
    /// A credential in force, without an end. Of the secret only the digest is kept.
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

    /// An API key of that user, in force, without an end, and with all scopes.
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

    /// Whose it is, if it is valid at `now`.
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
    fn no_secret_is_shown() {
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
    fn a_record_is_valid_until_its_very_end() {
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
