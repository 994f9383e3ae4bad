//! From the members of a body to a command: all validation is here, and past it the types can't
//! hold anything bad.

use super::json::{Member, read_object};
use super::response::Refusal;
use crate::asset::{
    AllowedTypes, DisplayName, ExternalLabel, ExternalRef, MediaType, ObjectName, Oversize,
    ProjectId, UploadSize,
};
use crate::usecase::{CreateUpload, Rejection};

/// What a host allows.
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
/// Faults are looked for in the order in which Plane does: what is required, the type, the rest.
pub(crate) fn parse_create(body: &[u8], rules: &CreateRules) -> Result<Box<CreateUpload>, Refusal> {
    const NAMES: [&str; 7] = [
        "name",
        "size",
        "type",
        "project_id",
        "external_id",
        "external_source",
        "checksum_sha256",
    ];
    let [
        name,
        size,
        media_type,
        project,
        external_id,
        external_source,
        checksum,
    ] = read_object(body, NAMES)?;

    for (field, member) in [("name", &name), ("size", &size)] {
        if is_blank(member) {
            return Err(Rejection::Required { field }.into());
        }
    }
    let Member::Text(name) = name else {
        return Err(member_fault(
            "name",
            "invalid_name",
            "`name` must be a string: the file's name.",
        )
        .into());
    };
    let length = name.chars().count();
    if length > DisplayName::MAX_CHARS {
        let most = DisplayName::MAX_CHARS;
        let message = format!("`name` must have at most {most} characters; this has {length}.");
        return Err(member_fault("name", "invalid_name", message).into());
    }
    let (display_name, object_name) =
        ObjectName::both(&name).map_err(|_| Rejection::Required { field: "name" })?;
    let size = parse_size(&size, rules)?;
    let media_type = parse_type(&media_type, &object_name, &rules.allowed_types)?;
    let project = parse_project(&project)?;
    let label =
        |field, code, member| parse_text(field, code, member, |text| ExternalLabel::new(text));
    let external = ExternalRef {
        id: label("external_id", "invalid_external_id", &external_id)?,
        source: label(
            "external_source",
            "invalid_external_source",
            &external_source,
        )?,
    };
    let checksum = parse_text(
        "checksum_sha256",
        "invalid_checksum_sha256",
        &checksum,
        str::parse,
    )?;
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

/// Reads the body of an update request: whether the asset is uploaded. No body counts as `{}`.
pub(crate) fn parse_complete(body: &[u8]) -> Result<bool, Refusal> {
    if body.is_empty() {
        return Ok(true);
    }
    match read_object(body, ["is_uploaded"])? {
        [Member::Absent] => Ok(true),
        [Member::Bool(is_uploaded)] => Ok(is_uploaded),
        _ => {
            let message = "`is_uploaded` must be true or false; left out, it counts as true.";
            Err(member_fault("is_uploaded", "invalid_is_uploaded", message).into())
        }
    }
}

fn is_blank(member: &Member<'_>) -> bool {
    match member {
        Member::Absent | Member::Null => true,
        Member::Text(text) => text.is_empty(),
        _ => false,
    }
}

fn member_fault(field: &'static str, code: &'static str, message: impl Into<String>) -> Rejection {
    Rejection::Member {
        field,
        code,
        message: message.into(),
    }
}

fn parse_size(member: &Member<'_>, rules: &CreateRules) -> Result<UploadSize, Rejection> {
    let most = rules.max_size.bytes();
    let fault = |code, why: &str| {
        member_fault(
            "size",
            code,
            format!("`size` must be a whole number of bytes from 1 to {most}; {why}."),
        )
    };
    let bytes = match member {
        Member::Integer(bytes) => Some(*bytes),
        Member::Number(number) => whole(*number),
        Member::Text(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    };
    match bytes {
        Some(0) => Err(fault("invalid_size", "an empty file can't be uploaded")),
        Some(bytes) => match UploadSize::new(bytes)
            .ok()
            .filter(|size| *size <= rules.max_size)
        {
            Some(size) => Ok(size),
            None if rules.oversize == Oversize::Clamp => Ok(rules.max_size),
            None => Err(fault(
                "size_too_large",
                &format!("{bytes} is over the limit"),
            )),
        },
        None => Err(fault("invalid_size", "this is not one")),
    }
}

/// The whole number that a JSON number such as `1e3` is.
fn whole(number: f64) -> Option<u64> {
    /// From here on not every whole number has a floating-point number of its own.
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
) -> Result<MediaType, Rejection> {
    let media_type = match member {
        blank if is_blank(blank) => allowed.derive(name.as_str()),
        Member::Text(text) => match allowed.listed(text) {
            Some(media_type) => return Ok(media_type),
            None => text.parse().map_err(|_| Rejection::TypeNotAllowed)?,
        },
        _ => return Err(Rejection::TypeNotAllowed),
    };
    if allowed.contains(&media_type) {
        Ok(media_type)
    } else {
        Err(Rejection::TypeNotAllowed)
    }
}

fn parse_project(member: &Member<'_>) -> Result<Option<ProjectId>, Rejection> {
    match member {
        blank if is_blank(blank) => return Ok(None),
        Member::Text(text) => {
            if let Ok(id) = uuid::Uuid::try_parse(text) {
                return Ok(Some(ProjectId::new(id)));
            }
        }
        _ => {}
    }
    Err(member_fault(
        "project_id",
        "invalid_project_id",
        "`project_id` must be the UUID of a project, as in \"550e8400-e29b-41d4-a716-446655440000\", or left out.",
    ))
}

/// An optional member that is a text of some kind.
fn parse_text<T, E: std::fmt::Display>(
    field: &'static str,
    code: &'static str,
    member: &Member<'_>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, Rejection> {
    match member {
        blank if is_blank(blank) => Ok(None),
        Member::Text(text) => parse(text)
            .map(Some)
            .map_err(|fault| member_fault(field, code, format!("`{field}` {fault}."))),
        _ => Err(member_fault(
            field,
            code,
            format!("`{field}` must be a string, or left out."),
        )),
    }
}
