//! Who is calling, and what the credentials allow.

use std::fmt;

use crate::asset::UserId;

/// Who is calling, and what the credentials allow.
///
/// A host whose own middleware authenticates puts one into the request's extensions and mounts the
/// service with [`ExtensionAuthenticator`](crate::auth::ExtensionAuthenticator).
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
/// use tower_asset_upload::auth::{Scope, Scopes};
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
