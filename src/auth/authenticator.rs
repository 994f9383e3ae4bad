//! The port that authenticates requests.

use async_trait::async_trait;
use http::request::Parts;

use super::principal::Principal;
use crate::error::Unavailable;

/// Authenticates a request by its head. The service calls it before it reads the body.
///
/// The crate has two implementations. [`HeaderAuthenticator`](crate::HeaderAuthenticator) reads
/// `X-API-Key` and `Authorization: Bearer`.
/// [`ExtensionAuthenticator`](crate::auth::ExtensionAuthenticator) takes the [`Principal`] that the
/// host's own middleware put into the request's extensions.
///
/// ```
/// use async_trait::async_trait;
/// use http::request::Parts;
/// use tower_asset_upload::Authenticator;
/// use tower_asset_upload::asset::UserId;
/// use tower_asset_upload::auth::{AuthError, Principal};
///
/// /// Trusts the header that an authenticating proxy sets (and removes from the requests of clients).
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
    /// Returns the principal that sent the request.
    ///
    /// # Errors
    /// [`AuthError::Missing`] if the request has no credentials, [`AuthError::Invalid`] if they are
    /// not valid, and [`AuthError::Unavailable`] if a backend does not answer. Never return
    /// `Missing` or `Invalid` because a backend is down: clients discard their credentials on a
    /// 401.
    async fn authenticate(&self, request: &Parts) -> Result<Principal, AuthError>;
}

forward! { Authenticator {
    async fn authenticate(&self, request: &Parts) -> Result<Principal, AuthError>;
} }

/// The error of a request that could not be authenticated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The request has no credentials.
    #[error("the request has no credentials")]
    Missing,
    /// The credentials are unknown, expired or disabled. **Security:** the three cases share one
    /// variant, so that clients can't tell them apart.
    #[error("the request's credentials are not valid")]
    Invalid,
    /// A backend did not answer, so the credentials could not be checked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
