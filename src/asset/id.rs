//! The four identifiers that travel through the crate, each a type of its own so that none can be
//! taken for another.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::text::serde_as_text;

/// Why a text is not an identifier.
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

            /// The UUID inside.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }

        }

        /// Parses the canonical text of a UUID: 36 characters with four hyphens. The other spellings
        /// (without hyphens, in braces, as a URN) are errors, so that every id has one spelling.
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
    /// Names one asset. Only meaningful together with the [`Workspace`](crate::asset::Workspace) it lives
    /// in: no port looks an asset up by its id alone.
    AssetId
}
uuid_id! {
    /// Names one workspace; the first path segment of every object key.
    WorkspaceId
}
uuid_id! {
    /// Names one user, the owner of an API key or of a token.
    UserId
}
uuid_id! {
    /// Names one project inside a workspace.
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
