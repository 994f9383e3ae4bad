//! The authenticated caller, and its scopes.

use std::fmt;

use crate::asset::UserId;

/// The caller of a request, and the scopes of its credentials.
///
/// A host that authenticates in its own middleware inserts a `Principal` into the request's
/// extensions, and mounts the service with
/// [`ExtensionAuthenticator`](crate::auth::ExtensionAuthenticator).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    /// The user.
    pub user: UserId,
    /// The scopes of the credentials.
    pub scopes: Scopes,
}

impl Principal {
    /// Creates a principal with the given scopes, as for a token.
    #[must_use]
    pub fn new(user: UserId, scopes: Scopes) -> Self {
        Self { user, scopes }
    }

    /// Creates a principal with every scope, as for a personal API key.
    #[must_use]
    pub fn with_all_scopes(user: UserId) -> Self {
        Self::new(user, Scopes::all())
    }
}

/// A permission of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// `assets:read`: retrieve and download assets.
    AssetsRead,
    /// `assets:write`: create, complete and delete assets.
    AssetsWrite,
}

impl Scope {
    const ALL: [Self; 2] = [Self::AssetsRead, Self::AssetsWrite];

    /// Returns the scope's name in tokens and in `WWW-Authenticate`.
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
/// use tower_asset_upload::auth::{Scope, Scopes};
///
/// let granted = Scopes::parse("openid assets:read");
/// assert!(granted.contains(Scope::AssetsRead));
/// assert!(!granted.contains(Scope::AssetsWrite));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Returns the empty set.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// Returns the set of every scope.
    #[must_use]
    pub const fn all() -> Self {
        Self(Scope::AssetsRead.bit() | Scope::AssetsWrite.bit())
    }

    /// Parses a space-delimited list of scopes (RFC 6749, section 3.3). Ignores names of other
    /// scopes.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        let named = |name: &str| Scope::ALL.into_iter().find(|scope| scope.as_str() == name);
        list.split_ascii_whitespace()
            .filter_map(named)
            .fold(Self::none(), Self::with)
    }

    /// Adds a scope to the set.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// Whether the scope is in the set.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Returns the scopes in the set.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .into_iter()
            .filter(move |scope| self.contains(*scope))
    }
}

impl fmt::Display for Scopes {
    /// Writes the space-delimited list that [`Scopes::parse`] reads.
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
    fn scopes_are_parsed_and_written_as_a_list() {
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
