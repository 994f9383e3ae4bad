//! What is tried again: what does no harm twice, as often as the policy says, and not too soon.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tower_asset_upload::asset::{Clock, SystemClock, UploadSize};
use tower_asset_upload::client::{
    Announced, ClientError, NewUpload, OnceSource, Outcome, Progress, UploadSource,
};

use crate::process::multipart;
use crate::scripted::{
    CONTENT, Call, FORM_SECRET, Fault, KEY, Scripted, alone, client, id, paired,
};

const ATTEMPTS: usize = 3;

fn content() -> Bytes {
    Bytes::from_static(CONTENT)
}

/// How a call went, once.
async fn call(peer: &Scripted, call: Call, upload: &NewUpload) -> Result<(), ClientError> {
    let client = peer.client();
    match call {
        Call::Announce => {
            let size = UploadSize::new(1).unwrap();
            client.announce(upload, size).await.map(drop)
        }
        Call::Complete => client.complete(id()).await,
        Call::Locate => client.locate(id()).await.map(drop),
        Call::Delete => client.delete(id()).await.map(drop),
        Call::Post | Call::Put => {
            let announced = client
                .announce(&paired(), UploadSize::new(17).unwrap())
                .await?;
            let Announced::New(ticket) = announced else {
                panic!("{announced:?}");
            };
            client.send(&ticket, &content()).await
        }
        Call::Fetch => unreachable!("see the downloads"),
    }
}

/// How often a call is made whose first attempt fails like this, and whether it succeeds.
async fn attempts(peer: &Scripted, kind: Call, upload: &NewUpload, fault: Fault) -> (usize, bool) {
    peer.forget();
    peer.fail(kind, fault);
    let outcome = call(peer, kind, upload).await;
    (peer.seen(kind).len(), outcome.is_ok())
}

fn xml(status: u16, code: &str) -> Fault {
    let body = format!("<Error><Code>{code}</Code><Message>No.</Message></Error>");
    Fault::Answer(status, Vec::new(), body)
}

#[tokio::test]
async fn what_does_no_harm_twice_is_tried_again() {
    let (posts, puts) = (Scripted::posts().await, Scripted::puts().await);
    for (peer, kind, store) in [
        (&posts, Call::Announce, false),
        (&posts, Call::Complete, false),
        (&posts, Call::Locate, false),
        (&posts, Call::Delete, false),
        (&posts, Call::Post, true),
        (&puts, Call::Put, true),
    ] {
        let again = (2, true);
        let once = (1, false);
        for (fault, expected) in [
            (Fault::status(408), again),
            (Fault::status(429), again),
            (Fault::status(502), again),
            (Fault::status(503), again),
            (Fault::status(504), again),
            (Fault::Hangup, again),
            (Fault::Silence, again),
            (Fault::status(500), if store { again } else { once }),
            (xml(400, "RequestTimeout"), if store { again } else { once }),
            (xml(400, "EntityTooLarge"), once),
            (Fault::status(401), once),
            (Fault::status(403), once),
            (Fault::status(404), once),
            (Fault::status(413), once),
            (Fault::status(501), once),
            (Fault::status(307), once),
        ] {
            let went = attempts(peer, kind, &paired(), fault.clone()).await;
            assert_eq!(went, expected, "{kind:?} after {fault:?}");
        }
    }
}

#[tokio::test]
async fn an_announcement_without_a_pair_is_made_once() {
    let peer = Scripted::posts().await;
    for fault in [
        Fault::status(408),
        Fault::status(500),
        Fault::status(502),
        Fault::status(503),
        Fault::status(504),
        Fault::Hangup,
        Fault::Silence,
    ] {
        let went = attempts(&peer, Call::Announce, &alone(), fault.clone()).await;
        assert_eq!(went, (1, false), "after {fault:?}");
    }
    // That one was certainly not looked at.
    let went = attempts(&peer, Call::Announce, &alone(), Fault::status(429)).await;
    assert_eq!(went, (2, true));
}

#[tokio::test]
async fn an_end_comes_to_all_attempts() {
    let peer = Scripted::posts().await;
    for kind in [Call::Announce, Call::Complete, Call::Post] {
        peer.forget();
        for _ in 0..9 {
            peer.fail(kind, Fault::status(503));
        }
        let error = call(&peer, kind, &paired()).await.unwrap_err();
        assert_eq!(peer.seen(kind).len(), ATTEMPTS, "{kind:?}");
        assert!(error.is_transient(), "{error}");
    }
    // Nobody listens there.
    let nobody = client("http://127.0.0.1:9");
    let error = nobody.locate(id()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn who_asks_for_time_gets_it() {
    let peer = Scripted::posts().await;
    let date = SystemClock.now() + Duration::from_secs(3);
    let date = date.format(&Rfc2822).unwrap().replace("+0000", "GMT");
    for value in ["1".to_owned(), date] {
        peer.forget();
        peer.fail(Call::Complete, Fault::retry_after(503, value.clone()));
        peer.client().complete(id()).await.unwrap();
        let seen = peer.seen(Call::Complete);
        let waited = seen[1].at - seen[0].at;
        assert!(waited >= Duration::from_secs(1), "{value}: {waited:?}");
    }
}

#[tokio::test]
async fn who_asks_for_too_much_time_is_not_waited_for() {
    let peer = Scripted::posts().await;
    peer.fail(Call::Complete, Fault::retry_after(429, "3600"));
    let begun = Instant::now();
    let error = peer.client().complete(id()).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(peer.seen(Call::Complete).len(), 1);
    assert_eq!(error.retry_after(), Some(Duration::from_hours(1)));
}

#[tokio::test]
async fn each_attempt_sends_the_same_whole_form() {
    let peer = Scripted::posts().await;
    peer.fail(Call::Post, Fault::Hangup);
    peer.fail(Call::Post, Fault::status(500));
    let uploaded = peer.client().upload(&paired(), &content()).await.unwrap();
    assert_eq!(uploaded.outcome, Outcome::New);
    let seen = peer.seen(Call::Post);
    assert_eq!(seen.len(), 3);
    for seen in &seen {
        let length: usize = seen.headers["content-length"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(length, seen.body.len());
        assert!(!seen.headers.contains_key("transfer-encoding"));
        // The boundary is each form's own; what is in between is as another implementation has it.
        let content_type = seen.headers["content-type"].to_str().unwrap();
        let boundary = content_type.split_once("boundary=").unwrap().1;
        let fields = [
            ("Content-Type", "text/plain"),
            ("key", "k"),
            ("x-amz-signature", FORM_SECRET),
        ];
        let fields: Vec<_> = fields.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
        let (other, expected) = multipart(&fields, "file", CONTENT);
        let other = other.split_once("boundary=").unwrap().1;
        let expected = String::from_utf8(expected.into())
            .unwrap()
            .replace(other, boundary);
        let expected = expected.replace("application/octet-stream", "text/plain");
        assert_eq!(seen.body, expected);
    }
    assert_eq!(peer.seen(Call::Announce).len(), 1);
    assert_eq!(peer.seen(Call::Complete).len(), 1);
}

#[tokio::test]
async fn what_is_put_has_the_signed_headers() {
    let peer = Scripted::puts().await;
    peer.fail(Call::Put, Fault::status(503));
    peer.client().upload(&alone(), &content()).await.unwrap();
    for seen in peer.seen(Call::Put) {
        assert_eq!(seen.body, CONTENT);
        assert_eq!(seen.headers["content-type"], "text/plain");
        assert_eq!(seen.headers.get_all("content-length").iter().count(), 1);
        assert_eq!(seen.headers["content-length"], CONTENT.len().to_string());
    }
    // The server has recorded another size under that pair.
    let error = peer
        .client()
        .upload(&paired(), &Bytes::from_static(b"x"))
        .await;
    assert!(matches!(error, Err(ClientError::Different(_))), "{error:?}");
}

#[tokio::test]
async fn a_url_that_was_used_counts_as_sent() {
    let used = || xml(412, "PreconditionFailed");
    // The store has taken the file, and its answer was lost.
    let peer = Scripted::single_use_puts().await;
    peer.fail(Call::Put, Fault::Hangup);
    peer.fail(Call::Put, used());
    peer.client().upload(&alone(), &content()).await.unwrap();
    assert_eq!(peer.seen(Call::Put).len(), 2);
    for seen in peer.seen(Call::Put) {
        assert_eq!(seen.headers["if-none-match"], "*");
    }
    // The server decides what the file that is there is worth.
    assert_eq!(peer.seen(Call::Complete).len(), 1);

    let peer = Scripted::single_use_puts().await;
    peer.fail(Call::Put, used());
    let mismatch = json!({"error": "Another size.", "code": "object_mismatch"});
    let mismatch = Fault::Answer(409, Vec::new(), mismatch.to_string());
    peer.fail(Call::Complete, mismatch);
    let error = peer.client().upload(&alone(), &content()).await;
    assert_eq!(error.unwrap_err().code(), Some("object_mismatch"));

    // Two at once: AWS asks to try again.
    let peer = Scripted::single_use_puts().await;
    peer.fail(Call::Put, xml(409, "ConditionalRequestConflict"));
    peer.client().upload(&alone(), &content()).await.unwrap();
    assert_eq!(peer.seen(Call::Put).len(), 2);

    // Without a condition a 412 is a refusal.
    for peer in [Scripted::puts().await, Scripted::posts().await] {
        let kind = peer.uploads();
        peer.fail(kind, used());
        let error = peer.client().upload(&alone(), &content()).await;
        assert_eq!(error.unwrap_err().status().unwrap(), 412);
        assert_eq!(peer.seen(Call::Complete).len(), 0);
    }
}

/// Behind a file that is still on its way the refusal would be lost.
#[tokio::test]
async fn a_store_that_refuses_is_sent_no_file() {
    let peer = Scripted::single_use_puts().await;
    peer.fail(Call::Put, Fault::Unread(412));
    let moved = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&moved);
    let client = peer.client().on_progress(move |progress: Progress| {
        counted.fetch_max(progress.bytes, Ordering::Relaxed);
    });
    client.upload(&alone(), &content()).await.unwrap();
    assert_eq!(moved.load(Ordering::Relaxed), 0);
    assert_eq!(peer.seen(Call::Put)[0].headers["expect"], "100-continue");
    // One that asks for it gets all of it.
    client.upload(&alone(), &content()).await.unwrap();
    assert_eq!(moved.load(Ordering::Relaxed), CONTENT.len() as u64);
    assert_eq!(peer.seen(Call::Put)[1].body, CONTENT);
}

/// A client that can't hear `100 Continue` sends the file after a second.
#[tokio::test]
async fn a_store_that_asks_gets_the_file_at_once() {
    let peer = Scripted::single_use_puts().await;
    let client = peer.client().timeout(Duration::from_secs(20));
    let mut quickest = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        client.upload(&alone(), &content()).await.unwrap();
        quickest = quickest.min(begun.elapsed());
    }
    assert!(quickest < Duration::from_millis(900), "{quickest:?}");
    for seen in peer.seen(Call::Put) {
        assert_eq!(seen.headers["expect"], "100-continue");
    }
}

#[tokio::test]
async fn a_form_that_has_ended_is_replaced_once() {
    let peer = Scripted::posts().await;
    let expired = || xml(403, "AccessDenied");
    let exists = |peer: &Scripted| {
        let mut body: Value = serde_json::from_str(&peer.form()).unwrap();
        body["code"] = "asset_exists".into();
        Fault::Answer(409, Vec::new(), body.to_string())
    };
    let new = Fault::Answer(200, Vec::new(), peer.form());
    peer.fail(Call::Announce, new.clone());
    peer.fail(Call::Announce, exists(&peer));
    peer.fail(Call::Post, expired());
    let uploaded = peer.client().upload(&paired(), &content()).await.unwrap();
    assert_eq!(uploaded.outcome, Outcome::New);
    assert_eq!(peer.seen(Call::Post).len(), 2);

    // A store that really refuses does so twice; and without a pair there is no other form.
    for (upload, times) in [(paired(), 2), (alone(), 1)] {
        peer.forget();
        peer.fail(Call::Post, expired());
        peer.fail(Call::Post, expired());
        let error = peer.client().upload(&upload, &content()).await.unwrap_err();
        assert_eq!(error.code(), Some("AccessDenied"));
        assert_eq!(peer.seen(Call::Post).len(), times);
        assert!(peer.seen(Call::Complete).is_empty());
    }
}

#[tokio::test]
async fn what_was_uploaded_before_is_not_sent() {
    let peer = Scripted::posts().await;
    let body = json!({"asset_id": id(), "asset_url": "/a", "code": "asset_exists"});
    peer.fail(
        Call::Announce,
        Fault::Answer(409, Vec::new(), body.to_string()),
    );
    let uploaded = peer.client().upload(&paired(), &content()).await.unwrap();
    assert_eq!(uploaded.outcome, Outcome::AlreadyThere);
    assert!(peer.seen(Call::Post).is_empty() && peer.seen(Call::Complete).is_empty());
}

#[tokio::test]
async fn what_can_be_sent_once_is_sent_once() {
    let peer = Scripted::posts().await;
    let once = || OnceSource::new(Full::new(content()), CONTENT.len() as u64);
    peer.client().upload(&paired(), &once()).await.unwrap();
    peer.forget();
    peer.fail(Call::Post, Fault::status(503));
    let error = peer.client().upload(&paired(), &once()).await.unwrap_err();
    assert_eq!(error.status().unwrap(), 503, "the attempt's own error");
    assert_eq!(peer.seen(Call::Post).len(), 1);
}

#[tokio::test]
async fn a_source_of_another_size_is_not_completed() {
    for peer in [Scripted::posts().await, Scripted::puts().await] {
        for content in [&CONTENT[1..], b"", &[CONTENT, b"+"].concat()] {
            peer.forget();
            let body = Full::new(Bytes::copy_from_slice(content));
            let source = OnceSource::new(body, CONTENT.len() as u64);
            let error = peer.client().upload(&paired(), &source).await.unwrap_err();
            assert!(matches!(error, ClientError::Source(_)), "{error}");
            assert!(peer.seen(Call::Complete).is_empty());
        }
    }
}

#[tokio::test]
async fn sizes_that_no_form_can_have_are_refused_at_once() {
    let peer = Scripted::posts().await;
    for bytes in [0, UploadSize::MAX.bytes() + 1] {
        let source = OnceSource::new(Full::new(content()), bytes);
        assert_eq!(source.size(), bytes);
        let error = peer.client().upload(&paired(), &source).await.unwrap_err();
        assert!(matches!(error, ClientError::Size { .. }), "{error}");
    }
    assert!(peer.seen(Call::Announce).is_empty());
}

#[tokio::test]
async fn the_key_goes_to_the_server_alone_and_nothing_is_shown() {
    let (posts, puts) = (Scripted::posts().await, Scripted::puts().await);
    for (peer, kind) in [(&posts, Call::Post), (&puts, Call::Put)] {
        let client = peer.client();
        let mut shown = format!("{client:?} {:?}", client.locate(id()).await.unwrap());
        client.upload(&paired(), &content()).await.unwrap();
        for fault in [Fault::status(403), Fault::Hangup, Fault::Silence] {
            for call in [kind, Call::Announce] {
                for _ in 0..ATTEMPTS {
                    peer.fail(call, fault.clone());
                }
                let error = client.upload(&paired(), &content()).await.unwrap_err();
                write!(shown, "{error} {error:?}").unwrap();
                peer.forget();
            }
        }
        client.upload(&paired(), &content()).await.unwrap();
        for secret in [KEY, FORM_SECRET] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert_eq!(peer.seen(Call::Announce)[0].headers["x-api-key"], KEY);
        for seen in peer.seen(kind) {
            assert!(!format!("{:?}", seen.headers).contains(KEY));
        }
    }
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_one() {
    let peer = Scripted::posts().await;
    let gone = r#"{"error":"Asset not found","code":"asset_not_found"}"#;
    assert!(peer.client().delete(id()).await.unwrap());
    peer.fail(Call::Delete, Fault::Hangup);
    peer.fail(
        Call::Delete,
        Fault::Answer(404, Vec::new(), gone.to_owned()),
    );
    assert!(!peer.client().delete(id()).await.unwrap());
}

#[test]
fn dates_of_the_test_are_dates() {
    let date = OffsetDateTime::UNIX_EPOCH.format(&Rfc2822).unwrap();
    assert_eq!(date, "Thu, 01 Jan 1970 00:00:00 +0000");
}
