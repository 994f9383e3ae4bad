//! Google's dialect against Google's published conformance vectors.
//!
//! Those are signed with RSA keys. Nothing but the algorithm's name differs before the signature is
//! made, so that with the name put in its place the canonical requests, the strings to sign and the
//! policies have to be the same; what HMAC makes of them is checked against an HMAC by the book
//! (Google Cloud, "Signatures", "Creating the signature with an HMAC key").
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::datetime;
use tower_asset_upload::asset::{Checksum, ExpiresIn};
use tower_asset_upload::s3::S3Bucket;
use tower_asset_upload::sigv4::{
    Credentials, FormFields, Method, PostPolicy, Presign, Region, ServerSideEncryption, SignError,
    Signer,
};

/// Cases that aren't in the file, and why.
const LEFT_OUT: [(&str, &str); 16] = [
    ("POST for resumable uploads", "no such method here"),
    (
        "Slashes in object name should not be URL encoded",
        "signs a header of its own",
    ),
    ("Simple headers", "signs headers of its own"),
    ("Headers with colons", "signs headers of its own"),
    (
        "Headers should be trimmed",
        "signs headers of its own; see `header_values_are_trimmed`",
    ),
    (
        "Header value with multiple inline values",
        "signs a header of its own",
    ),
    ("Customer-supplied encryption key", "no such headers here"),
    ("List Objects", "no object: a URL is always for one"),
    ("Query Parameter Encoding", "signs a parameter of its own"),
    ("Query Parameter Ordering", "signs a parameter of its own"),
    ("Header Ordering", "signs the date as a header too"),
    (
        "Signed Payload Instead of UNSIGNED-PAYLOAD",
        "a payload is never signed here",
    ),
    ("Simple GET with non-default hostname", PORT),
    ("Endpoint on client with scheme", PORT),
    ("Endpoint on client takes precedence over emulator", PORT),
    ("POST Policy ACL matching", "an ACL is always exact here"),
];

const PORT: &str = "its Host header lacks the port that HTTP clients send, and that is signed here";

/// Its canonical request has the bucket in the path, other than its URL and what its hash is of.
const MISPRINTED: &str = "Universe domain with virtual hosted style";

const ID: &str = "test-iam-credentials@dummy-project-id.iam.gserviceaccount.com";
const SECRET: &str = "bGoa+V7g/yqDXvKRqq+JTFn4uQZbPiQJo4pf9RzJ";
const RSA: &str = "GOOG4-RSA-SHA256";
const HMAC: &str = "GOOG4-HMAC-SHA256";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vectors {
    left_out: Vec<String>,
    urls: Vec<SignedUrl>,
    policies: Vec<SignedPolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedUrl {
    description: String,
    method: String,
    bucket: String,
    object: String,
    expiration: u64,
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    style: Option<String>,
    url: String,
    canonical_request: String,
    string_to_sign: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedPolicy {
    description: String,
    bucket: String,
    object: String,
    expiration: u64,
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    style: Option<String>,
    fields: BTreeMap<String, String>,
    content_length_range: Option<(u64, u64)>,
    url: String,
    signed_fields: BTreeMap<String, String>,
    decoded_policy: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/gcs-v4.json")).unwrap()
}

fn credentials() -> Credentials {
    Credentials::new(ID, SECRET).unwrap()
}

fn auto() -> Region {
    Region::new("auto").unwrap()
}

fn signer() -> Signer {
    Signer::google(credentials(), auto())
}

fn lifetime(seconds: u64) -> ExpiresIn {
    ExpiresIn::new(Duration::from_secs(seconds)).unwrap()
}

/// A signature by the book, with nothing of this crate.
fn oracle(date: &str, message: &[u8]) -> String {
    let mac = |key: &[u8], message: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes()
    };
    let mut key = mac(format!("GOOG4{SECRET}").as_bytes(), date.as_bytes());
    for part in ["auto", "storage", "goog4_request"] {
        key = mac(&key, part.as_bytes());
    }
    const_hex::encode(mac(&key, message))
}

fn digest(text: &str) -> String {
    const_hex::encode(Sha256::digest(text))
}

/// A URL's part before its query, and its parameters.
fn parts(url: &str) -> (&str, BTreeMap<&str, &str>) {
    let (base, query) = url.split_once('?').unwrap();
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
    let parameters: BTreeMap<_, _> = pairs.collect();
    assert_eq!(parameters.len(), query.split('&').count(), "{url}");
    (base, parameters)
}

/// Where that style puts the bucket. One that stands for a host of its own is its user's to know.
fn post_url(bucket: &str, style: Option<&str>, expected: &str) -> Option<String> {
    let (scheme, rest) = expected.split_once("://").unwrap();
    let host = rest.split('/').next().unwrap();
    let place = match style {
        None => S3Bucket::custom(bucket, auto(), &format!("{scheme}://{host}")),
        Some("VIRTUAL_HOSTED_STYLE") => {
            let host = host
                .strip_prefix(bucket)
                .unwrap()
                .strip_prefix('.')
                .unwrap();
            S3Bucket::custom_virtual_hosted(bucket, auto(), &format!("{scheme}://{host}"))
        }
        Some(_) => return None,
    };
    Some(place.unwrap().post_url().trim_end_matches('/').to_owned())
}

#[test]
fn every_published_case_is_here_or_has_its_reason() {
    let vectors = vectors();
    let listed: BTreeSet<_> = LEFT_OUT.iter().map(|(case, _)| *case).collect();
    let left_out: BTreeSet<_> = vectors.left_out.iter().map(String::as_str).collect();
    assert_eq!(listed, left_out);
    let counts = (vectors.urls.len(), vectors.policies.len(), left_out.len());
    assert_eq!(
        counts,
        (14, 10, 16),
        "29 URLs and 11 policies were published"
    );
}

#[test]
fn urls_are_google_s_but_for_the_algorithm() {
    for case in vectors().urls {
        let name = &case.description;
        let method = match &*case.method {
            "GET" => Method::Get,
            "PUT" => Method::Put,
            "HEAD" => Method::Head,
            "DELETE" => Method::Delete,
            other => panic!("{name}: {other}"),
        };
        let host_at = case.url.find("://").unwrap() + 3;
        let path_at = case.url[host_at..].find('/').unwrap() + host_at;
        let origin = &case.url[..path_at];
        let prefix = match &case.style {
            None => format!("/{}/", case.bucket),
            Some(_) => "/".to_owned(),
        };
        let request = Presign::new(method, origin, &prefix, &case.object)
            .expires_in(lifetime(case.expiration));
        let url = signer().presign_at(&request, case.timestamp).unwrap();

        // The URL: the same base, the same parameters.
        let theirs = case.url.replace(RSA, HMAC);
        let (base, mut parameters) = parts(url.as_str());
        let signature = parameters.remove("X-Goog-Signature").unwrap();
        assert_eq!((base, parameters.clone()), parts(&theirs), "{name}");
        if let Some(address) = post_url(&case.bucket, case.style.as_deref(), base) {
            // A bucket leaves the default port out, as clients do.
            let base = base.replacen(":443/", "/", 1);
            let below = base.strip_prefix(&address).unwrap();
            assert!(below.starts_with('/'), "{name}: {base} is not in {address}");
        }

        // Theirs hashes to what they sign.
        let mut theirs = case.canonical_request.clone();
        if name == MISPRINTED {
            theirs = theirs.replace("/test-bucket/", "/");
        }
        let (head, hash) = case.string_to_sign.rsplit_once('\n').unwrap();
        assert_eq!(hash, digest(&theirs), "{name}");

        // The canonical request, put together from our URL.
        let query: Vec<_> = parameters.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let host = origin.split_once("://").unwrap().1;
        let canonical = [
            &case.method,
            &base[path_at..],
            &query.join("&"),
            &format!("host:{}", host.trim_end_matches(":443")),
            "",
            "host",
            "UNSIGNED-PAYLOAD",
        ]
        .join("\n");
        assert_eq!(canonical, theirs.replace(RSA, HMAC), "{name}");

        // Their string to sign, with the hash of that.
        let to_sign = format!("{}\n{}", head.replace(RSA, HMAC), digest(&canonical));
        let date = &parameters["X-Goog-Date"][..8];
        assert_eq!(signature, oracle(date, to_sign.as_bytes()), "{name}");
    }
}

/// A form's field by the name that Google's vectors give it.
fn add(fields: FormFields, name: &str, value: &str) -> FormFields {
    match name {
        "acl" => fields.acl(value),
        "cache-control" => fields.cache_control(value),
        "content-disposition" => fields.content_disposition(value),
        "content-encoding" => fields.content_encoding(value),
        "success_action_redirect" => fields.success_action_redirect(value),
        "success_action_status" => fields.success_action_status(value.parse().unwrap()),
        _ => match name.strip_prefix("x-goog-meta-") {
            Some(name) => fields.metadata(name, value),
            None => panic!("no field {name}"),
        },
    }
}

/// What a document demands, in no order; names of fields are the same in either case.
fn conditions(document: &Value) -> BTreeSet<String> {
    let conditions = document["conditions"].as_array().unwrap();
    let lowered = |condition: &Value| match condition {
        Value::Object(pair) => {
            let (name, value) = pair.iter().next().unwrap();
            format!("{} = {value}", name.to_lowercase())
        }
        other => other.to_string(),
    };
    let all: BTreeSet<_> = conditions.iter().map(lowered).collect();
    assert_eq!(all.len(), conditions.len(), "one twice: {document}");
    all
}

#[test]
fn policies_say_what_google_s_say() {
    for case in vectors().policies {
        let name = &case.description;
        let mut policy =
            PostPolicy::builder(&case.bucket, &case.object).expires_in(lifetime(case.expiration));
        let mut further = case.fields.clone();
        if let Some(content_type) = further.remove("content-type") {
            policy = policy.content_type(content_type);
        }
        if let Some((least, most)) = case.content_length_range {
            policy = policy.content_length(least..=most);
        }
        let policy = policy.extra(|fields| {
            let further = further.iter();
            further.fold(fields, |fields, (name, value)| add(fields, name, value))
        });
        let form = signer()
            .sign_post_at(&policy.build().unwrap(), case.timestamp)
            .unwrap();

        let ours: Value = serde_json::from_str(&form.document()).unwrap();
        let theirs = case.decoded_policy.replace(RSA, HMAC);
        let theirs: Value = serde_json::from_str(&theirs).unwrap();
        assert_eq!(ours["expiration"], theirs["expiration"], "{name}");
        assert_eq!(conditions(&ours), conditions(&theirs), "{name}");

        let mut fields: BTreeMap<_, _> = form
            .fields()
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let policy = fields.remove("policy").unwrap();
        let signature = fields.remove("x-goog-signature").unwrap();
        let mut expected = case.signed_fields;
        let algorithm = expected.insert("x-goog-algorithm".to_owned(), HMAC.to_owned());
        assert_eq!(algorithm.as_deref(), Some(RSA));
        assert_eq!(fields, expected, "{name}");

        let document = base64_simd::STANDARD.encode_to_string(form.document());
        assert_eq!(policy, document, "{name}");
        let date = &expected["x-goog-date"][..8];
        assert_eq!(signature, oracle(date, policy.as_bytes()), "{name}");

        if let Some(address) = post_url(&case.bucket, case.style.as_deref(), &case.url) {
            assert_eq!(address, case.url.trim_end_matches('/'), "{name}");
        }
    }
}

const NOW: OffsetDateTime = datetime!(2026-05-19 10:11:12 UTC);

fn unsupported(field: &str) -> SignError {
    SignError::Unsupported {
        field: field.to_owned(),
    }
}

fn download() -> Presign<'static> {
    Presign::new(Method::Get, "https://storage.googleapis.com", "/b/", "k")
}

#[test]
fn forms_refuse_what_only_aws_knows() {
    let sum = Checksum::new([7; 32]);
    let kms = ServerSideEncryption::Kms {
        key_id: None,
        context: None,
        bucket_key: None,
    };
    let fields = FormFields::new;
    for (fields, name) in [
        (fields().storage_class("NEARLINE"), "storage-class"),
        (fields().checksum_sha256(&sum), "checksum-sha256"),
        (
            fields().server_side_encryption(&kms),
            "server-side-encryption",
        ),
        (
            fields().server_side_encryption(&ServerSideEncryption::Aes256),
            "server-side-encryption",
        ),
        (
            fields().website_redirect_location("/"),
            "website-redirect-location",
        ),
        (fields().tagging("<Tagging/>"), "tagging"),
        (
            fields()
                .acl("private")
                .metadata("a", "b")
                .tagging("<Tagging/>"),
            "tagging",
        ),
    ] {
        let policy = PostPolicy::builder("b", "k")
            .extra(|_| fields)
            .build()
            .unwrap();
        let refused = signer().sign_post_at(&policy, NOW).unwrap_err();
        assert_eq!(refused, unsupported(name));
    }
}

#[test]
fn session_tokens_are_refused() {
    let temporary = credentials().with_session_token("token").unwrap();
    let signer = Signer::google(temporary, auto());
    let policy = PostPolicy::builder("b", "k").build().unwrap();
    let form = signer.sign_post_at(&policy, NOW).unwrap_err();
    let url = signer.presign_at(&download(), NOW).unwrap_err();
    assert_eq!(
        (form, url),
        (unsupported("security-token"), unsupported("security-token"))
    );
}

#[test]
fn urls_refuse_what_only_aws_knows() {
    let sum = Checksum::new([7; 32]);
    for (request, name) in [
        (download().checksum_sha256(&sum), "checksum-sha256"),
        (download().checksum_mode(), "checksum-mode"),
        (download().version_id("1"), "versionId"),
        (download().if_none_match_any(), "if-none-match"),
    ] {
        assert_eq!(signer().presign_at(&request, NOW), Err(unsupported(name)));
    }
    let all_know = download()
        .content_type("image/png")
        .content_length(5)
        .response_content_disposition("inline");
    assert!(signer().presign_at(&all_know, NOW).is_ok());
}

#[test]
fn only_google_knows_generations() {
    let absent = download().if_generation_match(0);
    let url = signer().presign_at(&absent, NOW).unwrap();
    let signed = "X-Goog-SignedHeaders=host%3Bx-goog-if-generation-match";
    assert!(url.as_str().contains(signed), "{}", url.as_str());
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret").unwrap();
    let aws = Signer::new(credentials, Region::us_east_1());
    let refused = aws.presign_at(&absent, NOW);
    assert_eq!(refused, Err(unsupported("x-goog-if-generation-match")));
}

/// "Headers should be trimmed", with a header that can be signed here.
#[test]
fn header_values_are_trimmed() {
    let of = |content_type: &'static str| {
        let request = download().content_type(content_type);
        signer().presign_at(&request, NOW).unwrap().into_string()
    };
    for value in [
        "abc    def",
        "    abc def",
        "abc def    ",
        "\tabc\t\t\t\tdef\t",
    ] {
        assert_eq!(of(value), of("abc def"), "{value:?}");
    }
}
