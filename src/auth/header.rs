//! Authentication by the headers `X-API-Key` and `Authorization: Bearer`.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::request::Parts;

use super::authenticator::{AuthError, Authenticator};
use super::credential::CredentialVerifier;
use super::presented::presented;
use super::principal::Principal;
use crate::asset::{Clock, SystemClock};

/// Authenticates a request by `X-API-Key: <key>` or `Authorization: Bearer <token>` (RFC 6750,
/// section 2.1; the scheme in any case). A [`CredentialVerifier`] looks the key or token up.
///
/// # Security
/// 1. If a request has both headers, `X-API-Key` decides and `Authorization` is ignored, because
///    gateways leave their own `Authorization` behind.
/// 2. A header that occurs twice, or a secret that isn't visible ASCII, is not valid.
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
    /// Creates an authenticator that looks credentials up with `verifier`.
    #[must_use]
    pub fn new(verifier: V) -> Self {
        Self {
            verifier,
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the clock that decides whether credentials have expired; the machine's clock by
    /// default.
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
