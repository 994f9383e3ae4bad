//! The one table of answers: status, code and words on adjacent lines.
//!
//! Nothing of a cause goes out; causes are logged.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use serde::Serialize;

use crate::asset::Asset;
use crate::auth::{AuthError, Scope, Unavailable};
use crate::body::BodyError;
use crate::download::Download;
use crate::id::AssetId;
use crate::json::Malformed;
use crate::rejection::{Duplicate, Rejection};
use crate::signer::UploadData;
use crate::upload::Upload;

/// What the service answers with.
pub(crate) type Answer = Response<Full<Bytes>>;

/// How long a caller at its cap of pending assets should wait: uploads under way need some time.
const PENDING_RETRY_SECS: u64 = 60;

#[derive(Serialize)]
struct CreatedBody<'a> {
    asset_id: &'a AssetId,
    asset_url: &'a str,
    upload_data: &'a UploadData,
}

#[expect(clippy::struct_field_names, reason = "the names on the wire")]
#[derive(Serialize)]
struct RetrievedBody<'a> {
    asset_id: &'a AssetId,
    asset_url: &'a str,
    asset_name: &'a str,
    asset_type: &'a str,
}

#[derive(Serialize)]
struct DuplicateBody<'a> {
    message: &'static str,
    code: &'static str,
    asset_id: &'a AssetId,
    asset_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_data: Option<&'a UploadData>,
}

/// The body of every other error. `error` and `detail` are Plane's two names for the sentence.
#[derive(Default, Serialize)]
struct ErrorBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<bool>,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
}

/// The body of Plane's own limiter, and the word for programs.
#[cfg(feature = "rate-limit")]
#[derive(Serialize)]
struct RateLimitBody {
    error_code: u16,
    error_message: &'static str,
    code: &'static str,
}

/// All that can keep the HTTP layer from fulfilling a request.
#[derive(Debug)]
pub(crate) enum Refusal {
    Body(BodyError),
    Malformed(Malformed),
    Rejected(Rejection),
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<Malformed> for Refusal {
    fn from(fault: Malformed) -> Self {
        Self::Malformed(fault)
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

pub(crate) fn refusal(refusal: Refusal) -> Answer {
    match refusal {
        Refusal::Body(error) => body_error(&error),
        Refusal::Malformed(fault) => {
            member(StatusCode::BAD_REQUEST, "invalid_json", None, &fault.0)
        }
        Refusal::Rejected(rejection) => self::rejection(rejection),
    }
}

pub(crate) fn created(upload: &Upload) -> Answer {
    json(
        StatusCode::OK,
        // A form is some 1.7 KB, its policy the most of it.
        2048,
        &CreatedBody {
            asset_id: &upload.asset_id,
            asset_url: &upload.asset_url,
            upload_data: &upload.permission,
        },
    )
}

pub(crate) fn retrieved(download: &Download) -> Answer {
    let Asset { made, .. } = &download.asset;
    json(
        StatusCode::OK,
        1024,
        &RetrievedBody {
            asset_id: &made.id,
            asset_url: &download.url,
            asset_name: made.display_name.as_str(),
            asset_type: made.media_type.as_str(),
        },
    )
}

pub(crate) fn no_content() -> Answer {
    empty(StatusCode::NO_CONTENT)
}

pub(crate) fn options(allow: &'static str) -> Answer {
    with(no_content(), ALLOW, HeaderValue::from_static(allow))
}

pub(crate) fn method_not_allowed(method: &Method, allow: &'static str) -> Answer {
    let detail = format!("Method \"{method}\" not allowed.");
    with(
        detailed(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            &detail,
        ),
        ALLOW,
        HeaderValue::from_static(allow),
    )
}

pub(crate) fn no_such_path() -> Answer {
    plain(StatusCode::NOT_FOUND, "path_not_found", "Page not found.")
}

fn body_error(error: &BodyError) -> Answer {
    match error {
        BodyError::TooLarge { limit } => {
            let sentence = format!("The body may have at most {limit} bytes.");
            member(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                None,
                &sentence,
            )
        }
        BodyError::MediaType => {
            let sentence = "The body must be JSON, with `Content-Type: application/json`.";
            member(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                None,
                sentence,
            )
        }
        BodyError::ContentEncoding => {
            let sentence = "The body must be sent as it is, without a `Content-Encoding`.";
            member(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_content_encoding",
                None,
                sentence,
            )
        }
        BodyError::Interrupted => {
            let sentence = "The body ended before it was complete.";
            member(StatusCode::BAD_REQUEST, "incomplete_body", None, sentence)
        }
    }
}

fn rejection(rejection: Rejection) -> Answer {
    match rejection {
        Rejection::Auth(error) => auth_error(error),
        Rejection::Scope(scope) => insufficient_scope(scope),

        Rejection::Required { field } => {
            let sentence = "Name and size are required fields.";
            member(
                StatusCode::BAD_REQUEST,
                "required_field",
                Some(field),
                sentence,
            )
        }
        Rejection::TypeNotAllowed => member(
            StatusCode::BAD_REQUEST,
            "invalid_type",
            Some("type"),
            "Invalid file type.",
        ),
        Rejection::Member {
            field,
            code,
            message,
        } => member(StatusCode::BAD_REQUEST, code, Some(field), &message),
        Rejection::ProjectNotFound => {
            let sentence = "`project_id` names no project of this workspace.";
            member(
                StatusCode::BAD_REQUEST,
                "project_not_found",
                Some("project_id"),
                sentence,
            )
        }

        Rejection::WorkspaceNotFound => plain(
            StatusCode::NOT_FOUND,
            "resource_not_found",
            "The requested resource does not exist.",
        ),
        Rejection::AssetNotFound => {
            plain(StatusCode::NOT_FOUND, "asset_not_found", "Asset not found")
        }
        Rejection::NotUploaded => plain(
            StatusCode::BAD_REQUEST,
            "asset_not_uploaded",
            "Asset not yet uploaded",
        ),

        Rejection::Duplicate(duplicate) => self::duplicate(&duplicate),
        Rejection::ObjectMissing => {
            let sentence = "The object is not in the store: upload it before you say that it is.";
            plain(StatusCode::CONFLICT, "object_missing", sentence)
        }
        Rejection::ObjectMismatch { difference } => {
            plain(StatusCode::CONFLICT, "object_mismatch", &difference)
        }

        Rejection::TooManyPending => {
            let sentence =
                "Too many assets wait for their upload: complete or delete some of them first.";
            let answer = plain(StatusCode::TOO_MANY_REQUESTS, "too_many_pending", sentence);
            with(answer, RETRY_AFTER, PENDING_RETRY_SECS.into())
        }

        Rejection::StoreUnavailable(cause) => unavailable(
            "store_unavailable",
            "The database can't be reached. Try again later.",
            &cause,
        ),
        Rejection::SignerUnavailable(cause) => unavailable(
            "signer_unavailable",
            "Uploads can't be signed now. Try again later.",
            &cause,
        ),
        Rejection::VerifierUnavailable(cause) => unavailable(
            "object_store_unavailable",
            "The object store can't be reached. Try again later.",
            &cause,
        ),
        Rejection::Internal(cause) => {
            tracing::error!(
                error = &*cause,
                "a request failed for a reason that trying again won't mend"
            );
            let sentence = "Something went wrong please try again later";
            plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                sentence,
            )
        }
    }
}

fn auth_error(error: AuthError) -> Answer {
    match error {
        AuthError::Missing => {
            let sentence = "Authentication credentials were not provided.";
            let answer = detailed(StatusCode::UNAUTHORIZED, "not_authenticated", sentence);
            with(
                answer,
                WWW_AUTHENTICATE,
                HeaderValue::from_static(r#"Bearer realm="api""#),
            )
        }
        AuthError::Invalid => {
            let answer = detailed(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "Given API token is not valid",
            );
            let challenge =
                HeaderValue::from_static(r#"Bearer realm="api", error="invalid_token""#);
            with(answer, WWW_AUTHENTICATE, challenge)
        }
        AuthError::Unavailable(cause) => unavailable(
            "auth_unavailable",
            "Credentials can't be checked now. Try again later.",
            &cause,
        ),
    }
}

fn insufficient_scope(scope: Scope) -> Answer {
    let sentence = "You do not have permission to perform this action.";
    let answer = detailed(StatusCode::FORBIDDEN, "insufficient_scope", sentence);
    let challenge = match scope {
        Scope::AssetsRead => {
            r#"Bearer realm="api", error="insufficient_scope", scope="assets:read""#
        }
        Scope::AssetsWrite => {
            r#"Bearer realm="api", error="insufficient_scope", scope="assets:write""#
        }
    };
    with(
        answer,
        WWW_AUTHENTICATE,
        HeaderValue::from_static(challenge),
    )
}

fn duplicate(duplicate: &Duplicate) -> Answer {
    json(
        StatusCode::CONFLICT,
        2048,
        &DuplicateBody {
            message: "Asset with same external id and source already exists",
            code: "asset_exists",
            asset_id: &duplicate.asset.made.id,
            asset_url: &duplicate.asset_url,
            upload_data: duplicate.upload_data.as_ref(),
        },
    )
}

/// A fault of the request: `{"error","status":false,"code","field"}`.
fn member(
    status: StatusCode,
    code: &'static str,
    field: Option<&'static str>,
    sentence: &str,
) -> Answer {
    let body = ErrorBody {
        error: Some(sentence),
        status: Some(false),
        code,
        field,
        ..ErrorBody::default()
    };
    json(status, 256, &body)
}

/// Any other error: `{"error","code"}`.
fn plain(status: StatusCode, code: &'static str, sentence: &str) -> Answer {
    json(
        status,
        128,
        &ErrorBody {
            error: Some(sentence),
            code,
            ..ErrorBody::default()
        },
    )
}

/// An error of the framework's in Plane: `{"detail","code"}`.
fn detailed(status: StatusCode, code: &'static str, sentence: &str) -> Answer {
    json(
        status,
        128,
        &ErrorBody {
            detail: Some(sentence),
            code,
            ..ErrorBody::default()
        },
    )
}

fn unavailable(code: &'static str, sentence: &'static str, cause: &Unavailable) -> Answer {
    tracing::warn!(
        error = cause as &dyn std::error::Error,
        code,
        "something this service depends on is unavailable"
    );
    let answer = plain(StatusCode::SERVICE_UNAVAILABLE, code, sentence);
    with(answer, RETRY_AFTER, cause.retry_after_secs().into())
}

#[cfg(feature = "rate-limit")]
pub(crate) fn rate_limit_exceeded(method: &Method, retry_after_secs: u64) -> Answer {
    let body = RateLimitBody {
        error_code: 5900,
        error_message: "RATE_LIMIT_EXCEEDED",
        code: "rate_limit_exceeded",
    };
    let answer = json(StatusCode::TOO_MANY_REQUESTS, 128, &body);
    let answer = with(answer, RETRY_AFTER, retry_after_secs.into());
    if method == Method::HEAD {
        without_body(answer)
    } else {
        answer
    }
}

/// What HEAD answers: the head that GET would, its length included, and no body (RFC 9110, section
/// 9.3.2).
pub(crate) fn without_body(answer: Answer) -> Answer {
    let (mut head, body) = answer.into_parts();
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        head.headers.insert(CONTENT_LENGTH, length.into());
    }
    Response::from_parts(head, Full::default())
}

fn json(status: StatusCode, capacity: usize, body: &impl Serialize) -> Answer {
    let mut text = Vec::with_capacity(capacity);
    if let Err(error) = serde_json::to_writer(&mut text, body) {
        // Strings and maps of strings serialize; should one not, no half of a body goes out.
        tracing::error!(%error, "an answer could not be written");
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn with(mut answer: Answer, name: HeaderName, value: HeaderValue) -> Answer {
    answer.headers_mut().insert(name, value);
    answer
}
