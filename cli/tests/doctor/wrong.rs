//! What can be configured wrongly, and what it is called then.

use std::time::Duration;

use time::{Duration as Span, OffsetDateTime};
use tower_asset_upload::asset::{Clock, FixedClock, SystemClock};
use tower_asset_upload::ports::UploadMethod;
use tower_asset_upload::s3::{CheckStatus, S3Bucket};
use tower_asset_upload::sigv4::Region;

use crate::embedded::{Embedded, KEY};
use crate::scripted::{Asked, Scripted, Told, error};
use crate::{ORIGIN, Setup, all, expect};
use CheckStatus::{Failed, Passed, Skipped, Warned};

/// A clock that is off.
#[derive(Debug)]
struct Off(Span);

impl Clock for Off {
    fn now(&self) -> OffsetDateTime {
        SystemClock.now() + self.0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock() {
    let store = Embedded::start(true).await;
    for (off, status, words) in [
        (Span::hours(-5), Failed, ["4 h 59 min", "slow"]),
        (Span::days(400), Failed, ["400 days", "fast"]),
        (Span::minutes(5), Warned, ["min", "fast"]),
    ] {
        let setup = store.setup().with(|options| options.clock(Off(off)));
        let report = setup.report().await;
        expect(&report, "clock", status, &words);
        // All else went by the store's clock.
        let others = all(&report, Failed);
        assert!(others.iter().all(|name| *name == "clock"), "{report:#?}");
        expect(&report, "upload", Passed, &[]);
        expect(&report, "verify", Passed, &[]);
    }
    let standing = FixedClock(OffsetDateTime::UNIX_EPOCH);
    let report = store.setup().with(|o| o.clock(standing)).report().await;
    expect(&report, "clock", Failed, &["days slow"]);
    assert_eq!(store.objects(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials() {
    let store = Embedded::start(false).await;
    for (id, secret, words) in [
        (KEY.0, "wrong", ["secret", KEY.0]),
        ("AKIAUNKNOWN", KEY.1, ["knows no access key", "AKIAUNKNOWN"]),
    ] {
        let setup = Setup::new(&store.endpoint, "uploads", "us-east-1", (id, secret));
        let report = setup.report().await;
        expect(&report, "credentials", Failed, &words);
        expect(&report, "upload", Skipped, &["`credentials`"]);
        assert_eq!(all(&report, Failed), ["credentials"]);
        let shown = format!("{report:?}");
        assert!(!shown.contains(KEY.1), "{shown}");
        expect(&report, "cleanup", Passed, &["Nothing was created"]);
    }
    let ended = SystemClock.now() - Span::minutes(1);
    let mut setup = store.setup();
    setup.credentials = setup.credentials.expiring_at(ended);
    let report = setup.report().await;
    expect(&report, "credentials", Failed, &["expired"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_bucket() {
    let store = Embedded::start(false).await;
    let setup = Setup::new(&store.endpoint, "missing", "us-east-1", KEY);
    let report = setup.report().await;
    expect(&report, "bucket", Failed, &["`missing`", "NoSuchBucket"]);
    assert_eq!(all(&report, Failed), ["bucket"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_cors() {
    let store = Embedded::start(false).await;
    for method in [UploadMethod::Post, UploadMethod::Put] {
        let setup = store.setup().with(|o| o.method(method).origin(ORIGIN));
        let report = setup.report().await;
        let check = expect(&report, "cors", Failed, &[ORIGIN, "501"]);
        let remedy: serde_json::Value =
            serde_json::from_str(check.remedy.as_ref().unwrap()).unwrap();
        let rule = &remedy["CORSRules"][0];
        assert_eq!(rule["AllowedOrigins"][0], ORIGIN);
        assert_eq!(rule["AllowedMethods"][2], method.as_str());
        let headers = rule["AllowedHeaders"].as_array().unwrap();
        assert_eq!(
            headers.contains(&"Content-Type".into()),
            method == UploadMethod::Put
        );
        assert_eq!(all(&report, Failed), ["cors"]);
    }
    let careless = store
        .setup()
        .with(|options| options.origin("https://app.example.com/"));
    let report = careless.report().await;
    expect(&report, "cors", Failed, &["is not an origin"]);
}

#[tokio::test]
async fn a_dead_port() {
    // Nobody listens on what was bound a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let setup = Setup::new(&endpoint, "uploads", "us-east-1", KEY);
    let report = setup.with(|o| o.origin(ORIGIN)).report().await;
    expect(&report, "endpoint", Failed, &[&endpoint, "refused"]);
    expect(&report, "signature", Skipped, &["`endpoint`"]);
    assert_eq!(all(&report, Failed), ["endpoint"]);
}

#[tokio::test]
async fn a_port_that_never_answers() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let setup = Setup::new(&endpoint, "uploads", "us-east-1", KEY);
    let setup = setup.with(|o| o.timeout(Duration::from_millis(200)));
    let report = setup.report().await;
    expect(&report, "endpoint", Failed, &["no answer within 200ms"]);
}

#[tokio::test]
async fn what_is_no_store() {
    let page = |_: &Asked| -> Told {
        let html = vec![("content-type", "text/html; charset=utf-8".to_owned())];
        (200, html, "<html>console</html>".to_owned())
    };
    let console = Scripted::start(page).await;
    let report = console.setup().report().await;
    expect(
        &report,
        "endpoint",
        Failed,
        &["200 OK, text/html", "console"],
    );

    let proxy = Scripted::start(|_| (502, Vec::new(), String::new())).await;
    let report = proxy.setup().report().await;
    expect(&report, "endpoint", Failed, &["502 Bad Gateway", "no type"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_endpoint_that_leads_nowhere() {
    let store = Embedded::start(true).await;
    let public = "http://127.0.0.1:1";
    let mut setup = store.setup().with(|o| o.origin(ORIGIN));
    let bucket = S3Bucket::custom("uploads", Region::us_east_1(), public).unwrap();
    setup.bucket = bucket.internal_endpoint(&store.endpoint).unwrap();
    let report = setup.report().await;
    expect(&report, "endpoint", Passed, &[&store.endpoint]);
    expect(
        &report,
        "public",
        Failed,
        &[public, "Clients are sent there"],
    );
    expect(&report, "credentials", Passed, &[]);
    expect(&report, "upload", Skipped, &["`public`"]);
    assert_eq!(all(&report, Failed), ["public"]);
}

/// What AWS answers (AWS, "Error responses").
#[tokio::test]
async fn a_wrong_region_as_aws_says_it() {
    let region = "<Message>the region is wrong</Message><Region>eu-west-1</Region>";
    for (status, code, more, word) in [
        (
            400,
            "AuthorizationQueryParametersError",
            region,
            "`eu-west-1`",
        ),
        (301, "PermanentRedirect", "", "`us-east-1`"),
    ] {
        let store = Scripted::start(move |asked| {
            if asked.is_signed() {
                error(status, code, more)
            } else {
                error(403, "AccessDenied", "")
            }
        })
        .await;
        let report = store.setup().report().await;
        expect(&report, "region", Failed, &[code, word]);
        assert_eq!(all(&report, Failed), ["region"]);
    }
}

/// Cloudflare R2 and Backblaze B2.
#[tokio::test]
async fn a_store_without_forms() {
    let store = Scripted::start(|asked| {
        let query = asked.uri.query().unwrap_or_default();
        if asked.method == "POST" {
            error(501, "NotImplemented", "")
        } else if query.contains("lifecycle") || !asked.is_signed() {
            error(403, "AccessDenied", "")
        } else {
            error(404, "NoSuchKey", "")
        }
    })
    .await;
    let report = store.setup().report().await;
    expect(&report, "upload", Failed, &["501", "sign with PUT"]);
    expect(&report, "size", Skipped, &["`upload`"]);
    expect(&report, "lifecycle", Skipped, &["AccessDenied"]);
}

/// OpenStack Swift answers a request that isn't signed for S3 by an API of its own.
#[tokio::test]
async fn a_store_with_an_api_beside_s3() {
    let store = Scripted::start(|asked| {
        if asked.is_signed() {
            error(403, "SignatureDoesNotMatch", "")
        } else {
            let html = vec![("content-type", "text/html".to_owned())];
            (
                412,
                html,
                "<html><h1>Precondition Failed</h1></html>".to_owned(),
            )
        }
    })
    .await;
    let mut setup = store.setup();
    let public = S3Bucket::custom("uploads", Region::us_east_1(), &store.endpoint).unwrap();
    let other = store.endpoint.replace("127.0.0.1", "localhost");
    setup.bucket = public.internal_endpoint(&other).unwrap();
    // Credentials that have ended sign nothing, and the store can be reached all the same.
    let ended = SystemClock.now() - Span::minutes(1);
    setup.credentials = setup.credentials.expiring_at(ended);
    let report = setup.report().await;
    expect(&report, "endpoint", Passed, &["speaks S3"]);
    expect(&report, "public", Passed, &[&store.endpoint]);
    expect(&report, "credentials", Failed, &["expired"]);
}

/// What MinIO did in 2019 and until 2023.
#[tokio::test]
async fn old_releases_of_minio_are_named() {
    let store = Scripted::start(|asked| match asked.method.as_str() {
        "POST" => (204, Vec::new(), String::new()),
        _ if !asked.is_signed() => error(403, "AccessDenied", ""),
        _ => error(404, "NoSuchKey", ""),
    })
    .await;
    let region = Region::us_east_1;
    let minio = S3Bucket::minio("uploads", region(), &store.endpoint).unwrap();
    let custom = S3Bucket::custom("uploads", region(), &store.endpoint).unwrap();
    let ceph = S3Bucket::ceph("uploads", region(), &store.endpoint).unwrap();
    for (bucket, named) in [(minio, true), (custom, true), (ceph, false)] {
        let mut setup = store.setup();
        setup.bucket = bucket;
        let report = setup.report().await;
        for (name, release) in [
            ("type", "Upgrade MinIO to RELEASE.2019-07-17T22-54-12Z"),
            ("key", "Upgrade MinIO to RELEASE.2019-07-17T22-54-12Z"),
            ("fields", "Upgrade MinIO to RELEASE.2023-09-27T15-22-50Z"),
        ] {
            let check = expect(&report, name, Failed, &["The object store accepted"]);
            assert_eq!(check.says.contains(release), named, "{check:?}");
        }
        let check = expect(&report, "size", Failed, &[]);
        assert!(!check.says.contains("MinIO"), "{check:?}");
    }
}

/// A store that takes everything and deletes nothing.
#[tokio::test]
async fn what_can_not_be_removed_is_named() {
    let store = Scripted::start(|asked| match asked.method.as_str() {
        "POST" => (204, Vec::new(), String::new()),
        "HEAD" => (200, vec![("content-length", "9".to_owned())], String::new()),
        _ => error(
            403,
            "AccessDenied",
            "<Message>no \u{9b}31m\ndelete</Message>",
        ),
    })
    .await;
    let mut setup = store.setup();
    // It would refuse the credentials otherwise.
    setup.bucket = S3Bucket::custom("uploads", Region::us_east_1(), &store.endpoint).unwrap();
    let report = setup.report().await;
    expect(&report, "credentials", Failed, &["no 31m delete"]);
    let lines = store.lines.lock().unwrap().clone();
    assert!(
        lines.iter().all(|line| line.starts_with("GET")),
        "{lines:?}"
    );

    let object = || {
        [("content-length", "9"), ("etag", "\"e\"")].map(|(name, value)| (name, value.to_owned()))
    };
    let store = Scripted::start(move |asked| match asked.method.as_str() {
        "POST" => (204, Vec::new(), String::new()),
        "HEAD" => (200, object().to_vec(), String::new()),
        "DELETE" => error(403, "AccessDenied", ""),
        _ => error(404, "NoSuchKey", ""),
    })
    .await;
    let report = store.setup().report().await;
    expect(&report, "verify", Failed, &["9 bytes"]);
    let left = ["tower-asset-upload-doctor/", "AccessDenied", "by hand"];
    expect(&report, "cleanup", Failed, &left);
}
