//! Signers of other crates beside ours: the same task, in turns, in one table.
//!
//! ```text
//! cargo bench --manifest-path benches/peers/Cargo.toml
//! ```
//!
//! The task is that of `benches/signer.rs`: a form for one key of 80 characters, one content type
//! and a size in a range, good for an hour, with static credentials; and the URL to get the object.
//! Each signer is used as its documentation shows, by the machine's clock, its client or bucket built
//! beforehand. That every form and URL bears a right signature is checked before anything is measured.
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

use std::collections::HashMap;
use std::future::Future;
use std::hint::black_box;
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use rounds::{Candidate, is_wanted, side_by_side, verdict};

#[path = "../../rounds/mod.rs"]
mod rounds;

const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const REGION: &str = "us-east-1";
const BUCKET: &str = "uploads";
const KEY: &str =
    "22222222-2222-4222-8222-000000000001/0123456789abcdef0123456789abcdef-photo3.png";
const TYPE: &str = "image/png";
const MOST: u32 = 1_048_576;
const HOUR: u32 = 3_600;
const ENDPOINT: &str = "https://s3.amazonaws.com";
const ORIGIN: &str = "https://uploads.s3.amazonaws.com";

fn main() {
    if !is_wanted() {
        return;
    }
    let (ours, rust_s3, minio, rusty_s3) = (ours(), rust_s3(), minio(), rusty_s3());
    let aws = aws_identity();

    check_form("ours", ours_form(&ours).fields());
    check_form("rust-s3", borrowed(&rust_s3_form(&rust_s3)));
    // What the caller's code adds: minio-rs gives the conditions' values back only as a policy.
    check_form("minio", borrowed(&minio_form(&minio)));
    check_toolcraft_form(&toolcraft_form());
    check_url("ours", ours_url(&ours).as_str());
    check_url("rusty-s3", rusty_s3_url(&rusty_s3).as_str());
    check_url("rust-s3", &rust_s3_url(&rust_s3));
    check_url("minio", &minio_url(&minio));
    check_url("toolcraft-utils", &toolcraft_url());
    check_url("aws-sigv4", &aws_url(&aws));

    let mut forms = [
        Candidate::new("tower-asset-upload", || ours_form(&ours)),
        Candidate::new("toolcraft-utils (no Content-Type)", toolcraft_form),
        Candidate::new("minio", || minio_form(&minio)),
        Candidate::new("rust-s3", || rust_s3_form(&rust_s3)),
    ];
    table("form", &mut forms, 6.0);
    let mut urls = [
        Candidate::new("tower-asset-upload", || ours_url(&ours)),
        Candidate::new("rusty-s3", || rusty_s3_url(&rusty_s3)),
        Candidate::new("toolcraft-utils", toolcraft_url),
        Candidate::new("minio", || minio_url(&minio)),
        Candidate::new("aws-sigv4", || aws_url(&aws)),
        Candidate::new("rust-s3", || rust_s3_url(&rust_s3)),
    ];
    table("GET URL", &mut urls, 3.0);
}

/// The first candidate is ours; the fastest of the others has to take `times` as long.
fn table(what: &str, candidates: &mut [Candidate<'_>], times: f64) {
    let measured = side_by_side(candidates, 1_500);
    println!("\n| {what} by | ns | times ours | allocations |");
    println!("|---|---:|---:|---:|");
    for (at, candidate) in candidates.iter().enumerate() {
        println!(
            "| {} | {:.0} | {:.1} | {} |",
            candidate.name,
            measured.nanos(at),
            measured.ratio(at, 0),
            candidate.allocations
        );
    }
    let fastest = (1..candidates.len()).map(|at| measured.ratio(at, 0));
    let fastest = fastest.fold(f64::INFINITY, f64::min);
    let target = format!("the fastest peer takes {fastest:.1} × as long, ≥ {times}");
    println!("\n{}", verdict(&target, fastest >= times));
}

// This crate.

use tower_asset_upload::sigv4;

fn ours() -> sigv4::Signer {
    let credentials = sigv4::Credentials::new(ID, SECRET).unwrap();
    sigv4::Signer::new(credentials, sigv4::Region::us_east_1())
}

fn ours_form(signer: &sigv4::Signer) -> sigv4::SignedPost {
    let policy = sigv4::PostPolicy::builder(BUCKET, black_box(KEY))
        .content_type(TYPE)
        .content_length(1..=u64::from(MOST))
        .build()
        .unwrap();
    signer.sign_post(&policy).unwrap()
}

fn ours_url(signer: &sigv4::Signer) -> sigv4::SignedUrl {
    let request = sigv4::Presign::new(sigv4::Method::Get, ORIGIN, "/", black_box(KEY));
    signer.presign(&request).unwrap()
}

// rust-s3.

fn rust_s3() -> Box<s3::Bucket> {
    let credentials = s3::creds::Credentials::new(Some(ID), Some(SECRET), None, None, None);
    let region = s3::Region::UsEast1;
    s3::Bucket::new(BUCKET, region, credentials.unwrap()).unwrap()
}

fn rust_s3_form(bucket: &s3::Bucket) -> HashMap<String, String> {
    use s3::post_policy::{PostPolicy, PostPolicyField as Field, PostPolicyValue as Value};

    let policy = PostPolicy::new(HOUR)
        .condition(Field::Key, Value::Exact(black_box(KEY).into()))
        .and_then(|policy| policy.condition(Field::ContentType, Value::Exact(TYPE.into())))
        .and_then(|policy| policy.condition(Field::ContentLengthRange, Value::Range(1, MOST)));
    bucket.presign_post(policy.unwrap()).unwrap().fields
}

fn rust_s3_url(bucket: &s3::Bucket) -> String {
    bucket.presign_get(black_box(KEY), HOUR, None).unwrap()
}

// minio.

fn minio() -> minio::s3::MinioClient {
    use minio::s3::creds::StaticProvider;

    let provider = StaticProvider::new(ID, SECRET, None);
    minio::s3::MinioClient::new(ENDPOINT.parse().unwrap(), Some(provider), None, None).unwrap()
}

fn minio_form(client: &minio::s3::MinioClient) -> HashMap<String, String> {
    use minio::s3::builders::PostPolicy;
    use minio::s3::types::{BucketName, Region};

    let expiration = minio::s3::utils::utc_now() + chrono::Duration::seconds(HOUR.into());
    let mut policy = PostPolicy::new(BucketName::new(BUCKET).unwrap(), expiration).unwrap();
    policy.region = Some(Region::new(REGION).unwrap());
    policy.add_equals_condition("key", black_box(KEY)).unwrap();
    policy.add_equals_condition("Content-Type", TYPE).unwrap();
    policy
        .add_content_length_range_condition(1, MOST as usize)
        .unwrap();
    let request = client.get_presigned_post_form_data(policy).build();
    now_or_never(request.send()).unwrap()
}

fn minio_url(client: &minio::s3::MinioClient) -> String {
    use minio::s3::types::Region;

    let request = client
        .get_presigned_object_url(BUCKET, black_box(KEY), http::Method::GET)
        .unwrap()
        .region(Region::new(REGION).unwrap())
        .expiry_seconds(HOUR)
        .build();
    now_or_never(request.send()).unwrap().url
}

/// Signing asks nobody, so that the future is ready at once.
fn now_or_never<F: Future>(future: F) -> F::Output {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("signing waits for something"),
    }
}

// toolcraft-utils, whose policy leaves the content type open and ends after ten minutes.

fn toolcraft_form() -> serde_json::Value {
    let key = black_box(KEY);
    toolcraft_utils::generate_s3_post_policy(ID, SECRET, BUCKET, key, Some(REGION), ENDPOINT, 1)
}

fn toolcraft_url() -> String {
    toolcraft_utils::presign_get_object(
        ID,
        SECRET,
        BUCKET,
        black_box(KEY),
        Some(REGION),
        ENDPOINT,
        Some(HOUR.into()),
    )
}

// rusty-s3.

fn rusty_s3() -> (rusty_s3::Bucket, rusty_s3::Credentials) {
    let endpoint = ENDPOINT.parse().unwrap();
    let style = rusty_s3::UrlStyle::VirtualHost;
    let bucket = rusty_s3::Bucket::new(endpoint, style, BUCKET, REGION).unwrap();
    (bucket, rusty_s3::Credentials::new(ID, SECRET))
}

fn rusty_s3_url((bucket, credentials): &(rusty_s3::Bucket, rusty_s3::Credentials)) -> url::Url {
    use rusty_s3::S3Action;
    bucket
        .get_object(Some(credentials), black_box(KEY))
        .sign(Duration::from_secs(HOUR.into()))
}

// aws-sigv4, as the AWS SDK uses it for S3.

fn aws_identity() -> aws_credential_types::Credentials {
    aws_credential_types::Credentials::from_keys(ID, SECRET, None)
}

fn aws_url(credentials: &aws_credential_types::Credentials) -> String {
    use aws_sigv4::http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    };

    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(HOUR.into()));
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let identity = credentials.clone().into();
    let params = aws_sigv4::sign::v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("s3")
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let url = format!("{ORIGIN}/{}", black_box(KEY));
    let mut request = http::Request::get(&url).body(()).unwrap();
    let headers = std::iter::empty();
    let signable = SignableRequest::new("GET", &url, headers, SignableBody::UnsignedPayload);
    let (instructions, _) = sign(signable.unwrap(), &params).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    request.uri().to_string()
}

// The checks.

fn hmac(key: &[u8], message: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

fn signature(date: &str, message: &str) -> String {
    let seed = hmac(format!("AWS4{SECRET}").as_bytes(), &date[..8]);
    let key = [REGION, "s3", "aws4_request"]
        .iter()
        .fold(seed, |key, part| hmac(&key, part));
    const_hex::encode(hmac(&key, message))
}

fn borrowed(fields: &HashMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    fields.iter().map(|(name, value)| (&**name, &**value))
}

fn check_form<'a>(name: &str, fields: impl Iterator<Item = (&'a str, &'a str)>) {
    let fields: HashMap<String, &str> = fields
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let policy = fields["policy"];
    let document = base64_simd::STANDARD.decode_to_vec(policy).unwrap();
    let document = String::from_utf8(document).unwrap();
    for part in [KEY, TYPE, "content-length-range", "1048576", BUCKET, ID] {
        assert!(document.contains(part), "{name} leaves out {part}");
    }
    let expected = signature(fields["x-amz-date"], policy);
    assert_eq!(fields["x-amz-signature"], expected, "the form of {name}");
}

fn check_toolcraft_form(form: &serde_json::Value) {
    let field = |name: &str| form["fields"][name].as_str().unwrap();
    let expected = signature(field("x-amz-date"), field("policy"));
    assert_eq!(field("x-amz-signature"), expected);
}

fn check_url(name: &str, url: &str) {
    let (host, rest) = url
        .strip_prefix("https://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let (path, query) = rest.split_once('?').unwrap();
    let (signatures, mut query): (Vec<_>, Vec<_>) = query
        .split('&')
        .partition(|parameter| parameter.starts_with("X-Amz-Signature="));
    query.sort_unstable();
    assert!(
        query.contains(&"X-Amz-Expires=3600") && path.ends_with(KEY),
        "{name}: {url}"
    );
    let date = query
        .iter()
        .find_map(|p| p.strip_prefix("X-Amz-Date="))
        .unwrap();
    let query = query.join("&");
    let request = format!("GET\n/{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
    let hash = const_hex::encode(Sha256::digest(request));
    let scope = format!("{}/{REGION}/s3/aws4_request", &date[..8]);
    let expected = signature(date, &format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}"));
    let expected = format!("X-Amz-Signature={expected}");
    assert_eq!(signatures, [expected], "the URL of {name}");
}
