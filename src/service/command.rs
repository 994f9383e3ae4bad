//! Parses JSON bodies into commands. All validation of requests is here.

use super::error_table::ApiError;
use super::json::{Member, read_object};
use crate::asset::{
    AllowedTypes, DisplayName, ExternalLabel, ExternalRef, MediaType, ObjectName, Oversize,
    ProjectId, UploadSize,
};
use crate::usecase::CreateUpload;

/// The members of a create request's body.
pub(crate) const CREATE_MEMBERS: [&str; 7] = [
    "name",
    "size",
    "type",
    "project_id",
    "external_id",
    "external_source",
    "checksum_sha256",
];

/// The members of a complete request's body.
pub(crate) const COMPLETE_MEMBERS: [&str; 1] = ["is_uploaded"];

/// The host's limits on create requests.
#[derive(Clone, Debug)]
pub(crate) struct CreateRules {
    pub(crate) max_size: UploadSize,
    pub(crate) oversize: Oversize,
    pub(crate) allowed_types: AllowedTypes,
}

impl Default for CreateRules {
    fn default() -> Self {
        Self {
            max_size: UploadSize::PLANE_DEFAULT,
            oversize: Oversize::default(),
            allowed_types: AllowedTypes::default(),
        }
    }
}

/// Reads the body of a create request.
///
/// Reports the first fault in Plane's order: required members, the type, the rest.
pub(crate) fn parse_create(
    body: &[u8],
    rules: &CreateRules,
) -> Result<Box<CreateUpload>, ApiError> {
    let [
        name,
        size,
        media_type,
        project,
        external_id,
        external_source,
        checksum,
    ] = read_object(body, CREATE_MEMBERS)?;

    if is_blank(&name) {
        return Err(ApiError::NameMissing);
    }
    if is_blank(&size) {
        return Err(ApiError::SizeMissing);
    }
    let Member::Text(name) = name else {
        return Err(ApiError::NameNotText);
    };
    let (most, length) = (DisplayName::MAX_CHARS, name.chars().count());
    if length > most {
        return Err(ApiError::NameTooLong { most, length });
    }
    let (display_name, object_name) = ObjectName::both(&name).map_err(|_| ApiError::NameMissing)?;
    let size = parse_size(&size, rules)?;
    let media_type = parse_type(&media_type, &object_name, &rules.allowed_types)?;
    let project = parse_project(&project)?;
    let external = ExternalRef {
        id: optional_text(&external_id, ApiError::ExternalIdNotText)?
            .map(ExternalLabel::new)
            .transpose()
            .map_err(|fault| ApiError::InvalidExternalId { fault })?,
        source: optional_text(&external_source, ApiError::ExternalSourceNotText)?
            .map(ExternalLabel::new)
            .transpose()
            .map_err(|fault| ApiError::InvalidExternalSource { fault })?,
    };
    let checksum = optional_text(&checksum, ApiError::ChecksumNotText)?
        .map(str::parse)
        .transpose()
        .map_err(|fault| ApiError::InvalidChecksumSha256 { fault })?;
    Ok(Box::new(CreateUpload {
        display_name,
        object_name,
        media_type,
        size,
        checksum,
        project,
        external,
    }))
}

/// Reads the body of a complete request. Returns `is_uploaded`, which is `true` if the member or
/// the whole body is absent.
pub(crate) fn parse_complete(body: &[u8]) -> Result<bool, ApiError> {
    if body.is_empty() {
        return Ok(true);
    }
    match read_object(body, COMPLETE_MEMBERS)? {
        [Member::Absent] => Ok(true),
        [Member::Bool(is_uploaded)] => Ok(is_uploaded),
        _ => Err(ApiError::InvalidIsUploaded),
    }
}

fn is_blank(member: &Member<'_>) -> bool {
    match member {
        Member::Absent | Member::Null => true,
        Member::Text(text) => text.is_empty(),
        _ => false,
    }
}

fn parse_size(member: &Member<'_>, rules: &CreateRules) -> Result<UploadSize, ApiError> {
    let most = rules.max_size.bytes();
    let size = match member {
        Member::Integer(size) => Some(*size),
        Member::Number(number) => whole(*number),
        Member::Text(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    };
    match size {
        Some(0) => Err(ApiError::SizeZero { most }),
        Some(size) => match UploadSize::new(size)
            .ok()
            .filter(|size| *size <= rules.max_size)
        {
            Some(size) => Ok(size),
            None if rules.oversize == Oversize::Clamp => Ok(rules.max_size),
            None => Err(ApiError::SizeTooLarge { most, size }),
        },
        None => Err(ApiError::SizeNotWhole { most }),
    }
}

/// Converts a JSON number such as `1e3` to a whole number. `None` if it has a fraction or isn't
/// exact.
fn whole(number: f64) -> Option<u64> {
    /// From this number on, floating-point numbers can't represent every whole number.
    const EXACT_END: f64 = 9_007_199_254_740_992.0;
    let exact = (1.0..EXACT_END).contains(&number) && number.fract() == 0.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and in range"
    )]
    exact.then_some(number as u64)
}

fn parse_type(
    member: &Member<'_>,
    name: &ObjectName,
    allowed: &AllowedTypes,
) -> Result<MediaType, ApiError> {
    let media_type = match member {
        blank if is_blank(blank) => allowed.derive(name.as_str()),
        Member::Text(text) => match allowed.listed(text) {
            Some(media_type) => return Ok(media_type),
            None => text.parse().map_err(|_| ApiError::TypeNotAllowed)?,
        },
        _ => return Err(ApiError::TypeNotAllowed),
    };
    if allowed.contains(&media_type) {
        Ok(media_type)
    } else {
        Err(ApiError::TypeNotAllowed)
    }
}

fn parse_project(member: &Member<'_>) -> Result<Option<ProjectId>, ApiError> {
    match member {
        blank if is_blank(blank) => return Ok(None),
        Member::Text(text) => {
            if let Ok(id) = uuid::Uuid::try_parse(text) {
                return Ok(Some(ProjectId::new(id)));
            }
        }
        _ => {}
    }
    Err(ApiError::InvalidProjectId)
}

/// Returns the text of an optional member. `None` if the member is blank.
fn optional_text<'a>(
    member: &'a Member<'_>,
    not_text: ApiError,
) -> Result<Option<&'a str>, ApiError> {
    match member {
        blank if is_blank(blank) => Ok(None),
        Member::Text(text) => Ok(Some(text)),
        _ => Err(not_text),
    }
}
