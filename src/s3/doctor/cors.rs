//! Checks that browsers let a page of the given origin upload (Fetch, "CORS protocol").

use http::Method as HttpMethod;
use serde_json::json;

use super::answer::{Answer, plain};
use super::checkup::Checkup;
use super::report::DoctorCheck;
use crate::http_client::ServerUrl;
use crate::ports::UploadMethod;
use crate::s3::rules::Checksums;

const NAME: &str = "cors";

/// `uploaded` is the answer to an upload that was sent with this origin.
pub(super) async fn cors(checkup: &Checkup<'_>, uploaded: Option<&Answer>) -> DoctorCheck {
    let Some(origin) = checkup.options.origin.as_deref() else {
        let says = "No origin was given, so the CORS configuration was not checked.";
        return DoctorCheck::skipped(NAME, says);
    };
    if !is_origin(origin) {
        let shown = plain(origin);
        return DoctorCheck::failed(
            NAME,
            format!(
                "`{shown}` is not an origin: write https:// or http:// and a host in lower case, \
                 optionally with a port, and without a slash at the end."
            ),
        );
    }
    let headers = headers(checkup);
    let fault = match preflight(checkup, origin, &headers).await {
        Ok(answer) => missing(&answer, origin, checkup.method(), &headers)
            .or_else(|| uploaded.and_then(|answer| hidden(answer, origin))),
        Err(fault) => Some(format!("the preflight got no answer, {fault}")),
    };
    match fault {
        None => DoctorCheck::passed(
            NAME,
            format!("Browsers let pages of {origin} upload and read the answer."),
        ),
        Some(fault) => DoctorCheck::failed(
            NAME,
            format!(
                "Browsers don't let pages of {origin} upload: {fault}. Add the CORS configuration below \
                 to the existing rules of the bucket (PutBucketCors: `aws s3api put-bucket-cors`)."
            ),
        )
        .with_remedy(configuration(origin, checkup)),
    }
}

/// Returns whether a text can be the value of the header `Origin`. Browsers omit a default port;
/// here the object store compares the text.
fn is_origin(text: &str) -> bool {
    let is_plain = !text.ends_with('/') && !text.bytes().any(|b| b.is_ascii_uppercase());
    is_plain && ServerUrl::parse(text).is_some_and(|url| url.path().is_empty())
}

/// Returns the headers of an upload that the CORS configuration must allow.
fn headers(checkup: &Checkup<'_>) -> Vec<&'static str> {
    let mut headers = Vec::new();
    if checkup.method() == UploadMethod::Put {
        headers.push("Content-Type");
        let condition = checkup.bucket.put_condition();
        headers.extend(condition.map(|condition| condition.header().0));
    }
    headers
}

async fn preflight(
    checkup: &Checkup<'_>,
    origin: &str,
    headers_sent: &[&str],
) -> Result<Answer, String> {
    let public = checkup.bucket.public();
    let mut headers = vec![
        ("origin", origin),
        ("access-control-request-method", checkup.method().as_str()),
    ];
    // Browsers send the names in this form (Fetch, "CORS-preflight fetch").
    let named = headers_sent.join(",").to_ascii_lowercase();
    // A form needs no allowed header. It has a preflight only if the page shows progress.
    let url = match checkup.method() {
        UploadMethod::Post => public.post_url.to_string(),
        UploadMethod::Put => {
            headers.push(("access-control-request-headers", &named));
            format!(
                "{}{}{}",
                public.origin,
                public.prefix,
                checkup.key("preflight")
            )
        }
    };
    checkup.send(HttpMethod::OPTIONS, &url, &headers, "").await
}

/// Returns the first requirement that a preflight's answer misses, as half a sentence.
fn missing(
    answer: &Answer,
    origin: &str,
    method: UploadMethod,
    headers: &[&str],
) -> Option<String> {
    if !answer.status.is_success() {
        return Some(format!("the preflight was answered {}", answer.summary()));
    }
    let lists = |name: &str, wanted: &str| {
        let values = answer.headers.get_all(name).into_iter();
        values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(wanted) || item.trim() == "*")
    };
    if let Some(fault) = hidden(answer, origin) {
        return Some(fault);
    }
    if method == UploadMethod::Put && !lists("access-control-allow-methods", "PUT") {
        return Some("the preflight's answer doesn't allow PUT".to_owned());
    }
    let mut headers = headers.iter();
    let refused = headers.find(|header| !lists("access-control-allow-headers", header))?;
    Some(format!(
        "the preflight's answer doesn't allow the header {refused}"
    ))
}

/// Returns why a page can't read an answer, as half a sentence.
fn hidden(answer: &Answer, origin: &str) -> Option<String> {
    match answer.header("access-control-allow-origin") {
        Some(allowed) if allowed == "*" || allowed == origin => None,
        Some(allowed) => Some(format!(
            "Access-Control-Allow-Origin is `{}`",
            plain(allowed)
        )),
        None => Some("an answer lacks Access-Control-Allow-Origin".to_owned()),
    }
}

/// Returns the value of the AWS CLI's `--cors-configuration` (AWS, "Elements of a CORS
/// configuration").
fn configuration(origin: &str, checkup: &Checkup<'_>) -> String {
    let mut allowed = headers(checkup);
    if allowed.is_empty() {
        allowed.push("*");
    } else if checkup.bucket.rules().checksums != Checksums::Ignored {
        // Files that are announced with their SHA-256 need this header.
        allowed.push("x-amz-checksum-sha256");
    }
    let rule = json!({
        "AllowedOrigins": [origin],
        "AllowedMethods": ["GET", "HEAD", checkup.method().as_str()],
        "AllowedHeaders": allowed,
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 3600,
    });
    json!({ "CORSRules": [rule] }).to_string()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    const ORIGIN: &str = "https://app.example.com";

    fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Answer {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let status = StatusCode::from_u16(status).unwrap();
        Answer::new(status, headers, bytes::Bytes::new())
    }

    #[test]
    fn preflights_are_judged_as_browsers_do() {
        const ORIGINS: &str = "access-control-allow-origin";
        const METHODS: &str = "access-control-allow-methods";
        const HEADERS: &str = "access-control-allow-headers";
        let sent = ["Content-Type", "If-None-Match"];
        let put = |headers: &[_]| missing(&answer(200, headers), ORIGIN, UploadMethod::Put, &sent);
        let allowed = (ORIGINS, ORIGIN);
        let methods = (METHODS, "GET, put");
        let listed = (HEADERS, "x, if-none-match,Content-Type");
        assert_eq!(put(&[allowed, methods, listed]), None);
        assert_eq!(put(&[(ORIGINS, "*"), (METHODS, "*"), (HEADERS, "*")]), None);
        for (headers, fragment) in [
            (&[methods, (HEADERS, "*")][..], "lacks"),
            (
                &[(ORIGINS, "https://other"), methods, (HEADERS, "*")],
                "https://other",
            ),
            (&[allowed, (METHODS, "POST"), (HEADERS, "*")], "allow PUT"),
            (&[allowed, methods], "Content-Type"),
            (
                &[allowed, methods, (HEADERS, "content-type")],
                "If-None-Match",
            ),
        ] {
            let fault = put(headers).unwrap();
            assert!(fault.contains(fragment), "{fault}");
        }
        let refused = answer(403, &[allowed]);
        assert!(missing(&refused, ORIGIN, UploadMethod::Post, &[]).is_some());
        // POST needs no permission (Fetch, "CORS-safelisted method").
        let plain = answer(204, &[allowed]);
        assert_eq!(missing(&plain, ORIGIN, UploadMethod::Post, &[]), None);
    }

    #[test]
    fn only_origins_are_accepted() {
        for good in [ORIGIN, "http://localhost:3000", "https://[::1]:8443"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "*",
            "null",
            "app.example.com",
            "https://app.example.com/",
            "https://App.example.com",
            "https://u:p@app.example.com",
            "ftp://app.example.com",
            "https://app.example.com?x",
            "https://app.example.com\r\nx: y",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
