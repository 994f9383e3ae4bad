//! Numbers are read the same way whatever features of `serde_json` the host's tree has on.
//!
//! `.ci/trees` runs this file a second time, in a package that turns them on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::Service;
use tower_asset_upload::asset::WorkspaceSlug;
use tower_asset_upload::auth::CredentialRecord;
use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
use tower_asset_upload::sigv4::{Credentials, Region};
use tower_asset_upload::{
    AssetUploadService, CredentialStore, DirectoryStore, HeaderAuthenticator, MemoryStore,
};
use uuid::Uuid;

/// In memory, nothing has to be waited for.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn service() -> AssetUploadService<MemoryStore, S3PostSigner> {
    let (workspace, user) = (Uuid::from_u128(1).into(), Uuid::from_u128(2).into());
    let store = MemoryStore::new();
    let slug = WorkspaceSlug::new("w").unwrap();
    at_once(store.add_workspace(workspace, slug)).unwrap();
    at_once(store.add_member(workspace, user)).unwrap();
    at_once(store.add_credential(CredentialRecord::api_key("key", user))).unwrap();
    let bucket = S3Bucket::aws("uploads", Region::us_east_1()).unwrap();
    let signer = S3PostSigner::new(bucket, Credentials::new("AKID", "secret").unwrap());
    let authenticator = HeaderAuthenticator::new(store.clone());
    AssetUploadService::builder(store, signer, authenticator)
        .trust_clients()
        .build()
        .unwrap()
}

/// The code of a refusal; nothing where the body is accepted.
fn refused(service: &AssetUploadService<MemoryStore, S3PostSigner>, body: &str) -> Option<String> {
    let request = Request::post("/api/v1/workspaces/w/assets/")
        .header("x-api-key", "key")
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from(body.to_owned()))
        .unwrap();
    let Ok(answer) = at_once(service.clone().call(request));
    let status = answer.status();
    let body = at_once(answer.into_body().collect()).unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let code = body["code"].as_str().map(str::to_owned);
    assert_eq!(status == 200, code.is_none(), "{body}");
    code
}

#[test]
fn of_sizes() {
    let service = service();
    for (size, expected) in [
        ("1024", None),
        ("1024.0", None),
        ("1.024e3", None),
        ("\"1024\"", None),
        ("5242880", None),
        ("5242880.000000001", Some("invalid_size")),
        // Nearer to a whole number than a floating-point number can tell.
        ("5242880.0000000001", None),
        ("5242881", Some("size_too_large")),
        ("18446744073709551615", Some("size_too_large")),
        ("18446744073709551616", Some("invalid_size")),
        ("1e3000", Some("invalid_json")),
        ("-1e3000", Some("invalid_json")),
        ("1e-3000", Some("invalid_size")),
        ("0", Some("invalid_size")),
        ("-0", Some("invalid_size")),
        ("-1", Some("invalid_size")),
        ("1.5", Some("invalid_size")),
        ("01", Some("invalid_json")),
        ("1.", Some("invalid_json")),
        // How `arbitrary_precision` writes a number where it hands one on.
        (
            r#"{"$serde_json::private::Number":"1024"}"#,
            Some("invalid_size"),
        ),
        (
            r#"{"$serde_json::private::RawValue":"1024"}"#,
            Some("invalid_size"),
        ),
    ] {
        let code = refused(&service, &format!(r#"{{"name":"a.png","size":{size}}}"#));
        assert_eq!(code.as_deref(), expected, "{size}");
    }
}

#[test]
fn of_members_that_are_texts() {
    let service = service();
    for (name, expected) in [
        ("name", "invalid_name"),
        ("type", "invalid_type"),
        ("project_id", "invalid_project_id"),
        ("external_id", "invalid_external_id"),
    ] {
        let mut body = serde_json::json!({"name": "a.png", "size": 1});
        body[name] = 7.into();
        let code = refused(&service, &body.to_string());
        assert_eq!(code.as_deref(), Some(expected), "{name}");
    }
}

#[test]
fn of_members_that_are_ignored() {
    let service = service();
    let nest = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    for (value, expected) in [
        ("1".to_owned(), None),
        (
            "[1, -2.5e7, {\"y\": 18446744073709551616}]".to_owned(),
            None,
        ),
        // A number is no level of its own.
        (nest(31), None),
        (nest(32), Some("invalid_json")),
        ("[1e3000]".to_owned(), Some("invalid_json")),
        ("{\"y\": [01]}".to_owned(), Some("invalid_json")),
        ("{\"y\": 1, \"y\": 1}".to_owned(), Some("invalid_json")),
    ] {
        let body = format!(r#"{{"name":"a.png","size":1,"x":{value}}}"#);
        let code = refused(&service, &body);
        assert_eq!(code.as_deref(), expected, "{value}");
    }
}

#[test]
fn of_bodies() {
    let service = service();
    for body in ["1", "-1.5", "1e3000", "[1]"] {
        let code = refused(&service, body);
        assert_eq!(code.as_deref(), Some("invalid_json"), "{body}");
    }
}
