//! What is said of a file before it is sent.

use serde_json::{Map, Value};

use crate::asset::{Checksum, ExternalLabel, ExternalRef, MediaType, ProjectId, UploadSize};

/// What is said of a file before it is sent, its size aside.
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
    /// Its type; what its extension says, if there is none.
    pub media_type: Option<MediaType>,
    /// The project it belongs to, if any.
    pub project: Option<ProjectId>,
    /// How another system knows it.
    pub external: ExternalRef,
    /// What it has to hash to, if the object store shall check that.
    pub checksum: Option<Checksum>,
}

impl NewUpload {
    /// A file of that name, of which nothing else is said.
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

    /// Its type. Without one the server goes by the name's extension.
    #[must_use]
    pub fn media_type(mut self, media_type: MediaType) -> Self {
        self.media_type = Some(media_type);
        self
    }

    /// The project it belongs to.
    #[must_use]
    pub fn project(mut self, project: ProjectId) -> Self {
        self.project = Some(project);
        self
    }

    /// The pair under which it can be found again: no two living assets of a workspace have the same.
    /// It is what makes an upload safe to repeat and to resume; let `id` change when the content
    /// does, or the new content is taken for the old.
    #[must_use]
    pub fn external(mut self, source: ExternalLabel, id: ExternalLabel) -> Self {
        self.external = ExternalRef {
            source: Some(source),
            id: Some(id),
        };
        self
    }

    /// What it has to hash to. The object store refuses anything else, where it can.
    #[must_use]
    pub fn checksum(mut self, checksum: Checksum) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Whether announcing it twice makes one asset.
    pub(super) fn is_repeatable(&self) -> bool {
        self.external.pair().is_some()
    }

    /// The body of the request that announces it.
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
