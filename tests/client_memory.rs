//! Files of any size take the same memory: what this process had at its most, as the kernel knows it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "support/process.rs"]
mod process;
#[path = "client/scripted.rs"]
mod scripted;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tower_asset_upload::BoxError;
use tower_asset_upload::client::{Expected, FileSource};

use scripted::{ID, client, id, paired};

const SIZE: usize = 64 * 1024 * 1024;
/// What is allowed on top: buffers of both ends, as the peer is in this process too.
const ROOM: usize = 24 * 1024 * 1024;

#[tokio::test]
async fn memory_does_not_grow_with_the_file() {
    if peak().is_none() {
        process::skip("memory_does_not_grow_with_the_file needs VmHWM in /proc/self/status");
        return;
    }
    let directory = process::temp_dir();
    let (path, copy) = (directory.path().join("file"), directory.path().join("copy"));
    write(&path);

    for puts in [false, true] {
        let peer = Peer::start(puts).await;
        let client = client(&peer.url).timeout(Duration::from_secs(20));
        let before = peak().unwrap();
        let file = FileSource::new(&path).await.unwrap();
        let checksum = file.checksum().await.unwrap();
        client.upload(&paired(), &file).await.unwrap();
        let received = peer.received.load(Ordering::Relaxed);
        let form = if puts { 0 } else { 1024 };
        assert!((SIZE..=SIZE + form).contains(&usize::try_from(received).unwrap()));
        let expected = Expected::new().size(SIZE as u64).checksum(checksum);
        client
            .download_expecting(id(), &copy, expected)
            .await
            .unwrap();
        let more = peak().unwrap() - before;
        assert!(more < ROOM, "{more} bytes more at the most");
    }

    // It is a measure: a file that is read whole shows.
    let before = peak().unwrap();
    let whole = fs::read(&copy).unwrap();
    assert!(whole.ends_with(&stretch()));
    assert!(peak().unwrap() - before > SIZE / 2);
}

/// The most memory that this process ever had, in bytes.
fn peak() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

const CHUNK: usize = 64 * 1024;

/// What the content consists of.
fn stretch() -> Bytes {
    static STRETCH: LazyLock<Bytes> = LazyLock::new(|| process::noise(CHUNK).into());
    STRETCH.clone()
}

fn write(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    for _ in 0..SIZE / CHUNK {
        file.write_all(&stretch()).unwrap();
    }
}

/// A server and an object store in one: counts what it gets, and keeps none of it.
struct Peer {
    url: String,
    received: Arc<AtomicU64>,
}

impl Peer {
    async fn start(puts: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(AtomicU64::new(0));
        let peer = Self {
            url: url.clone(),
            received: Arc::clone(&received),
        };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (url, received) = (url.clone(), Arc::clone(&received));
                let service =
                    service_fn(move |request| answer(request, url.clone(), received.clone(), puts));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        peer
    }
}

async fn answer(
    request: Request<Incoming>,
    url: String,
    received: Arc<AtomicU64>,
    puts: bool,
) -> Result<Response<Content>, BoxError> {
    let (head, mut body) = request.into_parts();
    let to_store = head.uri.path() == "/store";
    while let Some(frame) = body.frame().await {
        if let (true, Some(data)) = (to_store, frame?.data_ref()) {
            received.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
    }
    let (method, path) = (head.method.as_str(), head.uri.path());
    let said = match (method, path) {
        (_, "/fetch") => return Ok(Response::new(Content::Stretches(0))),
        (_, "/store") | ("PATCH", _) => String::new(),
        ("GET", _) => json!({"asset_id": ID, "asset_url": format!("{url}/fetch")}).to_string(),
        _ => json!({"asset_id": ID, "upload_data": {
            "method": if puts { "PUT" } else { "POST" },
            "url": format!("{url}/store"), "fields": {"key": "k"}, "headers": {}}})
        .to_string(),
    };
    Ok(Response::new(Content::Text(Some(said.into()))))
}

enum Content {
    Text(Option<Bytes>),
    Stretches(usize),
}

impl Body for Content {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let data = match &mut *self {
            Self::Text(text) => text.take(),
            Self::Stretches(turn) if *turn == SIZE / CHUNK => None,
            Self::Stretches(turn) => {
                *turn += 1;
                Some(stretch())
            }
        };
        Poll::Ready(data.map(|data| Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Text(text) => text.as_ref().map_or(0, Bytes::len) as u64,
            Self::Stretches(turn) => (SIZE - turn * CHUNK) as u64,
        })
    }
}
