//! Downloads bear their name once they are whole, and leave nothing when they aren't.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower_asset_upload::asset::Checksum;
use tower_asset_upload::client::{ClientError, Expected, Progress};

use crate::process::{PATIENCE, temp_dir};
use crate::scripted::{CONTENT, Call, FORM_SECRET, Fault, Scripted, id};

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn checksum(content: &[u8]) -> Checksum {
    Checksum::new(Sha256::digest(content).into())
}

fn exactly() -> Expected {
    Expected::new()
        .size(CONTENT.len() as u64)
        .checksum(checksum(CONTENT))
}

#[tokio::test]
async fn what_arrives_whole_is_there() {
    let (peer, directory) = (Scripted::posts().await, temp_dir());
    let path = directory.path().join("a.txt");
    fs::write(&path, "what was there before").unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&told);
    let client = peer
        .client()
        .on_progress(move |progress| note.lock().unwrap().push(progress));
    let downloaded = client.download_expecting(id(), &path, exactly()).await;
    let downloaded = downloaded.unwrap();
    assert_eq!(downloaded.size, CONTENT.len() as u64);
    assert_eq!(downloaded.checksum, checksum(CONTENT));
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
    assert_eq!(names(directory.path()), ["a.txt"]);
    let told = told.lock().unwrap();
    let Progress {
        bytes,
        total,
        attempt,
        ..
    } = told.last().unwrap();
    assert_eq!((*bytes, *total, *attempt), (17, Some(17), 1));
    assert_eq!(told[0].bytes, 0);
}

#[tokio::test]
async fn what_fails_is_tried_again_with_another_url() {
    for fault in [
        Fault::Half,
        Fault::Hangup,
        Fault::Silence,
        Fault::status(503),
        Fault::status(500),
    ] {
        let (peer, directory) = (Scripted::posts().await, temp_dir());
        let path = directory.path().join("a.txt");
        peer.fail(Call::Fetch, fault.clone());
        peer.client().download(id(), &path).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), CONTENT, "{fault:?}");
        assert_eq!(names(directory.path()), ["a.txt"], "{fault:?}");
        assert_eq!(peer.seen(Call::Locate).len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn what_never_arrives_leaves_nothing() {
    for fault in [Fault::Half, Fault::status(404), Fault::status(307)] {
        let (peer, directory) = (Scripted::posts().await, temp_dir());
        let path = directory.path().join("a.txt");
        fs::write(&path, "before").unwrap();
        for _ in 0..9 {
            peer.fail(Call::Fetch, fault.clone());
        }
        let error = peer.client().download(id(), &path).await.unwrap_err();
        assert!(!error.to_string().contains(FORM_SECRET), "{error}");
        assert!(!format!("{error:?}").contains(FORM_SECRET));
        assert_eq!(fs::read(&path).unwrap(), b"before", "{fault:?}");
        assert_eq!(names(directory.path()), ["a.txt"], "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_not_expected_leaves_nothing() {
    let (peer, directory) = (Scripted::posts().await, temp_dir());
    let path = directory.path().join("a.txt");
    for expected in [
        Expected::new().size(16),
        Expected::new().size(18),
        Expected::new().checksum(checksum(b"another")),
    ] {
        peer.forget();
        let error = peer
            .client()
            .download_expecting(id(), &path, expected)
            .await;
        assert!(matches!(error, Err(ClientError::Different(_))), "{error:?}");
        assert_eq!(
            peer.seen(Call::Fetch).len(),
            1,
            "it would be the same again"
        );
        assert!(names(directory.path()).is_empty());
    }
}

#[tokio::test]
async fn what_is_given_up_leaves_nothing() {
    let (peer, directory) = (Scripted::posts().await, temp_dir());
    peer.fail(Call::Fetch, Fault::Half);
    let client = peer.client();
    let path = directory.path().join("a.txt");
    // Dropped wherever it may be.
    for micros in (0..6000).step_by(60) {
        let download = client.download(id(), &path);
        // Some are done in time.
        let _ = tokio::time::timeout(Duration::from_micros(micros), download).await;
    }
    // Calls of the file system that were under way come to their end.
    let deadline = Instant::now() + PATIENCE;
    while names(directory.path()).iter().any(|name| name != "a.txt") {
        let names = names(directory.path());
        assert!(Instant::now() < deadline, "{names:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn where_nothing_can_be_written_the_path_is_named() {
    let (peer, directory) = (Scripted::posts().await, temp_dir());
    let path = directory.path().join("missing").join("a.txt");
    let error = peer.client().download(id(), &path).await.unwrap_err();
    assert!(matches!(error, ClientError::File { .. }), "{error}");
    assert!(error.to_string().contains("missing"), "{error}");
    // A directory is not replaced by a file.
    let taken = directory.path().join("taken");
    fs::create_dir(&taken).unwrap();
    let error = peer.client().download(id(), &taken).await.unwrap_err();
    assert!(matches!(error, ClientError::File { .. }), "{error}");
    assert_eq!(names(directory.path()), ["taken"]);
}

/// An object store that gives each request these bytes and closes the connection.
async fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    url
}

/// What comes of a download of these bytes, and how often it was tried.
async fn download_of(
    answer: &'static str,
    expected: Expected,
) -> (Result<Vec<u8>, ClientError>, usize) {
    let (peer, directory) = (Scripted::posts().await, temp_dir());
    let path = directory.path().join("a.txt");
    let url = answering(answer).await;
    for _ in 0..9 {
        peer.fail(Call::Locate, Fault::Elsewhere(url.clone()));
    }
    let client = peer.client();
    let downloaded = client.download_expecting(id(), &path, expected).await;
    let names = names(directory.path());
    let tries = peer.seen(Call::Locate).len();
    let content = downloaded.map(|_| fs::read(&path).unwrap());
    assert_eq!(names.len(), usize::from(content.is_ok()), "{names:?}");
    (content, tries)
}

#[tokio::test]
async fn an_answer_that_does_not_show_its_end_needs_something_to_compare_it_with() {
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\nwhat was up",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhat was uploaded",
        "HTTP/1.0 200 OK\r\n\r\nwhat was uploaded",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nwhat was uploaded",
        // The length doesn't count beside another framing.
        "HTTP/1.1 200 OK\r\nContent-Length: 17\r\nTransfer-Encoding: gzip\r\n\r\nwhat was up",
    ] {
        let (content, tries) = download_of(answer, Expected::new()).await;
        let unbounded = matches!(content, Err(ClientError::Unbounded));
        assert!(unbounded, "{answer:?}: {content:?}");
        assert_eq!(tries, 1, "it would be the same again");
    }
    let whole = "HTTP/1.0 200 OK\r\n\r\nwhat was uploaded";
    for expected in [
        exactly(),
        Expected::new().size(17),
        Expected::new().checksum(checksum(CONTENT)),
    ] {
        let (content, _) = download_of(whole, expected).await;
        assert_eq!(content.unwrap(), CONTENT, "{expected:?}");
    }
}

#[tokio::test]
async fn a_part_is_no_file_whatever_frames_it() {
    for answer in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nwhat was up\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\nwhat was up",
        // All but the last chunk, which shows the end.
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\nwhat was uploaded\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\nwhat was up",
        "HTTP/1.0 200 OK\r\nContent-Length: 17\r\n\r\nwhat was up",
        // Not HTTP/1.0, where a chunk would be taken for the file.
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\nwhat was uploaded\r\n0\r\n\r\n",
    ] {
        let (content, tries) = download_of(answer, Expected::new()).await;
        let lost = matches!(content, Err(ClientError::Lost { .. }));
        assert!(lost, "{answer:?}: {content:?}");
        assert_eq!(tries, 3, "{answer:?}");
    }
    let cut = "HTTP/1.0 200 OK\r\n\r\nwhat was up";
    let (content, tries) = download_of(cut, Expected::new().size(17)).await;
    let error = content.unwrap_err();
    assert!(
        error.to_string().contains("after 11 of 17 bytes"),
        "{error}"
    );
    assert_eq!(tries, 3, "it may be whole the next time");
    let (content, _) = download_of(cut, Expected::new().checksum(checksum(CONTENT))).await;
    assert!(matches!(content, Err(ClientError::Different(_))));

    let range = "HTTP/1.1 206 Partial Content\r\nContent-Length: 11\r\n\r\nwhat was up";
    let (content, _) = download_of(range, Expected::new()).await;
    let error = content.unwrap_err();
    assert!(matches!(error, ClientError::Answer(_)), "{error}");
    assert!(error.to_string().contains("206"), "{error}");
}

#[tokio::test]
async fn chunks_with_their_end_are_a_file() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: Chunked\r\n\r\n\
         b\r\nwhat was up\r\n6\r\nloaded\r\n0\r\n\r\n";
    let (content, _) = download_of(answer, Expected::new()).await;
    assert_eq!(content.unwrap(), CONTENT);
}
