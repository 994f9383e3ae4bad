//! `asset-upload serve` as a process of its own, with its embedded object store, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "end_to_end/by_hand.rs"]
mod by_hand;
#[path = "../../tests/support/garage.rs"]
mod garage;
#[path = "end_to_end/objects.rs"]
mod objects;
#[path = "../../tests/support/process.rs"]
mod process;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use garage::Garage;
use objects::{Hosted, Objects};
use percent_encoding::percent_decode_str;
use process::{Answer, Api, Fields, Http, PATIENCE, Process, Server, Ticket, noise, temp_dir};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_asset_upload::ObjectStore;
use tower_asset_upload::asset::{
    AllowedTypes, Clock, ExpiresIn, ObjectKey, ObjectName, SystemClock,
};
use tower_asset_upload::ports::ObjectStoreError;
use tower_asset_upload::s3::{S3Bucket, S3Objects};
use tower_asset_upload::sigv4::{Credentials, Method, PostPolicy, Presign, Region, Signer};

const ID: &str = "AKIAENDTOEND";
const SECRET: &str = "known/to+the/test";
const ENVIRONMENT: &[(&str, &str)] =
    &[("AWS_ACCESS_KEY_ID", ID), ("AWS_SECRET_ACCESS_KEY", SECRET)];
const LIMIT: usize = 5_242_880;

// ---------------------------------------------------------------- What was uploaded comes back

#[tokio::test]
async fn what_was_posted_comes_back() {
    comes_back(Objects::EMBEDDED, "post").await;
}

#[tokio::test]
async fn what_was_put_comes_back() {
    comes_back(Objects::EMBEDDED, "put").await;
}

#[tokio::test]
async fn what_was_posted_to_garage_comes_back() {
    if let Some(garage) = Objects::garage("what_was_posted_to_garage_comes_back") {
        comes_back(garage, "post").await;
    }
}

#[tokio::test]
async fn what_was_put_into_garage_comes_back() {
    if let Some(garage) = Objects::garage("what_was_put_into_garage_comes_back") {
        comes_back(garage, "put").await;
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused_in_words() {
    let server = Objects::EMBEDDED.server(&["--signer", "post"]).await;
    let ticket = server.api.create("a.txt", "text/plain", 5).await;
    let http = &server.api.http;
    let line = format!("POST {}", ticket.url);
    let content_type = ("content-type", "multipart/form-data; boundary=b");
    let field = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    for form in [
        String::new(),
        "--b--\r\n".to_owned(),
        field("key", "k") + "--b--\r\n",
        "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n".to_owned(),
        "no boundary at all".to_owned(),
    ] {
        let answer = http.send(&line, &[content_type], form.clone()).await;
        let answer = answer.expect(400, &form[..form.len().min(80)]);
        assert!(
            answer.text().contains("<Code>MalformedPOSTRequest</Code>"),
            "{}",
            answer.text()
        );
    }
    // Whoever has no form spools nothing, and the next one is served.
    let unsigned = field("key", "k") + &field("file", "x") + "--b--\r\n";
    let answer = http.send(&line, &[content_type], unsigned).await;
    assert!(answer.status.is_client_error(), "{}", answer.text());
    let stored = ticket.upload(http, "whole").await;
    assert!(stored.status.is_success(), "{}", stored.text());
}

async fn comes_back(objects: Objects, signer: &str) {
    let server = objects.server(&["--signer", signer]).await;
    for (name, media_type, size) in [
        ("one.txt", "text/plain", 1),
        ("photo.png", "image/png", 70_001),
        ("limit.bin", "application/octet-stream", LIMIT),
        ("page.svg", "image/svg+xml", 500),
        ("a \"quoted\" 'name'; x=y.txt", "text/plain", 20),
        ("a+b c&d=e%2F#?~!*().pdf", "application/pdf", 21),
        ("фотография 📷 e\u{301}.png", "image/png", 22),
        ("文件.mp4", "video/mp4", 23),
        ("../../../etc/passwd.txt", "text/plain", 24),
        ("C:\\Windows\\System32\\..\\a.txt", "text/plain", 25),
        (".htaccess.txt", "text/plain", 26),
        ("${filename}.png", "image/png", 27),
        ("a\r\nX-Evil: 1\r\n\r\n<b>.txt", "text/plain", 28),
        ("\u{202e}gnp.\u{0}exe.txt", "text/plain", 29),
        ("</Key><script>alert(1)<script>.txt", "text/plain", 30),
        (&format!("{}.png", "ж".repeat(200)), "image/png", 31),
        (&format!("{}.txt", "x".repeat(400)), "text/plain", 32),
    ] {
        round_trip(&server, signer, name, media_type, &noise(size)).await;
    }
    // Wherever a form is cut, a boundary might begin.
    let returns = vec![b'\r'; 1_000_000];
    round_trip(&server, signer, "returns.txt", "text/plain", &returns).await;
}

async fn round_trip(server: &Server, signer: &str, name: &str, media_type: &str, file: &[u8]) {
    let http = &server.api.http;
    let ticket = server.api.create(name, media_type, file.len()).await;
    assert_eq!(ticket.method.to_lowercase(), signer, "{name}");
    let id = &ticket.id;
    let patch = format!("PATCH {id}");
    let uploaded = r#"{"is_uploaded":true}"#;

    let early = server.api.call(&patch, uploaded).await;
    early.expect_code(409, "object_missing", name);
    let early = server.api.call(&format!("GET {id}"), "").await;
    assert_eq!(
        early.expect(400, name).json()["error"],
        "Asset not yet uploaded"
    );

    let stored = ticket.upload(http, file.to_vec()).await;
    assert!(stored.status.is_success(), "{name}: {}", stored.text());
    server.api.call(&patch, uploaded).await.expect(204, name);
    // Saying it twice is no fault.
    server.api.call(&patch, "{}").await.expect(204, name);

    let found = server.api.call(&format!("GET {id}"), "").await;
    let found = found.expect(200, name).json();
    assert_eq!(found["asset_id"], **id);
    assert_eq!(found["asset_type"], media_type);
    let shown: String = name.chars().filter(|c| !c.is_control()).collect();
    assert_eq!(found["asset_name"], shown);

    let url = found["asset_url"].as_str().unwrap();
    let download = http.send(&format!("GET {url}"), &[], "").await;
    let download = download.expect(200, name);
    assert!(download.body == *file, "{name}: other bytes came back");
    assert_eq!(download.header("content-type"), media_type, "{name}");
    let disposition = download.header("content-disposition");
    let inline = media_type != "image/svg+xml" && media_type != "application/octet-stream";
    let kind = if inline { "inline; " } else { "attachment; " };
    assert!(disposition.starts_with(kind), "{name}: {disposition}");
    let (_, saved_as) = disposition.split_once("filename*=UTF-8''").unwrap();
    assert_eq!(
        percent_decode_str(saved_as).decode_utf8().unwrap(),
        ObjectName::clean(name).unwrap().as_str()
    );
    assert!(download.headers.get("x-evil").is_none());
}

#[tokio::test]
async fn an_own_limit_is_exact() {
    let data = temp_dir();
    let server = Server::start(data.path(), &["--max-size", "1000"], ENVIRONMENT).await;
    let body = json!({"name": "a.png", "size": 1001}).to_string();
    let answer = server.api.call("POST", body).await;
    answer.expect_code(400, "size_too_large", "1001 bytes");
    round_trip(&server, "post", "a.png", "image/png", &noise(1000)).await;
}

#[tokio::test]
async fn what_is_deleted_is_gone() {
    let data = temp_dir();
    let server = Server::start(data.path(), &[], ENVIRONMENT).await;
    let pending = server.api.create("a.png", "image/png", 10).await;
    let uploaded = server.api.create("b.png", "image/png", 10).await;
    let stored = uploaded.upload(&server.api.http, noise(10)).await;
    assert!(stored.status.is_success());
    let id = &uploaded.id;
    server
        .api
        .call(&format!("PATCH {id}"), "")
        .await
        .expect(204, "");
    for Ticket { id, .. } in [&pending, &uploaded] {
        let delete = format!("DELETE {id}");
        server.api.call(&delete, "").await.expect(204, "delete");
        for line in [delete, format!("GET {id}"), format!("PATCH {id}")] {
            let answer = server.api.call(&line, "").await.expect(404, &line);
            assert_eq!(answer.json()["error"], "Asset not found", "{line}");
        }
    }
}

#[tokio::test]
async fn a_rate_limit_is_for_each_credential() {
    let data = temp_dir();
    let server = Server::start(data.path(), &["--rate-limit", "3/hour"], ENVIRONMENT).await;
    let before = SystemClock.now().unix_timestamp();
    let number = |answer: &Answer, name| -> i64 { answer.header(name).parse().unwrap() };
    for left in [2, 1, 0] {
        let body = json!({"name": "a.png", "size": 10}).to_string();
        let answer = server.api.call("POST", body).await.expect(200, "allowed");
        assert_eq!(number(&answer, "x-ratelimit-remaining"), left);
        let reset = number(&answer, "x-ratelimit-reset") - before;
        let full_in = 1200 * (3 - left);
        assert!((full_in..full_in + 60).contains(&reset), "{reset}");
    }
    let answer = server.api.call("POST", "").await.expect(429, "too many");
    assert_eq!(answer.json()["error_code"], 5900);
    assert_eq!(answer.json()["error_message"], "RATE_LIMIT_EXCEEDED");
    assert_eq!(number(&answer, "x-ratelimit-remaining"), 0);
    assert!((1140..=1200).contains(&number(&answer, "retry-after")));

    let mut other = server.api.clone();
    "another-key".clone_into(&mut other.key);
    let answer = other.call("POST", "").await.expect(401, "its own quota");
    assert_eq!(number(&answer, "x-ratelimit-remaining"), 2);
    let page = format!("GET {}/", server.api.url);
    for _ in 0..4 {
        let answer = server.api.http.send(&page, &[], "").await;
        let answer = answer.expect(200, "the page isn't limited");
        assert_eq!(answer.header("x-ratelimit-remaining"), "");
    }
}

#[tokio::test]
async fn without_a_flag_there_is_no_limit() {
    let data = temp_dir();
    let server = Server::start(data.path(), &[], ENVIRONMENT).await;
    for _ in 0..70 {
        let answer = server.api.call("GET none", "").await.expect(404, "none");
        assert_eq!(answer.header("x-ratelimit-remaining"), "");
    }
}

// ---------------------------------------------------------------- The clean-up

#[tokio::test]
async fn what_was_deleted_is_cleaned_up_in_memory() {
    deleted_goes_and_living_stays("memory").await;
}

#[tokio::test]
async fn what_was_deleted_is_cleaned_up_in_a_file() {
    let data = temp_dir();
    let file = data.path().join("own.db");
    deleted_goes_and_living_stays(&format!("sqlite:{}", file.display())).await;
}

async fn deleted_goes_and_living_stays(database: &str) {
    let data = temp_dir();
    let flags = ["--purge-every", "1s", "--database", database];
    let server = Server::start(data.path(), &flags, ENVIRONMENT).await;
    let living = downloadable(&server, "living.png").await;
    let deleted = downloadable(&server, "deleted.png").await;
    let pending = server.api.create("pending.png", "image/png", 10).await;
    let delete = format!("DELETE {}", deleted.id);
    server.api.call(&delete, "").await.expect(204, database);
    until("the object is gone", async || {
        deleted.status(&server).await == 404
    })
    .await;

    // By then whatever should go in that run is gone, and what shouldn't is in the next as well.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(living.status(&server).await, 200, "{database}");
    let get = format!("GET {}", living.id);
    server.api.call(&get, "").await.expect(200, database);
    let get = format!("GET {}", pending.id);
    server.api.call(&get, "").await.expect(400, "it has a week");
}

#[tokio::test]
async fn what_was_never_completed_is_cleaned_up() {
    let data = temp_dir();
    let file = data.path().join("own.db");
    for database in ["memory", &format!("sqlite:{}", file.display())] {
        let flags = [
            "--purge-every",
            "1s",
            "--purge-pending-after",
            "1s",
            "--database",
            database,
        ];
        let server = Server::start(data.path(), &flags, ENVIRONMENT).await;
        let stale = uploaded_within_a_second(&server).await;
        let object = Downloadable::of(&stale);
        let get = format!("GET {}", stale.id);
        until("it is given up", async || {
            server.api.call(&get, "").await.status == 404
        })
        .await;
        until("its object is gone", async || {
            object.status(&server).await == 404
        })
        .await;
        let patch = format!("PATCH {}", stale.id);
        server.api.call(&patch, "").await.expect(404, "too late");
    }
}

/// An asset whose object was there before anybody could give it up: one that arrives later would
/// stay until its form has ended.
async fn uploaded_within_a_second(server: &Server) -> Ticket {
    loop {
        let begun = Instant::now();
        let form = server.api.create("stale.png", "image/png", 10).await;
        let stored = form.upload(&server.api.http, noise(10)).await;
        assert!(stored.status.is_success(), "{}", stored.text());
        if begun.elapsed() < Duration::from_secs(1) {
            return form;
        }
    }
}

#[tokio::test]
async fn without_a_flag_nothing_is_cleaned_up() {
    let data = temp_dir();
    let server = Server::start(data.path(), &[], ENVIRONMENT).await;
    let deleted = downloadable(&server, "deleted.png").await;
    let delete = format!("DELETE {}", deleted.id);
    server.api.call(&delete, "").await.expect(204, "");
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(deleted.status(&server).await, 200);
}

/// The clean-up is under way, again and again, and the end waits for nothing.
#[tokio::test]
async fn the_clean_up_ends_with_the_server() {
    let data = temp_dir();
    let flags = ["--purge-every", "1s", "--s3-endpoint", "http://127.0.0.1:9"];
    let mut server = Server::start(data.path(), &flags, ENVIRONMENT).await;
    let form = server.api.create("a.png", "image/png", 10).await;
    let delete = format!("DELETE {}", form.id);
    server.api.call(&delete, "").await.expect(204, "");
    // The object store is not there: the server goes on, and says so.
    until("it was tried", async || {
        server.process.stderr().contains("clean-up")
    })
    .await;
    server.api.create("b.png", "image/png", 10).await;
    server.process.signal("TERM");
    let ended = server.process.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
}

/// An object, and a URL of the test's own to it, which outlives its asset.
struct Downloadable {
    id: String,
    url: String,
}

impl Downloadable {
    fn of(form: &Ticket) -> Self {
        Self::within(Objects::EMBEDDED, form)
    }

    fn within(objects: Objects, form: &Ticket) -> Self {
        let origin = form.url.strip_suffix("/uploads").unwrap();
        let signer = Signer::new(Credentials::new(ID, SECRET).unwrap(), objects.region());
        let request = Presign::new(Method::Get, origin, "/uploads/", form.field("key"));
        let url = signer.presign_at(&request, SystemClock.now()).unwrap();
        Self {
            id: form.id.clone(),
            url: url.into_string(),
        }
    }

    async fn status(&self, server: &Server) -> u16 {
        let line = format!("GET {}", self.url);
        server.api.http.send(&line, &[], "").await.status.as_u16()
    }
}

/// An asset that was uploaded and completed.
async fn downloadable(server: &Server, name: &str) -> Downloadable {
    let form = server.api.create(name, "image/png", 10).await;
    let stored = form.upload(&server.api.http, noise(10)).await;
    assert!(stored.status.is_success(), "{}", stored.text());
    let patch = format!("PATCH {}", form.id);
    server.api.call(&patch, "").await.expect(204, name);
    let object = Downloadable::of(&form);
    assert_eq!(object.status(server).await, 200, "{name}");
    object
}

// ---------------------------------------------------------------- What the store refuses

/// The fields of a form for the key, as the server would sign it at that time.
fn own_form(
    objects: Objects,
    secret: &str,
    key: &str,
    media_type: &str,
    at: OffsetDateTime,
    secs: u64,
) -> Fields {
    let signer = Signer::new(Credentials::new(ID, secret).unwrap(), objects.region());
    let policy = PostPolicy::builder("uploads", key)
        .content_type(media_type)
        .content_length(1..=1000)
        .expires_in(ExpiresIn::new(Duration::from_secs(secs)).unwrap())
        .build()
        .unwrap();
    let form = signer.sign_post_at(&policy, at).unwrap();
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    form.fields().map(owned).collect()
}

fn minutes_ago(minutes: i64) -> OffsetDateTime {
    SystemClock.now() - time::Duration::minutes(minutes)
}

/// What becomes of a form before it is sent, and of the 1,000 bytes announced.
type Tampering = fn(Objects, &mut Ticket, &mut Vec<u8>);

/// What is done, S3's error code for it, and Garage's words.
type Case = (&'static str, &'static str, &'static str, Tampering);

#[tokio::test]
async fn a_form_is_good_for_nothing_else() {
    forms_hold(Objects::EMBEDDED).await;
}

#[tokio::test]
async fn a_form_for_garage_is_good_for_nothing_else() {
    if let Some(garage) = Objects::garage("a_form_for_garage_is_good_for_nothing_else") {
        forms_hold(garage).await;
    }
}

async fn forms_hold(objects: Objects) {
    let server = objects.server(&[]).await;
    for case in FORMS {
        refused_when(objects, &server, case).await;
    }
}

const MISMATCH: &str = "SignatureDoesNotMatch";
const INVALID: &str = "Invalid signature";
const SIZE: &str = "File size does not match policy";
const KEY: &str = "Key 'key' has value not allowed in policy";

const FORMS: &[Case] = &[
    ("too large", "EntityTooLarge", SIZE, |_, _, file| {
        file.push(0);
    }),
    ("far too large", "EntityTooLarge", SIZE, |_, _, file| {
        file.resize(300_000, 0);
    }),
    ("empty", "EntityTooSmall", SIZE, |_, _, file| file.clear()),
    ("another key", "", KEY, |_, form, _| {
        let key = form.field("key").replace("photo", "other");
        form.set("key", key);
    }),
    ("another workspace's key", "", KEY, |_, form, _| {
        form.set("key", "22222222-2222-4222-8222-000000000002/photo.png");
    }),
    ("a key that climbs", "", KEY, |_, form, _| {
        let key = format!("{}/../photo.png", form.field("key"));
        form.set("key", key);
    }),
    (
        "another type",
        "",
        "Key 'content-type' has value not allowed in policy",
        |_, form, _| {
            form.set("Content-Type", "text/html");
        },
    ),
    ("a changed policy", MISMATCH, INVALID, |_, form, _| {
        let policy = base64_simd::STANDARD
            .decode_to_vec(form.field("policy"))
            .unwrap();
        let policy = String::from_utf8(policy).unwrap();
        let wider = policy.replace(",1000]", ",9999]");
        assert_ne!(policy, wider);
        form.set("policy", base64_simd::STANDARD.encode_to_string(wider));
    }),
    ("another's policy", MISMATCH, INVALID, |objects, form, _| {
        let others = own_form(
            objects,
            SECRET,
            form.field("key"),
            "image/png",
            minutes_ago(0),
            60,
        );
        let policy = others.into_iter().find(|(name, _)| name == "policy");
        form.set("policy", policy.unwrap().1);
    }),
    ("a changed signature", MISMATCH, INVALID, |_, form, _| {
        let signature = form.field("x-amz-signature").to_owned();
        let other = if signature.ends_with('0') { "1" } else { "0" };
        form.set("x-amz-signature", format!("{}{other}", &signature[..63]));
    }),
    ("another date", "", "", |_, form, _| {
        form.set("x-amz-date", "20200101T000000Z");
    }),
    ("another algorithm", "", "", |_, form, _| {
        form.set("x-amz-algorithm", "AWS4-HMAC-SHA1");
    }),
    (
        "an extra header",
        "AccessDenied",
        "Key 'x-amz-meta-evil' is not allowed in policy",
        |_, form, _| {
            form.fields.push(("x-amz-meta-evil".into(), "1".into()));
        },
    ),
    (
        "an extra ACL",
        "AccessDenied",
        "Key 'acl' is not allowed in policy",
        |_, form, _| {
            form.fields.push(("acl".into(), "public-read".into()));
        },
    ),
    (
        "an extra redirect",
        "AccessDenied",
        "Key 'success_action_redirect' is not allowed in policy",
        |_, form, _| {
            let to = "https://evil.example/".into();
            form.fields.push(("success_action_redirect".into(), to));
        },
    ),
    (
        "no signature at all",
        "AccessDenied",
        "No policy was provided",
        |_, form, _| {
            form.fields
                .retain(|(name, _)| name == "key" || name == "Content-Type");
        },
    ),
    (
        "expired",
        "AccessDenied",
        "Expiration date is in the past",
        |objects, form, _| {
            form.fields = own_form(
                objects,
                SECRET,
                form.field("key"),
                "image/png",
                minutes_ago(2),
                60,
            );
        },
    ),
    ("expired long ago", "", "", |objects, form, _| {
        let a_year_ago = minutes_ago(365 * 24 * 60);
        form.fields = own_form(
            objects,
            SECRET,
            form.field("key"),
            "image/png",
            a_year_ago,
            60,
        );
    }),
    (
        "signed by someone else",
        MISMATCH,
        INVALID,
        |objects, form, _| {
            form.fields = own_form(
                objects,
                "guess",
                form.field("key"),
                "image/png",
                minutes_ago(0),
                60,
            );
        },
    ),
    ("without Content-Type", "", "", |_, form, _| {
        lose(form, "Content-Type");
    }),
    ("without key", "", "", |_, form, _| lose(form, "key")),
    ("without algorithm", "", "", |_, form, _| {
        lose(form, "x-amz-algorithm");
    }),
    ("without credential", "", "", |_, form, _| {
        lose(form, "x-amz-credential");
    }),
    ("without date", "", "", |_, form, _| {
        lose(form, "x-amz-date");
    }),
    ("without policy", "", "", |_, form, _| lose(form, "policy")),
    ("without signature", "", "", |_, form, _| {
        lose(form, "x-amz-signature");
    }),
];

fn lose(form: &mut Ticket, name: &str) {
    let before = form.fields.len();
    form.fields.retain(|(other, _)| other != name);
    assert_eq!(form.fields.len() + 1, before, "{name}");
}

/// An upload that was tampered with is refused, and leaves its permission as good as it was.
async fn refused_when(objects: Objects, server: &Hosted, case: &Case) -> Ticket {
    let (what, code, words, tamper) = *case;
    let ticket = server.api.create("photo.png", "image/png", 1000).await;
    let mut tampered = ticket.clone();
    let mut file = noise(1000);
    tamper(objects, &mut tampered, &mut file);
    let refused = tampered.upload(&server.api.http, file).await;
    nothing_arrived(server, &ticket, what, &objects.says(code, words), &refused).await;
    let stored = ticket.upload(&server.api.http, noise(1000)).await;
    assert!(stored.status.is_success(), "{what}: {}", stored.text());
    ticket
}

/// The upload was refused, in these words, and there is no object.
async fn nothing_arrived(
    server: &Hosted,
    ticket: &Ticket,
    what: &str,
    words: &str,
    refused: &Answer,
) {
    let said = refused.text();
    assert!(
        matches!(refused.status.as_u16(), 400 | 403 | 405 | 411 | 501),
        "{what}: {} {said}",
        refused.status
    );
    assert!(said.contains(words), "{what}: {words} in {said}");
    let patch = format!("PATCH {}", ticket.id);
    let answer = server.api.call(&patch, r#"{"is_uploaded":true}"#).await;
    answer.expect_code(409, "object_missing", what);
    let get = format!("GET {}", ticket.id);
    server.api.call(&get, "").await.expect(400, what);
}

#[tokio::test]
async fn a_form_is_good_until_it_ends() {
    forms_last(Objects::EMBEDDED).await;
}

#[tokio::test]
async fn a_form_for_garage_is_good_until_it_ends() {
    if let Some(garage) = Objects::garage("a_form_for_garage_is_good_until_it_ends") {
        forms_last(garage).await;
    }
}

async fn forms_last(objects: Objects) {
    let server = objects.server(&[]).await;
    let mut form = server.api.create("photo.png", "image/png", 1000).await;
    form.fields = own_form(
        objects,
        SECRET,
        form.field("key"),
        "image/png",
        minutes_ago(50),
        3600,
    );
    let stored = form.upload(&server.api.http, noise(1000)).await;
    assert!(stored.status.is_success(), "{}", stored.text());
    let patch = format!("PATCH {}", form.id);
    server
        .api
        .call(&patch, "")
        .await
        .expect(204, "50 minutes old");
}

#[tokio::test]
async fn a_url_is_good_for_nothing_else() {
    urls_hold(Objects::EMBEDDED).await;
}

#[tokio::test]
async fn a_url_for_garage_is_good_for_nothing_else() {
    if let Some(garage) = Objects::garage("a_url_for_garage_is_good_for_nothing_else") {
        urls_hold(garage).await;
    }
}

async fn urls_hold(objects: Objects) {
    let server = objects.server(&["--signer", "put"]).await;
    // The embedded store takes headers that aren't signed.
    let unsigned = UNSIGNED_HEADER.iter().filter(|_| !objects.is_embedded());
    for case in URLS.iter().chain(unsigned) {
        let ticket = refused_when(objects, &server, case).await;

        // A permission to write is none to read or to delete.
        for method in ["GET", "DELETE"] {
            let line = format!("{method} {}", ticket.url);
            let headers = [("content-type", "image/png")];
            let answer = server.api.http.send(&line, &headers, "").await;
            let status = answer.status.as_u16();
            assert!(matches!(status, 400 | 403), "{line}: {}", answer.text());
        }
        let patch = format!("PATCH {}", ticket.id);
        server.api.call(&patch, "").await.expect(204, "still there");
    }
    // What the test signs is good when it has not expired.
    let mut form = server.api.create("photo.png", "image/png", 1000).await;
    form.url = own_url(objects, SECRET, &form, minutes_ago(2), 3600);
    let stored = form.upload(&server.api.http, noise(1000)).await;
    assert!(stored.status.is_success(), "{}", stored.text());
}

/// S3 wants all of its own headers signed (AWS, "Signature Calculations for the Authorization Header").
const UNSIGNED_HEADER: &[Case] = &[(
    "an extra header",
    "AccessDenied",
    "Header `x-amz-meta-evil` should be signed",
    |_, form, _| {
        form.headers.push(("x-amz-meta-evil".into(), "1".into()));
    },
)];

const URLS: &[Case] = &[
    ("longer", MISMATCH, INVALID, |_, _, file| file.push(0)),
    ("far longer", MISMATCH, INVALID, |_, _, file| {
        file.resize(300_000, 0);
    }),
    ("shorter", MISMATCH, INVALID, |_, _, file| {
        file.truncate(999);
    }),
    ("empty", "", "", |_, _, file| file.clear()),
    ("another type", MISMATCH, INVALID, |_, form, _| {
        form.headers = vec![("Content-Type".into(), "text/html".into())];
    }),
    ("no type", "", "", |_, form, _| form.headers.clear()),
    ("another key", MISMATCH, INVALID, |_, form, _| {
        form.url = form.url.replace("photo", "other");
    }),
    ("another bucket", "", "", |_, form, _| {
        form.url = form.url.replace("/uploads/", "/others/");
    }),
    ("a changed signature", MISMATCH, INVALID, |_, form, _| {
        let other = if form.url.ends_with('0') { "1" } else { "0" };
        form.url.replace_range(form.url.len() - 1.., other);
    }),
    ("a longer life", MISMATCH, INVALID, |_, form, _| {
        form.url = form
            .url
            .replace("X-Amz-Expires=3600", "X-Amz-Expires=604800");
    }),
    ("fewer signed headers", "", INVALID, |_, form, file| {
        let all = "content-length%3Bcontent-type%3Bhost";
        assert!(form.url.contains(all), "{}", form.url);
        form.url = form.url.replace(all, "host");
        file.push(0);
    }),
    ("no signature", "", "", |_, form, _| {
        form.url.truncate(form.url.find('?').unwrap());
    }),
    ("expired", "AccessDenied", "", |objects, form, _| {
        form.url = own_url(objects, SECRET, form, minutes_ago(2), 60);
    }),
    (
        "signed by someone else",
        MISMATCH,
        INVALID,
        |objects, form, _| {
            form.url = own_url(objects, "guess", form, minutes_ago(0), 60);
        },
    ),
];

/// A URL as the server would sign it at that time.
fn own_url(
    objects: Objects,
    secret: &str,
    ticket: &Ticket,
    at: OffsetDateTime,
    secs: u64,
) -> String {
    let path = ticket.url.split('?').next().unwrap();
    let (origin, key) = path.split_once("/uploads/").unwrap();
    let signer = Signer::new(Credentials::new(ID, secret).unwrap(), objects.region());
    let request = Presign::new(Method::Put, origin, "/uploads/", key)
        .content_type("image/png")
        .content_length(1000)
        .expires_in(ExpiresIn::new(Duration::from_secs(secs)).unwrap());
    signer.presign_at(&request, at).unwrap().into_string()
}

#[tokio::test]
async fn what_differs_from_what_was_announced_does_not_count() {
    differences_show(Objects::EMBEDDED).await;
}

#[tokio::test]
async fn what_differs_in_garage_does_not_count() {
    if let Some(garage) = Objects::garage("what_differs_in_garage_does_not_count") {
        differences_show(garage).await;
    }
}

async fn differences_show(objects: Objects) {
    let server = objects.server(&[]).await;
    let form = server.api.create("photo.png", "image/png", 1000).await;
    let patch = format!("PATCH {}", form.id);

    // A form allows smaller files; the announced size is checked afterwards.
    let stored = form.upload(&server.api.http, noise(999)).await;
    assert!(stored.status.is_success(), "{}", stored.text());
    let answer = server.api.call(&patch, "").await;
    let answer = answer.expect_code(409, "object_mismatch", "smaller");
    assert!(
        answer.text().contains("999") && answer.text().contains("1000"),
        "{}",
        answer.text()
    );

    let object = Downloadable::within(objects, &form);
    assert_eq!(object.status(&server).await, 404, "what differs is removed");

    // That is final: another upload makes no difference.
    let stored = form.upload(&server.api.http, noise(1000)).await;
    assert!(stored.status.is_success(), "{}", stored.text());
    let again = server.api.call(&patch, "").await;
    let again = again.expect_code(409, "object_mismatch", "rejected");
    assert_eq!(again.json(), answer.json());
    let back = server.api.call(&patch, r#"{"is_uploaded":false}"#).await;
    back.expect_code(409, "asset_rejected", "rejected");
    let get = format!("GET {}", form.id);
    server.api.call(&get, "").await.expect(400, "not counted");

    let form = server.api.create("photo.png", "image/png", 1000).await;
    let patch = format!("PATCH {}", form.id);
    let mut other = form.clone();
    other.fields = own_form(
        objects,
        SECRET,
        form.field("key"),
        "text/html",
        minutes_ago(0),
        60,
    );
    let stored = other.upload(&server.api.http, noise(1000)).await;
    assert!(stored.status.is_success(), "{}", stored.text());
    let answer = server.api.call(&patch, "").await;
    answer.expect_code(409, "object_mismatch", "another type");

    let form = server.api.create("photo.png", "image/png", 1000).await;
    let patch = format!("PATCH {}", form.id);
    let stored = form.upload(&server.api.http, noise(1000)).await;
    assert!(stored.status.is_success(), "{}", stored.text());
    let answer = server.api.call(&patch, "").await;
    answer.expect(204, "as announced");
}

#[tokio::test]
async fn what_the_verifier_removes_is_gone() {
    let data = temp_dir();
    let server = Server::start(data.path(), &[], ENVIRONMENT).await;
    let form = server.api.create("photo.png", "image/png", 1000).await;
    let other = server.api.create("other.png", "image/png", 1000).await;
    for form in [&form, &other] {
        let stored = form.upload(&server.api.http, noise(1000)).await;
        assert!(stored.status.is_success(), "{}", stored.text());
    }
    let endpoint = form.url.strip_suffix("/uploads").unwrap();
    let asks = |bucket: &str, endpoint: &str, secret: &str| {
        let bucket = S3Bucket::custom(bucket, Region::us_east_1(), endpoint).unwrap();
        S3Objects::new(bucket, Credentials::new(ID, secret).unwrap())
    };
    let verifier = asks("uploads", endpoint, SECRET);
    let [key, other] = [&form, &other].map(|form| ObjectKey::new(form.field("key")).unwrap());

    // What may not be deleted, or not here, stays; and that is an error.
    let nowhere = asks("no-such-bucket", endpoint, SECRET).delete(&key).await;
    match nowhere {
        Err(ObjectStoreError::Failed(cause)) => {
            assert!(cause.to_string().contains("bucket"), "{cause}");
        }
        other => panic!("{other:?}"),
    }
    let stranger = asks("uploads", endpoint, "guess").delete(&key).await;
    match stranger {
        Err(ObjectStoreError::Failed(cause)) => {
            let said = cause.to_string();
            assert!(
                said.contains("403") && said.contains("s3:DeleteObject"),
                "{said}"
            );
        }
        other => panic!("{other:?}"),
    }
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let down = asks("uploads", &dead, SECRET).delete(&key).await;
    assert!(
        matches!(down, Err(ObjectStoreError::Unavailable(_))),
        "{down:?}"
    );
    let object = verifier.head(&key).await.unwrap().expect("the object");
    assert_eq!(object.size, 1000);

    // Once, again, and what never was.
    let never = ObjectKey::new("never/there.png").unwrap();
    for key in [&key, &key, &never] {
        verifier.delete(key).await.unwrap();
        assert_eq!(verifier.head(key).await.unwrap(), None);
    }
    assert!(verifier.head(&other).await.unwrap().is_some());
}

#[tokio::test]
async fn the_store_lets_browsers_in() {
    for signer in ["post", "put"] {
        let data = temp_dir();
        let server = Server::start(data.path(), &["--signer", signer], ENVIRONMENT).await;
        let form = server.api.create("photo.png", "image/png", 10).await;
        let preflight = [
            ("origin", "http://127.0.0.1:1"),
            ("access-control-request-method", &*form.method),
            ("access-control-request-headers", "content-type"),
        ];
        let line = format!("OPTIONS {}", form.url);
        let allowed = server.api.http.send(&line, &preflight, "").await;
        let allowed = allowed.expect(200, signer);
        assert_eq!(allowed.header("access-control-allow-origin"), "*");
        let methods = allowed.header("access-control-allow-methods");
        assert!(methods.contains(&form.method), "{methods}");
        let headers = allowed.header("access-control-allow-headers");
        assert!(
            headers == "*" || headers.contains("content-type"),
            "{headers}"
        );

        let stored = form.upload(&server.api.http, noise(10)).await;
        assert!(stored.status.is_success(), "{}", stored.text());
        assert_eq!(stored.header("access-control-allow-origin"), "*");
    }
}

/// Garage has no rules to begin with, and browsers stay out.
#[tokio::test]
async fn garage_lets_browsers_in_when_it_is_told_to() {
    let test = "garage_lets_browsers_in_when_it_is_told_to";
    let Some(garage) = Garage::start(test) else {
        return;
    };
    let (data, endpoint) = (temp_dir(), garage.endpoint());
    let flags = ["--s3-endpoint", &*endpoint, "--s3-region", "garage"];
    let page = "https://app.example.com";
    for signer in ["post", "put"] {
        let flags = [&flags[..], &["--signer", signer, "--s3-bucket", signer]].concat();
        garage.create_bucket(signer);
        let server = Server::start(data.path(), &flags, ENVIRONMENT).await;
        let http = &server.api.http;
        let form = server.api.create("photo.png", "image/png", 10).await;
        let line = format!("OPTIONS {}", form.url);
        let preflight = [
            ("origin", page),
            ("access-control-request-method", &*form.method),
            ("access-control-request-headers", "content-type"),
        ];
        let refused = http.send(&line, &preflight, "").await;
        refused.expect(403, "no rules");

        let methods = ["GET", &form.method];
        garage.put_cors(http, signer, page, &methods).await;
        let allowed = http.send(&line, &preflight, "").await.expect(200, signer);
        let origin = allowed.header("access-control-allow-origin");
        assert!(
            matches!(origin, "*" | "https://app.example.com"),
            "{origin}"
        );
        let stored = form.upload(http, noise(10)).await;
        assert!(stored.status.is_success(), "{}", stored.text());

        garage.delete_cors(http, signer).await;
        let refused = http.send(&line, &preflight, "").await;
        refused.expect(403, "no rules");
    }
}

// ---------------------------------------------------------------- The page and the seed

#[tokio::test]
async fn the_page_is_served_with_a_policy() {
    let data = temp_dir();
    let server = Server::start(data.path(), &[], ENVIRONMENT).await;
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/app.css", "text/css; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/uploads.js", "text/javascript; charset=utf-8"),
    ] {
        let line = format!("GET {}{path}", server.api.url);
        let answer = server.api.http.send(&line, &[], "").await.expect(200, path);
        assert_eq!(answer.header("content-type"), content_type);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let policy = answer.header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {rule} in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
    }
    let line = format!("GET {}/nowhere", server.api.url);
    server
        .api
        .http
        .send(&line, &[], "")
        .await
        .expect(404, "/nowhere");
}

#[tokio::test]
async fn the_demo_key_stays_and_is_told_to_the_page() {
    let data = temp_dir();
    let server = Server::start(data.path(), &["--max-size", "77"], ENVIRONMENT).await;
    let line = format!("GET {}/demo.json", server.api.url);
    let answer = server.api.http.send(&line, &[], "").await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let demo = answer.json();
    let types = AllowedTypes::default();
    let expected = json!({
        "slug": "my-workspace", "api_key": server.api.key, "max_size": 77, "types": types.list(),
        "base": "/api/v1",
    });
    assert_eq!(demo, expected);
    assert!(server.api.key.starts_with("plane_api_"));
    assert!(server.process.stdout().contains(&server.api.key));
    let asset = server.api.create("a.png", "image/png", 10).await;

    let key = server.api.key.clone();
    drop(server);
    let server = Server::start(data.path(), &[], ENVIRONMENT).await;
    assert_eq!(server.api.key, key);
    let get = format!("GET {}", asset.id);
    server.api.call(&get, "").await.expect(400, "still there");
    assert!(
        !server.process.stderr().contains(&key),
        "the key was logged: {}",
        server.process.stderr()
    );
}

const WORKSPACE: &str = "22222222-2222-4222-8222-000000000001";
const PROJECT: &str = "33333333-3333-4333-8333-000000000001";
const ALICE: &str = "11111111-1111-4111-8111-000000000001";
const BOB: &str = "11111111-1111-4111-8111-000000000002";

fn seed() -> Value {
    let both = json!(["assets:read", "assets:write"]);
    json!({
        "workspaces": [
            {"id": WORKSPACE, "slug": "acme", "members": [ALICE], "projects": [PROJECT]},
            {"id": "22222222-2222-4222-8222-000000000002", "slug": "empty"},
        ],
        "credentials": [
            {"kind": "api_key", "value": "key-of-alice", "user": ALICE, "scopes": both},
            {"kind": "api_key", "value": "key-of-bob", "user": BOB, "scopes": both},
            {"kind": "api_key", "value": "key-expired", "user": ALICE, "scopes": both, "expires_at": "2020-01-01T00:00:00Z"},
            {"kind": "api_key", "value": "key-ends-later", "user": ALICE, "scopes": both, "expires_at": "2999-01-01T00:00:00+02:00"},
            {"kind": "api_key", "value": "key-inactive", "user": ALICE, "scopes": both, "active": false},
            {"kind": "bearer", "value": "token-read", "user": ALICE, "scopes": ["assets:read"]},
            {"kind": "bearer", "value": "token-write", "user": ALICE, "scopes": ["assets:write"]},
            {"kind": "bearer", "value": "token-none", "user": ALICE},
        ],
    })
}

#[tokio::test]
async fn a_seed_says_who_may_what() {
    let data = temp_dir();
    let file = data.path().join("seed.json");
    fs::write(&file, seed().to_string()).unwrap();
    let arguments = ["--seed", file.to_str().unwrap()];
    let mut server = Server::start(data.path(), &arguments, ENVIRONMENT).await;
    assert_eq!((&*server.api.key, &*server.api.slug), ("", ""));
    assert!(!server.process.stdout().contains("key-of-alice"));
    let demo = server
        .api
        .http
        .send(&format!("GET {}/demo.json", server.api.url), &[], "")
        .await;
    assert_eq!(demo.json()["api_key"], Value::Null);

    "acme".clone_into(&mut server.api.slug);
    let body = json!({"name": "a.png", "size": 10, "project_id": PROJECT, "external_source": "s", "external_id": "1"});
    let mut first = None;
    // The second time nothing is new, and all still holds.
    for round in 0..2 {
        for (header, value, status, code) in [
            (
                "x-api-key",
                "key-of-alice",
                if round == 0 { 200 } else { 409 },
                "",
            ),
            ("x-api-key", "key-ends-later", 409, ""),
            ("authorization", "Bearer token-write", 409, ""),
            ("authorization", "bearer token-write", 409, ""),
            (
                "authorization",
                "Bearer token-read",
                403,
                "insufficient_scope",
            ),
            (
                "authorization",
                "Bearer token-none",
                403,
                "insufficient_scope",
            ),
            ("x-api-key", "key-of-bob", 404, "resource_not_found"),
            ("x-api-key", "key-expired", 401, "invalid_token"),
            ("x-api-key", "key-inactive", 401, "invalid_token"),
            ("x-api-key", "token-write", 401, "invalid_token"),
            ("authorization", "Bearer key-of-alice", 401, "invalid_token"),
            ("x-none", "", 401, "not_authenticated"),
        ] {
            let what = format!("{header}: {value}");
            let line = server.api.line("POST");
            let answer = server
                .api
                .http
                .send(&line, &[(header, value)], body.to_string())
                .await;
            let answer = answer.expect(status, &what);
            if !code.is_empty() {
                assert_eq!(answer.json()["code"], code, "{what}");
            }
            if matches!(status, 200 | 409) {
                let id = answer.json()["asset_id"].clone();
                assert_eq!(*first.get_or_insert_with(|| id.clone()), id, "{what}");
            }
        }
        let id = first.as_ref().unwrap().as_str().unwrap();
        for (token, status) in [("token-read", 400), ("token-write", 403)] {
            let bearer = format!("Bearer {token}");
            let line = server.api.line(&format!("GET {id}"));
            let answer = server
                .api
                .http
                .send(&line, &[("authorization", &bearer)], "")
                .await;
            answer.expect(status, token);
        }
        let mut again = Server::start(data.path(), &arguments, ENVIRONMENT).await;
        "acme".clone_into(&mut again.api.slug);
        server = again;
    }

    // What the seed takes back is taken back.
    let mut changed = seed();
    changed["credentials"][0]["active"] = json!(false);
    fs::write(&file, changed.to_string()).unwrap();
    let mut server = Server::start(data.path(), &arguments, ENVIRONMENT).await;
    "acme".clone_into(&mut server.api.slug);
    "key-of-alice".clone_into(&mut server.api.key);
    server
        .api
        .call("POST", body.to_string())
        .await
        .expect(401, "taken back");
}

// ---------------------------------------------------------------- What it prints

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_printed_lines_work_as_pasted() {
    if !process::available(&["curl"], "the_printed_lines_work_as_pasted") {
        return;
    }
    for signer in ["post", "put"] {
        let data = temp_dir();
        let server = Server::start(data.path(), &["--signer", signer], ENVIRONMENT).await;
        let printed = server.process.stdout();
        let lines: Vec<_> = printed
            .lines()
            .filter(|line| line.contains("curl "))
            .collect();
        assert_eq!(lines.len(), 2, "{printed}");
        assert!(
            printed.ends_with(&format!("\nlistening on {}\n", server.api.url)),
            "{printed}"
        );

        let created: Value = serde_json::from_str(&pasted(lines[0])).unwrap();
        let ticket = Ticket::of(&created);
        let stored = ticket.upload(&server.api.http, "hello\n").await;
        assert!(stored.status.is_success(), "{}", stored.text());
        assert_eq!(pasted(lines[1]), "hello\n", "{signer}");
    }
}

/// What a line prints in a shell, in a directory of its own.
fn pasted(line: &str) -> String {
    let directory = temp_dir();
    let mut bash = Command::new("bash");
    bash.args(["-c", line]).current_dir(directory.path());
    // The store is on this machine.
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        bash.env_remove(proxy);
    }
    let ended = Process::start(&mut bash).wait();
    assert!(ended.status.success(), "{line}\n{}", ended.stderr);
    assert_eq!(ended.stderr, "", "{line}");
    ended.stdout
}

#[tokio::test]
async fn help_names_every_flag() {
    let ended = Process::of_program("serve", ["--help"], &[]).wait();
    assert!(ended.status.success());
    for flag in [
        "--listen",
        "--data-dir",
        "--seed",
        "--database",
        "--max-size",
        "--signer",
        "--rate-limit",
        "--purge-every",
        "--purge-pending-after",
        "--s3-endpoint",
        "--s3-bucket",
        "--s3-region",
        "--s3-public-endpoint",
        "--embedded-keys",
    ] {
        assert!(ended.stdout.contains(flag), "{flag}");
    }
}

// ---------------------------------------------------------------- The embedded store's keys

/// The keys are in a file, in no output, and the other subcommands work with them as the server says.
#[cfg(unix)]
#[tokio::test]
async fn the_embedded_keys_are_in_a_file_of_the_owner() {
    use std::os::unix::fs::PermissionsExt;

    let (data, elsewhere) = (temp_dir(), temp_dir());
    let own = elsewhere.path().join("below").join("my keys");
    // A file of another mode is replaced.
    fs::create_dir(own.parent().unwrap()).unwrap();
    fs::write(&own, "old").unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o644)).unwrap();
    let default = data.path().join("object-store.env");
    for (flags, file) in [
        (&[][..], &default),
        (&["--embedded-keys", own.to_str().unwrap()], &own),
    ] {
        let server = Server::start(data.path(), flags, &[]).await;
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{mode:o}");
        let keys = fs::read_to_string(file).unwrap();
        let key = |name: &str| {
            let line = keys.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim_matches('\'').to_owned()
        };
        let (id, secret) = (key("AWS_ACCESS_KEY_ID="), key("AWS_SECRET_ACCESS_KEY="));
        let said = server.process.stdout() + &server.process.stderr();
        assert!(!said.contains(&id) && !said.contains(&secret), "{said}");
        assert!(said.contains(file.to_str().unwrap()), "{said}");

        let line = said.lines().find(|line| line.contains(" doctor "));
        let report: Value = serde_json::from_str(&pasted(line.unwrap())).unwrap();
        assert_ne!(report["status"], "failed", "{report:#}");
        // The same endpoint and keys sign for the object of an upload.
        let ticket = server.api.create("a.txt", "text/plain", 5).await;
        let stored = ticket.upload(&server.api.http, "whole").await;
        assert!(stored.status.is_success(), "{}", stored.text());
        let endpoint = ticket.url.strip_suffix("/uploads").unwrap();
        let signed = Process::of_program(
            "presign",
            [
                "get",
                "--bucket=uploads",
                "--region=us-east-1",
                &format!("--endpoint={endpoint}"),
                &format!("--key={}", ticket.field("key")),
            ],
            &[
                ("AWS_ACCESS_KEY_ID", &id),
                ("AWS_SECRET_ACCESS_KEY", &secret),
            ],
        );
        let signed = { signed }.wait();
        let signed: Value = serde_json::from_str(&signed.stdout).unwrap();
        let line = format!("GET {}", signed["url"].as_str().unwrap());
        let answer = server.api.http.send(&line, &[], "").await;
        assert_eq!(answer.expect(200, "presigned").text(), "whole");
    }
}

/// Keys of the environment are written to a file only if a flag asks for it.
#[tokio::test]
async fn keys_of_the_environment_stay_there() {
    let data = temp_dir();
    let server = Server::start(data.path(), &[], ENVIRONMENT).await;
    let said = server.process.stdout() + &server.process.stderr();
    assert!(!said.contains(SECRET) && !said.contains(ID), "{said}");
    assert!(!data.path().join("object-store.env").exists());

    let file = data.path().join("keys");
    let flags = ["--embedded-keys", file.to_str().unwrap()];
    let _server = Server::start(data.path(), &flags, ENVIRONMENT).await;
    let keys = fs::read_to_string(file).unwrap();
    assert!(keys.contains(ID) && keys.contains(SECRET), "{keys}");
}

// ---------------------------------------------------------------- What can't start

#[test]
fn a_bad_flag_is_one_sentence() {
    let data = temp_dir();
    let directory = data.path().to_str().unwrap();
    let file = data.path().join("no-database");
    fs::write(
        &file,
        "text that is longer than the header of a database, ".repeat(9),
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    for (arguments, words) in [
        (&["--bogus"][..], "--bogus"),
        (&["-x"], "-x"),
        (&["extra"], "extra"),
        (&["--listen"], "--listen"),
        (&["--max-size", "0"], "--max-size"),
        (&["--max-size", "lots"], "lots"),
        (&["--max-size", "1.5MB"], "1.5MB"),
        (&["--max-size", "6GB"], "5368709120"),
        (&["--max-size", "5368709121"], "5368709120"),
        (&["--signer", "ftp"], "ftp"),
        (&["--rate-limit", "0"], "--rate-limit"),
        (&["--rate-limit", "-1"], "--rate-limit"),
        (&["--rate-limit", "60/"], "60/"),
        (&["--rate-limit", "60/day"], "60/day"),
        (&["--rate-limit", "60/minute/x"], "60/minute/x"),
        (&["--rate-limit", "4294967296"], "4294967296"),
        (&["--rate-limit", "4000000000/second"], "4000000000/second"),
        (&["--purge-every"], "--purge-every"),
        (&["--purge-every", "0"], "--purge-every"),
        (&["--purge-every", "s"], "--purge-every"),
        (&["--purge-every", "1.5h"], "1.5h"),
        (&["--purge-every", "-1s"], "--purge-every"),
        (&["--purge-every", "1w"], "1w"),
        (&["--purge-every", "18446744073709551615d"], "100 years"),
        (
            &["--purge-every", "1h", "--purge-pending-after", "soon"],
            "--purge-pending-after",
        ),
        (&["--purge-pending-after", "1h"], "without --purge-every"),
        (&["--database", "mysql://x"], "mysql"),
        (&["--database", "sqlite:"], "sqlite"),
        (&["--s3-region", "us east"], "region"),
        (&["--s3-bucket", "../../evil"], "bucket"),
        (&["--s3-bucket", "a"], "bucket"),
        (
            &["--s3-endpoint", "http://127.0.0.1:9"],
            "AWS_ACCESS_KEY_ID",
        ),
        (&["--s3-public-endpoint", "ftp://x"], "ftp://x"),
        (
            &["--embedded-keys", "x", "--s3-endpoint", "http://h"],
            "cannot be used with",
        ),
    ] {
        refuses_to_start(2, arguments, &[], words);
    }
    for (arguments, words) in [
        (&["--listen", "nonsense"][..], "nonsense"),
        (&["--listen", "127.0.0.1:99999"], "99999"),
        (&["--listen", &taken], &taken),
        (
            &["--database", "sqlite:/no/such/x.db"],
            "can't open the database",
        ),
        (
            &["--database", &format!("sqlite:{directory}")],
            "can't open the database",
        ),
        (
            &["--database", &format!("sqlite:{file}")],
            "can't open the database",
        ),
        (&["--data-dir", file], "can't"),
        (&["--data-dir", &format!("{file}/below")], "can't"),
        (&["--seed", "/no/such/seed.json"], "/no/such/seed.json"),
        (&["--seed", directory], "seed file"),
    ] {
        refuses_to_start(1, arguments, &[], words);
    }
    refuses_to_start(2, &[], &[("AWS_ACCESS_KEY_ID", "x")], "set both");
    refuses_to_start(2, &[], &[("AWS_SECRET_ACCESS_KEY", "x")], "set both");
}

#[test]
fn a_bad_seed_is_one_sentence() {
    let data = temp_dir();
    let file = data.path().join("seed.json");
    let arguments = ["--seed", file.to_str().unwrap()];
    for (text, words) in [
        ("", "doesn't parse"),
        ("{", "doesn't parse"),
        ("[]", "doesn't parse"),
        (r#"{"workspaces":[{}]}"#, "doesn't parse"),
        (r#"{"unknown":1}"#, "unknown"),
    ] {
        fs::write(&file, text).unwrap();
        refuses_to_start(1, &arguments, &[], words);
    }
    for (member, value, words) in [
        ("/workspaces/0/id", json!("x"), "doesn't parse"),
        ("/workspaces/0/slug", json!("a/b"), "slug"),
        ("/workspaces/0/members/0", json!(7), "doesn't parse"),
        ("/credentials/0/kind", json!("password"), "password"),
        ("/credentials/0/scopes", json!(["assets:all"]), "assets:all"),
        ("/credentials/0/value", json!(""), "ASCII"),
        ("/credentials/0/value", json!("a b"), "ASCII"),
        ("/credentials/4/active", json!("yes"), "doesn't parse"),
        (
            "/credentials/2/expires_at",
            json!("tomorrow"),
            "doesn't parse",
        ),
    ] {
        let mut seed = seed();
        *seed.pointer_mut(member).unwrap() = value;
        fs::write(&file, seed.to_string()).unwrap();
        refuses_to_start(1, &arguments, &[], words);
    }
}

/// It ends by itself with this status, and says why in one sentence with these words in it: 1 if it
/// could not start, 2 if the command line or the environment is wrong.
fn refuses_to_start(code: i32, arguments: &[&str], environment: &[(&str, &str)], words: &str) {
    let fresh = temp_dir();
    let mut all = vec!["--data-dir", fresh.path().to_str().unwrap()];
    if !arguments.contains(&"--listen") {
        all.extend(["--listen", "127.0.0.1:0"]);
    }
    all.extend(arguments);
    let ended = Process::of_program("serve", &all, environment).wait();
    let said = ended.stderr;
    assert_eq!(ended.status.code(), Some(code), "{all:?}: {said}");
    assert_eq!(ended.stdout, "", "{all:?}");
    let one = said.starts_with("asset-upload serve: ")
        && said.ends_with('\n')
        && said.lines().count() == 1;
    assert!(one && said.contains(words), "{all:?}: {words} in {said}");
}

// ---------------------------------------------------------------- Databases

#[tokio::test]
async fn a_database_of_ones_own() {
    let data = temp_dir();
    let elsewhere = temp_dir();
    let file = elsewhere.path().join("own.db");
    let url = format!("sqlite:{}", file.display());
    for (database, kept) in [("memory", false), (&*url, true)] {
        let server = Server::start(data.path(), &["--database", database], ENVIRONMENT).await;
        let form = server.api.create("a.png", "image/png", 10).await;
        let get = format!("GET {}", form.id);
        server.api.call(&get, "").await.expect(400, database);
        drop(server);
        let server = Server::start(data.path(), &["--database", database], ENVIRONMENT).await;
        let status = if kept { 400 } else { 404 };
        server.api.call(&get, "").await.expect(status, database);
    }
    assert!(file.is_file());
    assert!(!has_database(data.path()), "the default one was made too");

    let server = Server::start(data.path(), &[], ENVIRONMENT).await;
    server.api.create("a.png", "image/png", 10).await;
    assert!(has_database(data.path()));
}

fn has_database(directory: &Path) -> bool {
    directory.join("assets.sqlite3").exists()
}

// ---------------------------------------------------------------- The end

#[tokio::test]
async fn it_ends_gracefully() {
    for signal in ["TERM", "INT"] {
        let data = temp_dir();
        let mut server = Server::start(data.path(), &[], ENVIRONMENT).await;
        // An idle connection, which must not keep it from ending: the client's own.
        server.api.create("a.png", "image/png", 10).await;

        let address = server.api.url.strip_prefix("http://").unwrap().to_owned();
        let body = r#"{"name":"late.png","size":10}"#;
        let (now, later) = body.split_at(5);
        let Api { key, slug, .. } = &server.api;
        let head = format!(
            "POST /api/v1/workspaces/{slug}/assets/ HTTP/1.1\r\nHost: {address}\r\nX-API-Key: {key}\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        );
        let mut connection = TcpStream::connect(&address).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        // From here on the service is reading the body.
        read_until(&mut connection, "HTTP/1.1 100 Continue\r\n\r\n").await;
        connection.write_all(now.as_bytes()).await.unwrap();

        server.process.signal(signal);
        until("new connections are refused", async || {
            TcpStream::connect(&address).await.is_err()
        })
        .await;
        connection.write_all(later.as_bytes()).await.unwrap();
        let answer = read_until(&mut connection, "x-amz-signature").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

        let ended = server.process.wait();
        assert_eq!(ended.status.code(), Some(0), "{signal}: {}", ended.stderr);
        assert!(!ended.stderr.contains("cut off"), "{}", ended.stderr);
    }
}

async fn read_until(connection: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let reading = async {
        let mut chunk = [0; 4096];
        while !text.contains(end) {
            let length = connection.read(&mut chunk).await.unwrap();
            assert_ne!(length, 0, "closed after {text:?}");
            text.push_str(&String::from_utf8_lossy(&chunk[..length]));
        }
    };
    let read = tokio::time::timeout(PATIENCE, reading).await;
    assert!(read.is_ok(), "no {end:?} within {PATIENCE:?}");
    text
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn clients_are_told_apart_from_the_page() {
    let data = temp_dir();
    let server = Server::start(data.path(), &[], ENVIRONMENT).await;
    let other = Http::new();
    let line = server.api.line("POST");
    let answer = other.send(&line, &[], "{}").await.expect(401, "no key");
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
    let line = format!("OPTIONS {}/api/v1/workspaces/w/assets", server.api.url);
    let answer = other.send(&line, &[], "").await.expect(204, "OPTIONS");
    assert_eq!(answer.header("allow"), "POST, OPTIONS");
}
