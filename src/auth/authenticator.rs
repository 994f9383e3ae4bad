//! The port through which the service learns who is calling.

use async_trait::async_trait;
use http::request::Parts;

use super::principal::Principal;
use crate::error::Unavailable;

/// Finds out who sent a request, from its head alone: the body has not been read.
///
/// Ready-made: [`HeaderAuthenticator`](crate::HeaderAuthenticator) reads `X-API-Key` and
/// `Authorization: Bearer`; [`ExtensionAuthenticator`](crate::auth::ExtensionAuthenticator) takes the [`Principal`] that
/// the host's own middleware has found.
///
/// ```
/// use async_trait::async_trait;
/// use http::request::Parts;
/// use tower_asset_upload::Authenticator;
/// use tower_asset_upload::asset::UserId;
/// use tower_asset_upload::auth::{AuthError, Principal};
///
/// /// Trusts the header that an authenticating proxy sets (and strips from what clients send).
/// struct TrustedProxy;
///
/// #[async_trait]
/// impl Authenticator for TrustedProxy {
///     async fn authenticate(&self, request: &Parts) -> Result<Principal, AuthError> {
///         let user = request.headers.get("x-authenticated-user").ok_or(AuthError::Missing)?;
///         let user: Option<UserId> = user.to_str().ok().and_then(|user| user.parse().ok());
///         let user = user.ok_or(AuthError::Invalid)?;
///         Ok(Principal::with_all_scopes(user))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not authenticate requests",
    label = "this type doesn't implement `Authenticator`",
    note = "use `HeaderAuthenticator` or `ExtensionAuthenticator`, or implement `Authenticator`"
)]
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Who sent the request with this head.
    ///
    /// # Errors
    /// [`AuthError::Missing`] without credentials, [`AuthError::Invalid`] for bad ones,
    /// [`AuthError::Unavailable`] when it can't be told. Never answer `Missing` or `Invalid` because
    /// a backend is down: clients drop their credentials on a 401.
    async fn authenticate(&self, request: &Parts) -> Result<Principal, AuthError>;
}

forward! { Authenticator {
    async fn authenticate(&self, request: &Parts) -> Result<Principal, AuthError>;
} }

/// Why a request has no principal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// No credentials at all.
    #[error("no credentials")]
    Missing,
    /// Credentials that are unknown, expired or disabled. One case on purpose: which of the three
    /// it is must not be told.
    #[error("credentials that are not valid")]
    Invalid,
    /// Whether they are valid can't be told now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
