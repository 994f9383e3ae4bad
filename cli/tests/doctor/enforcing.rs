//! The two stores that enforce what was signed.

use tower_asset_upload::ports::UploadMethod;
use tower_asset_upload::s3::{CheckStatus, S3Bucket};
use tower_asset_upload::sigv4::{FormFields, Region};

use crate::embedded::Embedded;
use crate::garage::{self, Garage};
use crate::process::Http;
use crate::{ENFORCED, ORIGIN, Setup, all, expect};
use CheckStatus::{Failed, Passed, Skipped, Warned};

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_passes_with_forms() {
    let store = Embedded::start(true).await;
    let setup = store.setup().with(|options| {
        let fields = FormFields::new()
            .success_action_status(201)
            .metadata("k", "v");
        options.origin(ORIGIN).fields(fields).unwrap()
    });
    let report = setup.report().await;
    for name in ENFORCED {
        expect(&report, name, Passed, &["refused"]);
    }
    expect(&report, "cors", Passed, &[ORIGIN]);
    expect(&report, "upload", Passed, &["POST"]);
    // s3s-fs compares when it has written the file.
    expect(
        &report,
        "checksum",
        Warned,
        &["answered with an error", "stored the file"],
    );
    // It is spoken to in the clear, and has no settings.
    assert_eq!(all(&report, Warned), ["public", "checksum"]);
    let skipped = ["single_use", "versioning", "lifecycle"];
    assert_eq!(all(&report, Skipped), skipped);
    assert_eq!(report.status(), Warned);
    expect(&report, "cleanup", Passed, &["2 objects"]);
    assert_eq!(store.objects(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_takes_headers_that_were_not_signed() {
    let store = Embedded::start(true).await;
    let put = |setup: Setup| setup.with(|options| options.method(UploadMethod::Put));
    let undescribed = put(store.setup()).with(|o| o.origin(ORIGIN)).report().await;
    let advice = ["412", "`single_use_puts`"];
    expect(&undescribed, "single_use", Warned, &advice);
    let mut setup = put(store.setup());
    setup.bucket = setup.bucket.single_use_puts().unwrap().reusable_puts();
    let advice = ["`reusable_puts`", "keep lifetimes short"];
    expect(&setup.report().await, "single_use", Warned, &advice);
    let mut setup = put(store.setup()).with(|o| o.origin(ORIGIN));
    setup.bucket = setup.bucket.single_use_puts().unwrap();
    let report = setup.report().await;
    expect(&report, "single_use", Passed, &["(412)"]);
    for name in ENFORCED.into_iter().filter(|name| *name != "fields") {
        expect(&report, name, Passed, &["refused"]);
    }
    expect(
        &report,
        "fields",
        Warned,
        &["accepted an upload with an unsigned addition"],
    );
    expect(&report, "upload", Passed, &["PUT"]);
    expect(&report, "cors", Passed, &[]);
    expect(&report, "cleanup", Passed, &["4 objects"]);
    assert_eq!(all(&report, Failed), [""; 0]);
    assert_eq!(store.objects(), 0);
}

fn garage(server: &Garage) -> Setup {
    let (endpoint, key) = (server.endpoint(), (garage::ID, garage::SECRET));
    let mut setup = Setup::new(&endpoint, garage::BUCKET, garage::REGION, key);
    let region = Region::new(garage::REGION).unwrap();
    setup.bucket = S3Bucket::garage(garage::BUCKET, region, &endpoint).unwrap();
    setup
}

#[tokio::test]
async fn garage_passes() {
    let Some(server) = Garage::start("garage_passes") else {
        return;
    };
    let http = Http::new();
    for method in [UploadMethod::Post, UploadMethod::Put] {
        let (bucket, methods) = (garage::BUCKET, ["GET", method.as_str()]);
        server.put_cors(&http, bucket, ORIGIN, &methods).await;
        let setup = garage(&server).with(|options| options.origin(ORIGIN).method(method));
        let report = setup.report().await;
        assert_eq!(all(&report, Failed), [""; 0], "{report:#?}");
        for name in ENFORCED {
            expect(&report, name, Passed, &["refused"]);
        }
        for name in [
            "region",
            "credentials",
            "bucket",
            "checksum",
            "cors",
            "lifecycle",
        ] {
            expect(&report, name, Passed, &[]);
        }
        expect(&report, "single_use", Skipped, &[]);
        let list = server
            .signed(&http, "GET", "/uploads", "list-type=2", "")
            .await
            .expect(200, "a list");
        assert!(!list.text().contains("<Key>"), "{}", list.text());
    }
}

#[tokio::test]
async fn garage_says_what_is_wrong() {
    let Some(server) = Garage::start("garage_says_what_is_wrong") else {
        return;
    };
    let report = garage(&server).with(|o| o.origin(ORIGIN)).report().await;
    let cors = expect(&report, "cors", Failed, &["PutBucketCors"]);
    assert!(cors.remedy.as_ref().unwrap().contains(ORIGIN));
    assert_eq!(all(&report, Failed), ["cors"]);

    let endpoint = server.endpoint();
    let key = (garage::ID, garage::SECRET);
    let elsewhere = Setup::new(&endpoint, garage::BUCKET, "us-east-1", key);
    let report = elsewhere.report().await;
    expect(&report, "region", Failed, &["us-east-1"]);
    assert_eq!(all(&report, Failed), ["region"]);

    let missing = Setup::new(&endpoint, "missing", garage::REGION, key);
    let report = missing.report().await;
    expect(&report, "bucket", Failed, &["missing"]);
    assert_eq!(all(&report, Failed), ["bucket"]);

    for (id, secret) in [(garage::ID, "wrong"), ("AKIAUNKNOWN", garage::SECRET)] {
        let stranger = Setup::new(&endpoint, garage::BUCKET, garage::REGION, (id, secret));
        let report = stranger.report().await;
        expect(&report, "credentials", Failed, &[id]);
        assert_eq!(all(&report, Failed), ["credentials"]);
    }
}
