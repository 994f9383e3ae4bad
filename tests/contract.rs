//! Every row of the API's contract, as a case through the service, under a fixed clock and with ids
//! that count. Whole answers are snapshots; what a snapshot can't say stands beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode};
use support::*;
use tower_asset_upload::asset::{
    AllowedTypes, AssetId, Checksum, Deletion, Oversize, PendingCaps, SequentialIds, StoredObject,
    UploadSize, Workspace, WorkspaceSlug,
};
use tower_asset_upload::auth::{Credential, CredentialVerifier, Principal};
use tower_asset_upload::ports::ObjectStoreError;
use tower_asset_upload::{
    AssetStore, AssetUploadService, DirectoryStore, HeaderAuthenticator, Unavailable,
};
use uuid::Uuid;

/// Sends each `(line, body)` with Alice's key and shows what came.
async fn table<S, B>(service: &S, cases: &[(&str, &str)]) -> String
where
    S: tower::Service<Request<http_body_util::Full<Bytes>>, Response = http::Response<B>> + Clone,
    S::Error: std::fmt::Debug,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let mut text = String::new();
    for (line, body) in cases {
        let answer = call(service, line, (*body).to_owned()).await;
        writeln!(text, "{line}\n{body}\n=> {}\n", answer.shown()).unwrap();
    }
    text
}

fn create(bodies: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    bodies
        .iter()
        .map(|body| ("POST /api/v1/workspaces/my-workspace/assets/", *body))
        .collect()
}

#[tokio::test]
async fn a_create_is_answered_with_a_form() {
    let service = builder(&world()).build().unwrap();
    let cases = create(&[
        PHOTO,
        r#"{"name":"photo.png","size":1024,"project_id":"33333333-3333-4333-8333-000000000001","external_id":"7","external_source":"github","unknown":[1,{"deep":null}]}"#,
        r#"{"name":"../..\\.hidden/${filename} e\u0301.PNG","type":"IMAGE/PNG; charset=x","size":"5242880","project_id":"","external_id":null,"external_source":""}"#,
    ]);
    insta::assert_snapshot!(table(&service, &cases).await);
}

#[tokio::test]
async fn what_is_required_comes_first() {
    let service = builder(&world()).build().unwrap();
    let cases = create(&[
        "{}",
        r#"{"name":"a.png"}"#,
        r#"{"size":1}"#,
        r#"{"name":null,"size":1}"#,
        r#"{"name":"","type":"x","size":0}"#,
        r#"{"name":"a.png","size":null}"#,
        r#"{"name":"a.png","size":""}"#,
        r#"{"name":"..","size":1}"#,
        r#"{"name":"\u0000","size":1}"#,
        r#"{"Name":"a.png","Size":1}"#,
    ]);
    insta::assert_snapshot!(table(&service, &cases).await);
}

#[tokio::test]
async fn every_bad_member_is_named() {
    let service = builder(&world()).build().unwrap();
    let cases = create(&[
        r#"{"name":["a.png"],"size":1}"#,
        r#"{"name":"a.png","size":0}"#,
        r#"{"name":"a.png","size":-5}"#,
        r#"{"name":"a.png","size":12.7}"#,
        r#"{"name":"a.png","size":true}"#,
        r#"{"name":"a.png","size":"abc"}"#,
        r#"{"name":"a.png","size":"+1024"}"#,
        r#"{"name":"a.png","size":" 1024 "}"#,
        r#"{"name":"a.png","size":5242881}"#,
        r#"{"name":"a.png","size":18446744073709551616}"#,
        r#"{"name":"a.png","size":[]}"#,
        r#"{"name":"a.png","type":"image/jpg","size":1}"#,
        r#"{"name":"a.png","type":"text/html","size":1}"#,
        r#"{"name":"a.png","type":5,"size":1}"#,
        r#"{"name":"a.exe","size":1}"#,
        r#"{"name":"a.png","size":1,"project_id":"not-a-uuid"}"#,
        r#"{"name":"a.png","size":1,"project_id":5}"#,
        r#"{"name":"a.png","size":1,"external_id":12}"#,
        r#"{"name":"a.png","size":1,"external_id":"a\u0000b"}"#,
        r#"{"name":"a.png","size":1,"external_source":["a"]}"#,
    ]);
    insta::assert_snapshot!(table(&service, &cases).await);
}

#[tokio::test]
async fn a_name_has_at_most_1024_characters() {
    let service = builder(&world()).build().unwrap();
    let create = async |name: String| {
        let body = serde_json::json!({"name": name, "size": 1}).to_string();
        call(&service, &format!("POST {COLLECTION}"), body).await
    };
    // As they are sent: what is dropped from a name is counted too.
    for letter in ["a", "文", "\u{1}", "/"] {
        let name = |length: usize| letter.repeat(length - 5) + "a.png";
        let answer = create(name(1024)).await;
        assert_eq!(answer.status, 200, "{letter:?}: {}", answer.shown());
        let refused = create(name(1025)).await;
        assert_eq!(refused.status, 400, "{letter:?}");
        let said = refused.json();
        assert_eq!(said["code"], "invalid_name");
        assert_eq!(said["field"], "name");
        assert_eq!(
            said["error"],
            "`name` must have at most 1024 characters; this has 1025."
        );
    }
    let refused = create("文".repeat(20_000)).await;
    assert_eq!(refused.json()["code"], "invalid_name");
}

#[tokio::test]
async fn what_is_no_strict_json_object_is_refused_with_its_place() {
    let service = builder(&world()).build().unwrap();
    let cases = create(&[
        "",
        "[]",
        "null",
        r#"{"name":"a.png","#,
        r#"{"name":"a.png","size":1}x"#,
        r#"{"name":"a.png","size":1,"size":2}"#,
        r#"{"name":"a.png","size":1,"x":1,"x":2}"#,
        r#"{"name":"\ud800","size":1}"#,
        r#"{"name":"a.png","size":1,"x":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"#,
    ]);
    insta::assert_snapshot!(table(&service, &cases).await);
    let answer = call(
        &service,
        &format!("POST {COLLECTION}"),
        &b"{\"name\":\"a\xff.png\",\"size\":1}"[..],
    )
    .await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (StatusCode::BAD_REQUEST, Some("invalid_json"))
    );
}

#[tokio::test]
async fn a_whole_number_may_be_written_in_other_ways() {
    let service = builder(&world()).build().unwrap();
    for size in ["1024", "\"1024\"", "1e3", "1024.0", "\"0001024\""] {
        let body = format!(r#"{{"name":"a.png","size":{size}}}"#);
        let answer = call(&service, &format!("POST {COLLECTION}"), body).await;
        assert_eq!(answer.status, 200, "{size}");
    }
}

#[tokio::test]
async fn the_type_comes_from_the_extension_where_none_is_given() {
    let service = builder(&world()).build().unwrap();
    for (name, given, signed) in [
        ("a.PNG", "", "image/png"),
        ("a.md", "\"\"", "text/markdown"),
        ("a.unheardof", "null", "application/octet-stream"),
        ("README", "", "application/octet-stream"),
        ("a.png", "\"IMAGE/JPEG;q=1\"", "image/jpeg"),
    ] {
        let member = if given.is_empty() {
            String::new()
        } else {
            format!(r#""type":{given},"#)
        };
        let body = format!(r#"{{"name":"{name}",{member}"size":1}}"#);
        let answer = call(&service, &format!("POST {COLLECTION}"), body).await;
        assert_eq!(
            answer.json()["upload_data"]["fields"]["Content-Type"],
            signed,
            "{name} {given}"
        );
    }
}

#[tokio::test]
async fn limits_and_types_are_settings() {
    let limited = || builder(&world()).max_size(UploadSize::new(1000).unwrap());
    let body = r#"{"name":"a.html","type":"text/html","size":1024}"#;
    let line = format!("POST {COLLECTION}");

    let any = limited().allowed_types(AllowedTypes::any());
    let answer = call(&any.build().unwrap(), &line, body).await;
    assert_eq!(answer.json()["code"], "size_too_large");

    let clamped = limited()
        .allowed_types(AllowedTypes::any())
        .oversize(Oversize::Clamp)
        .build()
        .unwrap();
    let answer = call(&clamped, &line, body).await;
    let policy = decoded_policy(
        answer.json()["upload_data"]["fields"]["policy"]
            .as_str()
            .unwrap(),
    );
    assert!(
        policy["conditions"]
            .as_array()
            .unwrap()
            .contains(&serde_json::json!(["content-length-range", 1, 1000]))
    );

    let only = limited()
        .allowed_types(AllowedTypes::only(["image/png"]).unwrap())
        .build()
        .unwrap();
    let answer = call(&only, &line, r#"{"name":"a.jpg","size":10}"#).await;
    assert_eq!(answer.json()["code"], "invalid_type");
}

#[tokio::test]
async fn who_is_calling() {
    let service = builder(&world()).build().unwrap();
    let mut text = String::new();
    for headers in [
        &[][..],
        &[("authorization", "Basic dTpw")],
        &[("x-api-key", "nonsense")],
        &[("x-api-key", "key-expired")],
        &[("x-api-key", "key-disabled")],
        &[("x-api-key", "token-all")],
        &[(
            "authorization",
            "Bearer plane_api_valid0000000000000000000000000000",
        )],
        &[("x-api-key", KEY), ("x-api-key", KEY)],
        &[
            ("authorization", "Bearer token-all"),
            ("authorization", "Bearer token-all"),
        ],
        &[("x-api-key", "kéy")],
        &[
            ("x-api-key", "nonsense"),
            ("authorization", "Bearer token-all"),
        ],
        &[("authorization", "Bearer token-read")],
    ] {
        let answer = send(
            &service,
            request(&format!("POST {COLLECTION}"), headers, PHOTO),
        )
        .await;
        writeln!(text, "{headers:?}\n=> {}\n", answer.shown()).unwrap();
    }
    insta::assert_snapshot!(text);
    for headers in [
        &[("x-api-key", KEY)][..],
        &[("X-API-KEY", KEY), ("authorization", "Basic dTpw")],
        &[("authorization", "bEaReR token-all")],
        &[("authorization", "Bearer token-write")],
    ] {
        let answer = send(
            &service,
            request(&format!("POST {COLLECTION}"), headers, PHOTO),
        )
        .await;
        assert_eq!(answer.status, 200, "{headers:?}");
    }
}

#[tokio::test]
async fn reading_and_writing_are_two_scopes() {
    let service = builder(&world()).build().unwrap();
    let item = format!(
        "{COLLECTION}{}/",
        call(&service, &format!("POST {COLLECTION}"), PHOTO)
            .await
            .asset_id()
    );
    for (token, line, status) in [
        ("token-read", format!("PATCH {item}"), 403),
        ("token-read", format!("DELETE {item}"), 403),
        ("token-write", format!("GET {item}"), 403),
        ("token-write", format!("HEAD {item}"), 403),
        ("token-write", format!("PATCH {item}"), 204),
        ("token-read", format!("GET {item}"), 200),
        ("token-write", format!("DELETE {item}"), 204),
    ] {
        let bearer = format!("Bearer {token}");
        let answer = send(&service, request(&line, &[("authorization", &bearer)], "")).await;
        assert_eq!(answer.status, status, "{token} {line}");
    }
}

/// Hands the body out only if somebody asks for it.
struct Watched(Arc<AtomicBool>);

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        self.0.store(true, Ordering::Relaxed);
        Poll::Ready(None)
    }
}

/// Every credential is unknown; no table is touched.
struct NobodyKnows;

#[async_trait]
impl CredentialVerifier for NobodyKnows {
    async fn verify(
        &self,
        _: &Credential<'_>,
        _: time::OffsetDateTime,
    ) -> Result<Option<Principal>, Unavailable> {
        Ok(None)
    }
}

#[tokio::test]
async fn without_credentials_nothing_is_read_and_no_table_touched() {
    // The store would answer 500 if it were asked.
    let service = AssetUploadService::builder(
        Broken::Corrupt,
        signer(),
        HeaderAuthenticator::new(NobodyKnows),
    )
    .trust_clients()
    .build()
    .unwrap();
    for (headers, length) in [
        (&[][..], "10"),
        (&[("x-api-key", "unknown")], "10"),
        (&[], "99999999"),
    ] {
        let was_read = Arc::new(AtomicBool::new(false));
        let mut request = Request::post(COLLECTION).header("content-length", length);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = tower::ServiceExt::oneshot(
            service.clone(),
            request.body(Watched(was_read.clone())).unwrap(),
        );
        assert_eq!(answer.await.unwrap().status(), 401);
        assert!(!was_read.load(Ordering::Relaxed), "{headers:?}");
    }
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_unread() {
    let service = builder(&world()).build().unwrap();
    let was_read = Arc::new(AtomicBool::new(false));
    let request = Request::post(COLLECTION)
        .header("x-api-key", KEY)
        .header("content-length", "65537")
        .body(Watched(was_read.clone()))
        .unwrap();
    let answer = tower::ServiceExt::oneshot(service, request).await.unwrap();
    assert_eq!(answer.status(), 413);
    assert!(!was_read.load(Ordering::Relaxed));
}

#[tokio::test]
async fn the_body_has_a_limit_and_a_type() {
    let service = builder(&world()).build().unwrap();
    let padded = |length: usize| {
        let body = r#"{"name":"a.png","size":1,"x":"#.to_owned() + "\"";
        let pad = length - body.len() - 2;
        body + &"x".repeat(pad) + "\"}"
    };
    let line = format!("POST {COLLECTION}");
    assert_eq!(call(&service, &line, padded(64 * 1024)).await.status, 200);
    insta::assert_snapshot!(call(&service, &line, padded(64 * 1024 + 1)).await.shown());
    let small = builder(&world()).max_body(10).build().unwrap();
    assert_eq!(call(&small, &line, PHOTO).await.status, 413);

    for (header, value, status) in [
        ("content-type", "application/json", 200),
        ("content-type", "APPLICATION/JSON ;charset=latin-1", 200),
        ("content-type", "application/vnd.api+json", 200),
        ("content-type", "text/plain", 415),
        ("content-type", "application/x-www-form-urlencoded", 415),
        ("content-type", "multipart/form-data; boundary=x", 415),
        ("content-type", "", 415),
        ("content-encoding", "identity", 200),
        ("content-encoding", "gzip", 415),
    ] {
        let answer = send(
            &service,
            request(&line, &[("x-api-key", KEY), (header, value)], PHOTO),
        )
        .await;
        assert_eq!(answer.status, status, "{header}: {value}");
    }
}

#[tokio::test]
async fn workspaces_can_not_be_told_apart_from_outside() {
    let store = world();
    let service = builder(&store).build().unwrap();
    let theirs = send(
        &service,
        request(
            "POST /api/v1/workspaces/other-workspace/assets/",
            &[("x-api-key", "key-of-bob")],
            PHOTO,
        ),
    )
    .await
    .asset_id();
    let expected =
        r#"{"error":"The requested resource does not exist.","code":"resource_not_found"}"#;
    for slug in [
        "nope",
        "other-workspace",
        "MY-WORKSPACE",
        "my%20workspace",
        "a%2Fb",
        "a%00b",
        "a%ffb",
        "%2e%2e",
    ] {
        for line in [
            format!("POST /api/v1/workspaces/{slug}/assets/"),
            format!("GET /api/v1/workspaces/{slug}/assets/{theirs}/"),
            format!("PATCH /api/v1/workspaces/{slug}/assets/{theirs}/"),
            format!("DELETE /api/v1/workspaces/{slug}/assets/{theirs}/"),
            format!("GET /api/v1/workspaces/{slug}/assets/no-uuid/"),
        ] {
            let body = if line.starts_with("POST") { PHOTO } else { "" };
            let answer = call(&service, &line, body).await;
            assert_eq!(answer.status, 404, "{line}");
            assert_eq!(answer.body, expected, "{line}");
        }
    }
    let line = format!("GET {COLLECTION}{theirs}/");
    assert_eq!(
        call(&service, &line, "").await.json()["error"],
        "Asset not found"
    );

    let with_project =
        r#"{"name":"a.png","size":1,"project_id":"33333333-3333-4333-8333-000000000002"}"#;
    insta::assert_snapshot!(
        call(&service, &format!("POST {COLLECTION}"), with_project)
            .await
            .shown()
    );
}

#[tokio::test]
async fn the_life_of_an_asset() {
    let service = builder(&world()).build().unwrap();
    let item = format!(
        "{COLLECTION}{}/",
        call(&service, &format!("POST {COLLECTION}"), PHOTO)
            .await
            .asset_id()
    );
    let [get, head, patch, delete] =
        ["GET", "HEAD", "PATCH", "DELETE"].map(|method| format!("{method} {item}"));
    let cases = [
        (&*get, ""),
        (&*patch, r#"{"is_uploaded":"yes"}"#),
        (&*patch, r#"{"is_uploaded":null}"#),
        (&*patch, "[]"),
        (&*patch, r#"{"is_uploaded":true,"size":1,"asset":"x"}"#),
        (&*get, ""),
        (&*head, ""),
        (&*patch, r#"{"is_uploaded":false}"#),
        (&*get, ""),
        (&*patch, "{}"),
        (&*patch, ""),
        (&*delete, ""),
        (&*delete, ""),
        (&*get, ""),
        (&*patch, ""),
    ];
    insta::assert_snapshot!(table(&service, &cases).await);
}

#[tokio::test]
async fn ids_that_name_no_asset_look_alike() {
    let service = builder(&world()).build().unwrap();
    let id = call(&service, &format!("POST {COLLECTION}"), PHOTO)
        .await
        .asset_id();
    for other in [
        "99999999-9999-4999-8999-999999999999",
        "not-a-uuid",
        &id.replace('-', ""),
        "%00",
    ] {
        for method in ["GET", "PATCH", "DELETE"] {
            let answer = call(&service, &format!("{method} {COLLECTION}{other}/"), "").await;
            assert_eq!(answer.status, 404, "{method} {other}");
            assert_eq!(
                answer.body, r#"{"error":"Asset not found","code":"asset_not_found"}"#,
                "{method} {other}"
            );
        }
    }
}

#[tokio::test]
async fn paths_and_methods() {
    let service = builder(&world()).build().unwrap();
    let item = "/api/v1/workspaces/my-workspace/assets/99999999-9999-4999-8999-999999999999";
    let cases = [
        ("GET /api/v1/workspaces/my-workspace/assets/", ""),
        ("PUT /api/v1/workspaces/my-workspace/assets", ""),
        (&*format!("POST {item}/"), ""),
        (&*format!("PUT {item}"), ""),
        ("POST /api/v1/workspaces/my-workspace/assets//", ""),
        ("POST /API/v1/workspaces/my-workspace/assets/", ""),
        ("GET /", ""),
    ];
    insta::assert_snapshot!(table(&service, &cases).await);

    // A preflight carries no credentials.
    for (path, allow) in [
        (COLLECTION, "POST, OPTIONS"),
        (item, "GET, HEAD, PATCH, DELETE, OPTIONS"),
    ] {
        let answer = send(&service, request(&format!("OPTIONS {path}"), &[], "")).await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.headers["allow"].to_str().unwrap()
            ),
            (204, allow)
        );
        assert!(answer.body.is_empty());
    }
    let answer = send(&service, request(&format!("GET {COLLECTION}"), &[], "")).await;
    assert_eq!(
        answer.status, 401,
        "authentication comes before anything else"
    );

    for path in [
        "/api/v1/workspaces/my-workspace/assets",
        "/api/v1/workspaces/my-workspace/assets?x=y",
        "/api/v1/workspaces/my%2Dworkspace/assets/",
        "/api/v1/workspaces/my-workspace/assets/?name=z",
    ] {
        assert_eq!(
            call(&service, &format!("POST {path}"), PHOTO).await.status,
            200,
            "{path}"
        );
    }
    for (base, path) in [
        ("", "/workspaces"),
        ("/", "/workspaces"),
        ("uploads/v2/", "/uploads/v2/workspaces"),
    ] {
        let service = builder(&world()).base_path(base).build().unwrap();
        let answer = call(
            &service,
            &format!("POST {path}/my-workspace/assets/"),
            PHOTO,
        )
        .await;
        assert_eq!(answer.status, 200, "{base}");
        assert_eq!(
            call(&service, &format!("POST {COLLECTION}"), PHOTO)
                .await
                .status,
            404,
            "{base}"
        );
    }
}

#[tokio::test]
async fn a_crashed_client_can_go_on() {
    let service = builder(&world()).build().unwrap();
    let line = format!("POST {COLLECTION}");
    let first = r#"{"name":"first.png","size":10,"external_id":"7","external_source":"github"}"#;
    let second = r#"{"name":"second.pdf","size":20,"external_id":"7","external_source":"github"}"#;
    let made = call(&service, &line, first).await;
    assert_eq!(made.status, 200);

    let resumed = call(&service, &line, second).await;
    insta::assert_snapshot!(resumed.shown());
    assert_eq!(
        made.json()["upload_data"],
        resumed.json()["upload_data"],
        "the same clock signs the same form"
    );

    let item = format!("{COLLECTION}{}/", made.asset_id());
    assert_eq!(
        call(&service, &format!("PATCH {item}"), "").await.status,
        204
    );
    let over = call(&service, &line, second).await;
    insta::assert_snapshot!(over.shown());

    assert_eq!(
        call(&service, &format!("DELETE {item}"), "").await.status,
        204
    );
    let free = call(&service, &line, second).await;
    assert_eq!(free.status, 200);
    assert_ne!(free.asset_id(), made.asset_id());

    for half in [r#""external_id":"8""#, r#""external_source":"github""#] {
        for _ in 0..2 {
            let body = format!(r#"{{"name":"a.png","size":1,{half}}}"#);
            assert_eq!(call(&service, &line, body).await.status, 200, "{half}");
        }
    }
}

#[tokio::test]
async fn what_arrived_is_compared_with_what_was_announced() {
    type Answer = Result<Option<StoredObject>, ObjectStoreError>;
    fn stored(size: u64, content_type: Option<&str>) -> StoredObject {
        let mut object = StoredObject::of_size(size);
        object.content_type = content_type.map(str::to_owned);
        object.etag = Some("\"e\"".to_owned());
        object
    }
    let cases: [(_, fn() -> Answer); 8] = [
        ("nothing there", || Ok(None)),
        ("another size", || Ok(Some(stored(1023, Some("image/png"))))),
        ("another type", || Ok(Some(stored(1024, Some("text/html"))))),
        ("unreachable", || {
            Err(Unavailable::new("SECRET-CAUSE").into())
        }),
        ("broken", || {
            Err(ObjectStoreError::Failed("SECRET-CAUSE".into()))
        }),
        ("as announced", || Ok(Some(stored(1024, Some("image/png"))))),
        ("type with parameters", || {
            Ok(Some(stored(1024, Some("IMAGE/PNG; x=y"))))
        }),
        ("no type told", || Ok(Some(stored(1024, None)))),
    ];
    let mut text = String::new();
    for (name, answer) in cases {
        let says = Says::new(move |_| answer());
        let service = builder(&world()).verify_with(says).build().unwrap();
        let item = format!(
            "{COLLECTION}{}/",
            call(&service, &format!("POST {COLLECTION}"), PHOTO)
                .await
                .asset_id()
        );
        let patched = call(&service, &format!("PATCH {item}"), "").await;
        writeln!(text, "{name}\n=> {}\n", patched.shown()).unwrap();
        let uploaded = call(&service, &format!("GET {item}"), "").await.status == 200;
        assert_eq!(
            uploaded,
            patched.status == 204,
            "{name}: only what was verified counts"
        );
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn a_checksum_is_demanded_and_compared() {
    let line = format!("POST {COLLECTION}");
    let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let base64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let expected: Checksum = hex.parse().unwrap();
    for (stored, status) in [
        (Some(expected), 204),
        (Some(Checksum::new([7; 32])), 409),
        (None, 409),
    ] {
        let says = Says::new(move |_| {
            let mut object = StoredObject::of_size(10);
            object.checksum = stored;
            Ok(Some(object))
        });
        let service = builder(&world()).verify_with(says).build().unwrap();
        for given in [hex, base64] {
            let body = format!(r#"{{"name":"a.png","size":10,"checksum_sha256":"{given}"}}"#);
            let made = call(&service, &line, body).await;
            let fields = made.json()["upload_data"]["fields"].clone();
            assert_eq!(fields["x-amz-checksum-sha256"], base64);
            let policy = decoded_policy(fields["policy"].as_str().unwrap());
            let condition = serde_json::json!({"x-amz-checksum-sha256": base64});
            assert!(
                policy["conditions"]
                    .as_array()
                    .unwrap()
                    .contains(&condition)
            );
            let item = format!("{COLLECTION}{}/", made.asset_id());
            assert_eq!(
                call(&service, &format!("PATCH {item}"), "").await.status,
                status
            );
        }
    }
    let service = builder(&world()).build().unwrap();
    for bad in ["\"abc\"", "5", "[]"] {
        let body = format!(r#"{{"name":"a.png","size":10,"checksum_sha256":{bad}}}"#);
        let answer = call(&service, &line, body).await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.json()["code"].as_str().unwrap().to_owned()
            ),
            (400, "invalid_checksum_sha256".to_owned())
        );
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_503_and_a_broken_one_500() {
    let mut text = String::new();
    for store in [Broken::Unreachable, Broken::Corrupt] {
        let service = builder_over(store, &world()).build().unwrap();
        let answer = call(&service, &format!("POST {COLLECTION}"), PHOTO).await;
        writeln!(text, "{store:?}\n=> {}\n", answer.shown()).unwrap();
    }
    assert!(!text.contains("SECRET-CAUSE"), "{text}");
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn pending_assets_can_be_capped() {
    let caps = PendingCaps {
        per_caller: NonZeroU32::new(2),
        ..PendingCaps::default()
    };
    let service = builder(&world()).pending_caps(caps).build().unwrap();
    let line = format!("POST {COLLECTION}");
    let first = call(&service, &line, PHOTO).await.asset_id();
    assert_eq!(call(&service, &line, PHOTO).await.status, 200);
    insta::assert_snapshot!(call(&service, &line, PHOTO).await.shown());
    assert_eq!(
        call(&service, &format!("PATCH {COLLECTION}{first}/"), "")
            .await
            .status,
        204
    );
    assert_eq!(call(&service, &line, PHOTO).await.status, 200);
}

#[tokio::test]
async fn downloads_are_inline_only_where_no_script_can_run() {
    let service = builder(&world())
        .allowed_types(AllowedTypes::any())
        .build()
        .unwrap();
    for (name, media_type, kind) in [
        ("a.png", "image/png", "inline"),
        ("a.pdf", "application/pdf", "inline"),
        ("a.svg", "image/svg+xml", "attachment"),
        ("a.html", "text/html", "attachment"),
        ("a.js", "text/javascript", "attachment"),
        ("a.xml", "application/xml", "attachment"),
        ("a.bin", "application/octet-stream", "attachment"),
    ] {
        let body = format!(r#"{{"name":"{name}","type":"{media_type}","size":1}}"#);
        let item = format!(
            "{COLLECTION}{}/",
            call(&service, &format!("POST {COLLECTION}"), body)
                .await
                .asset_id()
        );
        assert_eq!(
            call(&service, &format!("PATCH {item}"), "").await.status,
            204
        );
        let json = call(&service, &format!("GET {item}"), "").await.json();
        let url = json["asset_url"].as_str().unwrap();
        assert!(
            url.contains(&format!(
                "response-content-disposition={kind}%3B%20filename%3D%22{name}%22"
            )),
            "{url}"
        );
        let encoded = media_type.replace('/', "%2F").replace('+', "%2B");
        assert!(
            url.contains(&format!("response-content-type={encoded}&")),
            "{url}"
        );
    }
}

#[tokio::test]
async fn keys_and_asset_urls_can_be_made_by_the_host() {
    let service = builder(&world())
        .key_strategy(|workspace, random, name| format!("{}/{random}/{name}", workspace.slug()))
        .asset_url(|_, _, id| format!("https://cdn.example/{id}"))
        .build()
        .unwrap();
    let json = call(&service, &format!("POST {COLLECTION}"), PHOTO)
        .await
        .json();
    let key = json["upload_data"]["fields"]["key"].as_str().unwrap();
    assert!(
        key.starts_with("my-workspace/00000000-") && key.ends_with("/photo.png"),
        "{key}"
    );
    assert!(
        json["asset_url"]
            .as_str()
            .unwrap()
            .starts_with("https://cdn.example/")
    );

    let unsound = builder(&world())
        .key_strategy(|_, _, _| "../up".to_owned())
        .build()
        .unwrap();
    assert_eq!(
        call(&unsound, &format!("POST {COLLECTION}"), PHOTO)
            .await
            .status,
        500
    );
}

#[tokio::test]
async fn answers_that_carry_a_signature_are_not_stored() {
    let service = builder(&world()).build().unwrap();
    let made = call(&service, &format!("POST {COLLECTION}"), PHOTO).await;
    assert_eq!(made.headers["cache-control"], "no-store");
    assert_eq!(made.headers["content-type"], "application/json");
    let item = format!("{COLLECTION}{}/", made.asset_id());
    call(&service, &format!("PATCH {item}"), "").await;
    let got = call(&service, &format!("GET {item}"), "").await;
    assert_eq!(got.headers["cache-control"], "no-store");
    let headed = call(&service, &format!("HEAD {item}"), "").await;
    assert!(headed.body.is_empty());
    assert_eq!(
        headed.headers["content-length"],
        got.body.len().to_string().as_str()
    );
}

#[tokio::test]
async fn a_member_deletes_what_its_role_allows() {
    let world = world();
    done(world.add_member(MINE.into(), BOB.into()));
    let post = format!("POST {COLLECTION}");
    let mut ids = Vec::new();
    for ids_from in [1, 1001] {
        let service = builder(&world).ids(SequentialIds::starting_at(ids_from));
        ids.push(
            call(&service.build().unwrap(), &post, PHOTO)
                .await
                .asset_id(),
        );
    }
    // The second one is Bob's.
    let workspace = Workspace::new(MINE.into(), WorkspaceSlug::new("my-workspace").unwrap());
    let id = ids[1].parse::<AssetId>().unwrap();
    let mut bobs = world.find(&workspace, id).await.unwrap().unwrap().made;
    bobs.id = Uuid::from_u128(7).into();
    bobs.created_by = BOB.into();
    world
        .create(&workspace, bobs, PendingCaps::default())
        .await
        .unwrap();
    let [alices, alices_too, bobs] = [&ids[0], &ids[1], &Uuid::from_u128(7).to_string()];
    let nowhere = Uuid::from_u128(404).to_string();
    for (deletion, id, status, code) in [
        (Deletion::Nothing, alices, 403, "not_permitted"),
        (Deletion::Nothing, bobs, 403, "not_permitted"),
        (Deletion::Nothing, &nowhere, 403, "not_permitted"),
        (Deletion::Nothing, &"x".to_owned(), 403, "not_permitted"),
        (Deletion::Own, bobs, 403, "not_permitted"),
        (Deletion::Own, &nowhere, 404, "asset_not_found"),
        (Deletion::Own, &"x".to_owned(), 404, "asset_not_found"),
        (Deletion::Own, alices, 204, ""),
        (Deletion::Own, alices, 404, "asset_not_found"),
        (Deletion::Any, bobs, 204, ""),
        (Deletion::Any, alices_too, 204, ""),
    ] {
        let service = builder_over(
            Saying::new(&world, move |workspace| workspace.with_deletion(deletion)),
            &world,
        )
        .build()
        .unwrap();
        let answer = call(&service, &format!("DELETE {COLLECTION}{id}/"), "").await;
        assert_eq!(answer.status, status, "{deletion:?} {id}");
        if !code.is_empty() {
            assert_eq!(answer.json()["code"], code, "{deletion:?} {id}");
        }
        if code == "not_permitted" {
            let words = "You do not have permission to perform this action.";
            assert_eq!(answer.json()["detail"], words);
            let challenge = &answer.headers["www-authenticate"];
            assert_eq!(challenge, r#"Bearer realm="api""#);
        }
    }
}

#[tokio::test]
async fn a_host_can_do_without_deletion() {
    let world = world();
    let service = builder(&world).without_deletion().build().unwrap();
    let made = call(&service, &format!("POST {COLLECTION}"), PHOTO).await;
    let item = format!("{COLLECTION}{}/", made.asset_id());
    for (line, status) in [("DELETE", 405), ("PUT", 405), ("OPTIONS", 204)] {
        let answer = call(&service, &format!("{line} {item}"), "").await;
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.headers["allow"], "GET, HEAD, PATCH, OPTIONS");
    }
    let answer = call(&service, &format!("DELETE {item}"), "").await;
    assert_eq!(answer.json()["detail"], "Method \"DELETE\" not allowed.");
    let without_key = send(&service, request(&format!("DELETE {item}"), &[], "")).await;
    assert_eq!(without_key.status, 401);
    let answer = call(&service, &format!("GET {item}"), "").await;
    assert_eq!(answer.status, 400, "it is there");
}
