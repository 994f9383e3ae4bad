//! Callers that the host's own middleware has found.

use async_trait::async_trait;
use http::request::Parts;

use super::authenticator::{AuthError, Authenticator};
use super::principal::Principal;

/// Takes the [`Principal`] that the host's own middleware has put into the request's extensions.
///
/// # Security
/// 1. A request without one is answered with 401: forgetting the middleware opens nothing.
/// 2. Where the host's middleware goes by cookies, it has to refuse requests from other sites itself
///    (`Origin`, `Sec-Fetch-Site`, a token): a body without a `Content-Type` counts as JSON here, and
///    other sites' scripts can send one.
///
/// ```
/// # fn middleware<B>(mut request: http::Request<B>, user: tower_asset_upload::asset::UserId) {
/// use tower_asset_upload::auth::Principal;
///
/// request.extensions_mut().insert(Principal::with_all_scopes(user));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtensionAuthenticator;

#[async_trait]
impl Authenticator for ExtensionAuthenticator {
    async fn authenticate(&self, request: &Parts) -> Result<Principal, AuthError> {
        request.extensions.get().cloned().ok_or(AuthError::Missing)
    }
}
