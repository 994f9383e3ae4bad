//! Presigned URLs: a request whose signature stands in its query.
//!
//! One allocation, the URL: the canonical request is hashed as the pieces of which it consists.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use percent_encoding::utf8_percent_encode;
use sha2::{Digest, Sha256};
use smallvec::SmallVec;
use time::OffsetDateTime;

use super::encoding::{OBJECT_KEY, URI_COMPONENT};
use super::key::hex;
use super::moment::Moment;
use super::scope::{Stamp, time_of};
use super::signer::{SignError, Signer};
use crate::asset::{Checksum, Clock, ExpiresIn, SystemClock};

const IF_NONE_MATCH: &str = "if-none-match";
const IF_GENERATION_MATCH: &str = "x-goog-if-generation-match";

/// The request a URL is signed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// Download.
    Get,
    /// Ask for the headers of a download.
    Head,
    /// Upload.
    Put,
    /// Delete.
    Delete,
}

impl Method {
    /// The method's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A request for one object, to be signed into a URL.
///
/// ```
/// use time::macros::datetime;
/// use tower_asset_upload::sigv4::{Credentials, Method, Presign, Region, Signer};
///
/// let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")?;
/// let signer = Signer::new(credentials, Region::us_east_1());
/// let download = Presign::new(Method::Get, "https://uploads.s3.amazonaws.com", "/", "photo.png")
///     .response_content_disposition("inline");
/// let url = signer.presign_at(&download, datetime!(2026-05-19 10:11:12 UTC))?;
/// assert!(url.as_str().starts_with("https://uploads.s3.amazonaws.com/photo.png?response-content-disposition=inline&X-Amz-"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Presign<'a> {
    method: Method,
    origin: &'a str,
    prefix: &'a str,
    key: &'a str,
    /// Whether the request is for the bucket, which has no key.
    of_bucket: bool,
    lifetime: ExpiresIn,
    overrides: SmallVec<[(&'static str, Cow<'a, str>); 2]>,
    headers: SmallVec<[(&'static str, Cow<'a, str>); 4]>,
}

impl<'a> Presign<'a> {
    /// A request for the object `key`.
    ///
    /// `origin` is scheme, host and port (`https://uploads.s3.amazonaws.com`, as an
    /// [`S3Bucket`](crate::s3::S3Bucket) knows it), `prefix` the encoded path before the key: `/`,
    /// or `/bucket/` where the bucket stands in the path.
    pub fn new(method: Method, origin: &'a str, prefix: &'a str, key: &'a str) -> Self {
        Self {
            method,
            origin,
            prefix,
            key,
            of_bucket: false,
            lifetime: ExpiresIn::default(),
            overrides: SmallVec::new(),
            headers: SmallVec::new(),
        }
    }

    /// A question to the bucket itself: a setting such as `lifecycle`, without a value, or a listing.
    ///
    /// The canonical query is sorted and these come last in it, so names have to be in lower case.
    #[cfg(feature = "doctor")]
    pub(crate) fn of_bucket(
        origin: &'a str,
        prefix: &'a str,
        query: &[(&'static str, &'a str)],
    ) -> Self {
        let mut request = Self::new(Method::Get, origin, prefix, "");
        request.of_bucket = true;
        query.iter().fold(request, |request, (name, value)| {
            request.parameter(name, (*value).into())
        })
    }

    fn key_is_sound(&self) -> bool {
        self.of_bucket || (1..=1024).contains(&self.key.len())
    }

    /// How long the URL is good for; an hour by default. Never longer than the credentials.
    pub fn expires_in(mut self, lifetime: ExpiresIn) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The `Content-Disposition` that the store answers with (AWS, "GetObject").
    pub fn response_content_disposition(self, value: impl Into<Cow<'a, str>>) -> Self {
        self.parameter("response-content-disposition", value.into())
    }

    /// The `Content-Type` that the store answers with (AWS, "GetObject").
    pub fn response_content_type(self, value: impl Into<Cow<'a, str>>) -> Self {
        self.parameter("response-content-type", value.into())
    }

    /// The `Cache-Control` that the store answers with (AWS, "GetObject").
    pub fn response_cache_control(self, value: impl Into<Cow<'a, str>>) -> Self {
        self.parameter("response-cache-control", value.into())
    }

    /// The `Content-Encoding` that the store answers with (AWS, "GetObject").
    pub fn response_content_encoding(self, value: impl Into<Cow<'a, str>>) -> Self {
        self.parameter("response-content-encoding", value.into())
    }

    /// The `Content-Language` that the store answers with (AWS, "GetObject").
    pub fn response_content_language(self, value: impl Into<Cow<'a, str>>) -> Self {
        self.parameter("response-content-language", value.into())
    }

    /// The `Expires` that the store answers with: a date as HTTP writes it (AWS, "GetObject").
    pub fn response_expires(self, value: impl Into<Cow<'a, str>>) -> Self {
        self.parameter("response-expires", value.into())
    }

    /// The version of the object, in a bucket that keeps versions.
    pub fn version_id(self, value: impl Into<Cow<'a, str>>) -> Self {
        self.parameter("versionId", value.into())
    }

    /// Signs the SHA-256 that the body has to have; S3 compares (AWS, "Checking object integrity").
    pub fn checksum_sha256(self, checksum: &Checksum) -> Self {
        self.header("x-amz-checksum-sha256", checksum.to_base64().into())
    }

    /// Signs `x-amz-checksum-mode: ENABLED`, so that HEAD and GET tell the object's checksum.
    pub fn checksum_mode(self) -> Self {
        self.header("x-amz-checksum-mode", "ENABLED".into())
    }

    /// Signs the `Content-Type` that has to be sent.
    pub fn content_type(self, value: impl Into<Cow<'a, str>>) -> Self {
        self.header("content-type", value.into())
    }

    /// Signs the `Content-Length` that has to be sent, in bytes.
    pub fn content_length(self, bytes: u64) -> Self {
        self.header("content-length", bytes.to_string().into())
    }

    /// Signs `If-None-Match: *`, which has to be sent: the store answers 412 to an upload where there
    /// is an object already (AWS, "How to prevent object overwrites with conditional writes").
    ///
    /// Google's dialect has [`if_generation_match`](Self::if_generation_match) in its place.
    pub fn if_none_match_any(self) -> Self {
        self.header(IF_NONE_MATCH, "*".into())
    }

    /// Signs `x-goog-if-generation-match`, which has to be sent: the store answers 412 to an upload
    /// unless the object that is there has that generation, 0 for none (Google Cloud, "Request
    /// preconditions").
    ///
    /// For Google's dialect only; AWS's has [`if_none_match_any`](Self::if_none_match_any).
    pub fn if_generation_match(self, generation: u64) -> Self {
        self.header(IF_GENERATION_MATCH, generation.to_string().into())
    }

    fn parameter(mut self, name: &'static str, value: Cow<'a, str>) -> Self {
        set_sorted(&mut self.overrides, name, value);
        self
    }

    fn header(mut self, name: &'static str, value: Cow<'a, str>) -> Self {
        set_sorted(&mut self.headers, name, value);
        self
    }
}

/// Canonical order is sorted order; a name that is set again keeps its last value.
fn set_sorted<'a, A>(list: &mut SmallVec<A>, name: &'static str, value: Cow<'a, str>)
where
    A: smallvec::Array<Item = (&'static str, Cow<'a, str>)>,
{
    match list.binary_search_by(|(other, _)| other.cmp(&name)) {
        Ok(at) => list[at].1 = value,
        Err(at) => list.insert(at, (name, value)),
    }
}

/// A signed URL, good for anyone who has it until it ends.
///
/// `Debug` leaves the query out: a signed URL is a permission.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedUrl {
    url: String,
    expires_at: OffsetDateTime,
}

impl SignedUrl {
    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The URL, given away.
    #[must_use]
    pub fn into_string(self) -> String {
        self.url
    }

    /// When the URL ends.
    #[must_use]
    pub fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.url.split('?').next().unwrap_or_default();
        f.debug_struct("SignedUrl")
            .field("url", &format_args!("{path}?[redacted]"))
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

impl Signer {
    /// Signs a URL now, by the machine's clock.
    ///
    /// # Errors
    /// See [`Signer::presign_at`].
    pub fn presign(&self, request: &Presign<'_>) -> Result<SignedUrl, SignError> {
        self.presign_at(request, SystemClock.now())
    }

    /// Signs a URL at a given time (AWS, "Authenticating Requests: Using Query Parameters").
    ///
    /// # Errors
    /// When the credentials have expired or the time can't be written; see [`SignError`].
    pub fn presign_at(
        &self,
        request: &Presign<'_>,
        now: OffsetDateTime,
    ) -> Result<SignedUrl, SignError> {
        if !request.key_is_sound() {
            return Err(SignError::Key);
        }
        self.check_dialect(request.extended_names())?;
        if self.dialect.extended_fields && request.has_header(IF_GENERATION_MATCH) {
            return Err(SignError::Unsupported {
                field: IF_GENERATION_MATCH.to_owned(),
            });
        }
        let (moment, end, seconds) = self.at(now, request.lifetime)?;
        let Moment { stamp, day, .. } = &**moment;
        let host = HostHeader::of(request.origin);
        let draft = Draft::write(self, request, &host, stamp, &day.credential, seconds);
        let canonical_hash = hex(&draft.canonical_hash(request, &host));
        // The string to sign (AWS, "Create a signed AWS API request").
        let mut message = SmallVec::<[u8; 256]>::new();
        for line in [self.dialect.algorithm, stamp.as_str(), day.scope()] {
            message.extend_from_slice(line.as_bytes());
            message.push(b'\n');
        }
        message.extend_from_slice(canonical_hash.as_bytes());
        let signature = day.key.sign(&message);
        let mut url = draft.url;
        push_name(&mut url, "&", self.dialect.query_prefix, "Signature=");
        url.push_str(signature.as_str());
        Ok(SignedUrl {
            url,
            expires_at: time_of(end.unix()),
        })
    }
}

/// A URL that lacks but its signature, and where the pieces of the canonical request are in it.
///
/// The canonical query is sorted: the token comes before the signed headers and both before the
/// overrides. The URL has them in the order in which botocore writes them.
struct Draft {
    url: String,
    path: Range<usize>,
    overrides: Range<usize>,
    /// From the algorithm to the expiry.
    leading: Range<usize>,
    /// The parameter that lists the signed headers.
    headers: Range<usize>,
    token: Range<usize>,
}

impl Draft {
    fn write(
        signer: &Signer,
        request: &Presign<'_>,
        host: &HostHeader<'_>,
        stamp: &Stamp,
        credential: &str,
        seconds: u32,
    ) -> Self {
        let prefix = signer.dialect.query_prefix;
        let token = signer.credentials().session_token();
        let mut url = String::with_capacity(request.url_capacity(credential, token));
        url.push_str(request.origin);
        let path = appended(&mut url, |url| {
            url.push_str(request.prefix);
            url.extend(utf8_percent_encode(request.key, OBJECT_KEY));
        });
        url.push('?');
        let overrides = appended(&mut url, |url| {
            for (name, value) in &request.overrides {
                url.push_str(name);
                url.push('=');
                url.extend(utf8_percent_encode(value, URI_COMPONENT));
                url.push('&');
            }
        });
        let leading = appended(&mut url, |url| {
            push_name(url, "", prefix, "Algorithm=");
            url.push_str(signer.dialect.algorithm);
            push_name(url, "&", prefix, "Credential=");
            url.extend(utf8_percent_encode(credential, URI_COMPONENT));
            push_name(url, "&", prefix, "Date=");
            url.push_str(stamp.as_str());
            push_name(url, "&", prefix, "Expires=");
            url.push_str(itoa::Buffer::new().format(seconds));
        });
        let headers = appended(&mut url, |url| {
            push_name(url, "&", prefix, "SignedHeaders=");
            for (position, (name, _)) in request.header_lines(host).enumerate() {
                url.push_str(if position > 0 { "%3B" } else { "" });
                url.push_str(name);
            }
        });
        let token = appended(&mut url, |url| {
            if let Some(token) = token {
                push_name(url, "&", prefix, "Security-Token=");
                url.extend(utf8_percent_encode(token, URI_COMPONENT));
            }
        });
        Self {
            url,
            path,
            overrides,
            leading,
            headers,
            token,
        }
    }

    /// The SHA-256 of the canonical request (AWS, "Create a signed AWS API request").
    fn canonical_hash(&self, request: &Presign<'_>, host: &HostHeader<'_>) -> [u8; 32] {
        let piece = |range: &Range<usize>| &self.url[range.clone()];
        let mut hash = Sha256::new();
        hash.update(request.method.as_str());
        hash.update("\n");
        hash.update(piece(&self.path));
        hash.update("\n");
        for range in [&self.leading, &self.token, &self.headers] {
            hash.update(piece(range));
        }
        if let Some(overrides) = piece(&self.overrides).strip_suffix('&') {
            hash.update("&");
            hash.update(overrides);
        }
        for (name, value) in request.header_lines(host) {
            for part in ["\n", name, ":"] {
                hash.update(part);
            }
            // White space is trimmed, and runs of it are one space.
            for (position, word) in value.split_whitespace().enumerate() {
                hash.update(if position > 0 { " " } else { "" });
                hash.update(word);
            }
        }
        hash.update("\n\n");
        for (position, (name, _)) in request.header_lines(host).enumerate() {
            hash.update(if position > 0 { ";" } else { "" });
            hash.update(name);
        }
        hash.update("\nUNSIGNED-PAYLOAD");
        hash.finalize().into()
    }
}

/// Where in `url` that is which `write` appends.
fn appended(url: &mut String, write: impl FnOnce(&mut String)) -> Range<usize> {
    let from = url.len();
    write(url);
    from..url.len()
}

fn push_name(url: &mut String, before: &str, prefix: &str, name: &str) {
    for part in [before, prefix, name] {
        url.push_str(part);
    }
}

impl Presign<'_> {
    /// The headers and parameters that only S3 knows.
    fn extended_names(&self) -> impl Iterator<Item = &str> {
        let headers = self.headers.iter().map(|(name, _)| {
            let condition = (*name == IF_NONE_MATCH).then_some(*name);
            condition.or_else(|| name.strip_prefix("x-amz-"))
        });
        let parameters = self
            .overrides
            .iter()
            .map(|(name, _)| (*name == "versionId").then_some(*name));
        headers.chain(parameters).flatten()
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(other, _)| *other == name)
    }

    /// Enough for most; hostile keys may need one more allocation.
    fn url_capacity(&self, credential: &str, token: Option<&str>) -> usize {
        let overrides: usize = self
            .overrides
            .iter()
            .map(|(name, value)| name.len() + 2 * value.len())
            .sum();
        let key = self.key.len() + self.key.len() / 2;
        let token = token.map_or(0, |token| 2 * token.len());
        self.origin.len() + self.prefix.len() + key + overrides + credential.len() + token + 320
    }

    /// The signed headers in canonical order.
    fn header_lines<'h>(
        &'h self,
        host: &'h HostHeader,
    ) -> impl Iterator<Item = (&'h str, &'h str)> {
        let lines = || self.headers.iter().map(|(name, value)| (*name, &**value));
        let before = lines().filter(|(name, _)| *name < "host");
        let behind = lines().filter(|(name, _)| *name > "host");
        before.chain([("host", host.0.as_ref())]).chain(behind)
    }
}

/// The `Host` header that a client derives from a URL: lower case, without the scheme's own port.
struct HostHeader<'a>(Cow<'a, str>);

impl<'a> HostHeader<'a> {
    fn of(origin: &'a str) -> Self {
        let (scheme, authority) = origin.split_once("://").unwrap_or(("https", origin));
        let default_port = if scheme.eq_ignore_ascii_case("http") {
            ":80"
        } else {
            ":443"
        };
        let host = authority.strip_suffix(default_port).unwrap_or(authority);
        if host.bytes().any(|b| b.is_ascii_uppercase()) {
            Self(Cow::Owned(host.to_ascii_lowercase()))
        } else {
            Self(Cow::Borrowed(host))
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::super::{Credentials, Region};
    use super::*;

    fn signer() -> Signer {
        let credentials = Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        )
        .unwrap();
        Signer::new(credentials, Region::us_east_1())
    }

    /// AWS, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", its example.
    #[test]
    fn the_published_get() {
        let request = Presign::new(
            Method::Get,
            "https://examplebucket.s3.amazonaws.com",
            "/",
            "test.txt",
        )
        .expires_in(ExpiresIn::new(std::time::Duration::from_hours(24)).unwrap());
        let url = signer()
            .presign_at(&request, datetime!(2013-05-24 00:00 UTC))
            .unwrap();
        assert_eq!(
            url.as_str(),
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
        assert!(!format!("{url:?}").contains("aeeed9bb"));
    }

    #[test]
    fn a_url_never_outlives_the_credentials() {
        let now = datetime!(2026-05-19 10:11:12.9 UTC);
        let request = Presign::new(Method::Get, "https://b.example", "/", "k");
        let until = |end| {
            let credentials = signer().credentials().clone().expiring_at(end);
            Signer::new(credentials, Region::us_east_1()).presign_at(&request, now)
        };
        let url = until(datetime!(2026-05-19 10:21:12 UTC)).unwrap();
        assert!(
            url.as_str().contains("X-Amz-Expires=600&"),
            "{}",
            url.as_str()
        );
        assert_eq!(
            until(datetime!(2026-05-19 10:11:12.95 UTC)),
            Err(SignError::CredentialsExpired)
        );
        assert_eq!(
            until(datetime!(2026-05-19 09:00 UTC)),
            Err(SignError::CredentialsExpired)
        );
    }

    #[test]
    fn the_host_is_what_a_client_sends() {
        for (origin, host) in [
            ("http://S3.Example.COM", "s3.example.com"),
            ("http://s3.example.com:80", "s3.example.com"),
            ("https://s3.example.com:443", "s3.example.com"),
            ("https://s3.example.com:80", "s3.example.com:80"),
            ("http://[::1]:9000", "[::1]:9000"),
        ] {
            assert_eq!(HostHeader::of(origin).0, host);
        }
    }
}
