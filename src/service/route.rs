//! Maps a request's path and method to a route and an action.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::asset::{AssetId, WorkspaceSlug};

/// A path of this API. A slug or id that is not valid is `None`; the handlers answer it with 404
/// after authentication.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// `{base}/workspaces/{slug}/assets/`
    Collection { slug: Option<WorkspaceSlug> },
    /// `{base}/workspaces/{slug}/assets/{asset_id}/`
    Item {
        slug: Option<WorkspaceSlug>,
        id: Option<AssetId>,
    },
}

/// The action that a path and a method stand for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Create,
    Retrieve,
    Complete,
    Delete,
    Options,
    NotAllowed,
}

impl Path {
    /// Parses a path. `None` if the path is not of this API.
    pub(crate) fn parse(path: &str, base: &BasePath) -> Option<Self> {
        let path = path
            .strip_prefix(base.0.as_str())?
            .strip_prefix("/workspaces/")?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut segments = path.split('/');
        let slug = segments.next().filter(|slug| !slug.is_empty())?;
        if segments.next() != Some("assets") {
            return None;
        }
        let slug = decode(slug).and_then(|slug| WorkspaceSlug::new(slug).ok());
        match (segments.next(), segments.next()) {
            (None, _) => Some(Self::Collection { slug }),
            (Some(id), None) if !id.is_empty() => {
                let id = decode(id).and_then(|id| id.parse().ok());
                Some(Self::Item { slug, id })
            }
            _ => None,
        }
    }

    /// Returns the action of a method on this path. `deletes` says whether the host serves
    /// `DELETE`.
    pub(crate) fn action(&self, method: &Method, deletes: bool) -> Action {
        match (self, method.as_str()) {
            (Self::Collection { .. }, "POST") => Action::Create,
            (Self::Item { .. }, "GET" | "HEAD") => Action::Retrieve,
            (Self::Item { .. }, "PATCH") => Action::Complete,
            (Self::Item { .. }, "DELETE") if deletes => Action::Delete,
            (_, "OPTIONS") => Action::Options,
            _ => Action::NotAllowed,
        }
    }

    /// Returns the workspace slug, if it is valid.
    pub(crate) fn slug(&self) -> Option<&WorkspaceSlug> {
        match self {
            Self::Collection { slug } | Self::Item { slug, .. } => slug.as_ref(),
        }
    }

    /// Returns the asset id, if the path has a valid one.
    pub(crate) fn asset_id(&self) -> Option<AssetId> {
        match self {
            Self::Collection { .. } => None,
            Self::Item { id, .. } => *id,
        }
    }

    /// Returns the methods of this path, for `Allow` (RFC 9110, section 10.2.1).
    pub(crate) fn allow(&self, deletes: bool) -> &'static str {
        match self {
            Self::Collection { .. } => "POST, OPTIONS",
            Self::Item { .. } if deletes => "GET, HEAD, PATCH, DELETE, OPTIONS",
            Self::Item { .. } => "GET, HEAD, PATCH, OPTIONS",
        }
    }
}

fn decode(segment: &str) -> Option<Cow<'_, str>> {
    if segment.contains('%') {
        percent_decode_str(segment).decode_utf8().ok()
    } else {
        Some(segment.into())
    }
}

/// The path before all routes: empty, or a path that starts with `/` and doesn't end with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BasePath(String);

impl BasePath {
    /// Parses a path with or without slashes at its ends. `None` if it is not valid in a URI.
    pub(crate) fn new(path: &str) -> Option<Self> {
        let inner = path.trim_matches('/');
        if inner.is_empty() {
            return Some(Self(String::new()));
        }
        let path = format!("/{inner}");
        let sound = path.parse::<http::uri::PathAndQuery>().is_ok()
            && !path.contains(['?', '#'])
            && !path.contains("//");
        sound.then_some(Self(path))
    }

    /// Guesses the part of the base path that a router leaves in `path` after stripping a prefix.
    /// `None` if `path` doesn't look like a stripped path of this API.
    pub(crate) fn rest_of(&self, path: &str) -> Option<&str> {
        let base = self.0.as_str();
        let cuts = base.match_indices('/').map(|(at, _)| at).skip(1);
        cuts.chain([base.len()])
            .filter(|cut| *cut > 0)
            .map(|cut| &base[cut..])
            .find(|rest| Path::parse(path, &Self((*rest).to_owned())).is_some())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for BasePath {
    fn default() -> Self {
        Self("/api/v1".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "550e8400-e29b-41d4-a716-446655440000";

    fn parse(path: &str) -> Option<Path> {
        Path::parse(path, &BasePath::default())
    }

    fn slug(text: &str) -> Option<WorkspaceSlug> {
        WorkspaceSlug::new(text).ok()
    }

    #[test]
    fn paths_of_this_api() {
        for path in [
            "/api/v1/workspaces/w/assets",
            "/api/v1/workspaces/w/assets/",
        ] {
            assert_eq!(
                parse(path),
                Some(Path::Collection { slug: slug("w") }),
                "{path}"
            );
        }
        for path in [
            format!("/api/v1/workspaces/w/assets/{ID}"),
            format!("/api/v1/workspaces/w/assets/{ID}/"),
        ] {
            let id = ID.parse().ok();
            assert_eq!(
                parse(&path),
                Some(Path::Item {
                    slug: slug("w"),
                    id
                }),
                "{path}"
            );
        }
        assert_eq!(
            parse("/api/v1/workspaces/my%2Dworkspace%20/assets/"),
            Some(Path::Collection { slug: None })
        );
        assert_eq!(
            parse("/api/v1/workspaces/%E6%96%87/assets/"),
            Some(Path::Collection { slug: slug("文") })
        );
        assert_eq!(
            parse("/api/v1/workspaces/a%2Fb/assets/"),
            Some(Path::Collection { slug: None })
        );
        assert_eq!(
            parse("/api/v1/workspaces/a%ffb/assets/x"),
            Some(Path::Item {
                slug: None,
                id: None
            })
        );
    }

    #[test]
    fn paths_of_others() {
        for path in [
            "/",
            "/api/v1",
            "/api/v1/workspaces/",
            "/api/v1/workspaces/w",
            "/api/v1/workspaces//assets/",
            "/api/v1/workspaces/w/assets//",
            "/api/v1/workspaces/w/assetsx/",
            "/api/v1/workspaces/w/assets/a/b",
            "/API/v1/workspaces/w/assets/",
            "/v1/workspaces/w/assets/",
            "/api/v1x/workspaces/w/assets/",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_stripped_base_path_is_recognised() {
        let base = BasePath::default();
        for (path, rest) in [
            ("/workspaces/w/assets/", Some("")),
            ("/v1/workspaces/w/assets/x", Some("/v1")),
            ("/api/workspaces/w/assets/", None),
            ("/api/v1/workspaces/w/other/", None),
            ("/workspaces/w/", None),
            ("/1/workspaces/w/assets/", None),
        ] {
            assert_eq!(base.rest_of(path), rest, "{path}");
        }
        let none = BasePath(String::new());
        assert_eq!(none.rest_of("/v1/workspaces/w/assets/"), None);
    }

    #[test]
    fn base_paths() {
        for (given, kept) in [
            ("", ""),
            ("/", ""),
            ("/api/v1/", "/api/v1"),
            ("uploads", "/uploads"),
        ] {
            assert_eq!(BasePath::new(given), Some(BasePath(kept.to_owned())));
        }
        for bad in ["/a b", "/a?b", "/a#b", "/a//b"] {
            assert_eq!(BasePath::new(bad), None, "{bad}");
        }
    }
}
