//! The description of a file to upload.

use serde_json::{Map, Value};

use crate::asset::{Checksum, ExternalLabel, ExternalRef, MediaType, ProjectId, UploadSize};

/// A file to announce: its name and, optionally, type, project, external reference and checksum.
///
/// ```
/// use tower_asset_upload::asset::ExternalLabel;
/// use tower_asset_upload::client::NewUpload;
///
/// let report = NewUpload::new("2026.pdf")
///     .media_type("application/pdf".parse()?)
///     .external(ExternalLabel::new("archive")?, ExternalLabel::new("reports/2026")?);
/// # let _ = report;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewUpload {
    /// The file's name.
    pub name: String,
    /// Its media type. `None` lets the server derive it from the name's extension.
    pub media_type: Option<MediaType>,
    /// The project it belongs to, if any.
    pub project: Option<ProjectId>,
    /// Its reference in another system; see [`external`](Self::external).
    pub external: ExternalRef,
    /// Its SHA-256, if the object store has to compare it.
    pub checksum: Option<Checksum>,
}

impl NewUpload {
    /// Describes a file by its name only.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            media_type: None,
            project: None,
            external: ExternalRef::default(),
            checksum: None,
        }
    }

    /// Sets the media type. Without it the server derives the type from the name's extension.
    #[must_use]
    pub fn media_type(mut self, media_type: MediaType) -> Self {
        self.media_type = Some(media_type);
        self
    }

    /// Sets the project that the file belongs to.
    #[must_use]
    pub fn project(mut self, project: ProjectId) -> Self {
        self.project = Some(project);
        self
    }

    /// Sets the external reference: the name of another system, and the file's id there. No two
    /// living assets of a workspace have the same reference.
    ///
    /// The reference makes an upload safe to repeat and to resume. Use another `id` when the file's
    /// content changes: with the same `id` the client keeps the old content.
    #[must_use]
    pub fn external(mut self, source: ExternalLabel, id: ExternalLabel) -> Self {
        self.external = ExternalRef {
            source: Some(source),
            id: Some(id),
        };
        self
    }

    /// Sets the SHA-256. Object stores that support it refuse a file with another one.
    #[must_use]
    pub fn checksum(mut self, checksum: Checksum) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Returns whether announcing the file twice creates only one asset.
    pub(super) fn is_repeatable(&self) -> bool {
        self.external.pair().is_some()
    }

    /// Returns the body of the request that announces the file.
    pub(super) fn to_json(&self, size: UploadSize) -> String {
        let mut body = Map::new();
        body.insert("name".to_owned(), self.name.as_str().into());
        body.insert("size".to_owned(), size.bytes().into());
        let label = |label: &Option<ExternalLabel>| label.as_ref().map(|l| l.as_str().to_owned());
        for (member, value) in [
            (
                "type",
                self.media_type.as_ref().map(|t| t.as_str().to_owned()),
            ),
            (
                "project_id",
                self.project.map(|project| project.to_string()),
            ),
            ("external_id", label(&self.external.id)),
            ("external_source", label(&self.external.source)),
            ("checksum_sha256", self.checksum.map(Checksum::to_base64)),
        ] {
            if let Some(value) = value {
                body.insert(member.to_owned(), value.into());
            }
        }
        Value::Object(body).to_string()
    }
}
