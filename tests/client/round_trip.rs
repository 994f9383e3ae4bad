//! Through `asset-upload serve` and its object store: what was sent comes back.

use std::fs;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http_body::{Body, Frame};
use tower_asset_upload::BoxError;
use tower_asset_upload::asset::{ExternalLabel, UploadSize, WorkspaceSlug};
use tower_asset_upload::auth::{Credential, CredentialKind};
use tower_asset_upload::client::{
    Announced, AssetClient, ClientError, Expected, FileSource, NewUpload, Outcome, RetryPolicy,
    SourceBody, UploadSource,
};
use tower_asset_upload::ports::UploadData;

use crate::process::{PATIENCE, Server, noise, temp_dir};

pub(crate) fn client_of(server: &Server) -> AssetClient {
    let key = Credential::new(CredentialKind::ApiKey, &server.api.key);
    let slug = WorkspaceSlug::new(&server.api.slug).unwrap();
    AssetClient::new(&server.api.url, &slug, &key).unwrap()
}

#[tokio::test]
async fn what_was_posted_comes_back() {
    comes_back("post").await;
}

#[tokio::test]
async fn what_was_put_comes_back() {
    comes_back("put").await;
}

async fn comes_back(signer: &str) {
    let data = temp_dir();
    let server = Server::start(data.path(), &["--signer", signer], &[]).await;
    let client = client_of(&server);
    let files = temp_dir();
    for (turn, (name, size)) in [
        ("one.txt", 1),
        ("a chunk.png", 128 * 1024),
        ("not quite two.png", 256 * 1024 - 1),
        ("limit.bin", 5 * 1024 * 1024),
        ("фото \"é\".png", 1000),
    ]
    .into_iter()
    .enumerate()
    {
        let path = files.path().join(turn.to_string());
        fs::write(&path, noise(size)).unwrap();
        let file = FileSource::new(&path).await.unwrap();
        let label = |text: &str| ExternalLabel::new(text).unwrap();
        let upload = NewUpload::new(name).external(label("test"), label(name));
        // PUT signs no checksum that the embedded store would look at; POST does.
        let checksum = file.checksum().await.unwrap();
        let uploaded = client.upload(&upload, &file).await.unwrap();
        assert_eq!(uploaded.outcome, Outcome::New, "{name}");

        let again = client.upload(&upload, &file).await.unwrap();
        assert_eq!(again.outcome, Outcome::AlreadyThere, "{name}");
        assert_eq!(again.asset_id, uploaded.asset_id);

        let located = client.locate(uploaded.asset_id).await.unwrap();
        assert_eq!(located.name, name);
        let copy = files.path().join("copy");
        let expected = Expected::new().size(size as u64).checksum(checksum);
        client
            .download_expecting(uploaded.asset_id, &copy, expected)
            .await
            .unwrap();
        assert!(fs::read(&copy).unwrap() == noise(size), "{name}");

        assert!(client.delete(uploaded.asset_id).await.unwrap());
        assert!(!client.delete(uploaded.asset_id).await.unwrap());
        let gone = client.locate(uploaded.asset_id).await.unwrap_err();
        assert_eq!(gone.code(), Some("asset_not_found"));
    }
}

/// The store refuses what is there already without reading it, and hangs up.
#[tokio::test]
async fn a_file_that_was_sent_before_counts_as_sent() {
    let data = temp_dir();
    let size = 20_000_000;
    let limit = ["--signer", "put", "--max-size", "20000000"];
    let server = Server::start(data.path(), &limit, &[]).await;
    let once = RetryPolicy::new().attempts(NonZeroU32::MIN);
    let client = client_of(&server).retry(once);
    let upload = NewUpload::new("long.png");
    let bytes = UploadSize::new(size as u64).unwrap();
    let Ok(Announced::New(ticket)) = client.announce(&upload, bytes).await else {
        panic!("not announced");
    };
    let file = Bytes::from(noise(size));
    for _ in 0..3 {
        client.send(&ticket, &file).await.unwrap();
    }
    client.complete(ticket.asset_id).await.unwrap();
}

#[tokio::test]
async fn what_the_server_says_is_what_the_error_says() {
    let data = temp_dir();
    let server = Server::start(data.path(), &[], &[]).await;
    let client = client_of(&server);
    let file = Bytes::from_static(b"x");
    let error = client.upload(&NewUpload::new("a.html"), &file).await;
    let error = error.unwrap_err();
    let ClientError::Refused(refusal) = &error else {
        panic!("{error}");
    };
    assert_eq!(error.code(), Some("invalid_type"));
    assert_eq!(refusal.field.as_deref(), Some("type"));
    assert_eq!(refusal.message, "Invalid file type.");
    let file = Bytes::from(vec![0; 5 * 1024 * 1024 + 1]);
    let error = client.upload(&NewUpload::new("a.png"), &file).await;
    assert_eq!(error.unwrap_err().code(), Some("size_too_large"));

    let slug = WorkspaceSlug::new("elsewhere").unwrap();
    let key = Credential::new(CredentialKind::ApiKey, &server.api.key);
    let elsewhere = AssetClient::new(&server.api.url, &slug, &key).unwrap();
    let error = elsewhere
        .upload(&NewUpload::new("a.png"), &file.slice(..1))
        .await;
    assert_eq!(error.unwrap_err().code(), Some("resource_not_found"));
}

/// The store says no long before it has read all; that has to be heard, not the end of the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_in_the_middle_of_a_file_is_heard() {
    for signer in ["post", "put"] {
        let data = temp_dir();
        let flags = ["--signer", signer, "--max-size", "50000000"];
        let server = Server::start(data.path(), &flags, &[]).await;
        let once = RetryPolicy::new().attempts(NonZeroU32::MIN);
        let client = client_of(&server).retry(once);
        let file = Counted::new(noise(20_000_000).into());
        let size = UploadSize::new(file.size()).unwrap();
        for _ in 0..5 {
            let announced = client.announce(&NewUpload::new("a.png"), size).await;
            let Announced::New(mut ticket) = announced.unwrap() else {
                panic!("there is no pair");
            };
            let upload = &ticket.upload;
            ticket.upload = if signer == "post" {
                let forged = |(name, value)| match name {
                    "x-amz-signature" => (name, "0".repeat(64)),
                    _ => (name, String::from(value)),
                };
                UploadData::post(
                    upload.url().into(),
                    upload.fields().iter().map(forged).collect(),
                )
            } else {
                let (url, _) = upload.url().split_once("&X-Amz-Signature=").unwrap();
                let forged = format!("{url}&X-Amz-Signature={}", "0".repeat(64));
                UploadData::put(forged.into(), upload.headers().clone())
            };
            let error = client.send(&ticket, &file).await.unwrap_err();
            assert_eq!(
                error.status().map(|status| status.as_u16()),
                Some(403),
                "{error}"
            );
        }
        // Nor does a connection stay behind, with the file.
        let deadline = Instant::now() + PATIENCE;
        while file.opened.load(Ordering::Relaxed) > 0 {
            assert!(Instant::now() < deadline, "a body is still there");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Knows how many of its bodies there are.
struct Counted {
    content: Bytes,
    opened: Arc<AtomicUsize>,
}

struct CountedBody(SourceBody, Arc<AtomicUsize>);

impl Counted {
    fn new(content: Bytes) -> Self {
        let opened = Arc::default();
        Self { content, opened }
    }
}

#[async_trait]
impl UploadSource for Counted {
    fn size(&self) -> u64 {
        self.content.len() as u64
    }

    async fn open(&self) -> Result<Option<SourceBody>, BoxError> {
        let body = self.content.open().await?.unwrap();
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Box::pin(CountedBody(body, Arc::clone(&self.opened)))))
    }
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.as_mut().poll_frame(context)
    }
}

impl Drop for CountedBody {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is announced with a checksum is refused by the object store when it is something else, and
/// is not completed.
#[tokio::test]
async fn another_content_than_was_announced_is_refused() {
    let data = temp_dir();
    let server = Server::start(data.path(), &[], &[]).await;
    let client = client_of(&server);
    let files = temp_dir();
    let path = files.path().join("a");
    fs::write(&path, noise(1000)).unwrap();
    let file = FileSource::new(&path).await.unwrap();
    let checksum = file.checksum().await.unwrap();
    let right = NewUpload::new("a.png").checksum(checksum);
    client.upload(&right, &file).await.unwrap();

    let other = Bytes::from(vec![7; 1000]);
    let error = client.upload(&right, &other).await.unwrap_err();
    assert!(error.status().is_some(), "{error}");

    // A file that has changed since it was looked at is not sent at all.
    fs::write(&path, noise(1001)).unwrap();
    let error = client.upload(&NewUpload::new("a.png"), &file).await;
    assert!(matches!(error, Err(ClientError::Source(_))), "{error:?}");
}
