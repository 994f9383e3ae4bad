//! What the verifier believes: the object store's own words, and nobody else's.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use tokio::net::TcpListener;
use tower_asset_upload::ObjectStore;
use tower_asset_upload::asset::ObjectKey;
use tower_asset_upload::ports::ObjectStoreError;
use tower_asset_upload::s3::{S3Bucket, S3Objects};
use tower_asset_upload::sigv4::{Credentials, Region};

/// Status, headers and body.
type Told = (u16, Vec<(&'static str, &'static str)>, String);

/// A server that answers by a script; `asked` are the methods so far, with the `Range` if there is one.
struct Scripted {
    verifier: S3Objects,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    async fn start(script: impl Fn(&str) -> Told + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, script) = (Arc::clone(&asked), Arc::new(script));
        let answer = move |request: Request| async move {
            let range = request.headers().get("range");
            let range = range.map(|range| format!(" {}", range.to_str().unwrap()));
            let method = request.method().as_str();
            let line = format!("{method}{}", range.unwrap_or_default());
            kept.lock().unwrap().push(line);
            let (status, headers, body) = script(method);
            let mut answer = Response::builder().status(status);
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            answer.body(Body::from(body)).unwrap()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, app).await });
        let bucket = S3Bucket::custom("uploads", Region::us_east_1(), &endpoint).unwrap();
        let credentials = Credentials::new("AKIASCRIPTED", "sEcReT").unwrap();
        Self {
            verifier: S3Objects::new(bucket, credentials),
            asked,
        }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn key() -> ObjectKey {
    // Its name is in every error's body.
    ObjectKey::new("w/NoSuchBucket.png").unwrap()
}

fn error(status: u16, code: &str) -> Told {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
         <Message>NoSuchKey, or not</Message><Key>w/NoSuchBucket.png</Key></Error>"
    );
    let headers = vec![
        ("content-type", "application/xml"),
        ("x-amz-request-id", "1"),
    ];
    (status, headers, body)
}

fn page(status: u16) -> Told {
    let body = "<html><head><title>404 Not Found</title></head><body>NoSuchKey</body></html>";
    (status, vec![("content-type", "text/html")], body.to_owned())
}

fn object(size: &'static str) -> Told {
    let headers = vec![("content-length", size), ("etag", "\"e\"")];
    (200, headers, String::new())
}

fn nothing(status: u16) -> Told {
    (status, Vec::new(), String::new())
}

fn is_unavailable<T: std::fmt::Debug>(answer: &Result<T, ObjectStoreError>, case: &str) {
    assert!(
        matches!(answer, Err(ObjectStoreError::Unavailable(_))),
        "{case}: {answer:?}"
    );
}

fn is_failed<T: std::fmt::Debug>(answer: Result<T, ObjectStoreError>, words: &str) {
    match answer {
        Err(ObjectStoreError::Failed(cause)) => {
            assert!(cause.to_string().contains(words), "{cause}");
        }
        other => panic!("{words}: {other:?}"),
    }
}

// ---------------------------------------------------------------- Removal

#[tokio::test]
async fn a_removal_is_believed_from_the_store_alone() {
    for told in [
        nothing(204),
        nothing(200),
        error(404, "NoSuchKey"),
        error(404, "NoSuchVersion"),
    ] {
        let case = format!("{told:?}");
        let store = Scripted::start(move |_| told.clone()).await;
        store.verifier.delete(&key()).await.expect(&case);
        assert_eq!(store.asked(), ["DELETE"]);
    }
    for told in [
        page(404),
        nothing(404),
        (404, Vec::new(), "NoSuchKey".to_owned()),
        (404, Vec::new(), "{\"Code\":\"NoSuchKey\"}".to_owned()),
        (
            404,
            Vec::new(),
            "<Error><Key>NoSuchKey</Key></Error>".to_owned(),
        ),
        error(404, "NoSuchUpload"),
        error(404, "no\u{1b}such\nkey"),
        page(502),
        error(503, "SlowDown"),
    ] {
        let case = format!("{told:?}");
        let store = Scripted::start(move |_| told.clone()).await;
        is_unavailable(&store.verifier.delete(&key()).await, &case);
    }
    let store = Scripted::start(|_| error(404, "NoSuchBucket")).await;
    is_failed(store.verifier.delete(&key()).await, "bucket");
    let store = Scripted::start(|_| error(403, "AccessDenied")).await;
    is_failed(store.verifier.delete(&key()).await, "s3:DeleteObject");
}

#[tokio::test]
async fn an_endless_error_is_not_read_to_its_end() {
    let long = "x".repeat(100_000);
    let body = format!("<Error><Code>NoSuchKey</Code><Message>{long}</Message></Error>");
    let store = Scripted::start(move |_| (404, Vec::new(), body.clone())).await;
    is_unavailable(&store.verifier.delete(&key()).await, "too long");
}

// ---------------------------------------------------------------- Inspection

#[tokio::test]
async fn what_is_there_takes_one_question() {
    let store = Scripted::start(|_| object("5")).await;
    let found = store.verifier.head(&key()).await.unwrap().unwrap();
    assert_eq!(found.size, 5);
    assert_eq!(store.asked(), ["HEAD"]);
}

#[tokio::test]
async fn what_is_missing_is_so_by_the_stores_word() {
    for code in ["NoSuchKey", "NoSuchVersion"] {
        let store = Scripted::start(move |_| error(404, code)).await;
        assert_eq!(store.verifier.head(&key()).await.unwrap(), None);
        assert_eq!(store.asked(), ["HEAD", "GET bytes=0-0"]);
    }
    for told in [
        page(404),
        nothing(404),
        error(404, "AccessDenied"),
        page(503),
    ] {
        let case = format!("{told:?}");
        let store = Scripted::start(move |_| told.clone()).await;
        is_unavailable(&store.verifier.head(&key()).await, &case);
    }
    // HEAD says the same of either.
    let store = Scripted::start(|_| error(404, "NoSuchBucket")).await;
    is_failed(store.verifier.head(&key()).await, "bucket");
    let store = Scripted::start(|method| match method {
        "HEAD" => nothing(404),
        _ => error(403, "AccessDenied"),
    })
    .await;
    is_failed(store.verifier.head(&key()).await, "s3:GetObject");
}

#[tokio::test]
async fn what_arrives_meanwhile_is_found() {
    // 416 is the answer for an object without a first byte.
    for (status, size) in [(206, "5"), (200, "5"), (416, "0")] {
        let heads = AtomicUsize::new(0);
        let store = Scripted::start(move |method| match method {
            "HEAD" if heads.fetch_add(1, Ordering::SeqCst) == 0 => nothing(404),
            "HEAD" => object(size),
            _ if status == 416 => error(416, "InvalidRange"),
            _ => (status, vec![("etag", "\"e\"")], "x".to_owned()),
        })
        .await;
        let found = store.verifier.head(&key()).await.unwrap().unwrap();
        assert_eq!(found.size.to_string(), size);
        assert_eq!(store.asked(), ["HEAD", "GET bytes=0-0", "HEAD"]);
    }
    // Somebody in between answers in the store's place.
    let store = Scripted::start(|method| match method {
        "HEAD" => nothing(404),
        _ => page(200),
    })
    .await;
    is_unavailable(&store.verifier.head(&key()).await, "they disagree");
    assert_eq!(store.asked().len(), 3);
}

/// Its size would differ from the announced one, and the upload would be rejected and removed.
#[tokio::test]
async fn a_page_is_not_taken_for_the_object() {
    let store = Scripted::start(|_| page(200)).await;
    is_unavailable(&store.verifier.head(&key()).await, "a page");

    // Web servers send an entity tag with their pages, too.
    let tagged = |media_type: &'static str| {
        let headers = vec![
            ("content-type", media_type),
            ("content-length", "0"),
            ("etag", "\"65f0\""),
        ];
        (200, headers, String::new())
    };
    for media_type in ["text/html; charset=utf-8", "Text/HTML", "application/json"] {
        let store = Scripted::start(move |_| tagged(media_type)).await;
        is_unavailable(&store.verifier.head(&key()).await, media_type);
        assert_eq!(store.asked(), ["HEAD", "GET bytes=0-0"]);

        // A store that has no page for a key that nobody has is believed.
        let store = Scripted::start(move |method| match method {
            "HEAD" => tagged(media_type),
            _ => error(404, "NoSuchKey"),
        })
        .await;
        let found = store.verifier.head(&key()).await.unwrap().unwrap();
        assert_eq!(found.content_type.as_deref(), Some(media_type));
    }
    // One that bears the store's marks is not doubted.
    let store = Scripted::start(move |_| {
        let (status, mut headers, body) = tagged("text/html");
        headers.push(("x-amz-request-id", "1"));
        (status, headers, body)
    })
    .await;
    assert!(store.verifier.head(&key()).await.unwrap().is_some());
    assert_eq!(store.asked(), ["HEAD"]);
}

/// A login page, a redirect, a method that a proxy doesn't allow: they pass, and nothing follows from them.
#[tokio::test]
async fn what_stands_before_the_store_does_not_speak_for_it() {
    for status in [301, 302, 400, 401, 403, 405] {
        let store = Scripted::start(move |_| page(status)).await;
        let case = status.to_string();
        is_unavailable(&store.verifier.head(&key()).await, &case);
        is_unavailable(&store.verifier.delete(&key()).await, &case);
    }
    let store = Scripted::start(|_| page(200)).await;
    is_unavailable(&store.verifier.delete(&key()).await, "a page");
}
