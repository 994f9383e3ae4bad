//! Callers by the headers they send: `X-API-Key`, or `Authorization: Bearer`.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::request::Parts;

use super::authenticator::{AuthError, Authenticator};
use super::credential::CredentialVerifier;
use super::presented::presented;
use super::principal::Principal;
use crate::asset::{Clock, SystemClock};

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
/// use tower_asset_upload::asset::UserId;
/// use tower_asset_upload::auth::CredentialRecord;
/// use tower_asset_upload::{CredentialStore, HeaderAuthenticator, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let user: UserId = "11111111-1111-4111-8111-000000000001".parse()?;
/// let key = "plane_api_0123456789abcdef0123456789abcdef";
///
/// let store = MemoryStore::new();
/// store.add_credential(CredentialRecord::api_key(key, user)).await?;
/// let authenticator = HeaderAuthenticator::new(store);
/// # let _ = authenticator;
/// # Ok(())
/// # }
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

impl<V> fmt::Debug for HeaderAuthenticator<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderAuthenticator")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
