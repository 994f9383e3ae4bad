//! The document and the service say the same: every answer is in the document, everything in the
//! document is answered, and what its schemas let pass is what the service accepts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

#[path = "openapi/document.rs"]
mod document;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use bytes::Bytes;
use document::{Document, members};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use support::*;
use time::OffsetDateTime;
use tower::{Layer, Service, ServiceExt};
use tower_asset_upload::asset::{
    AllowedTypes, Checksum, Deletion, FixedClock, Oversize, PendingCaps, StoredObject, UploadSize,
};
use tower_asset_upload::auth::{Credential, CredentialVerifier, Principal};
use tower_asset_upload::ports::{
    DownloadIntent, ObjectStoreError, SignerError, UploadData, UploadIntent,
};
use tower_asset_upload::rate_limit::RateLimitLayer;
use tower_asset_upload::service::AssetUploadBuilder;
use tower_asset_upload::{
    AssetStore, AssetUploadService, HeaderAuthenticator, MemoryStore, Unavailable, UploadSigner,
};

/// An asset that never was.
const NOWHERE: &str =
    "/api/v1/workspaces/my-workspace/assets/550e8400-e29b-41d4-a716-446655440000/";

/// A service of the crate, whatever is around it.
trait Served<Sent>:
    Service<Request<Sent>, Response = http::Response<Self::Body>, Error: Debug> + Clone
{
    type Body: http_body::Body<Data = Bytes, Error: Debug>;
}

impl<S, Sent, B> Served<Sent> for S
where
    S: Service<Request<Sent>, Response = http::Response<B>, Error: Debug> + Clone,
    B: http_body::Body<Data = Bytes, Error: Debug>,
{
    type Body = B;
}

/// Sends requests, and lets the document judge the answers.
struct Judged {
    document: Document,
}

impl Judged {
    async fn send<Sent>(&mut self, service: &impl Served<Sent>, request: Request<Sent>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = service.clone().oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let answer = Answer {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        };
        self.document.judge(method.as_str(), &path, &answer);
        answer
    }

    /// With Alice's key.
    async fn call(&mut self, service: &impl Served<Full<Bytes>>, line: &str, body: &str) -> Answer {
        let request = request(line, &[("x-api-key", KEY)], body.to_owned());
        self.send(service, request).await
    }

    /// Sends every operation but OPTIONS, on an asset that exists or not.
    async fn call_all(&mut self, service: &impl Served<Full<Bytes>>, item: &str) {
        self.call(service, &format!("POST {COLLECTION}"), PHOTO)
            .await;
        for method in ["GET", "HEAD", "PATCH", "DELETE"] {
            self.call(service, &format!("{method} {item}"), "").await;
        }
    }
}

#[tokio::test]
async fn every_answer_is_documented_and_every_document_answered() {
    let store = world();
    let service = builder(&store).build().unwrap();
    let mut judged = Judged {
        document: Document::new(&service.openapi()),
    };

    well(&mut judged, &service).await;
    who_is_calling(&mut judged, &service).await;
    bad_bodies(&mut judged, &service).await;
    not_there(&mut judged, &service).await;
    in_the_way(&mut judged).await;
    looked_at_again(&mut judged).await;
    broken(&mut judged).await;
    without_checksums(&mut judged).await;
    with_roles(&mut judged).await;
    beside_the_operations(&mut judged, &service).await;

    let unseen = judged.document.unseen();
    assert!(unseen.is_empty(), "documented, never answered: {unseen:#?}");
}

/// Whoever changes the document sees the change as its readers do.
#[test]
fn the_document() {
    let text = builder(&world()).build().unwrap().openapi().to_json();
    let version = concat!("\"version\": \"", env!("CARGO_PKG_VERSION"), "\"");
    assert!(text.contains(version));
    insta::assert_snapshot!(text.replace(version, "\"version\": \"[version]\""));
}

async fn well(judged: &mut Judged, service: &impl Served<Full<Bytes>>) {
    let created = judged
        .call(service, &format!("POST {COLLECTION}"), PHOTO)
        .await;
    let item = format!("{COLLECTION}{}/", created.asset_id());
    for (line, status) in [
        (format!("GET {item}"), 400),
        (format!("HEAD {item}"), 400),
        (format!("PATCH {item}"), 204),
        (format!("GET {item}"), 200),
        (format!("HEAD {item}"), 200),
        (format!("DELETE {item}"), 204),
        (format!("OPTIONS {COLLECTION}"), 204),
        (format!("OPTIONS {item}"), 204),
    ] {
        assert_eq!(
            judged.call(service, &line, "").await.status,
            status,
            "{line}"
        );
    }
}

async fn who_is_calling(judged: &mut Judged, service: &impl Served<Full<Bytes>>) {
    for line in [
        format!("POST {COLLECTION}"),
        format!("GET {NOWHERE}"),
        format!("HEAD {NOWHERE}"),
        format!("PATCH {NOWHERE}"),
        format!("DELETE {NOWHERE}"),
    ] {
        let reads = line.starts_with("GET") || line.starts_with("HEAD");
        let other = if reads { "token-write" } else { "token-read" };
        let other = format!("Bearer {other}");
        for (headers, status) in [
            (&[][..], 401),
            (&[("x-api-key", "unknown")], 401),
            (&[("authorization", &*other)], 403),
        ] {
            let request = request(&line, headers, "");
            let answer = judged.send(service, request).await;
            assert_eq!(answer.status, status, "{line}");
        }
    }
}

async fn bad_bodies<Store, Signer>(judged: &mut Judged, service: &AssetUploadService<Store, Signer>)
where
    Store: AssetStore + 'static,
    Signer: UploadSigner + 'static,
{
    let post = format!("POST {COLLECTION}");
    let patch = format!("PATCH {NOWHERE}");
    let large = " ".repeat(64 * 1024 + 1);
    for (line, body, code) in [
        (&post, "[]", "invalid_json"),
        (&post, r#"{"size":1}"#, "required_field"),
        (&post, r#"{"name":[],"size":1}"#, "invalid_name"),
        (&post, r#"{"name":"a.png","size":0}"#, "invalid_size"),
        (
            &post,
            r#"{"name":"a.png","size":5242881}"#,
            "size_too_large",
        ),
        (&post, r#"{"name":"a.html","size":1}"#, "invalid_type"),
        (
            &post,
            r#"{"name":"a.png","size":1,"project_id":"x"}"#,
            "invalid_project_id",
        ),
        (
            &post,
            r#"{"name":"a.png","size":1,"project_id":"33333333-3333-4333-8333-000000000002"}"#,
            "project_not_found",
        ),
        (
            &post,
            r#"{"name":"a.png","size":1,"external_id":5}"#,
            "invalid_external_id",
        ),
        (
            &post,
            r#"{"name":"a.png","size":1,"external_source":"\u0000"}"#,
            "invalid_external_source",
        ),
        (
            &post,
            r#"{"name":"a.png","size":1,"checksum_sha256":"x"}"#,
            "invalid_checksum_sha256",
        ),
        (&post, &large, "body_too_large"),
        (&patch, "[]", "invalid_json"),
        (&patch, r#"{"is_uploaded":1}"#, "invalid_is_uploaded"),
        (&patch, &large, "body_too_large"),
    ] {
        let answer = judged.call(service, line, body).await;
        assert_eq!(answer.json()["code"], code, "{line} {body:.60}");
    }
    for line in [&post, &patch] {
        for header in [("content-type", "text/plain"), ("content-encoding", "gzip")] {
            let request = request(line, &[("x-api-key", KEY), header], PHOTO);
            assert_eq!(judged.send(service, request).await.status, 415);
        }
        let request = request(line, &[("x-api-key", KEY)], "").map(|_| CutOff);
        let answer = judged.send(service, request).await;
        assert_eq!(answer.json()["code"], "incomplete_body");
    }
}

/// A body whose connection breaks.
struct CutOff;

impl http_body::Body for CutOff {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}

async fn not_there(judged: &mut Judged, service: &impl Served<Full<Bytes>>) {
    let theirs = COLLECTION.replace("my-workspace", "other-workspace");
    let none = COLLECTION.replace("my-workspace", "");
    let item = NOWHERE.strip_prefix(COLLECTION).unwrap();
    judged.call(service, &format!("POST {theirs}"), PHOTO).await;
    for base in [COLLECTION, &*theirs, &*none] {
        for method in ["GET", "HEAD", "PATCH", "DELETE"] {
            let line = format!("{method} {base}{item}");
            assert_eq!(judged.call(service, &line, "").await.status, 404, "{line}");
        }
    }
    for line in [
        format!("POST {none}"),
        format!("OPTIONS {none}"),
        format!("OPTIONS {none}{item}"),
    ] {
        let answer = judged.call(service, &line, PHOTO).await;
        assert_eq!(answer.json()["code"], "path_not_found", "{line}");
    }
}

async fn in_the_way(judged: &mut Judged) {
    let post = format!("POST {COLLECTION}");
    let service = builder(&world()).build().unwrap();
    let twice = r#"{"name":"a.png","size":1,"external_id":"7","external_source":"github"}"#;
    let made = judged.call(&service, &post, twice).await;
    let pending = judged.call(&service, &post, twice).await;
    assert!(pending.json()["upload_data"].is_object());
    let item = format!("{COLLECTION}{}/", made.asset_id());
    judged.call(&service, &format!("PATCH {item}"), "").await;
    let uploaded = judged.call(&service, &post, twice).await;
    assert_eq!(uploaded.status, 409);
    assert!(uploaded.json().get("upload_data").is_none());

    let caps = PendingCaps {
        per_caller: NonZeroU32::new(1),
        ..PendingCaps::default()
    };
    let capped = builder(&world()).pending_caps(caps).build().unwrap();
    judged.call(&capped, &post, PHOTO).await;
    assert_eq!(judged.call(&capped, &post, PHOTO).await.status, 429);

    let caps = PendingCaps {
        discarded_per_workspace: NonZeroU32::new(1),
        ..PendingCaps::default()
    };
    let capped = builder(&world()).pending_caps(caps).build().unwrap();
    let made = judged.call(&capped, &post, PHOTO).await;
    let delete = format!("DELETE {COLLECTION}{}/", made.asset_id());
    judged.call(&capped, &delete, "").await;
    let full = judged.call(&capped, &post, PHOTO).await;
    assert_eq!(full.json()["code"], "too_many_discarded");

    // What the object store says, when it is asked.
    for (says, code) in [
        (None, "object_missing"),
        (Some(StoredObject::of_size(1)), "object_mismatch"),
    ] {
        let service = builder(&world())
            .verify_with(Says::new(move |_| Ok(says.clone())))
            .build()
            .unwrap();
        let made = judged.call(&service, &post, PHOTO).await;
        let patch = format!("PATCH {COLLECTION}{}/", made.asset_id());
        let answer = judged.call(&service, &patch, "").await;
        assert_eq!(answer.json()["code"], code);
    }
}

/// What the object store says of an object that it was asked about before.
async fn looked_at_again(judged: &mut Judged) {
    type Said = Result<Option<StoredObject>, ()>;
    let tagged = |tag: &str| {
        let mut object = StoredObject::of_size(1024);
        object.etag = Some(tag.to_owned());
        Ok(Some(object))
    };
    let says = Arc::new(Mutex::<Said>::new(tagged("\"a\"")));
    let asked = Arc::clone(&says);
    let verifier = Says::new(move |_| {
        let said = asked.lock().unwrap().clone();
        said.map_err(|()| Unavailable::new("down").into())
    });
    let service = builder(&world()).verify_with(verifier).build().unwrap();
    let post = format!("POST {COLLECTION}");
    let made = judged.call(&service, &post, PHOTO).await;
    let item = format!("{COLLECTION}{}/", made.asset_id());
    let uploaded = judged.call(&service, &format!("PATCH {item}"), "").await;
    assert_eq!(uploaded.status, 204);

    for (said, code) in [
        (tagged("\"b\""), "object_changed"),
        (Ok(None), "object_missing"),
        (Err(()), "object_store_unavailable"),
    ] {
        *says.lock().unwrap() = said;
        for method in ["GET", "HEAD", "PATCH"] {
            let line = format!("{method} {item}");
            let answer = judged.call(&service, &line, "").await;
            if method == "HEAD" {
                assert!(answer.status == 409 || answer.status == 503);
            } else {
                assert_eq!(answer.json()["code"], code, "{line}");
            }
        }
    }

    *says.lock().unwrap() = Ok(Some(StoredObject::of_size(1)));
    let made = judged.call(&service, &post, PHOTO).await;
    let patch = format!("PATCH {COLLECTION}{}/", made.asset_id());
    for (body, code) in [
        ("", "object_mismatch"),
        (r#"{"is_uploaded":false}"#, "asset_rejected"),
    ] {
        let answer = judged.call(&service, &patch, body).await;
        assert_eq!(answer.json()["code"], code);
    }
}

async fn with_roles(judged: &mut Judged) {
    let store = world();
    let service = builder_over(
        Saying::new(&store, |workspace| {
            workspace.with_deletion(Deletion::Nothing)
        }),
        &store,
    )
    .build()
    .unwrap();
    // The same for an id that no asset can have.
    for item in [NOWHERE, &format!("{COLLECTION}no-uuid/")] {
        let answer = judged.call(&service, &format!("DELETE {item}"), "").await;
        assert_eq!(answer.json()["code"], "not_permitted", "{item}");
    }
}

async fn beside_the_operations(judged: &mut Judged, service: &impl Served<Full<Bytes>>) {
    for (line, code) in [
        (format!("GET {COLLECTION}"), "method_not_allowed"),
        (format!("POST {NOWHERE}"), "method_not_allowed"),
        (format!("PURGE {NOWHERE}"), "method_not_allowed"),
        ("GET /".to_owned(), "path_not_found"),
        (format!("POST {NOWHERE}more/"), "path_not_found"),
    ] {
        let answer = judged.call(service, &line, "").await;
        assert_eq!(answer.json()["code"], code, "{line}");
    }
}

#[test]
fn a_service_without_deletion_documents_none() {
    let documented = |builder: AssetUploadBuilder<_, _>| {
        let document = Document::new(&builder.build().unwrap().openapi());
        document.value.to_string().contains("deleteAsset")
    };
    assert!(documented(builder(&world())));
    assert!(!documented(builder(&world()).without_deletion()));
}

async fn broken(judged: &mut Judged) {
    let store = world();
    for broken in [Broken::Unreachable, Broken::Corrupt] {
        let service = builder_over(broken, &store).build().unwrap();
        judged.call_all(&service, NOWHERE).await;
    }

    let unknown = AssetUploadService::builder(
        store.clone(),
        signer(),
        HeaderAuthenticator::new(Unreachable),
    )
    .trust_clients();
    judged.call_all(&unknown.build().unwrap(), NOWHERE).await;

    let service = builder(&store).build().unwrap();
    let post = format!("POST {COLLECTION}");
    let made = judged.call(&service, &post, PHOTO).await;
    let item = format!("{COLLECTION}{}/", made.asset_id());
    let unseen = builder(&store)
        .verify_with(Says::new(|_| {
            Err(ObjectStoreError::Unavailable(Unavailable::new("down")))
        }))
        .build()
        .unwrap();
    let answer = judged.call(&unseen, &format!("PATCH {item}"), "").await;
    assert_eq!(answer.json()["code"], "object_store_unavailable");

    judged.call(&service, &format!("PATCH {item}"), "").await;
    let authenticator = HeaderAuthenticator::new(store.clone()).clock(FixedClock(NOW));
    let unsigned = AssetUploadService::builder(store.clone(), Unreachable, authenticator)
        .trust_clients()
        .build()
        .unwrap();
    for line in [&post, &format!("GET {item}"), &format!("HEAD {item}")] {
        assert_eq!(judged.call(&unsigned, line, PHOTO).await.status, 503);
    }
}

/// A store that compares no checksum.
async fn without_checksums(judged: &mut Judged) {
    let store = world();
    let region = tower_asset_upload::sigv4::Region::new("us-west-004").unwrap();
    let bucket = tower_asset_upload::s3::S3Bucket::backblaze_b2("uploads", region).unwrap();
    let signer = tower_asset_upload::s3::S3Signer::new(bucket, example_credentials()).unwrap();
    let authenticator = HeaderAuthenticator::new(store.clone()).clock(FixedClock(NOW));
    let service = AssetUploadService::builder(store, signer, authenticator)
        .clock(FixedClock(NOW))
        .trust_clients()
        .build()
        .unwrap();
    let checksum = Checksum::new([7; 32]).to_base64();
    let body = json!({"name": "a.png", "size": 1, "checksum_sha256": checksum}).to_string();
    let answer = judged
        .call(&service, &format!("POST {COLLECTION}"), &body)
        .await;
    assert_eq!(answer.json()["code"], "unsupported_checksum_sha256");
}

/// Credentials that can't be checked, and a signer that has none.
#[derive(Clone)]
struct Unreachable;

#[async_trait]
impl CredentialVerifier for Unreachable {
    async fn verify(
        &self,
        _: &Credential<'_>,
        _: OffsetDateTime,
    ) -> Result<Option<Principal>, Unavailable> {
        Err(Unavailable::new("down"))
    }
}

#[async_trait]
impl UploadSigner for Unreachable {
    async fn sign_upload(
        &self,
        _: &UploadIntent<'_>,
        _: OffsetDateTime,
    ) -> Result<UploadData, SignerError> {
        Err(Unavailable::new("down").into())
    }

    async fn sign_download(
        &self,
        _: &DownloadIntent<'_>,
        _: OffsetDateTime,
    ) -> Result<String, SignerError> {
        Err(Unavailable::new("down").into())
    }
}

#[tokio::test]
async fn what_a_rate_limit_adds_is_documented_too() {
    let store = world();
    let service = builder(&store).build().unwrap();
    let plain = Document::new(&service.openapi()).documented();
    let mut judged = Judged {
        document: Document::new(&service.openapi().rate_limited()),
    };
    let limited = |requests| {
        let layer = RateLimitLayer::per_minute(NonZeroU32::new(requests).unwrap());
        layer
            .clock(FixedClock(NOW))
            .layer(builder(&store).build().unwrap())
    };
    well(&mut judged, &limited(1000)).await;
    who_is_calling(&mut judged, &limited(1000)).await;
    not_there(&mut judged, &limited(1000)).await;

    let over = limited(1);
    judged
        .call(&over, &format!("OPTIONS {COLLECTION}"), "")
        .await;
    judged.call_all(&over, NOWHERE).await;
    for path in [COLLECTION, NOWHERE] {
        let answer = judged.call(&over, &format!("OPTIONS {path}"), "").await;
        assert_eq!(answer.json()["code"], "rate_limit_exceeded");
    }
    let added: BTreeSet<_> = judged.document.documented();
    let added: BTreeSet<_> = added.difference(&plain).cloned().collect();
    assert_eq!(added.len(), 7, "one an operation: {added:#?}");
    let unseen = judged.document.unseen();
    assert!(added.is_disjoint(&unseen), "{unseen:#?}");
}

#[tokio::test]
async fn settings_show() {
    let builder = builder(&world()).base_path("").max_body(1000);
    let service = builder.build().unwrap();
    let document = Document::new(
        &service
            .openapi()
            .server("/files/")
            .server("https://files.example.com")
            .without_credentials(),
    );
    let value = &document.value;
    assert_eq!(
        value["servers"],
        json!([{"url": "/files/"}, {"url": "https://files.example.com"}])
    );
    let paths: Vec<_> = members(&value["paths"]).map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        [
            "/workspaces/{slug}/assets/",
            "/workspaces/{slug}/assets/{asset_id}/"
        ]
    );
    assert!(value["components"].get("securitySchemes").is_none());
    let text = value.to_string();
    assert!(text.contains("more than 1000 bytes"));
    assert!(!text.contains("apiKey") && !text.contains("X-RateLimit"));

    let text = service.openapi().to_json();
    assert!(text.contains("\"apiKey\"") && !text.contains("\"servers\""));
}

#[test]
fn examples_are_as_their_schemas_say() {
    let document = Document::new(&builder(&world()).build().unwrap().openapi());
    let mut tried = 0;
    for (_, operation) in document.operations() {
        let responses = members(&operation["responses"]).map(|(_, response)| response);
        for content in responses.chain([&operation["requestBody"]]) {
            let content = &content["content"]["application/json"];
            if let Some(example) = content.get("example") {
                let validator = document.validator(&content["schema"]);
                assert!(validator.validate(example).is_ok(), "{example}");
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 3);
}

#[tokio::test]
async fn the_document_is_served_to_whoever_asks() {
    let openapi = builder(&world()).build().unwrap().openapi();
    let text = openapi.to_json();
    let app: axum::Router =
        axum::Router::new().route_service("/docs/openapi.json", openapi.into_service());
    let app = app.map_request(|request: Request<Full<Bytes>>| request.map(axum::body::Body::new));
    let call = async |method: &str| {
        let request = request(&format!("{method} /docs/openapi.json"), &[], "");
        send(&app, request).await
    };
    let answer = call("GET").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "no-cache");
    assert_eq!(answer.body, text);
    let head = call("HEAD").await;
    assert_eq!(head.status, 200);
    assert_eq!(
        head.headers["content-length"],
        HeaderValue::from(text.len())
    );
    assert!(head.body.is_empty());
    for (method, status) in [("OPTIONS", 204), ("POST", 405), ("DELETE", 405)] {
        let answer = call(method).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["allow"], "GET, HEAD, OPTIONS");
    }
}

// ------------------------------------------------------- What is accepted

/// Texts of what makes a name good or bad.
fn names() -> impl Strategy<Value = Value> {
    prop_oneof![
        r"[./\\ \u{0}\u{9}\u{a}\u{7f}\u{85}\u{a0}\u{200b}\u{202e}\u{2028}\u{2069}\u{3000}\u{feff}é$]{0,5}",
        "\\PC{0,3}",
        Just("é".repeat(300)),
        (1023..=1025_usize).prop_map(|length| "é".repeat(length)),
    ]
    .prop_map(Value::from)
}

fn sizes(most: u64) -> impl Strategy<Value = Value> {
    let numbers = || {
        prop_oneof![
            0..=3_u64,
            most.saturating_sub(2)..=most.saturating_add(2),
            0..=most.saturating_mul(11),
            Just(1_u64 << 40),
        ]
    };
    prop_oneof![
        4 => (1..=most).prop_map(Value::from),
        1 => numbers().prop_map(Value::from),
        1 => numbers().prop_map(|size| json!(size.to_string())),
        1 => (numbers(), 0..3_usize)
            .prop_map(|(size, zeros)| json!("0".repeat(zeros) + &size.to_string())),
        1 => "[-+ ]?[0-9]{0,3}[. ]?".prop_map(Value::from),
        1 => Just(json!(-1)),
        1 => Just(json!(1.5)),
        1 => Just(json!(2.0)),
        1 => oddities(),
    ]
}

/// What is of no use as anything.
fn oddities() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!("")),
        Just(json!(true)),
        Just(json!([])),
        Just(json!({})),
        Just(json!(5)),
        Just(json!("x")),
    ]
}

fn labels() -> impl Strategy<Value = Value> {
    prop_oneof![
        oddities(),
        "[a\u{1f}\u{20}\u{7f}\u{80}\u{9f}\u{a0}é]{0,3}".prop_map(Value::from),
        (254..=256_usize).prop_map(|length| json!("é".repeat(length))),
    ]
}

fn checksums() -> impl Strategy<Value = Value> {
    prop_oneof![
        oddities(),
        any::<[u8; 32]>().prop_map(|sum| json!(Checksum::new(sum).to_base64())),
        any::<[u8; 33]>().prop_map(|sum| json!(base64_simd::STANDARD.encode_to_string(sum))),
        "[0-9A-Za-z+/]{43}=".prop_map(Value::from),
        "[0-9A-Fa-f]{63,65}".prop_map(Value::from),
        "[0-9A-Ga-g]{64}".prop_map(Value::from),
    ]
}

fn types() -> impl Strategy<Value = Value> {
    prop_oneof![
        oddities(),
        Just(json!("image/png")),
        Just(json!("text/html")),
        "[a/+*]{0,4}".prop_map(Value::from),
    ]
}

fn projects() -> impl Strategy<Value = Value> {
    prop_oneof![
        oddities(),
        Just(json!(MY_PROJECT)),
        "[0-9a-f]{8}-[0-9a-f]{4}".prop_map(Value::from),
    ]
}

fn bodies(most: u64) -> impl Strategy<Value = Value> {
    let some = |member: BoxedStrategy<Value>| proptest::option::weighted(0.3, member);
    let needed = |member: BoxedStrategy<Value>| proptest::option::weighted(0.95, member);
    (
        needed(prop_oneof![9 => names(), 1 => oddities()].boxed()),
        needed(sizes(most).boxed()),
        some(types().boxed()),
        some(projects().boxed()),
        some(labels().boxed()),
        some(labels().boxed()),
        some(checksums().boxed()),
        some(oddities().boxed()),
    )
        .prop_map(|(name, size, kind, project, id, source, checksum, other)| {
            let members = [
                ("name", name),
                ("size", size),
                ("type", kind),
                ("project_id", project),
                ("external_id", id),
                ("external_source", source),
                ("checksum_sha256", checksum),
                ("other", other),
            ];
            let given = members
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Value::Object(given.collect())
        })
}

/// Fails unless the document's schema and a service say the same of thousands of creates.
fn agree(
    service: &AssetUploadService<MemoryStore, tower_asset_upload::s3::S3PostSigner>,
    types: &AllowedTypes,
    most: u64,
) {
    let document = Document::new(&service.openapi());
    let validator = document.validator(&json!({"$ref": "#/components/schemas/UploadRequest"}));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let line = format!("POST {COLLECTION}");
    let (taken, refused) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(500)
    };
    let outcome = TestRunner::new(config).run(&bodies(most), |body| {
        prop_assume!(derives_well(types, &body));
        let answer = runtime.block_on(call(service, &line, body.to_string()));
        // With 409 another asset stands in the way, and nothing is wrong with the request.
        let accepted = answer.status != 400;
        let count = if accepted { &taken } else { &refused };
        count.set(count.get() + 1);
        prop_assert_eq!(
            validator.is_valid(&body),
            accepted,
            "{}: {}",
            body,
            answer.shown()
        );
        Ok(())
    });
    outcome.unwrap();
    let both = taken.get().min(refused.get());
    assert!(
        both > 25,
        "{} taken, {} refused",
        taken.get(),
        refused.get()
    );
}

/// Whether the type is given, or one can be had from the name: a schema can't tell.
fn derives_well(types: &AllowedTypes, body: &Value) -> bool {
    let given = |member: &str| body[member].as_str().unwrap_or_default();
    let blank = given("type").is_empty() && !body["name"].is_null();
    !blank || types.contains(&types.derive(given("name")))
}

#[test]
fn schemas_let_pass_what_is_accepted() {
    for most in [1, 9, 10, 203, 5_000_000] {
        let limit = UploadSize::new(most).unwrap();
        let service = builder(&world()).max_size(limit).build().unwrap();
        agree(&service, &AllowedTypes::default(), most);
    }
}

#[test]
fn schemas_let_pass_what_is_accepted_of_any_type_and_size() {
    let service = builder(&world())
        .allowed_types(AllowedTypes::any())
        .oversize(Oversize::Clamp)
        .build()
        .unwrap();
    agree(&service, &AllowedTypes::any(), u64::MAX);
}
