//! Every answer that is no success, by operation: the documented side of `response.rs`.

use serde_json::{Map, Value, json};

use super::settings::Settings;

/// Answers of one status and one shape.
#[derive(Clone, Copy)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The name of the body's schema.
    shape: &'static str,
    /// The words for programs that it may carry.
    codes: &'static [&'static str],
}

const fn refusal(status: u16, shape: &'static str, codes: &'static [&'static str]) -> Refusal {
    Refusal {
        status,
        shape,
        codes,
    }
}

const UNAUTHORIZED: Refusal = refusal(401, "AuthFault", &["not_authenticated", "invalid_token"]);
const FORBIDDEN: Refusal = refusal(403, "AuthFault", &["insufficient_scope"]);
const NO_ASSET: Refusal = refusal(
    404,
    "Fault",
    &["resource_not_found", "asset_not_found", "path_not_found"],
);
const TOO_LARGE: Refusal = refusal(413, "RequestFault", &["body_too_large"]);
const UNSUPPORTED: Refusal = refusal(
    415,
    "RequestFault",
    &["unsupported_media_type", "unsupported_content_encoding"],
);
const RATE_LIMITED: Refusal = refusal(429, "RateLimited", &["rate_limit_exceeded"]);
const INTERNAL: Refusal = refusal(500, "Fault", &["internal_error"]);

pub(super) const CREATE: &[Refusal] = &[
    refusal(
        400,
        "RequestFault",
        &[
            "incomplete_body",
            "invalid_json",
            "required_field",
            "invalid_name",
            "invalid_size",
            "size_too_large",
            "invalid_type",
            "invalid_project_id",
            "project_not_found",
            "invalid_external_id",
            "invalid_external_source",
            "invalid_checksum_sha256",
            "unsupported_checksum_sha256",
        ],
    ),
    UNAUTHORIZED,
    FORBIDDEN,
    refusal(404, "Fault", &["resource_not_found", "path_not_found"]),
    refusal(409, "Duplicate", &["asset_exists"]),
    TOO_LARGE,
    UNSUPPORTED,
    refusal(429, "Fault", &["too_many_discarded", "too_many_pending"]),
    INTERNAL,
    refusal(
        503,
        "Fault",
        &[
            "auth_unavailable",
            "store_unavailable",
            "signer_unavailable",
        ],
    ),
];

pub(super) const RETRIEVE: &[Refusal] = &[
    refusal(400, "Fault", &["asset_not_uploaded"]),
    UNAUTHORIZED,
    FORBIDDEN,
    NO_ASSET,
    refusal(409, "Fault", &["object_changed", "object_missing"]),
    INTERNAL,
    refusal(
        503,
        "Fault",
        &[
            "auth_unavailable",
            "store_unavailable",
            "signer_unavailable",
            "object_store_unavailable",
        ],
    ),
];

pub(super) const COMPLETE: &[Refusal] = &[
    refusal(
        400,
        "RequestFault",
        &["incomplete_body", "invalid_json", "invalid_is_uploaded"],
    ),
    UNAUTHORIZED,
    FORBIDDEN,
    NO_ASSET,
    refusal(
        409,
        "Fault",
        &[
            "object_missing",
            "object_mismatch",
            "object_changed",
            "asset_rejected",
        ],
    ),
    TOO_LARGE,
    UNSUPPORTED,
    INTERNAL,
    refusal(
        503,
        "Fault",
        &[
            "auth_unavailable",
            "store_unavailable",
            "object_store_unavailable",
        ],
    ),
];

pub(super) const DELETE: &[Refusal] = &[
    UNAUTHORIZED,
    refusal(403, "AuthFault", &["insufficient_scope", "not_permitted"]),
    NO_ASSET,
    INTERNAL,
    refusal(503, "Fault", &["auth_unavailable", "store_unavailable"]),
];

pub(super) const OPTIONS: &[Refusal] = &[refusal(404, "Fault", &["path_not_found"])];

/// Answers that belong to no operation: what a path says to any other method, and any other path.
pub(super) fn beside_the_operations(settings: &Settings) -> Value {
    json!({
        "MethodNotAllowed": response(
            settings,
            405,
            &[refusal(405, "AuthFault", &["method_not_allowed"])],
            Bodies::Shown,
        ),
        "PathNotFound": response(settings, 404, OPTIONS, Bodies::Shown),
    })
}

/// Whether answers have bodies: those to HEAD have none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bodies {
    Shown,
    Left,
}

/// The response objects of a table, by status.
pub(super) fn responses(
    settings: &Settings,
    table: &[Refusal],
    bodies: Bodies,
) -> Map<String, Value> {
    let mut table = table.to_vec();
    if settings.rate_limited {
        table.push(RATE_LIMITED);
    }
    table
        .iter()
        .map(|Refusal { status, .. }| {
            (
                status.to_string(),
                response(settings, *status, &table, bodies),
            )
        })
        .collect()
}

fn response(settings: &Settings, status: u16, table: &[Refusal], bodies: Bodies) -> Value {
    let shapes: Vec<_> = table
        .iter()
        .filter(|refusal| refusal.status == status)
        .map(|Refusal { shape, codes, .. }| {
            json!({
                "allOf": [{"$ref": format!("#/components/schemas/{shape}")}],
                "properties": {"code": {"enum": codes}},
            })
        })
        .collect();
    let mut response = json!({
        "description": description(settings, status),
        "headers": headers(settings, status),
    });
    if bodies == Bodies::Shown {
        let schema = match <[Value; 1]>::try_from(shapes) {
            Ok([shape]) => shape,
            Err(shapes) => json!({"anyOf": shapes}),
        };
        response["content"] = json!({"application/json": {"schema": schema}});
    }
    response
}

/// The headers of an answer with that status, success included.
pub(super) fn headers(settings: &Settings, status: u16) -> Value {
    let mut names = Vec::new();
    match status {
        401 | 403 => names.push("WWW-Authenticate"),
        405 => names.push("Allow"),
        429 | 503 => names.push("Retry-After"),
        _ => {}
    }
    if status != 204 {
        names.push("Cache-Control");
    }
    if settings.rate_limited {
        names.extend(["X-RateLimit-Remaining", "X-RateLimit-Reset"]);
    }
    names.into_iter().map(header).collect::<Map<_, _>>().into()
}

/// A header's name, and where the document describes it.
pub(super) fn header(name: &'static str) -> (String, Value) {
    let place = format!("#/components/headers/{name}");
    (name.to_owned(), json!({"$ref": place}))
}

fn description(settings: &Settings, status: u16) -> String {
    let fixed = match status {
        400 => "The request is not as it should be, or comes too early; `code` says why.",
        401 => "No credentials, or none that are valid.",
        403 => "The credentials lack the scope of this operation, or the caller the right to it.",
        404 => {
            "There is nothing there for this caller: a workspace that is missing and one that the \
             caller is no member of look alike."
        }
        405 => "The path has no such method; `Allow` lists those it has.",
        409 => "What is there stands in the way; `code` says what.",
        413 => {
            let most = settings.max_body;
            return format!("The body has more than {most} bytes. It is not read to its end.");
        }
        415 => "The body is no JSON, or it is encoded.",
        429 => "Too much at once: wait as long as `Retry-After` says.",
        500 => "Something failed for a reason that trying again won't mend.",
        503 => "Something that this service depends on can't be reached: try again later.",
        _ => "",
    };
    fixed.to_owned()
}
