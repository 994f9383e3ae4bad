//! The four identifiers that travel through the crate, each a type of its own so that none can be
//! taken for another.

use std::fmt;

use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
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

            /// Reads the canonical text of a UUID: 36 characters with four hyphens. The other
            /// spellings (without hyphens, in braces, as a URN) are not identifiers here, so that
            /// one thing has one name.
            #[must_use]
            pub fn parse_hyphenated(text: &str) -> Option<Self> {
                if text.len() != 36 {
                    return None;
                }
                Uuid::try_parse(text).ok().map(Self)
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
        assert_eq!(AssetId::parse_hyphenated(text).unwrap().to_string(), text);
        for other in [
            "550e8400e29b41d4a716446655440000",
            "{550e8400-e29b-41d4-a716-446655440000}",
            "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
            "550e8400-e29b-41d4-a716-44665544000g",
            "",
        ] {
            assert_eq!(AssetId::parse_hyphenated(other), None, "{other}");
        }
    }
}
