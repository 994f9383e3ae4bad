//! Writes responses: successes, and errors from their rows in the error table.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body::Body;
use uuid::fmt::Hyphenated;

use super::error_row::{Header, Schema};
use super::error_table::ApiError;
use super::json_object::JsonObject;
use super::response_body::ResponseBody;
use crate::asset::{Asset, AssetId, Pairs};
use crate::ports::UploadData;
use crate::usecase::{CreatedAsset, Download};

/// The parts of a response. The handlers return this small value; the larger `http::Response` is
/// built last.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    header: Option<Header>,
    /// A JSON document, or empty.
    body: Vec<u8>,
    /// Whether the request was a HEAD, so that the response has no body.
    is_head: bool,
}

impl Answer {
    pub(crate) fn into_response(self) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::own(Bytes::new()));
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
        *response.body_mut() = ResponseBody::own(self.body);
        if self.is_head {
            without_body(response)
        } else {
            response
        }
    }

    /// Adapts the response to the request's method: HEAD gets no body.
    pub(crate) fn to(self, method: &Method) -> Self {
        Self {
            is_head: method == Method::HEAD,
            ..self
        }
    }
}

/// The response to a create request without its values.
const CREATED: &str =
    r#"{"asset_id":"","asset_url":"","upload_data":{"method":"","url":"","fields":{}}}"#;

/// Writes the response for an error from its row. Logs the cause if the error is not the client's.
pub(crate) fn refusal(error: &ApiError) -> Answer {
    error.log_cause();
    let row = error.row();
    let sentence = error.to_string();
    let mut body = JsonObject::with_capacity(256);
    match row.schema {
        Schema::RequestFault(field) => {
            body.text("error", &sentence);
            body.flag("status", false);
            body.text("code", row.code);
            if let Some(field) = field {
                body.text("field", field);
            }
        }
        Schema::Fault => {
            body.text("error", &sentence);
            body.text("code", row.code);
        }
        Schema::AuthFault => {
            body.text("detail", &sentence);
            body.text("code", row.code);
        }
        Schema::Duplicate => {
            body.text("message", &sentence);
            body.text("code", row.code);
        }
        Schema::RateLimited => {
            body.number("error_code", 5900);
            body.text("error_message", &sentence);
            body.text("code", row.code);
        }
    }
    if let ApiError::AssetExists { duplicate } = error {
        write_id(&mut body, duplicate.asset.made.id);
        body.text("asset_url", &duplicate.asset_url);
        if let Some(upload_data) = &duplicate.upload_data {
            write_upload_data(&mut body, upload_data);
        }
    }
    Answer {
        header: error.header(),
        ..json(row.status, body)
    }
}

pub(crate) fn created(upload: &CreatedAsset) -> Answer {
    let room = CREATED.len()
        + Hyphenated::LENGTH
        + upload.asset_url.len()
        + upload_data_room(&upload.upload_data);
    // The exact capacity, so that the body is sent without a copy.
    let mut body = JsonObject::with_capacity(room);
    write_id(&mut body, upload.asset_id);
    body.text("asset_url", &upload.asset_url);
    write_upload_data(&mut body, &upload.upload_data);
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
    Answer {
        header: Some(Header::Allow(allow)),
        ..no_content()
    }
}

fn write_id(body: &mut JsonObject, id: AssetId) {
    body.plain_text(
        "asset_id",
        id.as_uuid()
            .hyphenated()
            .encode_lower(&mut [0; Hyphenated::LENGTH]),
    );
}

/// Writes the members in the order of [`UploadData`]'s serialization.
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

/// The bytes of the values, if none needs an escape.
fn upload_data_room(data: &UploadData) -> usize {
    let members = |pairs: &Pairs| pairs.as_members().map_or(0, str::len);
    let headers = match data.headers() {
        none if none.is_empty() => 0,
        headers => r#","headers":{}"#.len() + members(headers),
    };
    data.method().as_str().len() + data.url().len() + members(data.fields()) + headers
}

/// Turns the response to a GET into the response to a HEAD: the same head, with the length, and no
/// body (RFC 9110, section 9.3.2).
pub(crate) fn without_body(response: Response<ResponseBody>) -> Response<ResponseBody> {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        head.headers.insert(CONTENT_LENGTH, length.into());
    }
    Response::from_parts(head, ResponseBody::own(Bytes::new()))
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

    /// A larger capacity would cost an allocation, a smaller one a copy.
    #[test]
    fn the_response_to_a_create_request_has_exactly_the_capacity_it_needs() {
        let pairs: Pairs = [("key", "a/b.png"), ("policy", "e30=")]
            .into_iter()
            .collect();
        let url = || Arc::from("https://uploads.example.com/");
        for upload_data in [
            UploadData::post(url(), pairs.clone()),
            UploadData::post(url(), Pairs::new()),
            UploadData::put(url(), pairs),
            UploadData::put(url(), Pairs::new()),
        ] {
            let upload = CreatedAsset {
                asset_id: AssetId::new(uuid::Uuid::nil()),
                asset_url: "/api/assets/v2/".to_owned(),
                upload_data,
            };
            let body = created(&upload).body;
            assert_eq!(body.capacity(), body.len(), "{body:?}");
        }
    }
}
