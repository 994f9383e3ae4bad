//! The port through which the service learns who is calling.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::request::Parts;

use crate::error::Unavailable;
use crate::id::UserId;

/// Finds out who sent a request, from its head alone: the body has not been read.
///
/// Ready-made: [`HeaderAuthenticator`](crate::HeaderAuthenticator) reads `X-API-Key` and
/// `Authorization: Bearer`; [`FromExtensions`](crate::FromExtensions) takes the [`Principal`] that
/// the host's own middleware has found.
///
/// ```
/// use async_trait::async_trait;
/// use http::request::Parts;
/// use tower_asset_upload::{AuthError, Authenticator, Principal, UserId};
///
/// /// Trusts the header that an authenticating proxy sets (and strips from what clients send).
/// struct TrustedProxy;
///
/// #[async_trait]
/// impl Authenticator for TrustedProxy {
///     async fn authenticate(&self, request: &Parts) -> Result<Principal, AuthError> {
///         let user = request.headers.get("x-authenticated-user").ok_or(AuthError::Missing)?;
///         let user = user.to_str().ok().and_then(UserId::parse_hyphenated).ok_or(AuthError::Invalid)?;
///         Ok(Principal::with_all_scopes(user))
///     }
/// }
/// ```
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

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Authenticator + ?Sized> Authenticator for Arc<T> {
    async fn authenticate(&self, request: &Parts) -> Result<Principal, AuthError> {
        T::authenticate(self, request).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Authenticator + ?Sized> Authenticator for Box<T> {
    async fn authenticate(&self, request: &Parts) -> Result<Principal, AuthError> {
        T::authenticate(self, request).await
    }
}

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

/// Who is calling, and what the credentials allow.
///
/// A host whose own middleware authenticates puts one into the request's extensions and mounts the
/// service with [`FromExtensions`](crate::FromExtensions).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    /// The user.
    pub user: UserId,
    /// What the credentials allow.
    pub scopes: Scopes,
}

impl Principal {
    /// A caller whose credentials allow just these scopes, as a token does.
    #[must_use]
    pub fn new(user: UserId, scopes: Scopes) -> Self {
        Self { user, scopes }
    }

    /// A caller whose credentials allow whatever the user may do, as a personal API key does.
    #[must_use]
    pub fn with_all_scopes(user: UserId) -> Self {
        Self::new(user, Scopes::all())
    }
}

/// One permission that credentials carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// `assets:read`: look at assets and download them.
    AssetsRead,
    /// `assets:write`: make, complete and delete assets.
    AssetsWrite,
}

impl Scope {
    const ALL: [Self; 2] = [Self::AssetsRead, Self::AssetsWrite];

    /// The scope's name in tokens and in `WWW-Authenticate`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AssetsRead => "assets:read",
            Self::AssetsWrite => "assets:write",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::AssetsRead => 1,
            Self::AssetsWrite => 2,
        }
    }
}

/// A set of [`Scope`]s.
///
/// ```
/// use tower_asset_upload::{Scope, Scopes};
///
/// let granted = Scopes::parse("openid assets:read");
/// assert!(granted.contains(Scope::AssetsRead));
/// assert!(!granted.contains(Scope::AssetsWrite));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// No scope.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// Every scope.
    #[must_use]
    pub const fn all() -> Self {
        Self(Scope::AssetsRead.bit() | Scope::AssetsWrite.bit())
    }

    /// The scopes of a space-delimited list (RFC 6749, section 3.3). Those that mean nothing here
    /// are passed over.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        let named = |name: &str| Scope::ALL.into_iter().find(|scope| scope.as_str() == name);
        list.split_ascii_whitespace()
            .filter_map(named)
            .fold(Self::none(), Self::with)
    }

    /// The set with one more scope.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// Whether the scope is in the set.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// The scopes in the set.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .into_iter()
            .filter(move |scope| self.contains(*scope))
    }
}

impl fmt::Display for Scopes {
    /// The space-delimited list that [`Scopes::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_a_set_that_reads_back() {
        for list in [
            "",
            "assets:read",
            "assets:write",
            "assets:read assets:write",
        ] {
            assert_eq!(Scopes::parse(list).to_string(), list);
        }
        assert_eq!(Scopes::parse("assets:write assets:read x"), Scopes::all());
    }
}
