//! A file of 1 GiB goes through the embedded object store in 256 MiB of memory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../../tests/support/process.rs"]
mod process;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use process::{Process, Server, noise, skip, temp_dir};
use tower_asset_upload::BoxError;
use tower_asset_upload::asset::WorkspaceSlug;
use tower_asset_upload::auth::{Credential, CredentialKind};
use tower_asset_upload::client::{AssetClient, NewUpload, SourceBody, UploadSource};

const SIZE: u64 = 1024 * 1024 * 1024;
const LIMIT_KILOBYTES: u64 = 256 * 1024;
const STRETCH: usize = 1024 * 1024;

/// One stretch, over and over.
struct Stretches(Bytes);

#[async_trait]
impl UploadSource for Stretches {
    fn size(&self) -> u64 {
        SIZE
    }

    async fn open(&self) -> Result<Option<SourceBody>, BoxError> {
        let count = usize::try_from(SIZE).unwrap() / STRETCH;
        let stretches = std::iter::repeat_n(self.0.clone(), count);
        let frames = stretches.map(|data| Ok(Frame::data(data)));
        Ok(Some(Box::pin(StreamBody::new(futures_util::stream::iter(
            frames,
        )))))
    }
}

#[tokio::test]
async fn a_posted_file_of_any_size_takes_the_same_memory() {
    passes("post", "a_posted_file_of_any_size_takes_the_same_memory").await;
}

#[tokio::test]
async fn a_put_file_of_any_size_takes_the_same_memory() {
    passes("put", "a_put_file_of_any_size_takes_the_same_memory").await;
}

async fn passes(signer: &str, test: &str) {
    if !Path::new("/proc/self/status").exists() {
        skip(&format!("{test} needs VmHWM in /proc/self/status"));
        return;
    }
    let directory = temp_dir();
    let stretch = Bytes::from(noise(STRETCH));
    // What is beyond the limit can't be allocated; files that are mapped don't count.
    let limited = format!("ulimit -d {LIMIT_KILOBYTES} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command
        .args(["-c", &limited])
        .arg(process::program())
        .arg("serve")
        .args(["--listen", "127.0.0.1:0", "--database", "memory"])
        .args(["--signer", signer, "--max-size", &SIZE.to_string()])
        .arg("--data-dir")
        .arg(directory.path());
    let server = Server::ready(Process::start(&mut command)).await;

    let slug = WorkspaceSlug::new(&server.api.slug).unwrap();
    let key = Credential::new(CredentialKind::ApiKey, &server.api.key);
    let client = AssetClient::new(&server.api.url, &slug, &key).unwrap();
    let client = client.timeout(Duration::from_mins(10));
    let source = Stretches(stretch.clone());
    // The server asks for the object before it says yes.
    client
        .upload(&NewUpload::new("large.bin"), &source)
        .await
        .unwrap();

    let stored = largest(directory.path());
    let mut file = File::open(&stored).unwrap();
    assert_eq!(file.metadata().unwrap().len(), SIZE);
    let mut read = vec![0; STRETCH];
    for at in 0..SIZE / STRETCH as u64 {
        file.read_exact(&mut read).unwrap();
        assert!(read == stretch, "other bytes in stretch {at}");
    }
    let kilobytes = peak(server.process.id());
    assert!(kilobytes < LIMIT_KILOBYTES, "{kilobytes} kB at the most");
}

/// The most memory that a process ever had.
fn peak(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes.unwrap().parse().unwrap()
}

/// The largest file in a directory and those in it.
fn largest(directory: &Path) -> PathBuf {
    let mut directories = vec![directory.to_owned()];
    let mut files = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                directories.push(entry.path());
            } else {
                files.push((entry.metadata().unwrap().len(), entry.path()));
            }
        }
    }
    files.into_iter().max().unwrap().1
}
