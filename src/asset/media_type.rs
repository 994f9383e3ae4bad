//! Media types, and the list of types that a host accepts.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

use super::text::text;

/// A concrete MIME type, as the signer signs it and the client sends it: the lower-case essence
/// `type/subtype`, without parameters or wildcards.
///
/// ```
/// use tower_asset_upload::asset::MediaType;
///
/// let plain: MediaType = "Text/Plain; charset=utf-8".parse().unwrap();
/// assert_eq!(plain.as_str(), "text/plain");
/// assert!("image".parse::<MediaType>().is_err());
/// assert!("image/*".parse::<MediaType>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaType(SmolStr);

/// The error for text that isn't a concrete MIME type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a media type: write type/subtype, as in image/png, in at most 255 characters")]
#[non_exhaustive]
pub struct InvalidMediaType;

impl MediaType {
    /// The longest type, in bytes: two halves of 127 characters (RFC 6838, section 4.2) and a
    /// slash.
    pub const MAX_BYTES: usize = 255;

    /// Returns the lower-case essence, `type/subtype`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `application/octet-stream`, the type of unknown bytes.
    #[must_use]
    pub fn octet_stream() -> Self {
        Self("application/octet-stream".into())
    }

    /// Returns the usual types of files with the extension of `name`, most likely first. Returns
    /// `application/octet-stream` if the extension is missing or unknown.
    #[must_use]
    pub fn candidates_for(name: &str) -> Vec<Self> {
        let mut types: Vec<_> = mime_guess::from_path(name)
            .iter()
            .filter_map(|guess| guess.essence_str().parse().ok())
            .collect();
        if types.is_empty() {
            types.push(Self::octet_stream());
        }
        types
    }

    /// Adds or removes the `x-` prefix of the subtype: `audio/m4a` becomes `audio/x-m4a`, and vice
    /// versa.
    fn x_twin(&self) -> Self {
        let (kind, name) = self.0.split_once('/').unwrap_or((&self.0, ""));
        let twin = match name.strip_prefix("x-") {
            Some(bare) => format!("{kind}/{bare}"),
            None => format!("{kind}/x-{name}"),
        };
        Self(twin.into())
    }

    /// Whether a browser may show the file inline, because its type can't carry script. `true` for
    /// raster images, audio, video, PDF and plain text; `false` for SVG, HTML, XML and JavaScript.
    #[must_use]
    pub fn is_safe_inline(&self) -> bool {
        match self.0.split_once('/') {
            // Browsers treat every type that ends in `+xml` as a document (WHATWG, "MIME Sniffing",
            // "XML MIME type").
            Some(("audio" | "video", kind)) => !kind.contains('+'),
            Some(("image", kind)) => matches!(
                kind,
                "jpeg"
                    | "png"
                    | "gif"
                    | "webp"
                    | "avif"
                    | "tiff"
                    | "bmp"
                    | "x-portable-graymap"
                    | "x-portable-bitmap"
                    | "x-portable-pixmap"
            ),
            _ => matches!(&*self.0, "application/pdf" | "text/plain"),
        }
    }
}

impl FromStr for MediaType {
    type Err = InvalidMediaType;

    fn from_str(text: &str) -> Result<Self, InvalidMediaType> {
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidMediaType);
        }
        let parsed = mediatype::MediaType::parse(text).map_err(|_| InvalidMediaType)?;
        let essence = parsed.essence().to_string();
        if essence.contains('*') {
            return Err(InvalidMediaType);
        }
        Ok(Self(essence.to_ascii_lowercase().into()))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text!(MediaType);

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaType({})", self.0)
    }
}

/// The media types that clients may upload.
///
/// The default is the list that Plane ships as `ATTACHMENT_MIME_TYPES`.
///
/// ```
/// use tower_asset_upload::asset::AllowedTypes;
///
/// let images = AllowedTypes::only(["image/png", "image/jpeg"]).unwrap();
/// assert!(images.contains(&"image/png".parse().unwrap()));
/// assert!(!images.contains(&"text/html".parse().unwrap()));
/// assert!(AllowedTypes::any().contains(&"text/html".parse().unwrap()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedTypes(Choice);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    Any,
    /// The essences of the allowed types.
    Only(HashSet<SmolStr>),
}

impl AllowedTypes {
    /// Allows every concrete type. **Danger:** this lets HTML and SVG into the bucket. Serve the
    /// bucket from an origin of its own.
    #[must_use]
    pub fn any() -> Self {
        Self(Choice::Any)
    }

    /// Allows only these types.
    ///
    /// # Errors
    /// [`InvalidMediaType`] if one of the texts isn't a concrete MIME type.
    pub fn only<T: AsRef<str>>(
        types: impl IntoIterator<Item = T>,
    ) -> Result<Self, InvalidMediaType> {
        let types = types.into_iter().map(|t| t.as_ref().parse());
        let essences = types.map(|parsed| parsed.map(|MediaType(essence)| essence));
        Ok(Self(Choice::Only(essences.collect::<Result<_, _>>()?)))
    }

    /// Returns the listed type with exactly this essence. Avoids parsing when the client sent a
    /// listed type verbatim.
    pub(crate) fn listed(&self, essence: &str) -> Option<MediaType> {
        match &self.0 {
            Choice::Any => None,
            Choice::Only(types) => types.get(essence).cloned().map(MediaType),
        }
    }

    /// Returns the allowed types, sorted. `None` if every type is allowed.
    #[must_use]
    pub fn list(&self) -> Option<Vec<&str>> {
        match &self.0 {
            Choice::Any => None,
            Choice::Only(types) => {
                let mut types: Vec<_> = types.iter().map(|essence| &**essence).collect();
                types.sort_unstable();
                Some(types)
            }
        }
    }

    /// Whether clients may upload this type.
    #[must_use]
    pub fn contains(&self, media_type: &MediaType) -> bool {
        match &self.0 {
            Choice::Any => true,
            Choice::Only(types) => types.contains(media_type.as_str()),
        }
    }

    /// Derives a type from a file name: the most likely allowed type of its extension. If none is
    /// allowed, returns the most likely type, which [`contains`](Self::contains) then refuses. A
    /// type and its `x-` variant (RFC 6648) count as one, so `song.m4a` gives `audio/x-m4a` if only
    /// that is allowed.
    #[must_use]
    pub fn derive(&self, name: &str) -> MediaType {
        let mut candidates = MediaType::candidates_for(name);
        let allowed = |candidate: &MediaType| self.contains(candidate).then(|| candidate.clone());
        let exact = candidates.iter().find_map(allowed);
        exact
            .or_else(|| {
                candidates
                    .iter()
                    .find_map(|candidate| allowed(&candidate.x_twin()))
            })
            .unwrap_or_else(|| candidates.swap_remove(0))
    }
}

impl Default for AllowedTypes {
    fn default() -> Self {
        let types = PLANE_ATTACHMENT_TYPES.iter();
        Self(Choice::Only(
            types.map(|t| SmolStr::new_static(t)).collect(),
        ))
    }
}

/// Plane's `ATTACHMENT_MIME_TYPES`.
const PLANE_ATTACHMENT_TYPES: &[&str] = &[
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/svg+xml",
    "image/webp",
    "image/tiff",
    "image/bmp",
    "application/pdf",
    "application/msword",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "text/plain",
    "text/markdown",
    "application/rtf",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.presentation",
    "application/vnd.oasis.opendocument.graphics",
    "application/vnd.visio",
    "image/x-portable-graymap",
    "image/x-portable-bitmap",
    "image/x-portable-pixmap",
    "application/vnd.oasis.opendocument.database",
    "audio/mpeg",
    "audio/wav",
    "audio/ogg",
    "audio/midi",
    "audio/x-midi",
    "audio/aac",
    "audio/flac",
    "audio/x-m4a",
    "video/mp4",
    "video/mpeg",
    "video/ogg",
    "video/webm",
    "video/quicktime",
    "video/x-msvideo",
    "video/x-ms-wmv",
    "application/zip",
    "application/x-rar",
    "application/x-rar-compressed",
    "application/x-tar",
    "application/gzip",
    "application/x-zip",
    "application/x-zip-compressed",
    "application/x-7z-compressed",
    "application/x-compressed",
    "application/x-compressed-tar",
    "application/x-compressed-tar-gz",
    "application/x-compressed-tar-bz2",
    "application/x-compressed-tar-zip",
    "application/x-compressed-tar-7z",
    "application/x-compressed-tar-rar",
    "model/gltf-binary",
    "model/gltf+json",
    "application/octet-stream",
    "font/ttf",
    "font/otf",
    "font/woff",
    "font/woff2",
    "text/css",
    "text/javascript",
    "application/json",
    "text/xml",
    "text/csv",
    "application/xml",
    "application/x-sql",
    "application/x-gzip",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_list_holds_parsable_types_once_each() {
        let parsed = AllowedTypes::only(PLANE_ATTACHMENT_TYPES).unwrap();
        assert_eq!(parsed, AllowedTypes::default());
        let Choice::Only(types) = parsed.0 else {
            panic!("a list")
        };
        assert_eq!(types.len(), PLANE_ATTACHMENT_TYPES.len());
    }

    #[test]
    fn types_come_from_the_extension() {
        let allowed = AllowedTypes::default();
        for (name, expected) in [
            ("photo.PNG", "image/png"),
            ("photo.jpeg", "image/jpeg"),
            ("notes.md", "text/markdown"),
            ("a.tar.gz", "application/gzip"),
            ("song.m4a", "audio/x-m4a"),
            ("data.csv", "text/csv"),
            ("archive.zip", "application/zip"),
            ("README", "application/octet-stream"),
            ("x.unheardof", "application/octet-stream"),
        ] {
            assert_eq!(allowed.derive(name).as_str(), expected, "{name}");
        }
    }

    #[test]
    fn text_that_is_not_a_concrete_type_is_refused() {
        for bad in [
            "",
            "image",
            "image/",
            "/png",
            "image/*",
            "*/*",
            "image/jpeg\r\nx: y",
            " image/jpeg",
            "a b/c",
            "image/jpég",
        ] {
            assert!(bad.parse::<MediaType>().is_err(), "{bad:?}");
        }
        let long = format!("image/{}", "x".repeat(250));
        assert!(long.parse::<MediaType>().is_err());
    }

    #[test]
    fn types_that_can_carry_script_are_not_safe_inline() {
        for inline in [
            "image/png",
            "video/mp4",
            "audio/mpeg",
            "application/pdf",
            "text/plain",
        ] {
            assert!(
                inline.parse::<MediaType>().unwrap().is_safe_inline(),
                "{inline}"
            );
        }
        for attachment in [
            "image/svg+xml",
            "video/x+xml",
            "audio/svg+xml",
            "text/html",
            "text/xml",
            "application/xml",
            "text/javascript",
            "application/xhtml+xml",
            "text/css",
            "application/octet-stream",
        ] {
            assert!(
                !attachment.parse::<MediaType>().unwrap().is_safe_inline(),
                "{attachment}"
            );
        }
    }
}
