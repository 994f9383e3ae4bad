//! Authentication by the host's own middleware.

use async_trait::async_trait;
use http::request::Parts;

use super::authenticator::{AuthError, Authenticator};
use super::principal::Principal;

/// Authenticates a request by the [`Principal`] that the host's middleware put into its extensions.
///
/// # Security
/// 1. A request without a `Principal` is 401, so a forgotten middleware admits nobody.
/// 2. A middleware that authenticates by cookies must itself refuse requests from other sites (by
///    `Origin`, `Sec-Fetch-Site` or a token). The service accepts a body without a `Content-Type`
///    as JSON, and scripts of other sites can send one.
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
