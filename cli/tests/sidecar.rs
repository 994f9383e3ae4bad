//! The sidecar as a process of its own, over Plane's tables and a bucket, as its operators run it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../../tests/support/cluster.rs"]
mod cluster;
#[path = "../../tests/plane/fixture.rs"]
mod fixture;
#[path = "../../tests/support/process.rs"]
mod process;
#[path = "sidecar/proxies.rs"]
mod proxies;
#[path = "sidecar/sidecar.rs"]
mod sidecar;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::time::Duration;

use cluster::{Cluster, Stop};
use fixture::{Database, wait_for};
use process::{Process, Ticket, noise, subcommand};
use serde_json::{Value, json};
use sidecar::{Bucket, Sidecar};
use support::{ALICE, MINE, MY_PROJECT};
use time::Duration as Span;
use time::format_description::well_known::Rfc3339;
use tower_asset_upload::asset::{Clock, SystemClock};
use uuid::Uuid;

#[tokio::test]
async fn a_file_goes_the_whole_way() {
    let flags = ["--allow-delete"];
    let Some(sidecar) = Sidecar::start("a_file_goes_the_whole_way", &flags, &[]).await else {
        return;
    };
    let file = noise(70_001);
    let body = json!({
        "name": "../été.png", "type": "image/png", "size": file.len(),
        "project_id": MY_PROJECT, "external_source": "github", "external_id": "7",
    });
    let created = sidecar.api.call("POST", body.to_string()).await;
    let created = created.expect(200, "create");
    assert_eq!(created.header("x-ratelimit-remaining"), "59");
    let created = created.json();
    let ticket = Ticket::of(&created);
    let id = &ticket.id;
    let plane = format!(
        "/api/assets/v2/workspaces/my-workspace/projects/{MY_PROJECT}/issues/None/attachments/{id}/"
    );
    assert_eq!(created["asset_url"], *plane);

    let early = sidecar.api.call(&format!("PATCH {id}"), "{}").await;
    early.expect_code(409, "object_missing", "before the upload");
    let again = sidecar.api.call("POST", body.to_string()).await;
    let again = again.expect(409, "the same pair").json();
    assert_eq!(again["asset_id"], **id);
    let stored = Ticket::of(&again)
        .upload(&sidecar.api.http, file.clone())
        .await;
    assert!(stored.status.is_success(), "{}", stored.text());
    sidecar
        .api
        .call(&format!("PATCH {id}"), "{}")
        .await
        .expect(204, "complete");

    let found = sidecar.api.call(&format!("GET {id}"), "").await;
    let found = found.expect(200, "download").json();
    assert_eq!(found["asset_name"], "../été.png");
    let url = found["asset_url"].as_str().unwrap();
    let download = sidecar.api.http.send(&format!("GET {url}"), &[], "").await;
    assert!(
        download.expect(200, "the object").body == file,
        "other bytes"
    );

    // What Plane's web client shows of an attachment, and its API answers with.
    let row = sidecar.database.row(id.parse().unwrap()).await;
    let key = ticket.field("key");
    assert!(
        key.starts_with(&format!("{MINE}/")) && key.ends_with("-été.png"),
        "{key}"
    );
    for (column, value) in [
        ("asset", json!(key)),
        ("entity_type", json!("ISSUE_ATTACHMENT")),
        ("workspace_id", json!(MINE)),
        ("project_id", json!(MY_PROJECT)),
        ("created_by_id", json!(ALICE)),
        ("is_uploaded", json!(true)),
        ("is_deleted", json!(false)),
        ("external_source", json!("github")),
        ("external_id", json!("7")),
    ] {
        assert_eq!(row[column], value, "{column}");
    }
    assert_eq!(row["size"].as_f64(), Some(70_001.0));
    for (member, value) in [
        ("name", json!("été.png")),
        ("size", json!(70_001)),
        ("type", json!("image/png")),
    ] {
        assert_eq!(row["attributes"][member], value, "{member}");
    }
    let metadata = &row["storage_metadata"];
    assert_eq!(metadata["ContentLength"], 70_001);
    assert_eq!(metadata["ContentType"], "image/png");
    assert!(
        metadata["ETag"].as_str().unwrap().starts_with('"'),
        "{metadata}"
    );
    wait_for("the key's stamp", async || {
        let sql = "SELECT 1 FROM api_tokens WHERE last_used IS NOT NULL";
        (fixture::run(&sidecar.database.admin, sql, &[]).await.len() == 1).then_some(())
    })
    .await;

    sidecar
        .api
        .call(&format!("DELETE {id}"), "")
        .await
        .expect(204, "delete");
    sidecar
        .api
        .call(&format!("GET {id}"), "")
        .await
        .expect(404, "deleted");
    let row = sidecar.database.row(id.parse().unwrap()).await;
    assert_eq!(row["is_deleted"], true);
    assert!(row["deleted_at"].is_string());
}

#[tokio::test]
async fn strangers_and_tokens_stay_out() {
    let Some(sidecar) = Sidecar::start("strangers_and_tokens_stay_out", &[], &[]).await else {
        return;
    };
    let post = sidecar.api.line("POST");
    let send = async |headers: &[(&str, &str)]| {
        let file = r#"{"name":"a.png","size":1}"#;
        sidecar.api.http.send(&post, headers, file).await
    };
    send(&[])
        .await
        .expect_code(401, "not_authenticated", "without a key");
    send(&[("x-api-key", "guess")])
        .await
        .expect(401, "another key");
    // Plane keeps no tokens in these tables, not even one of this text.
    let bearer = format!("Bearer {}", support::KEY);
    send(&[("authorization", &bearer)])
        .await
        .expect(401, "a token");
    let bob = send(&[("x-api-key", "key-of-bob")]).await;
    assert_eq!(
        bob.expect(404, "no member").json()["error"],
        "The requested resource does not exist."
    );
    assert_eq!(sidecar.database.count("true").await, 0);
    let elsewhere = sidecar.api.url.clone() + "/api/v1/workspaces/my-workspace/projects/";
    let elsewhere = sidecar
        .api
        .http
        .send(&format!("GET {elsewhere}"), &[], "")
        .await;
    elsewhere.expect(404, "a path that is Plane's own");
}

#[tokio::test]
async fn browsers_are_sent_to_the_web_host() {
    for (variables, flags, public) in [
        (
            &[("WEB_URL", "http://plane.example.com/")][..],
            &[][..],
            "http://plane.example.com",
        ),
        (
            &[
                ("WEB_URL", "http://plane.example.com"),
                ("MINIO_ENDPOINT_SSL", "1"),
            ],
            &[],
            "https://plane.example.com",
        ),
        (
            &[("WEB_URL", "not looked at")],
            &["--public-endpoint", "https://files.example.com:8443"],
            "https://files.example.com:8443",
        ),
    ] {
        let minio = [variables, &[("USE_MINIO", "1"), ("AWS_REGION", "")]].concat();
        let test = "browsers_are_sent_to_the_web_host";
        let Some(sidecar) = Sidecar::start(test, flags, &minio).await else {
            return;
        };
        let mut ticket = sidecar.api.create("photo.png", "image/png", 1000).await;
        assert_eq!(ticket.url, format!("{public}/uploads"));
        assert!(ticket.field("x-amz-credential").contains("/us-east-1/s3/"));
        // Stands for the web host's proxy, which hands `/uploads` on.
        ticket.url = format!("{}/uploads", sidecar.bucket.endpoint);
        let stored = ticket.upload(&sidecar.api.http, noise(1000)).await;
        assert!(stored.status.is_success(), "{}", stored.text());
        let patch = format!("PATCH {}", ticket.id);
        sidecar
            .api
            .call(&patch, "")
            .await
            .expect(204, "it asks the store itself");
        let found = sidecar.api.call(&format!("GET {}", ticket.id), "").await;
        let url = found.expect(200, "download").json()["asset_url"].to_string();
        assert!(
            url.starts_with(&format!("\"{public}/uploads/{MINE}/")),
            "{url}"
        );
    }
}

#[tokio::test]
async fn limits_are_planes() {
    let limits = [
        ("FILE_SIZE_LIMIT", "1000"),
        ("SIGNED_URL_EXPIRATION", "60"),
        ("API_KEY_RATE_LIMIT", "3/hour"),
    ];
    let Some(sidecar) = Sidecar::start("limits_are_planes", &[], &limits).await else {
        return;
    };
    let ticket = sidecar.api.create("a.png", "image/png", 1000).await;
    let policy = support::decoded_policy(ticket.field("policy"));
    let (date, end) = (
        ticket.field("x-amz-date"),
        policy["expiration"].as_str().unwrap(),
    );
    let minute = |text: &str, at: usize| text[at..at + 2].parse::<u32>().unwrap();
    assert_eq!(minute(end, 14), (minute(date, 11) + 1) % 60, "{date} {end}");
    let large = sidecar
        .api
        .call("POST", r#"{"name":"a.png","size":1001}"#)
        .await;
    large.expect_code(400, "size_too_large", "1001 bytes");
    sidecar.api.call("POST", "").await.expect(400, "the third");
    let fourth = sidecar.api.call("POST", "").await.expect(429, "the fourth");
    assert_eq!(fourth.json()["error_code"], 5900);
    // The rest of the hour, as in Plane; in a third of it one request would pass.
    let wait: u64 = fourth.header("retry-after").parse().unwrap();
    assert!((2400..=3600).contains(&wait), "{wait}");
    for line in ["GET /healthz", "GET /readyz"] {
        let (method, path) = line.split_once(' ').unwrap();
        let line = format!("{method} {}{path}", sidecar.api.url);
        sidecar
            .api
            .http
            .send(&line, &[], "")
            .await
            .expect(200, &line);
    }
}

#[tokio::test]
async fn forms_end_with_their_session_token() {
    let test = "forms_end_with_their_session_token";
    let end = (SystemClock.now() + Span::minutes(30))
        .format(&Rfc3339)
        .unwrap();
    let token = ("AWS_SESSION_TOKEN", "a-token");
    for (variables, minutes) in [
        (&[][..], 60),
        (&[token], 10),
        (&[token, ("AWS_CREDENTIAL_EXPIRATION", &end)], 30),
    ] {
        let Some(sidecar) = Sidecar::start(test, &[], variables).await else {
            return;
        };
        let form = sidecar.api.create("a.png", "image/png", 1000).await;
        let allowed = Span::minutes(minutes - 5)..=Span::minutes(minutes);
        let life = form.life();
        assert!(allowed.contains(&life), "{variables:?}: {life}");
    }
}

#[tokio::test]
async fn it_cleans_up_after_itself_alone() {
    let test = "it_cleans_up_after_itself_alone";
    let flags = ["--purge-every", "1s"];
    let variables = [("UNUPLOADED_ASSET_DELETE_DAYS", "3")];
    let Some(sidecar) = Sidecar::start(test, &flags, &variables).await else {
        return;
    };
    let issue = Uuid::from_u128(7);
    let add = format!("INSERT INTO issues VALUES ('{issue}')");
    sidecar.database.admin.execute(&add, &[]).await.unwrap();
    let uploaded = async |name| {
        let ticket = sidecar.api.create(name, "text/plain", 10).await;
        let stored = ticket.upload(&sidecar.api.http, noise(10)).await;
        assert!(stored.status.is_success(), "{}", stored.text());
        let patch = format!("PATCH {}", ticket.id);
        sidecar.api.call(&patch, "").await.expect(204, name);
        let found = sidecar.api.call(&format!("GET {}", ticket.id), "").await;
        let url = found.expect(200, name).json()["asset_url"]
            .as_str()
            .unwrap()
            .to_owned();
        (ticket, format!("GET {url}"))
    };
    let get = async |url: &str| sidecar.api.http.send(url, &[], "").await.status;
    let set = async |id: &str, change: &str| {
        let row = format!("id = '{id}'");
        sidecar.database.set("file_assets", change, &row).await;
    };
    let deleted = |days| format!("is_deleted = true, deleted_at = now() - interval '{days} days'");
    let (kept, kept_url) = uploaded("kept.txt").await;
    let (attached, attached_url) = uploaded("attached.txt").await;
    let change = format!("{}, issue_id = '{issue}'", deleted(9));
    set(&attached.id, &change).await;
    let fresh = sidecar.api.create("fresh.txt", "text/plain", 10).await.id;
    let stale = sidecar.api.create("stale.txt", "text/plain", 10).await.id;
    set(&stale, "created_at = now() - interval '73 hours'").await;
    let (young, young_url) = uploaded("young.txt").await;
    set(&young.id, &deleted(7)).await;
    let (old, old_url) = uploaded("old.txt").await;
    set(&old.id, &deleted(9)).await;

    let count = async |condition: String| sidecar.database.count(&condition).await;
    let row_is_gone = async |id: &str| {
        wait_for("the row is gone", async || {
            (count(format!("id = '{id}'")).await == 0).then_some(())
        })
        .await;
    };
    let noted = "storage_metadata ->> 'ObjectRemoved' = 'true'";
    row_is_gone(&old.id).await;
    assert_eq!(get(&old_url).await, 404, "the object went first");
    for id in [&stale, &young.id] {
        wait_for("it is deleted, and its object gone", async || {
            let condition = format!("id = '{id}' AND is_deleted AND {noted}");
            (count(condition).await == 1).then_some(())
        })
        .await;
    }
    assert_eq!(get(&young_url).await, 404, "the object went at once");

    // Its form is still good. Until it isn't any more nobody looks again.
    let stored = young.upload(&sidecar.api.http, noise(10)).await;
    assert!(stored.status.is_success(), "{}", stored.text());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let young_row = format!("id = '{}'", young.id);
    assert_eq!(count(young_row).await, 1, "a form of it may be alive");
    assert_eq!(get(&young_url).await, 200);
    set(&young.id, &deleted(9)).await;
    row_is_gone(&young.id).await;
    assert_eq!(get(&young_url).await, 404, "the object went once more");

    for (ticket, url) in [(kept, kept_url), (attached, attached_url)] {
        let untouched = format!("id = '{}' AND NOT coalesce({noted}, false)", ticket.id);
        assert_eq!(count(untouched).await, 1);
        assert_eq!(get(&url).await, 200);
    }
    assert_eq!(count(format!("id = '{fresh}' AND NOT is_deleted")).await, 1);
    let said = sidecar.process.stderr();
    assert!(said.contains("purged"), "{said}");
}

#[tokio::test]
async fn it_says_whether_it_is_ready() {
    const TEST: &str = "it_says_whether_it_is_ready";
    let Some(mut cluster) = Cluster::start(TEST, &[]) else {
        return;
    };
    let database = Database::make(&cluster).await;
    let mut sidecar = Sidecar::over(database, &[], &[]).await;
    let (http, url) = (sidecar.api.http.clone(), sidecar.api.url.clone());
    let ready = async |status, expected: Value| {
        let answer = http.send(&format!("GET {url}/readyz"), &[], "").await;
        assert_eq!(answer.expect(status, "readyz").json(), expected);
        let healthy = http.send(&format!("GET {url}/healthz"), &[], "").await;
        healthy.expect(200, "healthz");
    };
    ready(200, json!({"database": "ok", "object_store": "ok"})).await;
    // What Django leaves of a new field with a default.
    let migrate = "ALTER TABLE file_assets ADD zz_new bool NOT NULL DEFAULT false; \
                   ALTER TABLE file_assets ALTER zz_new DROP DEFAULT";
    sidecar.database.admin.batch_execute(migrate).await.unwrap();
    let unfit = "file_assets.zz_new is NOT NULL, has no default, and is not filled here";
    ready(503, json!({"database": unfit, "object_store": "ok"})).await;
    let file = r#"{"name":"s3cret-name.png","size":1}"#;
    let refused = sidecar.api.call("POST", file).await;
    let refused = refused.expect_code(503, "store_unavailable", "a migration");
    assert!(!refused.header("retry-after").is_empty());
    assert!(!refused.text().contains("zz_new"), "{}", refused.text());
    wait_for("the cause is in the log", async || {
        let said = sidecar.process.stderr();
        assert!(!said.contains("s3cret-name"), "{said}");
        (said.matches(unfit).count() > 1).then_some(())
    })
    .await;
    let undo = "ALTER TABLE file_assets DROP zz_new";
    sidecar.database.admin.batch_execute(undo).await.unwrap();
    ready(200, json!({"database": "ok", "object_store": "ok"})).await;
    sidecar.api.call("POST", file).await.expect(200, "over");
    cluster.stop(Stop::Fast);
    ready(
        503,
        json!({"database": "unavailable", "object_store": "ok"}),
    )
    .await;
    let file = r#"{"name":"a.png","size":1}"#;
    let down = sidecar.api.call("POST", file).await.expect(503, "create");
    assert!(!down.header("retry-after").is_empty());
    cluster.resume();
    ready(200, json!({"database": "ok", "object_store": "ok"})).await;
    sidecar
        .api
        .call("POST", file)
        .await
        .expect(200, "it comes back");
    sidecar.bucket.stop();
    ready(
        503,
        json!({"database": "ok", "object_store": "unavailable"}),
    )
    .await;
    // The answer may be faster than the log.
    let said = wait_for("the cause is in the log", async || {
        let said = sidecar.process.stderr();
        said.contains("the object store doesn't answer")
            .then_some(said)
    })
    .await;
    assert!(
        !said.contains(support::KEY) && !said.contains(Bucket::SECRET),
        "{said}"
    );
    assert!(!said.contains('\x1b'), "colours in a log: {said:?}");
}

#[tokio::test]
async fn members_delete_what_is_theirs_if_the_operator_lets_them() {
    const TEST: &str = "members_delete_what_is_theirs_if_the_operator_lets_them";
    let Some(sidecar) = Sidecar::start(TEST, &[], &[]).await else {
        return;
    };
    let id = sidecar.api.create("a.png", "image/png", 10).await.id;
    let answer = sidecar.api.call(&format!("DELETE {id}"), "").await;
    let answer = answer.expect(405, "by default");
    assert_eq!(answer.header("allow"), "GET, HEAD, PATCH, OPTIONS");
    let early = sidecar.api.call(&format!("GET {id}"), "").await;
    early.expect(400, "it is there still");

    let Some(sidecar) = Sidecar::start(TEST, &["--allow-delete"], &[]).await else {
        return;
    };
    fixture::add_member(&sidecar.database.admin, MINE, support::BOB).await;
    let delete = async |id: &str, role: i16| {
        let role = format!("role = {role}");
        let bob = format!("member_id = '{}'", support::BOB);
        sidecar.database.set("workspace_members", &role, &bob).await;
        let line = sidecar.api.line(&format!("DELETE {id}"));
        let headers = [("x-api-key", "key-of-bob")];
        sidecar.api.http.send(&line, &headers, "").await
    };
    let post = async |key: &str| {
        let (line, headers) = (sidecar.api.line("POST"), [("x-api-key", key)]);
        let file = r#"{"name":"a.png","size":1}"#;
        let answer = sidecar.api.http.send(&line, &headers, file).await;
        Ticket::of(&answer.expect(200, "create").json()).id
    };
    let (alices, bobs) = (post(support::KEY).await, post("key-of-bob").await);
    for (id, role) in [
        (&alices, fixture::GUEST),
        (&bobs, fixture::GUEST),
        (&alices, fixture::MEMBER),
    ] {
        delete(id, role)
            .await
            .expect_code(403, "not_permitted", &format!("{role}"));
    }
    delete(&bobs, fixture::MEMBER)
        .await
        .expect(204, "one's own");
    delete(&alices, fixture::ADMIN)
        .await
        .expect(204, "an administrator");
    delete(&alices, fixture::ADMIN)
        .await
        .expect(404, "it is gone");
}

/// Plane's rows hold the largest size that a form takes: 5 MiB where no size was announced.
#[tokio::test]
async fn completion_takes_what_planes_forms_take_and_removes_nothing() {
    let test = "completion_takes_what_planes_forms_take_and_removes_nothing";
    let Some(sidecar) = Sidecar::start(test, &[], &[]).await else {
        return;
    };
    let upload = async |announced: usize, sent: usize, change: &str| {
        let ticket = sidecar.api.create("a.txt", "text/plain", announced).await;
        let stored = ticket.upload(&sidecar.api.http, noise(sent)).await;
        assert!(stored.status.is_success(), "{}", stored.text());
        let row = format!("id = '{}'", ticket.id);
        if !change.is_empty() {
            sidecar.database.set("file_assets", change, &row).await;
        }
        let patch = format!("PATCH {}", ticket.id);
        (ticket, sidecar.api.call(&patch, "").await)
    };
    for change in [
        "",
        "size = 5242880, attributes = attributes || '{\"size\": 5242880}'",
        "size = 0, attributes = attributes - 'size'",
        // Plane believed the client, and has not yet looked itself.
        "is_uploaded = true",
        "is_uploaded = true, storage_metadata = NULL",
        "is_uploaded = true, storage_metadata = 'null'",
    ] {
        let (ticket, patched) = upload(2000, 1000, change).await;
        patched.expect(204, change);
        let found = sidecar.api.call(&format!("GET {}", ticket.id), "").await;
        let url = found.expect(200, change).json()["asset_url"]
            .as_str()
            .unwrap()
            .to_owned();
        let object = sidecar.api.http.send(&format!("GET {url}"), &[], "").await;
        assert_eq!(object.expect(200, change).body.len(), 1000);
    }
    // Of what differs still, the object stays.
    let smaller = "size = 10, attributes = attributes || '{\"size\": 10}'";
    let (ticket, patched) = upload(2000, 1000, smaller).await;
    patched.expect_code(409, "object_mismatch", "1000 bytes of 10");
    let row = sidecar.database.row(ticket.id.parse().unwrap()).await;
    assert!(row["storage_metadata"]["Rejected"].is_string(), "{row}");
    let row = format!("id = '{}'", ticket.id);
    let by_plane = "is_uploaded = true";
    sidecar.database.set("file_assets", by_plane, &row).await;
    let found = sidecar.api.call(&format!("GET {}", ticket.id), "").await;
    let url = found.expect(200, "Plane has it").json()["asset_url"]
        .as_str()
        .unwrap()
        .to_owned();
    let object = sidecar.api.http.send(&format!("GET {url}"), &[], "").await;
    object.expect(200, "the object is there");
}

#[tokio::test]
async fn browsers_may_call_from_planes_origins() {
    let test = "browsers_may_call_from_planes_origins";
    let origins = "https://plane.example.com/, http://localhost:3000,";
    let any = [("CORS_ALLOWED_ORIGINS", " ")];
    for (variables, allowed, refused) in [
        (
            &[("CORS_ALLOWED_ORIGINS", origins)][..],
            &["https://plane.example.com", "http://localhost:3000"][..],
            &[
                "https://evil.example.com",
                "http://plane.example.com",
                "null",
            ][..],
        ),
        (&any[..], &["https://evil.example.com"], &[]),
    ] {
        let Some(sidecar) = Sidecar::start(test, &[], variables).await else {
            return;
        };
        let preflight = sidecar.api.line("POST").replace("POST", "OPTIONS");
        let ask = async |origin: &str| {
            let headers = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "content-type,x-api-key"),
            ];
            let asked = sidecar.api.http.send(&preflight, &headers, "").await;
            assert!(asked.status.is_success(), "{}", asked.text());
            let headers = [("origin", origin)];
            let sent = sidecar
                .api
                .http
                .send(&sidecar.api.line("POST"), &headers, "")
                .await;
            let sent = sent.expect(401, "without a key");
            let header = "access-control-allow-origin";
            (
                asked,
                sent.headers
                    .get(header)
                    .map(|origin| origin.to_str().unwrap().to_owned()),
            )
        };
        for origin in allowed {
            let (asked, sent) = ask(origin).await;
            assert_eq!(sent.as_deref(), Some(*origin));
            assert_eq!(asked.header("access-control-allow-origin"), *origin);
            assert_eq!(asked.header("access-control-allow-credentials"), "true");
            assert_eq!(
                asked.header("access-control-allow-methods"),
                "GET,HEAD,POST,PATCH"
            );
            let headers = asked.header("access-control-allow-headers").to_owned();
            assert!(
                headers.contains("x-api-key") && headers.contains("content-type"),
                "{headers}"
            );
        }
        for origin in refused {
            let (asked, sent) = ask(origin).await;
            assert_eq!(sent, None, "{origin}");
            assert!(
                !asked.headers.contains_key("access-control-allow-origin"),
                "{origin}"
            );
        }
    }
}

/// `plane.env` as Plane ships it: an empty `DATABASE_URL`, and the parts of one.
#[tokio::test]
async fn variables_are_found_where_plane_finds_them() {
    let test = "variables_are_found_where_plane_finds_them";
    let Some(cluster) = Cluster::shared(test) else {
        return;
    };
    for host in ["POSTGRES_HOST", "PGHOST"] {
        let database = Database::make(cluster).await;
        let url = database.url.clone();
        let (_, rest) = url.split_once("://").unwrap();
        let (user, rest) = rest.split_once('@').unwrap();
        let (address, name) = rest.split_once('/').unwrap();
        let (address, port) = address.split_once(':').unwrap();
        let variables = [
            ("DATABASE_URL", ""),
            (host, address),
            ("POSTGRES_PORT", port),
            ("POSTGRES_USER", user),
            ("POSTGRES_PASSWORD", "p@ss/w:rd%"),
            ("POSTGRES_DB", name),
            ("AWS_S3_ENDPOINT_URL", ""),
            ("MINIO_ENDPOINT_URL", "{bucket}"),
            ("FILE_SIZE_LIMIT", "99999999999"),
        ];
        let sidecar = Sidecar::over(database, &[], &variables).await;
        let (_, file) = (
            sidecar.api.create("a.png", "image/png", 10).await,
            5_368_709_120_u64,
        );
        let body = json!({"name": "a.png", "size": file}).to_string();
        sidecar.api.call("POST", body).await.expect(200, "5 GiB");
        let body = json!({"name": "a.png", "size": file + 1}).to_string();
        let large = sidecar.api.call("POST", body).await;
        large.expect_code(400, "size_too_large", "more");
        let said = sidecar.process.stderr();
        assert!(said.contains("FILE_SIZE_LIMIT 99999999999 "), "{said}");
    }
}

#[tokio::test]
async fn it_stops_when_it_is_told_to() {
    for signal in ["TERM", "INT"] {
        let Some(mut sidecar) = Sidecar::start("it_stops_when_it_is_told_to", &[], &[]).await
        else {
            return;
        };
        sidecar.api.create("a.png", "image/png", 10).await;
        sidecar.process.signal(signal);
        let ended = sidecar.process.wait();
        assert!(ended.status.success(), "{signal}: {}", ended.stderr);
        assert!(ended.stderr.contains("stopped"), "{}", ended.stderr);
    }
}

/// What a run with these variables, over the ones of a setup that works, ends with.
fn fails(flags: &[&str], changes: &[(&str, &str)]) -> String {
    let works = [
        ("DATABASE_URL", "postgres://plane:s3cret@127.0.0.1:1/plane"),
        ("AWS_S3_BUCKET_NAME", "uploads"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret"),
    ];
    let mut command = subcommand("sidecar");
    command
        .env_clear()
        .args(["--listen", "127.0.0.1:0"])
        .args(flags);
    command.envs(works).envs(changes.iter().copied());
    let ended = Process::start(&mut command).wait();
    let what = format!("{flags:?} {changes:?}: {}", ended.stderr);
    assert!(!ended.status.success(), "{what}");
    assert_eq!(ended.stdout, "", "{what}");
    let said = ended
        .stderr
        .strip_prefix("asset-upload sidecar: ")
        .unwrap_or_else(|| panic!("{what}"));
    assert_eq!(said.trim_end().lines().count(), 1, "one sentence: {what}");
    assert!(!said.contains("s3cret"), "{what}");
    said.to_owned()
}

#[test]
fn what_is_wrong_is_said_by_its_name() {
    let minio = ("USE_MINIO", "1");
    let at = |url| [("AWS_S3_ENDPOINT_URL", url)];
    let [endpoint] = at("http://127.0.0.1:9000");
    for (named, changes) in [
        ("DATABASE_URL", &[("DATABASE_URL", "")][..]),
        (
            "DATABASE_URL",
            &[("DATABASE_URL", "mysql://plane:s3cret@db/plane")],
        ),
        (
            "DATABASE_URL",
            &[("DATABASE_URL", "postgres://plane:s3cret@db:port/plane")],
        ),
        // Nobody listens there.
        ("DATABASE_URL", &[]),
        ("AWS_S3_BUCKET_NAME", &[("AWS_S3_BUCKET_NAME", "")]),
        ("AWS_S3_BUCKET_NAME", &[("AWS_S3_BUCKET_NAME", "a/b")]),
        (
            "AWS_S3_BUCKET_NAME",
            &[("AWS_S3_BUCKET_NAME", "a/b"), endpoint],
        ),
        ("AWS_REGION", &[("AWS_REGION", "")]),
        ("AWS_REGION", &[("AWS_REGION", "eu central 1")]),
        ("AWS_REGION", &[("AWS_REGION", "eu central 1"), endpoint]),
        ("AWS_ACCESS_KEY_ID", &[("AWS_ACCESS_KEY_ID", "")]),
        ("AWS_ACCESS_KEY_ID", &[("AWS_ACCESS_KEY_ID", "a b")]),
        ("AWS_SECRET_ACCESS_KEY", &[("AWS_SECRET_ACCESS_KEY", "")]),
        (
            "AWS_SESSION_TOKEN",
            &[("AWS_SESSION_TOKEN", "a s3cret\u{e9}")],
        ),
        (
            "AWS_CREDENTIAL_EXPIRATION",
            &[("AWS_CREDENTIAL_EXPIRATION", "soon")],
        ),
        ("AWS_S3_ENDPOINT_URL", &[minio]),
        ("AWS_S3_ENDPOINT_URL", &at("minio:9000")),
        ("AWS_S3_ENDPOINT_URL", &at("http://127.1:9000")),
        ("AWS_S3_ENDPOINT_URL", &at("http://a:s3cret@minio:9000")),
        ("USE_MINIO", &[("USE_MINIO", "yes"), endpoint]),
        (
            "MINIO_ENDPOINT_SSL",
            &[("MINIO_ENDPOINT_SSL", "true"), endpoint],
        ),
        ("WEB_URL", &[minio, endpoint]),
        (
            "WEB_URL",
            &[minio, endpoint, ("WEB_URL", "plane.example.com")],
        ),
        ("FILE_SIZE_LIMIT", &[("FILE_SIZE_LIMIT", "5MB")]),
        ("FILE_SIZE_LIMIT", &[("FILE_SIZE_LIMIT", "0")]),
        (
            "FILE_SIZE_LIMIT",
            &[("FILE_SIZE_LIMIT", "99999999999999999999")],
        ),
        ("SIGNED_URL_EXPIRATION", &[("SIGNED_URL_EXPIRATION", "-1")]),
        (
            "SIGNED_URL_EXPIRATION",
            &[("SIGNED_URL_EXPIRATION", "604801")],
        ),
        ("API_KEY_RATE_LIMIT", &[("API_KEY_RATE_LIMIT", "60")]),
        ("API_KEY_RATE_LIMIT", &[("API_KEY_RATE_LIMIT", "0/minute")]),
        (
            "API_KEY_RATE_LIMIT",
            &[("API_KEY_RATE_LIMIT", "60/fortnight")],
        ),
        (
            "UNUPLOADED_ASSET_DELETE_DAYS",
            &[("UNUPLOADED_ASSET_DELETE_DAYS", "0")],
        ),
        (
            "UNUPLOADED_ASSET_DELETE_DAYS",
            &[("UNUPLOADED_ASSET_DELETE_DAYS", "a week")],
        ),
    ] {
        let said = fails(&[], changes);
        assert!(said.starts_with(named), "{changes:?}: {said}");
    }
    for (named, flags) in [
        ("--no-such-flag", &["--no-such-flag"][..]),
        ("--listen", &["--listen"]),
        ("--purge-every", &["--purge-every", "often"]),
        ("--purge-every", &["--purge-every", "0s"]),
        ("--purge-every", &["--purge-every", "+1h"]),
        ("--purge-every", &["--purge-every", "99999999999999999999d"]),
        (
            "--public-endpoint",
            &["--public-endpoint", "https://a.example.com"],
        ),
        ("listen on 256.0.0.1:1", &["--listen", "256.0.0.1:1"]),
    ] {
        let said = fails(flags, &[]);
        assert!(said.contains(named), "{flags:?}: {said}");
    }
    let said = fails(&["--public-endpoint", "ftp://a"], &[endpoint]);
    assert!(said.starts_with("--public-endpoint"), "{said}");
}

#[test]
fn origins_and_the_parts_of_a_url_are_checked() {
    for (named, changes) in [
        (
            "CORS_ALLOWED_ORIGINS \"plane.example.com\"",
            &[(
                "CORS_ALLOWED_ORIGINS",
                "https://a.example.com,plane.example.com",
            )][..],
        ),
        (
            "CORS_ALLOWED_ORIGINS",
            &[("CORS_ALLOWED_ORIGINS", "https://a.example.com/path")],
        ),
        ("CORS_ALLOWED_ORIGINS", &[("CORS_ALLOWED_ORIGINS", "*")]),
        (
            "POSTGRES_USER is not set: it goes with PGHOST",
            &[("DATABASE_URL", ""), ("PGHOST", "plane-db")],
        ),
        (
            "POSTGRES_PORT \"5x\"",
            &[
                ("DATABASE_URL", ""),
                ("POSTGRES_HOST", "db"),
                ("POSTGRES_PORT", "5x"),
            ],
        ),
        (
            "MINIO_ENDPOINT_URL",
            &[("MINIO_ENDPOINT_URL", "minio:9000")],
        ),
    ] {
        let said = fails(&[], changes);
        assert!(said.starts_with(named), "{changes:?}: {said}");
    }
}

#[test]
fn help_lists_what_there_is() {
    let mut command = subcommand("sidecar");
    let ended = Process::start(command.env_clear().arg("--help")).wait();
    assert!(ended.status.success(), "{}", ended.stderr);
    let page = include_str!("../../docs/plane-sidecar.md");
    let words = ended
        .stdout
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
    let names = words.filter(|word| {
        word.starts_with("--") || (word.contains('_') && *word == word.to_uppercase())
    });
    let mut listed = 0;
    for name in names {
        assert!(
            page.contains(&format!("`{name}")),
            "{name} is not on the page"
        );
        listed += 1;
    }
    assert!(listed > 14, "{}", ended.stdout);
}
