//! Reads a request's JSON body.

use std::pin::Pin;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use http_body::Body;
use http_body_util::BodyExt;

use super::error_table::ApiError;

/// Reads a JSON body of at most `limit` bytes. Refuses a body that announces more before it reads
/// any of it.
pub(crate) async fn read_json<B: Body>(
    headers: &HeaderMap,
    mut body: Pin<&mut B>,
    limit: usize,
) -> Result<Bytes, ApiError> {
    if !headers.get_all(CONTENT_TYPE).iter().all(is_json) {
        return Err(ApiError::BodyNotJson);
    }
    let plain = |encoding: &HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Err(ApiError::BodyEncoded);
    }
    let announced = announced_length(headers).max(body.size_hint().lower());
    if announced > limit as u64 {
        return Err(ApiError::BodyTooLarge { limit });
    }

    let mut whole = Bytes::new();
    let mut pieces = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame.map_err(|_| ApiError::BodyIncomplete)?.into_data() else {
            continue;
        };
        let length = data.remaining();
        if length > limit - whole.len() - pieces.len() {
            return Err(ApiError::BodyTooLarge { limit });
        }
        if whole.is_empty() && pieces.is_empty() {
            // Most bodies arrive in one frame, which needs no copy.
            whole = data.copy_to_bytes(length);
        } else {
            pieces.extend_from_slice(&std::mem::take(&mut whole));
            pieces.extend_from_slice(&data.copy_to_bytes(length));
        }
    }
    Ok(if pieces.is_empty() {
        whole
    } else {
        pieces.freeze()
    })
}

/// Returns the announced length of the body, or 0 if there is none. Digits that overflow a `u64`
/// count as `u64::MAX`.
fn announced_length(headers: &HeaderMap) -> u64 {
    let Some(length) = headers.get(CONTENT_LENGTH).map(HeaderValue::as_bytes) else {
        return 0;
    };
    let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(length)
        .ok()
        .and_then(|text| text.parse().ok());
    number.unwrap_or(if digits { u64::MAX } else { 0 })
}

/// Whether a `Content-Type` is JSON: `application/json` with or without parameters, or a type with
/// the suffix `+json` (RFC 6839, section 3.1).
fn is_json(value: &HeaderValue) -> bool {
    // The exact text that most clients send.
    if value == "application/json" {
        return true;
    }
    let Ok(text) = value.to_str() else {
        return false;
    };
    let essence = text.split(';').next().unwrap_or_default().trim_ascii();
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+/".contains(&b);
    if !essence.bytes().all(token) {
        return false;
    }
    let Some((kind, name)) = essence.split_once('/') else {
        return false;
    };
    let suffix_at = name.len().saturating_sub("+json".len());
    kind.eq_ignore_ascii_case("application") && name.eq_ignore_ascii_case("json")
        || !kind.is_empty()
            && suffix_at > 0
            && name.as_bytes()[suffix_at..].eq_ignore_ascii_case(b"+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_overflows_counts_as_the_largest() {
        let length = |text| {
            announced_length(&HeaderMap::from_iter([(
                CONTENT_LENGTH,
                HeaderValue::from_static(text),
            )]))
        };
        assert_eq!(length("17"), 17);
        assert_eq!(length("99999999999999999999999"), u64::MAX);
        assert_eq!(length("x"), 0);
    }

    #[test]
    fn json_types_are_recognised() {
        let is = |text| is_json(&HeaderValue::from_static(text));
        for yes in [
            "application/json",
            "APPLICATION/JSON",
            "application/json; charset=utf-8",
            "application/json ;charset=utf-8",
            "application/vnd.api+json",
        ] {
            assert!(is(yes), "{yes}");
        }
        for no in [
            "",
            "json",
            "text/plain",
            "application/xml",
            "application/jsonx",
            "x/+json",
            "text/plain, a/b+json",
            "text/json-seq",
        ] {
            assert!(!is(no), "{no}");
        }
    }
}
