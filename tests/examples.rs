//! The smaller examples: each runs, answers as it says, and stays short.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "support/process.rs"]
mod process;

use std::fs;
use std::path::Path;
use std::process::Command;

use process::{Answer, Http, Process};
use serde_json::Value;

const PHOTO: &str = r#"{"name":"photo.png","size":1024}"#;

/// An example that serves, on a free port.
struct Host {
    _process: Process,
    http: Http,
    url: String,
}

impl Host {
    fn start(name: &'static str) -> Self {
        let mut process = Process::of_example(name, ["127.0.0.1:0"]);
        let url = process.wait_for_url();
        let http = Http::new();
        Self {
            _process: process,
            http,
            url,
        }
    }

    /// Sends `METHOD path`.
    async fn send(&self, line: &str, headers: &[(&str, &str)], body: &'static str) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let line = format!("{method} {}{path}", self.url);
        self.http.send(&line, headers, body).await
    }
}

fn is_signed(answer: &Answer, url: &str) {
    let data = &answer.json()["upload_data"];
    assert_eq!(data["url"], url);
    assert_eq!(data["fields"]["Content-Type"], "image/png");
    let signature = data["fields"]["x-amz-signature"].as_str().unwrap();
    assert_eq!(signature.len(), 64);
}

#[tokio::test]
async fn axum_host() {
    let host = Host::start("axum_host");
    let page = host.send("GET /", &[], "").await.expect(200, "its page");
    assert_eq!(page.text(), "the host's own page");
    let collection = "POST /uploads/workspaces/acme/assets";
    let alice = ("x-session", "alice");
    for path in [collection, &format!("{collection}/")] {
        let answer = host.send(path, &[alice], PHOTO).await.expect(200, path);
        is_signed(
            &answer,
            "https://acme-uploads.s3.eu-central-1.amazonaws.com/",
        );
    }
    for headers in [&[][..], &[("x-session", "bob")]] {
        let answer = host.send(collection, headers, PHOTO).await;
        answer.expect(401, "a stranger");
    }
    let other = collection.replace("acme", "other");
    let answer = host.send(&other, &[alice], PHOTO).await;
    answer.expect(404, "another workspace");
    let answer = host.send("GET /uploads/nowhere", &[alice], "").await;
    answer.expect(404, "no route");
}

#[tokio::test]
async fn hyper_host() {
    let host = Host::start("hyper_host");
    let collection = "POST /api/v1/workspaces/acme/assets/";
    let key = ("x-api-key", "demo-key-of-acme");
    let answer = host.send(collection, &[key], PHOTO).await;
    let answer = answer.expect(200, "with its key");
    is_signed(&answer, "https://s3.example.com/uploads");
    let id = answer.json()["asset_id"].as_str().unwrap().to_owned();
    let item = format!("/api/v1/workspaces/acme/assets/{id}/");
    for (method, status) in [
        ("GET", 400),
        ("PATCH", 204),
        ("GET", 200),
        ("DELETE", 204),
        ("GET", 404),
    ] {
        let answer = host.send(&format!("{method} {item}"), &[key], "").await;
        answer.expect(status, method);
    }
    let stranger = ("x-api-key", "guess");
    let answer = host.send(collection, &[stranger], PHOTO).await;
    answer.expect(401, "another key");
    host.send("GET /", &[], "").await.expect(404, "no route");
}

#[tokio::test]
async fn layer() {
    let host = Host::start("layer");
    for line in [
        "GET /hello",
        "POST /api/v1/workspaces",
        "GET /api/v2/workspaces/acme/assets/",
    ] {
        let answer = host.send(line, &[], "").await.expect(200, line);
        let path = line.split_once(' ').unwrap().1;
        assert_eq!(answer.text(), format!("you asked for {path}\n"));
    }
    let collection = "/api/v1/workspaces/acme/assets/";
    let answer = host.send(&format!("POST {collection}"), &[], PHOTO).await;
    answer.expect(401, "without a key");
    let answer = host.send(&format!("OPTIONS {collection}"), &[], "").await;
    let answer = answer.expect(204, "OPTIONS");
    assert_eq!(answer.header("allow"), "POST, OPTIONS");
}

#[test]
fn custom_store() {
    makes_and_finds("custom_store");
}

#[test]
fn redb_store() {
    makes_and_finds("redb_store");
}

/// An example of a store answers twice: what it made, and that it is made already.
fn makes_and_finds(name: &'static str) {
    let ended = Process::of_example(name, [""; 0]).wait();
    assert!(ended.status.success(), "{}", ended.stderr);
    let lines: Vec<_> = ended.stdout.lines().collect();
    let [first, made, second, found] = lines[..] else {
        panic!("{}", ended.stdout);
    };
    assert_eq!((first, second), ("200 OK", "409 Conflict"));
    let id = |body: &str| serde_json::from_str::<Value>(body).unwrap()["asset_id"].clone();
    assert!(id(made).is_string());
    assert_eq!(id(made), id(found));
    assert!(
        found.contains("upload_data"),
        "it was never uploaded: {found}"
    );
}

/// The lines at the head of an example are what one types: all but the cargo line, against the
/// example itself.
#[tokio::test]
async fn the_documented_lines_work() {
    if !process::available(&["curl"], "the_documented_lines_work") {
        return;
    }
    for (name, fragments) in [
        ("axum_host", &["\"x-amz-signature\""][..]),
        ("hyper_host", &["\"x-amz-signature\""]),
        (
            "layer",
            &["you asked for /hello\n", "\"code\":\"not_authenticated\""],
        ),
    ] {
        let host = Host::start(name);
        let source = fs::read_to_string(source(name)).unwrap();
        let block = source.split("```").nth(1).unwrap();
        let typed: String = block
            .lines()
            .filter_map(|line| line.strip_prefix("//! "))
            .filter(|line| !line.starts_with("cargo "))
            .flat_map(|line| [line, "\n"])
            .collect();
        let typed = typed.replace("http://127.0.0.1:3000", &host.url);
        let ended = Process::start(Command::new("bash").args(["-ec", &typed])).wait();
        assert!(ended.status.success(), "{typed}\n{}", ended.stderr);
        for fragment in fragments {
            assert!(ended.stdout.contains(fragment), "{name}: {}", ended.stdout);
        }
    }
}

#[test]
fn each_is_short() {
    for name in [
        "axum_host",
        "hyper_host",
        "layer",
        "custom_store",
        "redb_store",
    ] {
        let lines = fs::read_to_string(source(name)).unwrap().lines().count();
        assert!(lines < 100, "{name} has {lines} lines");
    }
}

fn source(name: &str) -> impl AsRef<Path> {
    format!("{}/examples/{name}.rs", env!("CARGO_MANIFEST_DIR"))
}
