//! Uppy in a headless browser, on a page of its own, before the server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Response, header};
use axum::response::Html;
use axum::routing::get;
use fantoccini::ClientBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::process::{self, Http, PATIENCE, Process};
use super::{KEY, seeded, venv};

const SIZE: usize = 6 * 1024 * 1024;

/// Bytes a second that the browser may send: some seconds for the file, in which it tells progress.
const UPLOAD_SPEED: usize = 2 * 1024 * 1024;

const V5: Version = Version {
    directory: "v5",
    is: "5.",
    plugin: "getUploadParameters",
};
const V6: Version = Version {
    directory: "v6",
    is: "6.",
    plugin: "signRequest",
};

/// A release of Uppy.
struct Version {
    directory: &'static str,
    /// How its number begins.
    is: &'static str,
    /// What its plugin asks the application for.
    plugin: &'static str,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uppy_5_uploads_through_get_upload_parameters() {
    uploads(&V5, "post").await;
    uploads(&V5, "put").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uppy_6_uploads_through_sign_request() {
    uploads(&V6, "post").await;
    uploads(&V6, "put").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uppy_5_completes_what_had_arrived_before() {
    completes_what_had_arrived(&V5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uppy_6_completes_what_had_arrived_before() {
    completes_what_had_arrived(&V6).await;
}

async fn uploads(version: &Version, signer: &str) {
    let test = format!("the upload through Uppy ({}, {signer})", version.directory);
    let Some(outcome) = completes(version, signer, SIZE, "", &test).await else {
        return;
    };
    assert_eq!(outcome["error"], Value::Null, "{test}: {outcome}");

    let progress: Vec<[usize; 2]> = serde_json::from_value(outcome["events"].clone()).unwrap();
    let done: Vec<_> = progress.iter().map(|[done, _]| *done).collect();
    let underway: Vec<_> = done
        .iter()
        .filter(|done| (1..SIZE).contains(*done))
        .collect();
    assert!(underway.len() > 1, "{test}: no progress: {progress:?}");
    assert!(underway.is_sorted(), "{test}: {progress:?}");
    // Before that, Uppy 5 also counts what else is in the form.
    assert_eq!(done.last(), Some(&SIZE), "{test}: {progress:?}");
}

/// A URL that is good for one upload was used before: the store answers 412, and the object is there.
async fn completes_what_had_arrived(version: &Version) {
    let test = format!("the completion after a 412 (Uppy, {})", version.directory);
    let before = "window.useUrlsBefore();";
    if let Some(outcome) = completes(version, "put", 1000, before, &test).await {
        assert_ne!(outcome["error"], Value::Null, "{test}: Uppy saw no 412");
    }
}

/// Uploads a file on a page with Uppy, and has a look at the asset: it is completed. `None` where a
/// program is missing; then the test is skipped, and says so.
async fn completes(
    version: &Version,
    signer: &str,
    size: usize,
    before: &str,
    test: &str,
) -> Option<Value> {
    if !process::available(&["node", "npm", "chromium", "chromedriver"], test) {
        return None;
    }
    let bundle = bundle(version)?;
    let data = process::temp_dir();
    let arguments = ["--signer", signer, "--max-size", &SIZE.to_string()];
    let server = seeded(data.path(), &arguments).await;
    let page = Page::serve(&bundle, server.api.url.clone()).await;

    let script = format!("{before} window.upload('picture.png', 'image/png', {size})");
    let outcome = in_browser(&page.url, data.path(), &script).await;
    let said = outcome["version"].as_str().unwrap();
    assert!(said.starts_with(version.is), "{test}: it is Uppy {said}");
    assert_eq!(outcome["completed"], 204, "{test}: {outcome}");

    let id = outcome["asset_id"].as_str().unwrap();
    let asset = server.api.call(&format!("GET {id}"), "").await;
    let asset = asset.expect(200, test).json();
    assert_eq!(asset["asset_name"], "picture.png");
    let download = format!("GET {}", asset["asset_url"].as_str().unwrap());
    let object = server.api.http.send(&download, &[], "").await;
    assert_eq!(object.header("content-type"), "image/png");
    let sent = (0..size).map(|at| u8::try_from(at * 31 % 251).unwrap());
    assert!(object.body.iter().copied().eq(sent), "{test}: other bytes");
    Some(outcome)
}

/// The code of `docs/uppy.md` for a version, and what drives it.
fn script(version: &Version) -> String {
    let guide = include_str!("../../../docs/uppy.md");
    let blocks = guide.split("```js\n").skip(1);
    let blocks: Vec<_> = blocks
        .map(|block| block.split("```").next().unwrap())
        .collect();
    let of_version = |block: &&&str| block.contains(version.plugin);
    let plugin = blocks.iter().find(of_version).unwrap();
    format!("{}{plugin}{}", blocks[0], include_str!("uppy/page.js"))
}

/// The page's script with Uppy in it, made in the target directory.
fn bundle(version: &Version) -> Option<PathBuf> {
    let page = script(version);
    let version = version.directory;
    let here = venv::here().join("uppy").join(version);
    let locked = ["package.json", "package-lock.json"].map(|name| here.join(name));
    let wanted: String = locked
        .iter()
        .map(|source| fs::read_to_string(source).unwrap())
        .chain([page.clone()])
        .collect();
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("uppy-{version}"));
    let (script, done) = (made.join("bundle.js"), made.join("made-of.txt"));
    if fs::read_to_string(&done).is_ok_and(|made_of| made_of == wanted) {
        return Some(script);
    }
    if !venv::asked() {
        process::skip(&format!(
            "the test with Uppy ({version}) needs an installation; with ASSET_UPLOAD_FOREIGN_CLIENTS=1 it makes one"
        ));
        return None;
    }
    fs::create_dir_all(&made).unwrap();
    for source in &locked {
        fs::copy(source, made.join(source.file_name().unwrap())).unwrap();
    }
    fs::write(made.join("page.js"), page).unwrap();
    let npm = venv::succeeds(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&made),
    );
    let bundled = npm.and_then(|()| {
        let esbuild = Path::new("node_modules").join(".bin").join("esbuild");
        venv::succeeds(
            Command::new(made.join(esbuild))
                .args(["page.js", "--bundle", "--format=iife"])
                .arg("--outfile=bundle.js")
                .current_dir(&made),
        )
    });
    match bundled {
        Ok(()) => {
            fs::write(done, wanted).unwrap();
            Some(script)
        }
        Err(fault) => {
            process::skip(&format!("Uppy ({version}) can't be had: {fault}"));
            None
        }
    }
}

/// A page with Uppy, and behind it the API, on one origin.
struct Page {
    url: String,
    server: tokio::task::JoinHandle<()>,
}

impl Page {
    async fn serve(bundle: &Path, api: String) -> Self {
        let key = json!(KEY);
        let html = format!(
            "<!doctype html><title>Uppy</title><script>const key = {key}</script>\
             <script src=\"/bundle.js\"></script>"
        );
        let script = Arc::<str>::from(fs::read_to_string(bundle).unwrap());
        let http = Http::new();
        let app = Router::new()
            .route("/", get(move || async move { Html(html) }))
            .route(
                "/bundle.js",
                get(move || async move {
                    (
                        [(header::CONTENT_TYPE, "text/javascript")],
                        script.to_string(),
                    )
                }),
            )
            .fallback(move |request| forward(http.clone(), api.clone(), request));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, server }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn forward(http: Http, api: String, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let headers: Vec<_> = ["x-api-key", "content-type"]
        .into_iter()
        .filter_map(|name| Some((name, head.headers.get(name)?.to_str().ok()?)))
        .collect();
    let line = format!("{} {api}{}", head.method, head.uri);
    let answer = http.send(&line, &headers, body).await;
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    response
}

/// What came of the upload that a script starts on the page, with the progress that was seen.
async fn in_browser(url: &str, data: &Path, script: &str) -> Value {
    let mut driver = Process::start(Command::new("chromedriver").arg("--port=0"));
    let port = driver.wait_for_line(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse::<u16>().ok()
    });
    let profile = format!("--user-data-dir={}", data.join("profile").display());
    let options = json!({"goog:chromeOptions": {"binary": process::find("chromium"), "args": [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", profile,
    ]}});
    let browser = ClientBuilder::new(HttpConnector::new())
        .capabilities(options.as_object().unwrap().clone())
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .unwrap();
    let session = browser.session_id().await.unwrap().unwrap();
    let network =
        format!("POST http://127.0.0.1:{port}/session/{session}/chromium/network_conditions");
    let slow = json!({"network_conditions": {
        "offline": false,
        "latency": 0,
        "download_throughput": 100 * UPLOAD_SPEED,
        "upload_throughput": UPLOAD_SPEED,
    }});
    let slowed = Http::new().send(&network, &[], slow.to_string()).await;
    slowed.expect(200, "a slow network");
    browser.goto(url).await.unwrap();
    browser.execute(script, Vec::new()).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    let outcome = loop {
        let script = "return window.outcome && {...window.outcome, events: window.events}";
        let outcome = browser.execute(script, Vec::new()).await.unwrap();
        if !outcome.is_null() || Instant::now() > deadline {
            break outcome;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    // Dropping the driver alone would leave the browser running.
    browser.close().await.unwrap();
    assert!(outcome.is_object(), "no outcome within {PATIENCE:?}");
    outcome
}
