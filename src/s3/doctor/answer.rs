//! The object store's answer, and its summary in a sentence.

use std::error::Error;
use std::fmt::Write;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use roxmltree::Document;

use crate::error::Unavailable;
use crate::s3::error_body::ErrorBody;

/// The longest text of the object store that is quoted, in characters.
const MOST_REPEATED: usize = 200;

/// A complete answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The parsed XML of an error (AWS, "Error responses").
    pub(super) error: Option<StoreFault>,
}

/// The object store's error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StoreFault {
    pub(super) code: String,
    pub(super) message: String,
    /// The bucket's region, if the object store names it.
    pub(super) region: Option<String>,
}

impl Answer {
    pub(super) fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        let error = StoreFault::read(&body);
        Self {
            status,
            headers,
            body,
            error,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the error's code, or an empty text if there is none.
    pub(super) fn code(&self) -> &str {
        self.error.as_ref().map_or("", |error| &error.code)
    }

    /// Returns whether the request succeeded. 303 is the success of a form with
    /// `success_action_redirect`.
    pub(super) fn is_success(&self) -> bool {
        self.status.is_success() || self.status == StatusCode::SEE_OTHER
    }

    /// Returns status, code and message: `403 Forbidden, AccessDenied: Invalid signature`.
    pub(super) fn summary(&self) -> String {
        let mut text = self.status.to_string();
        if let Some(error) = &self.error {
            // Writing to a string can't fail.
            let _ = write!(text, ", {}", error.code);
            if !error.message.is_empty() {
                let _ = write!(text, ": {}", error.message.trim_end_matches('.'));
            }
        }
        text
    }

    /// Parses the body as XML.
    pub(super) fn xml(&self) -> Option<Document<'_>> {
        Document::parse(std::str::from_utf8(&self.body).ok()?).ok()
    }
}

impl StoreFault {
    fn read(body: &[u8]) -> Option<Self> {
        let body = ErrorBody::parse(body)?;
        let text = |name: &str| body.text(name).map(plain);
        Some(Self {
            code: text("Code")?,
            message: text("Message").unwrap_or_default(),
            region: text("Region"),
        })
    }
}

/// Makes a peer's text safe for a terminal: one line, without control characters, and not too long.
pub(super) fn plain(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let mut line = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(MOST_REPEATED) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Returns an error's causes, without repetitions.
pub(super) fn causes(fault: &Unavailable) -> String {
    let mut text = String::new();
    let mut next = fault.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            let colon = if text.is_empty() { "" } else { ": " };
            text.push_str(colon);
            text.push_str(&said);
        }
        next = cause.source();
    }
    if text.is_empty() {
        text = fault.to_string();
    }
    plain(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &'static str) -> Answer {
        Answer::new(StatusCode::FORBIDDEN, HeaderMap::new(), body.into())
    }

    #[test]
    fn errors_are_read() {
        let wrong_region = answer(
            "<?xml version=\"1.0\"?>\n<Error><Code>AuthorizationHeaderMalformed</Code>\
             <Message>the region 'us-east-1' is wrong;\r\n expecting 'eu-central-1'.</Message>\
             <Region>eu-central-1</Region></Error>",
        );
        let error = wrong_region.error.as_ref().unwrap();
        assert_eq!(error.region.as_deref(), Some("eu-central-1"));
        assert_eq!(
            wrong_region.summary(),
            "403 Forbidden, AuthorizationHeaderMalformed: the region 'us-east-1' is wrong; \
             expecting 'eu-central-1'"
        );
        for none in ["", "<html></html>", "<Error></Error>", "<Error", "{}"] {
            assert_eq!(answer(none).error, None, "{none}");
            assert_eq!(answer(none).summary(), "403 Forbidden");
        }
    }

    #[test]
    fn quoted_text_is_one_short_line_without_control_characters() {
        let hostile = "\u{1b}]0;owned\u{7} \u{9b}31m\r\nnext";
        assert_eq!(plain(hostile), "]0;owned 31m next");
        assert_eq!(plain(&"ä".repeat(9999)).chars().count(), MOST_REPEATED + 1);
    }
}
