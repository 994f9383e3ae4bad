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

use crate::asset::Asset;
use crate::auth::{AuthError, Scope, Unavailable};
use crate::body::BodyError;
use crate::download::Download;
use crate::id::AssetId;
use crate::json::Malformed;
use crate::json_object::JsonObject;
use crate::rejection::{Duplicate, Rejection};
use crate::signer::UploadData;
use crate::upload::Upload;

/// What the service answers with.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Room for the answer to a create request, in bytes: its policy is the most of it.
const CREATED_LEN: usize = 2048;

/// How long a caller at its cap of pending assets should wait: uploads under way need some time.
const PENDING_RETRY_SECS: u64 = 60;

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
    let mut body = JsonObject::with_capacity(CREATED_LEN);
    write_id(&mut body, upload.asset_id);
    body.text("asset_url", &upload.asset_url);
    write_upload_data(&mut body, &upload.permission);
    json(StatusCode::OK, body)
}

pub(crate) fn retrieved(download: &Download) -> Answer {
    let Asset { made, .. } = &download.asset;
    let mut body = JsonObject::with_capacity(1024);
    write_id(&mut body, made.id);
    body.text("asset_url", &download.url);
    body.text("asset_name", made.display_name.as_str());
    body.text("asset_type", made.media_type.as_str());
    json(StatusCode::OK, body)
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
        Rejection::ObjectGone => {
            let sentence = "The object that was uploaded is not in the store any more.";
            plain(StatusCode::CONFLICT, "object_missing", sentence)
        }
        Rejection::ObjectChanged => {
            let sentence = "The object in the store is not the one that was uploaded first.";
            plain(StatusCode::CONFLICT, "object_changed", sentence)
        }
        Rejection::ObjectMismatch(difference) => {
            plain(StatusCode::CONFLICT, "object_mismatch", difference.as_str())
        }
        Rejection::Rejected(difference) => {
            let sentence = format!("The asset was rejected, so make another one. {difference}");
            plain(StatusCode::CONFLICT, "asset_rejected", &sentence)
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
    let mut body = JsonObject::with_capacity(CREATED_LEN);
    let message = "Asset with same external id and source already exists";
    body.text("message", message);
    body.text("code", "asset_exists");
    write_id(&mut body, duplicate.asset.made.id);
    body.text("asset_url", &duplicate.asset_url);
    if let Some(upload_data) = &duplicate.upload_data {
        write_upload_data(&mut body, upload_data);
    }
    json(StatusCode::CONFLICT, body)
}

fn write_id(body: &mut JsonObject, id: AssetId) {
    body.text(
        "asset_id",
        id.as_uuid().hyphenated().encode_lower(&mut [0; 36]),
    );
}

/// In the order of [`UploadData`]'s own serialization.
fn write_upload_data(body: &mut JsonObject, data: &UploadData) {
    body.object("upload_data", |body| {
        body.text("method", data.method().as_str());
        body.text("url", data.url());
        body.pairs("fields", data.fields());
        if !data.headers().is_empty() {
            body.pairs("headers", data.headers());
        }
    });
}

/// A fault of the request: `{"error","status":false,"code","field"}`.
fn member(
    status: StatusCode,
    code: &'static str,
    field: Option<&'static str>,
    sentence: &str,
) -> Answer {
    let mut body = JsonObject::with_capacity(256);
    body.text("error", sentence);
    body.flag("status", false);
    body.text("code", code);
    if let Some(field) = field {
        body.text("field", field);
    }
    json(status, body)
}

/// Any other error: `{"error","code"}`.
fn plain(status: StatusCode, code: &'static str, sentence: &str) -> Answer {
    named(status, "error", code, sentence)
}

/// An error of the framework's in Plane: `{"detail","code"}`.
fn detailed(status: StatusCode, code: &'static str, sentence: &str) -> Answer {
    named(status, "detail", code, sentence)
}

/// `error` and `detail` are Plane's two names for the sentence.
fn named(status: StatusCode, name: &'static str, code: &'static str, sentence: &str) -> Answer {
    let mut body = JsonObject::with_capacity(128);
    body.text(name, sentence);
    body.text("code", code);
    json(status, body)
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
    let mut body = JsonObject::with_capacity(128);
    // Plane's own limiter's, and the word for programs.
    body.number("error_code", 5900);
    body.text("error_message", "RATE_LIMIT_EXCEEDED");
    body.text("code", "rate_limit_exceeded");
    let answer = json(StatusCode::TOO_MANY_REQUESTS, body);
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

fn json(status: StatusCode, body: JsonObject) -> Answer {
    let mut answer = Response::new(Full::from(body.end()));
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
