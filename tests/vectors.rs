//! Signatures against those of others: AWS's published examples and what botocore signs.
//!
//! Where this crate differs from botocore on purpose, the difference stands in a table here with
//! its reason, and has to show.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use insta::{assert_json_snapshot, with_settings};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;
use tower_asset_upload::asset::ExpiresIn;
use tower_asset_upload::s3::S3Bucket;
use tower_asset_upload::sigv4::{
    Credentials, FormFields, Method, PostPolicy, Presign, Region, ServerSideEncryption, SignedPost,
    Signer,
};

const POST: &str = include_str!("vectors/botocore-post.json");
const GET: &str = include_str!("vectors/botocore-get.json");

/// botocore signs these forms; here they are refused.
const REFUSED_FORMS: [(&str, &str, &str); 8] = [
    (
        "region_none",
        "InvalidRegion",
        "a region is never guessed: a wrong one only shows in the browser",
    ),
    (
        "endpoint_ip_region_empty",
        "InvalidRegion",
        "a credential scope with an empty part is no scope",
    ),
    (
        "key_filename_var",
        "Substitution { field: \"key\" }",
        "S3 would put the client's file name into the key",
    ),
    (
        "key_starts_filename_var",
        "Substitution { field: \"key\" }",
        "the whole key would be the client's to choose",
    ),
    (
        "size_negative",
        "TryFromIntError(())",
        "a range that no file is in; the type has no room for it",
    ),
    (
        "exp_700000",
        "a signature is valid for 1 second to 7 days",
        "longer than the seven days that the algorithm allows",
    ),
    (
        "token_plus",
        "SessionToken",
        "a token with a space can't stand in a header",
    ),
    (
        "cred_empty",
        "AccessKeyId",
        "an empty access key signs nothing that S3 takes",
    ),
];

/// botocore signs this URL; here its region is refused.
const REFUSED_URLS: [(&str, &str, &str); 1] = [(
    "region_empty",
    "InvalidRegion",
    "a credential scope with an empty part is no scope",
)];

/// Where forms go: botocore's address and ours.
const OTHER_ADDRESSES: [(&str, &str, &str); 2] = [
    (
        "https://uploads.s3.amazonaws.com/",
        "https://uploads.s3.{region}.amazonaws.com/",
        "a browser can't follow the global host's redirect with a form",
    ),
    (
        "https://s3.amazonaws.com/",
        "https://s3.{region}.amazonaws.com/",
        "the same, path style",
    ),
];

#[derive(Deserialize)]
struct Vectors<Output> {
    cases: Vec<Case<Output>>,
}

#[derive(Deserialize)]
struct Case<Output> {
    id: String,
    input: Input,
    output: Output,
}

#[derive(Deserialize)]
struct Input {
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
    region: Option<String>,
    endpoint_url: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    time: OffsetDateTime,
    bucket: String,
    key: String,
    expires_in: u64,
    content_type: Option<String>,
    content_length_max: Option<i64>,
    content_disposition: Option<String>,
}

#[derive(Deserialize)]
struct Form {
    url: String,
    fields: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Url {
    url: String,
    signature: String,
}

/// The text of any error, as the tables name it.
fn named(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

impl Input {
    fn region(&self) -> &str {
        self.region.as_deref().unwrap_or_default()
    }

    fn signer(&self) -> Result<Signer, String> {
        let mut credentials =
            Credentials::new(&self.access_key, &self.secret_key).map_err(named)?;
        if let Some(token) = &self.session_token {
            credentials = credentials.with_session_token(token).map_err(named)?;
        }
        let region = Region::new(self.region()).map_err(named)?;
        Ok(Signer::new(credentials, region))
    }

    fn lifetime(&self) -> Result<ExpiresIn, String> {
        ExpiresIn::new(Duration::from_secs(self.expires_in)).map_err(|fault| fault.to_string())
    }

    fn bucket(&self) -> Result<S3Bucket, String> {
        let region = Region::new(self.region()).map_err(named)?;
        match &self.endpoint_url {
            Some(endpoint) => S3Bucket::custom(&self.bucket, region, endpoint),
            None => S3Bucket::aws(&self.bucket, region),
        }
        .map_err(named)
    }

    fn form(&self) -> Result<SignedPost, String> {
        let most = u64::try_from(self.content_length_max.unwrap()).map_err(named)?;
        let policy = PostPolicy::builder(&self.bucket, &self.key)
            .content_type(self.content_type.as_deref().unwrap())
            .content_length(1..=most)
            .expires_in(self.lifetime()?)
            .build()
            .map_err(named)?;
        self.signer()?
            .sign_post_at(&policy, self.time)
            .map_err(named)
    }

    /// A signature by the book, with nothing of this crate.
    fn oracle(&self, message: &[u8]) -> String {
        let stamp = self.time.format(&Rfc3339).unwrap().replace('-', "");
        oracle(&self.secret_key, &stamp[..8], self.region(), message)
    }
}

fn oracle(secret: &str, date: &str, region: &str, message: &[u8]) -> String {
    let mac = |key: &[u8], message: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes()
    };
    let mut key = mac(format!("AWS4{secret}").as_bytes(), date.as_bytes());
    for part in [region, "s3", "aws4_request"] {
        key = mac(&key, part.as_bytes());
    }
    const_hex::encode(mac(&key, message))
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    let found = fields.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| value.as_str()).unwrap()
}

fn owned(form: &SignedPost) -> Vec<(String, String)> {
    let pairs = form.fields();
    pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

fn unsigned(fields: &[(String, String)]) -> Vec<&(String, String)> {
    let signed = |name: &str| name == "policy" || name == "x-amz-signature";
    fields.iter().filter(|(name, _)| !signed(name)).collect()
}

/// What a policy says, whatever the order and however often.
fn meaning(policy: &str) -> (String, BTreeSet<String>) {
    let document = base64_simd::STANDARD.decode_to_vec(policy).unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    let conditions = document["conditions"].as_array().unwrap();
    (
        document["expiration"].as_str().unwrap().to_owned(),
        conditions.iter().map(ToString::to_string).collect(),
    )
}

fn refused<'t>(table: &'t [(&str, &'t str, &str)], id: &str) -> Option<&'t str> {
    let row = table.iter().find(|(case, _, _)| *case == id);
    row.map(|(_, error, _)| *error)
}

fn none_left(faults: &[String]) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_oracle_signs_what_botocore_signed() {
    let vectors: Vectors<Form> = serde_json::from_str(POST).unwrap();
    assert_eq!(vectors.cases.len(), 34);
    let mut faults = Vec::new();
    for Case { id, input, output } in &vectors.cases {
        // Without a region botocore took its default.
        let region = input.region.as_deref().unwrap_or("us-east-1");
        let date = &field(&output.fields, "x-amz-date")[..8];
        let policy = field(&output.fields, "policy");
        let signature = oracle(&input.secret_key, date, region, policy.as_bytes());
        if signature != field(&output.fields, "x-amz-signature") {
            faults.push(format!("{id}: {signature}"));
        }
    }
    none_left(&faults);
}

#[test]
fn forms_mean_what_botocore_s_mean() {
    let vectors: Vectors<Form> = serde_json::from_str(POST).unwrap();
    let mut faults = Vec::new();
    let mut refusals = 0;
    for Case { id, input, output } in &vectors.cases {
        let mut fault = |what: &str, ours: &dyn std::fmt::Debug, theirs: &dyn std::fmt::Debug| {
            faults.push(format!(
                "{id}: {what}\n  ours   {ours:?}\n  theirs {theirs:?}"
            ));
        };
        let form = match (input.form(), refused(&REFUSED_FORMS, id)) {
            (Ok(form), None) => form,
            (Err(error), Some(expected)) => {
                refusals += 1;
                if error != expected {
                    fault("refused for another reason", &error, &expected);
                }
                continue;
            }
            (ours, expected) => {
                fault("refused or not", &ours, &expected);
                continue;
            }
        };
        let ours = owned(&form);
        let policy = field(&ours, "policy");
        if unsigned(&ours) != unsigned(&output.fields) {
            fault("fields", &ours, &output.fields);
        }
        if meaning(policy) != meaning(field(&output.fields, "policy")) {
            fault(
                "policy",
                &form.document(),
                &meaning(field(&output.fields, "policy")),
            );
        }
        let document = base64_simd::STANDARD.encode_to_string(form.document());
        if policy != document {
            fault("base64", &policy, &document);
        }
        let signature = input.oracle(policy.as_bytes());
        if field(&ours, "x-amz-signature") != signature {
            fault("signature", &field(&ours, "x-amz-signature"), &signature);
        }
        let names: Vec<_> = ours.iter().map(|(name, _)| name).collect();
        let theirs: Vec<_> = output.fields.iter().map(|(name, _)| name).collect();
        if names != theirs {
            fault("order", &names, &theirs);
        }
    }
    none_left(&faults);
    assert_eq!(refusals, REFUSED_FORMS.len(), "a row of the table is stale");
}

#[test]
fn forms_go_where_botocore_s_go_or_to_the_region() {
    let vectors: Vectors<Form> = serde_json::from_str(POST).unwrap();
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for Case { id, input, output } in &vectors.cases {
        let Ok(bucket) = input.bucket() else {
            assert!(refused(&REFUSED_FORMS, id).is_some(), "{id}: no bucket");
            continue;
        };
        let row = OTHER_ADDRESSES.iter().position(|(theirs, _, _)| {
            output.url.starts_with(theirs) && input.endpoint_url.is_none()
        });
        let expected = match row {
            Some(row) => {
                used.insert(row);
                let (theirs, ours, _) = OTHER_ADDRESSES[row];
                output
                    .url
                    .replace(theirs, &ours.replace("{region}", input.region()))
            }
            None => output.url.clone(),
        };
        if bucket.post_url() != expected {
            faults.push(format!("{id}: {} instead of {expected}", bucket.post_url()));
        }
    }
    none_left(&faults);
    assert_eq!(
        used.len(),
        OTHER_ADDRESSES.len(),
        "a row of the table is stale"
    );
}

#[test]
fn urls_are_botocore_s_to_the_byte() {
    let vectors: Vectors<Url> = serde_json::from_str(GET).unwrap();
    assert_eq!(vectors.cases.len(), 15);
    let mut faults = Vec::new();
    let mut refusals = 0;
    for Case { id, input, output } in &vectors.cases {
        let signer = match (input.signer(), refused(&REFUSED_URLS, id)) {
            (Ok(signer), None) => signer,
            (Err(error), Some(expected)) => {
                assert_eq!(error, expected, "{id}");
                refusals += 1;
                continue;
            }
            (ours, expected) => {
                faults.push(format!("{id}: {ours:?}, not {expected:?}"));
                continue;
            }
        };
        let (scheme, rest) = output.url.split_once("://").unwrap();
        let (authority, path) = rest.split_once('/').unwrap();
        let origin = format!("{scheme}://{authority}");
        let in_path = path.starts_with(&format!("{}/", input.bucket));
        let prefix = if in_path {
            format!("/{}/", input.bucket)
        } else {
            "/".to_owned()
        };
        let request = Presign::new(Method::Get, &origin, &prefix, &input.key)
            .expires_in(input.lifetime().unwrap())
            .response_content_disposition(input.content_disposition.as_deref().unwrap());
        let url = signer.presign_at(&request, input.time).unwrap();
        let signature = url.as_str().split("X-Amz-Signature=").last().unwrap();
        if url.as_str() != output.url || signature != output.signature {
            faults.push(format!(
                "{id}:\n  ours   {}\n  theirs {}",
                url.as_str(),
                output.url
            ));
        }
    }
    none_left(&faults);
    assert_eq!(refusals, REFUSED_URLS.len(), "a row of the table is stale");
}

/// AWS, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", its example.
#[test]
fn the_published_get() {
    let url = include_str!("vectors/aws-get-example/url").trim_end();
    let canonical = include_str!("vectors/aws-get-example/canonical-request").trim_end();
    let to_sign = include_str!("vectors/aws-get-example/string-to-sign").trim_end();
    let signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

    let digest = const_hex::encode(Sha256::digest(canonical));
    assert_eq!(to_sign.lines().last(), Some(digest.as_str()));
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    assert_eq!(
        oracle(secret, "20130524", "us-east-1", to_sign.as_bytes()),
        signature
    );

    let origin = "https://examplebucket.s3.amazonaws.com";
    let request = Presign::new(Method::Get, origin, "/", "test.txt")
        .expires_in(ExpiresIn::new(Duration::from_hours(24)).unwrap());
    let signed = signer().presign_at(&request, datetime!(2013-05-24 00:00 UTC));
    assert_eq!(signed.unwrap().as_str(), url);
    assert!(url.ends_with(signature));
}

/// AWS, "Browser-Based Uploads Using POST (AWS Signature Version 4)", its example.
#[test]
fn the_published_post() {
    let policy = include_str!("vectors/aws-post-example/policy.base64").trim_end();
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    assert_eq!(
        oracle(secret, "20151229", "us-east-1", policy.as_bytes()),
        "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"
    );
}

const NOW: OffsetDateTime = datetime!(2026-05-19 10:11:12 UTC);

fn credentials() -> Credentials {
    Credentials::new(
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    .unwrap()
}

fn signer() -> Signer {
    Signer::new(credentials(), Region::us_east_1())
}

/// A form whole: its document, and its fields in order.
fn shown(form: &SignedPost) -> Value {
    let fields: Vec<_> = form.fields().map(|(n, v)| format!("{n}: {v}")).collect();
    let document: Value = serde_json::from_str(&form.document()).unwrap();
    json!({
        "document": &form.document(),
        "conditions": document["conditions"],
        "expiration": document["expiration"],
        "fields": fields,
    })
}

/// Signs with the example's key and compares with the snapshot of that name.
fn snapshot(name: &str, signer: &Signer, policy: &PostPolicy<'_>) {
    let form = signer.sign_post_at(policy, NOW).unwrap();
    with_settings!({ snapshot_path => "vectors/snapshots", prepend_module_to_snapshot => false }, {
        assert_json_snapshot!(name, shown(&form));
    });
}

#[test]
fn a_plain_form() {
    let policy = PostPolicy::builder("uploads", "w/photo.jpg")
        .content_type("image/jpeg")
        .content_length(1..=1_024_000)
        .build();
    snapshot("plain", &signer(), &policy.unwrap());
}

#[test]
fn a_form_with_a_session_token() {
    let temporary = credentials().with_session_token("FwoGZXIvYXdzEXAMPLETOKEN//////////wEaD==");
    let signer = Signer::new(temporary.unwrap(), Region::new("eu-central-1").unwrap());
    let policy = PostPolicy::builder("uploads", "w/photo.jpg")
        .content_type("image/jpeg")
        .content_length(1..=1_024_000)
        .build();
    snapshot("session-token", &signer, &policy.unwrap());
}

#[test]
fn a_form_with_every_further_field() {
    let key_id = Some("arn:aws:kms:us-east-1:111122223333:key/0123".to_owned());
    let fields = FormFields::new()
        .acl("private")
        .success_action_status(201)
        .success_action_redirect("https://app.example.com/done?a=b&c=\"d\"")
        .cache_control("private, max-age=31536000")
        .content_disposition("attachment; filename=\"photo.jpg\"")
        .content_encoding("gzip")
        .expires("Tue, 19 May 2026 10:11:12 GMT")
        .tagging("<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>")
        .storage_class("STANDARD_IA")
        .server_side_encryption(&ServerSideEncryption::Kms {
            key_id,
            context: None,
            bucket_key: Some(true),
        })
        .website_redirect_location("/moved")
        .metadata("Uploaded-By", "tower-asset-upload")
        .check()
        .unwrap();
    let policy = PostPolicy::builder("uploads", "w/photo.jpg")
        .content_type("image/jpeg")
        .content_length(1..=1_024_000)
        .fields(&fields)
        .metadata("origin", "scanner \\ 文")
        .build();
    snapshot("every-field", &signer(), &policy.unwrap());
}

#[test]
fn a_form_whose_key_and_type_are_prefixes() {
    let policy = PostPolicy::builder("uploads", "ignored")
        .key_starts_with("w/inbox/")
        .content_type_starts_with("image/")
        .content_length(0..=10)
        .build();
    snapshot("starts-with", &signer(), &policy.unwrap());
    let any_type = PostPolicy::builder("uploads", "w/photo.jpg")
        .content_type_starts_with("")
        .build();
    snapshot("any-type", &signer(), &any_type.unwrap());
}

#[test]
fn a_form_for_a_key_of_all_sorts() {
    let policy = PostPolicy::builder("uploads", "w/文件 名🎉 \"q\" \\ \u{2028}é</script>.png")
        .content_type("image/png")
        .content_length(1..=1)
        .build();
    snapshot("unicode-key", &signer(), &policy.unwrap());
}

#[test]
fn a_form_ends_with_the_credentials() {
    let ending = credentials().expiring_at(datetime!(2026-05-19 10:21:12.5 UTC));
    let signer = Signer::new(ending, Region::us_east_1());
    let policy = PostPolicy::builder("uploads", "w/photo.jpg")
        .content_length(1..=10)
        .build();
    snapshot("clipped-expiry", &signer, &policy.unwrap());
}
