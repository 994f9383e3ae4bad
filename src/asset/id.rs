//! The crate's four kinds of identifier. Each is a type of its own, so the compiler rejects a
//! mix-up.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::text::serde_as_text;

/// The error for text that isn't an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an identifier is a UUID of 36 characters with hyphens")]
#[non_exhaustive]
pub struct InvalidId;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that is already known to be this kind of identifier.
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// Returns the UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }

        }

        /// Parses a UUID of 36 characters with four hyphens. Other spellings (without hyphens, in
        /// braces, as a URN) are errors, so every identifier has one spelling.
        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if text.len() != 36 {
                    return Err(InvalidId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        serde_as_text!($name);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

uuid_id! {
    /// Identifies one asset within its [`Workspace`](crate::asset::Workspace). No port looks an
    /// asset up by its id alone.
    AssetId
}
uuid_id! {
    /// Identifies one workspace. The first path segment of every object key.
    WorkspaceId
}
uuid_id! {
    /// Identifies one user: the owner of an API key or of a token.
    UserId
}
uuid_id! {
    /// Identifies one project of a workspace.
    ProjectId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        let text = "550e8400-e29b-41d4-a716-446655440000";
        assert_eq!(text.parse::<AssetId>().unwrap().to_string(), text);
        for other in [
            "550e8400e29b41d4a716446655440000",
            "{550e8400-e29b-41d4-a716-446655440000}",
            "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
            "550e8400-e29b-41d4-a716-44665544000g",
            "",
        ] {
            assert_eq!(other.parse::<AssetId>(), Err(InvalidId), "{other}");
        }
    }
}
