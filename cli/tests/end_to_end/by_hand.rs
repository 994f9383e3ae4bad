//! What clients can't ask the server for, or not like that: keys of one's own, checksums, temporary
//! credentials.

use serde_json::json;
use sha2::{Digest, Sha256};
use time::Duration as Span;
use time::format_description::well_known::Rfc3339;
use tower_asset_upload::asset::{
    Checksum, Clock, MediaType, ObjectKey, ObjectName, SystemClock, UploadSize,
};
use tower_asset_upload::ports::{DownloadIntent, UploadIntent};
use tower_asset_upload::s3::{S3Objects, S3PostSigner, S3PutSigner, S3Signer};
use tower_asset_upload::sigv4::{Credentials, FormFields};
use tower_asset_upload::{ObjectStore, UploadSigner};

use super::objects::{Hosted, Objects};
use super::{ENVIRONMENT, ID, SECRET};
use crate::process::{Http, Server, Ticket, noise, temp_dir};

const METHODS: [&str; 2] = ["post", "put"];

// ---------------------------------------------------------------- Keys

/// Whatever a key may hold (AWS, "Naming Amazon S3 objects"), and then some.
const KEYS: &[&str] = &[
    "plain.png",
    "a b+c&d=e%2F#?~!*().png",
    "%41%zz%/%2e%2e/a.png",
    "a?x-id=PutObject&X-Amz-Signature=0#fragment",
    "\"quoted\" 'and' <tagged> `ticked` \\ | ^ {braced} [bracketed]",
    "filename/$filename/{filename}",
    ",\",\"conditions\":[],{\"acl\":\"public-read\"}",
    "\"]],\"expiration\":\"2999-01-01T00:00:00Z\"}",
    "</Key><Key>other</Key>",
    "фотография/文件/📷.png",
    "e\u{301} is not \u{e9}",
    "\u{202e}gnp.exe",
    "a//b///c",
    "...dots.../.hidden/a..b",
    "key=value;a,b:c@d",
    " leading and trailing ",
];

#[tokio::test]
async fn a_key_is_stored_as_it_was_signed() {
    keys_arrive(Objects::EMBEDDED).await;
}

#[tokio::test]
async fn a_key_is_stored_in_garage_as_it_was_signed() {
    if let Some(garage) = Objects::garage("a_key_is_stored_in_garage_as_it_was_signed") {
        keys_arrive(garage).await;
    }
}

async fn keys_arrive(objects: Objects) {
    let server = objects.server(&[]).await;
    let bucket = objects.bucket(&endpoint(&server).await);
    let credentials = || Credentials::new(ID, SECRET).unwrap();
    let verifier = S3Objects::new(bucket.clone(), credentials());
    let media_type: MediaType = "image/png".parse().unwrap();
    let post = S3PostSigner::new(bucket.clone(), credentials());
    let put = S3PutSigner::new(bucket, credentials());
    let signers = [S3Signer::post(post).unwrap(), S3Signer::put(put).unwrap()];
    let longest = "ж".repeat(500);
    let keys = KEYS.iter().copied().chain([&*longest]);
    for (number, key) in keys.enumerate() {
        for (more, signer) in signers.iter().enumerate() {
            // Another object each time, or the second would find what the first has left.
            let key = ObjectKey::new(format!("{more}/{key}")).unwrap();
            let size = u64::try_from(100 + number).unwrap();
            let file = noise(100 + number);
            let upload = UploadIntent::new(&key, &media_type, UploadSize::new(size).unwrap());
            let now = SystemClock.now();
            let data = signer.sign_upload(&upload, now).await.unwrap();
            let form = Ticket::of(&json!({"asset_id": "", "upload_data": data}));
            let stored = form.upload(&server.api.http, file.clone()).await;
            assert!(stored.status.is_success(), "{key:?}: {}", stored.text());

            let object = verifier.head(&key).await.unwrap().expect("the object");
            assert_eq!(object.size, size, "{key:?}");
            assert_eq!(object.content_type.as_deref(), Some("image/png"), "{key:?}");
            let name = ObjectName::clean("photo.png").unwrap();
            let download = DownloadIntent::new(&key, &media_type, &name);
            let url = signer.sign_download(&download, now).await.unwrap();
            let line = format!("GET {url}");
            let answer = server.api.http.send(&line, &[], "").await;
            assert!(answer.expect(200, key.as_str()).body == file, "{key:?}");
            verifier.delete(&key).await.unwrap();
            assert_eq!(verifier.head(&key).await.unwrap(), None, "{key:?}");
        }
    }
}

/// Where the server's objects are.
async fn endpoint(server: &Hosted) -> String {
    let form = server.api.create("a.png", "image/png", 1).await;
    form.url.strip_suffix("/uploads").unwrap().to_owned()
}

// ---------------------------------------------------------------- Fields

#[tokio::test]
async fn a_form_brings_what_its_fields_say() {
    fields_arrive(Objects::EMBEDDED).await;
}

#[tokio::test]
async fn a_form_brings_to_garage_what_its_fields_say() {
    if let Some(garage) = Objects::garage("a_form_brings_to_garage_what_its_fields_say") {
        fields_arrive(garage).await;
    }
}

async fn fields_arrive(objects: Objects) {
    let server = objects.server(&[]).await;
    let bucket = objects.bucket(&endpoint(&server).await);
    let fields = FormFields::new()
        .success_action_status(201)
        .metadata("origin", "scanner");
    let signer = S3Signer::new(bucket, Credentials::new(ID, SECRET).unwrap())
        .and_then(|signer| signer.fields(fields))
        .unwrap();
    let (key, media_type) = (ObjectKey::new("fields.png").unwrap(), "image/png".parse());
    let media_type: MediaType = media_type.unwrap();
    let upload = UploadIntent::new(&key, &media_type, UploadSize::new(10).unwrap());
    let now = SystemClock.now();
    let data = signer.sign_upload(&upload, now).await.unwrap();
    let form = Ticket::of(&json!({"asset_id": "", "upload_data": data}));
    for name in ["success_action_status", "x-amz-meta-origin"] {
        let mut tampered = form.clone();
        tampered.set(name, "200");
        let refused = tampered.upload(&server.api.http, noise(10)).await;
        let status = refused.status.as_u16();
        assert!(matches!(status, 400 | 403), "{name}: {}", refused.text());
        tampered.fields.retain(|(other, _)| other != name);
        let refused = tampered.upload(&server.api.http, noise(10)).await;
        let status = refused.status.as_u16();
        assert!(matches!(status, 400 | 403), "{name}: {}", refused.text());
    }
    let stored = form.upload(&server.api.http, noise(10)).await;
    let stored = stored.expect(201, "fields");
    assert!(
        stored.text().contains("<Key>fields.png</Key>"),
        "{}",
        stored.text()
    );
    let name = ObjectName::clean("photo.png").unwrap();
    let download = DownloadIntent::new(&key, &media_type, &name);
    let url = signer.sign_download(&download, now).await.unwrap();
    let answer = server.api.http.send(&format!("GET {url}"), &[], "").await;
    let answer = answer.expect(200, "fields");
    assert_eq!(answer.header("x-amz-meta-origin"), "scanner");
}

// ---------------------------------------------------------------- Checksums

#[tokio::test]
async fn what_hashes_to_something_else_is_refused() {
    checksums_hold(Objects::EMBEDDED).await;
}

#[tokio::test]
async fn what_hashes_to_something_else_is_refused_by_garage() {
    if let Some(garage) = Objects::garage("what_hashes_to_something_else_is_refused_by_garage") {
        checksums_hold(garage).await;
    }
}

async fn checksums_hold(objects: Objects) {
    let server = objects.server(&[]).await;
    let bucket = objects.bucket(&endpoint(&server).await);
    let credentials = || Credentials::new(ID, SECRET).unwrap();
    let verifier = S3Objects::new(bucket.clone(), credentials());
    let post = S3PostSigner::new(bucket.clone(), credentials());
    let put = S3PutSigner::new(bucket, credentials());
    let signers = [S3Signer::post(post).unwrap(), S3Signer::put(put).unwrap()];
    for signer in signers {
        let method = signer.method().as_str();
        let file = noise(1000);
        let checksum = Checksum::new(Sha256::digest(&file).into());
        let key = ObjectKey::new(format!("checksums/{method}.png")).unwrap();
        let media_type: MediaType = "image/png".parse().unwrap();
        let mut upload = UploadIntent::new(&key, &media_type, UploadSize::new(1000).unwrap());
        upload.checksum = Some(&checksum);
        let data = signer.sign_upload(&upload, SystemClock.now()).await;
        let form = Ticket::of(&json!({"asset_id": "", "upload_data": data.unwrap()}));

        tampered_bytes_are_refused(&server.api.http, &form, &file).await;
        let left = verifier.head(&key).await.unwrap();
        // The embedded store compares what it has written already.
        if !objects.is_embedded() {
            assert_eq!(left, None, "{method}");
        }
        assert!(left.is_none_or(|object| object.checksum.is_none()));
        let stored = form.upload(&server.api.http, file).await;
        assert!(stored.status.is_success(), "{method}: {}", stored.text());
        let object = verifier.head(&key).await.unwrap().expect("the object");
        assert_eq!(object.checksum, Some(checksum), "{method}");
    }
}

async fn tampered_bytes_are_refused(http: &Http, form: &Ticket, file: &[u8]) {
    let mut other = file.to_vec();
    other[500] ^= 1;
    let refused = form.upload(http, other.clone()).await;
    assert_eq!(refused.status, 400, "{}: {}", form.method, refused.text());
    // Nor does it help to announce what they hash to, or nothing.
    let hash = Checksum::new(Sha256::digest(&other).into()).to_base64();
    for announced in [Some(hash), None] {
        let mut tampered = form.clone();
        for pairs in [&mut tampered.fields, &mut tampered.headers] {
            pairs.retain(|(name, _)| name != "x-amz-checksum-sha256" || announced.is_some());
            for (name, sum) in pairs {
                if name == "x-amz-checksum-sha256" {
                    sum.clone_from(announced.as_ref().unwrap());
                }
            }
        }
        let refused = tampered.upload(http, other.clone()).await;
        let status = refused.status.as_u16();
        assert!(
            matches!(status, 400 | 403),
            "{}: {}",
            form.method,
            refused.text()
        );
    }
}

#[tokio::test]
async fn an_announced_checksum_is_verified() {
    announced_checksums_hold(Objects::EMBEDDED, &METHODS).await;
}

/// By PUT: a form for Garage has to name the algorithm, and the server doesn't know that its
/// store is Garage. What a form leaves unchecked doesn't count either.
#[tokio::test]
async fn an_announced_checksum_is_verified_in_garage() {
    let Some(garage) = Objects::garage("an_announced_checksum_is_verified_in_garage") else {
        return;
    };
    announced_checksums_hold(garage, &["put"]).await;
    let server = garage.server(&[]).await;
    let form = announce(&server, &noise(1000)).await;
    let stored = form.upload(&server.api.http, noise(1000)).await;
    assert!(stored.status.is_success(), "{}", stored.text());
    let answer = server.api.call(&format!("PATCH {}", form.id), "").await;
    answer.expect_code(409, "object_mismatch", "unchecked");
}

async fn announced_checksums_hold(objects: Objects, signers: &[&str]) {
    for signer in signers {
        let server = objects.server(&["--signer", signer]).await;
        let file = noise(1000);
        let mut form = announce(&server, &file).await;
        tampered_bytes_are_refused(&server.api.http, &form, &file).await;
        let answer = server.api.call(&format!("PATCH {}", form.id), "").await;
        if objects.is_embedded() {
            // It has written them all the same, before it looked: which is final.
            answer.expect_code(409, "object_mismatch", signer);
            form = announce(&server, &file).await;
        } else {
            answer.expect_code(409, "object_missing", signer);
        }
        let stored = form.upload(&server.api.http, file).await;
        assert!(stored.status.is_success(), "{signer}: {}", stored.text());
        let patch = format!("PATCH {}", form.id);
        server.api.call(&patch, "").await.expect(204, signer);
    }
}

/// An asset whose checksum is known from the beginning.
async fn announce(server: &Hosted, file: &[u8]) -> Ticket {
    let checksum = Checksum::new(Sha256::digest(file).into()).to_base64();
    let body = json!({
        "name": "photo.png",
        "type": "image/png",
        "size": file.len(),
        "checksum_sha256": checksum,
    });
    let made = server.api.call("POST", body.to_string()).await;
    Ticket::of(&made.expect(200, "announced").json())
}

// ---------------------------------------------------------------- Temporary credentials

/// Garage has no session tokens and takes no notice of them, but they are part of what is signed: a
/// token that is lost or changed on the way spoils the signature. (The embedded store is only given
/// lasting credentials.)
#[tokio::test]
async fn a_session_token_is_signed() {
    let Some(garage) = Objects::garage("a_session_token_is_signed") else {
        return;
    };
    let token = "a/token+with=signs";
    let environment = [ENVIRONMENT, &[("AWS_SESSION_TOKEN", token)]].concat();
    for signer in METHODS {
        let server = garage
            .server_with(&["--signer", signer], &environment)
            .await;
        let form = server.api.create("photo.png", "image/png", 1000).await;
        let mut tampered = form.clone();
        if signer == "post" {
            assert_eq!(form.field("x-amz-security-token"), token);
            tampered.set("x-amz-security-token", "another");
        } else {
            let sent = "&X-Amz-Security-Token=a%2Ftoken%2Bwith%3Dsigns";
            assert!(form.url.contains(sent), "{}", form.url);
            tampered.url = form.url.replace(sent, "");
        }
        let refused = tampered.upload(&server.api.http, noise(1000)).await;
        let status = refused.status.as_u16();
        assert!(matches!(status, 400 | 403), "{signer}: {}", refused.text());

        let stored = form.upload(&server.api.http, noise(1000)).await;
        assert!(stored.status.is_success(), "{signer}: {}", stored.text());
        let patch = format!("PATCH {}", form.id);
        server.api.call(&patch, "").await.expect(204, signer);
        let get = format!("GET {}", form.id);
        let found = server.api.call(&get, "").await.expect(200, signer).json();
        let line = format!("GET {}", found["asset_url"].as_str().unwrap());
        server
            .api
            .http
            .send(&line, &[], "")
            .await
            .expect(200, signer);
    }
}

/// No store is needed: the forms are only signed.
#[tokio::test]
async fn nothing_signed_outlives_a_session_token() {
    let token = ("AWS_SESSION_TOKEN", "a-token");
    let end = (SystemClock.now() + Span::minutes(30))
        .format(&Rfc3339)
        .unwrap();
    for signer in METHODS {
        for (variables, minutes) in [
            (&[][..], 60),
            (&[token], 10),
            (&[token, ("AWS_CREDENTIAL_EXPIRATION", &end)], 30),
        ] {
            let data = temp_dir();
            let flags = ["--signer", signer, "--s3-endpoint", "http://127.0.0.1:1"];
            let environment = [ENVIRONMENT, variables].concat();
            let server = Server::start(data.path(), &flags, &environment).await;
            let life = server.api.create("a.png", "image/png", 1000).await.life();
            let allowed = Span::minutes(minutes - 5)..=Span::minutes(minutes);
            assert!(allowed.contains(&life), "{signer}, {variables:?}: {life}");
        }
    }
}
