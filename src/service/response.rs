//! The one table of answers: status, code and words on adjacent lines.
//!
//! Nothing of a cause goes out; causes are logged.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use uuid::fmt::Hyphenated;

use super::body::BodyError;
use super::json::Malformed;
use super::json_object::JsonObject;
use crate::asset::{Asset, AssetId, Pairs};
use crate::auth::{AuthError, Scope};
use crate::error::Unavailable;
use crate::ports::UploadData;
use crate::usecase::{Download, Duplicate, Rejection, Upload};

/// What the service answers with. Handed through several futures, and so no larger than need be: the
/// response is made of it at the very end.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    header: Option<Header>,
    /// JSON, or nothing.
    body: Vec<u8>,
    /// Whether only the head is sent.
    is_head: bool,
}

/// The one header that an answer may have of its own.
#[derive(Debug)]
enum Header {
    Allow(&'static str),
    WwwAuthenticate(&'static str),
    RetryAfter(u64),
}

impl Answer {
    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if !self.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        match self.header {
            Some(Header::Allow(methods)) => {
                headers.insert(ALLOW, HeaderValue::from_static(methods));
            }
            Some(Header::WwwAuthenticate(challenge)) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            Some(Header::RetryAfter(seconds)) => {
                headers.insert(RETRY_AFTER, seconds.into());
            }
            None => {}
        }
        *response.body_mut() = Full::from(self.body);
        if self.is_head {
            without_body(response)
        } else {
            response
        }
    }

    /// The answer to a request of that method.
    pub(crate) fn to(self, method: &Method) -> Self {
        Self {
            is_head: method == Method::HEAD,
            ..self
        }
    }

    fn with(mut self, header: Header) -> Self {
        self.header = Some(header);
        self
    }
}

/// What is around the values of the answer to a create request.
const CREATED: &str =
    r#"{"asset_id":"","asset_url":"","upload_data":{"method":"","url":"","fields":{}}}"#;

/// How long a caller at its cap of pending assets should wait: uploads under way need some time.
const PENDING_RETRY_SECS: u64 = 60;
/// A clean-up is usually an hour apart from the next.
const DISCARDED_RETRY_SECS: u64 = 3600;

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
    let room = CREATED.len()
        + Hyphenated::LENGTH
        + upload.asset_url.len()
        + upload_data_room(&upload.permission);
    // All that is needed and no more: the body is then sent from where it was written.
    let mut body = JsonObject::with_capacity(room);
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
    no_content().with(Header::Allow(allow))
}

pub(crate) fn method_not_allowed(method: &Method, allow: &'static str) -> Answer {
    let detail = format!("Method \"{method}\" not allowed.");
    let answer = detailed(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        &detail,
    );
    answer.with(Header::Allow(allow))
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
        Rejection::NotPermitted => not_permitted(),
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

        Rejection::TooManyPending => too_many(
            "too_many_pending",
            "Too many assets wait for their upload: complete or delete some of them first.",
            PENDING_RETRY_SECS,
        ),
        Rejection::TooManyDiscarded => too_many(
            "too_many_discarded",
            "Too many deleted or rejected assets wait for the clean-up. Try again later.",
            DISCARDED_RETRY_SECS,
        ),

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
        Rejection::Internal(cause) => internal(&*cause),
    }
}

fn internal(cause: &(dyn std::error::Error + 'static)) -> Answer {
    tracing::error!(
        error = cause,
        "a request failed for a reason that trying again won't mend"
    );
    let sentence = "Something went wrong please try again later";
    plain(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal_error",
        sentence,
    )
}

fn auth_error(error: AuthError) -> Answer {
    match error {
        AuthError::Missing => {
            let sentence = "Authentication credentials were not provided.";
            let answer = detailed(StatusCode::UNAUTHORIZED, "not_authenticated", sentence);
            answer.with(Header::WwwAuthenticate(r#"Bearer realm="api""#))
        }
        AuthError::Invalid => {
            let answer = detailed(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "Given API token is not valid",
            );
            answer.with(Header::WwwAuthenticate(
                r#"Bearer realm="api", error="invalid_token""#,
            ))
        }
        AuthError::Unavailable(cause) => unavailable(
            "auth_unavailable",
            "Credentials can't be checked now. Try again later.",
            &cause,
        ),
    }
}

fn not_permitted() -> Answer {
    let sentence = "You do not have permission to perform this action.";
    let answer = detailed(StatusCode::FORBIDDEN, "not_permitted", sentence);
    // Other credentials may be permitted (RFC 9110, section 11.6.1).
    answer.with(Header::WwwAuthenticate(r#"Bearer realm="api""#))
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
    answer.with(Header::WwwAuthenticate(challenge))
}

fn duplicate(duplicate: &Duplicate) -> Answer {
    let room = duplicate.upload_data.as_ref().map_or(0, upload_data_room);
    let mut body = JsonObject::with_capacity(512 + room);
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
    body.plain_text(
        "asset_id",
        id.as_uuid()
            .hyphenated()
            .encode_lower(&mut [0; Hyphenated::LENGTH]),
    );
}

/// In the order of [`UploadData`]'s own serialization.
fn write_upload_data(body: &mut JsonObject, data: &UploadData) {
    body.object("upload_data", |body| {
        body.plain_text("method", data.method().as_str());
        body.text("url", data.url());
        body.pairs("fields", data.fields());
        if !data.headers().is_empty() {
            body.pairs("headers", data.headers());
        }
    });
}

/// What its values come to in bytes, as long as they are plain.
fn upload_data_room(data: &UploadData) -> usize {
    let members = |pairs: &Pairs| pairs.as_members().map_or(0, str::len);
    let headers = match data.headers() {
        none if none.is_empty() => 0,
        headers => r#","headers":{}"#.len() + members(headers),
    };
    data.method().as_str().len() + data.url().len() + members(data.fields()) + headers
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

fn too_many(code: &'static str, sentence: &'static str, retry_secs: u64) -> Answer {
    let answer = plain(StatusCode::TOO_MANY_REQUESTS, code, sentence);
    answer.with(Header::RetryAfter(retry_secs))
}

fn unavailable(code: &'static str, sentence: &'static str, cause: &Unavailable) -> Answer {
    tracing::warn!(
        error = cause as &dyn std::error::Error,
        code,
        "something this service depends on is unavailable"
    );
    let answer = plain(StatusCode::SERVICE_UNAVAILABLE, code, sentence);
    answer.with(Header::RetryAfter(cause.retry_after_secs()))
}

#[cfg(feature = "rate-limit")]
pub(crate) fn rate_limit_exceeded(retry_after_secs: u64) -> Answer {
    let mut body = JsonObject::with_capacity(128);
    // Plane's own limiter's, and the word for programs.
    body.number("error_code", 5900);
    body.text("error_message", "RATE_LIMIT_EXCEEDED");
    body.text("code", "rate_limit_exceeded");
    json(StatusCode::TOO_MANY_REQUESTS, body).with(Header::RetryAfter(retry_after_secs))
}

/// What HEAD answers: the head that GET would, its length included, and no body (RFC 9110, section
/// 9.3.2).
pub(crate) fn without_body(response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        head.headers.insert(CONTENT_LENGTH, length.into());
    }
    Response::from_parts(head, Full::default())
}

fn json(status: StatusCode, body: JsonObject) -> Answer {
    Answer {
        body: body.end(),
        ..empty(status)
    }
}

fn empty(status: StatusCode) -> Answer {
    Answer {
        status,
        header: None,
        body: Vec::new(),
        is_head: false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// More would cost an allocation, less a copy.
    #[test]
    fn an_answer_to_a_create_request_has_just_the_room_it_needs() {
        let pairs: Pairs = [("key", "a/b.png"), ("policy", "e30=")]
            .into_iter()
            .collect();
        let url = || Arc::from("https://uploads.example.com/");
        for permission in [
            UploadData::post(url(), pairs.clone()),
            UploadData::post(url(), Pairs::new()),
            UploadData::put(url(), pairs),
            UploadData::put(url(), Pairs::new()),
        ] {
            let upload = Upload {
                asset_id: AssetId::new(uuid::Uuid::nil()),
                asset_url: "/api/assets/v2/".to_owned(),
                permission,
            };
            let body = created(&upload).body;
            assert_eq!(body.capacity(), body.len(), "{body:?}");
        }
    }
}
