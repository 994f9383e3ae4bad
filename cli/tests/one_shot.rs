//! Uploads that do not go as they should, against object stores that are there: forms that are used
//! twice, and a store that dies in the midst of an upload.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../../tests/support/garage.rs"]
mod garage;
#[path = "../../tests/support/process.rs"]
mod process;

use garage::Garage;
use process::{Server, Ticket, multipart, noise, temp_dir};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ENVIRONMENT: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", garage::ID),
    ("AWS_SECRET_ACCESS_KEY", garage::SECRET),
];
const TAKE_BACK: &str = r#"{"is_uploaded":false}"#;
const LENGTH: usize = 200_000;

/// The server over an object store that somebody else runs.
async fn server_over(data: &TempDir, endpoint: &str, region: &str) -> Server {
    let flags = ["--s3-endpoint", endpoint, "--s3-region", region];
    Server::start(data.path(), &flags, ENVIRONMENT).await
}

/// A file as long as another, and different.
fn another(file: &[u8]) -> Vec<u8> {
    file.iter().map(|byte| byte ^ 1).collect()
}

// ---------------------------------------------------------------- Forms that are used twice

#[tokio::test]
async fn a_form_used_twice_shows_in_the_embedded_store() {
    let data = temp_dir();
    used_twice(&Server::start(data.path(), &[], ENVIRONMENT).await).await;
}

/// A URL that is good for one upload.
#[tokio::test]
async fn a_url_used_twice_is_refused_by_the_embedded_store() {
    let data = temp_dir();
    let server = Server::start(data.path(), &["--signer", "put"], ENVIRONMENT).await;
    // Short enough to be sent before the store hangs up behind its refusal.
    let (api, file) = (&server.api, noise(1000));
    let url = api.create("photo.png", "image/png", 1000).await;
    let [get, patch] = ["GET", "PATCH"].map(|method| format!("{method} {}", url.id));
    upload(&server, &url, &file).await;
    let refused = async |file: &[u8]| {
        let answer = url.upload(&api.http, file.to_vec()).await;
        answer.expect(412, "used again");
    };
    // Before the completion, and after it.
    refused(&another(&file)).await;
    api.call(&patch, "").await.expect(204, "as announced");
    refused(&another(&file)).await;
    refused(&file).await;
    // Without the header the signature doesn't hold.
    let mut bare = url.clone();
    bare.headers.retain(|(name, _)| name != "If-None-Match");
    let answer = bare.upload(&api.http, another(&file)).await;
    assert!(answer.status.is_client_error(), "{}", answer.text());

    api.call(&patch, "").await.expect(204, "the same object");
    let located = api.call(&get, "").await.expect(200, "a download").json();
    let line = format!("GET {}", located["asset_url"].as_str().unwrap());
    let object = api
        .http
        .send(&line, &[], "")
        .await
        .expect(200, "the object");
    assert!(object.body == file, "replaced");
}

#[tokio::test]
async fn a_form_used_twice_shows_in_garage() {
    let Some(garage) = Garage::shared("a_form_used_twice_shows_in_garage") else {
        return;
    };
    let data = temp_dir();
    used_twice(&server_over(&data, &garage.endpoint(), garage::REGION).await).await;
}

async fn used_twice(server: &Server) {
    let (api, file) = (&server.api, noise(LENGTH));
    let form = api.create("photo.png", "image/png", LENGTH).await;
    let [get, patch] = ["GET", "PATCH"].map(|method| format!("{method} {}", form.id));
    upload(server, &form, &file).await;
    api.call(&patch, "").await.expect(204, "as announced");
    let downloaded = async || {
        let answer = api.call(&get, "").await.expect(200, "a download").json();
        let url = answer["asset_url"].as_str().unwrap().to_owned();
        let answer = api.http.send(&format!("GET {url}"), &[], "").await;
        answer.expect(200, "the object").body
    };
    assert_eq!(downloaded().await, file);

    // No store prevents it, as the form still is good.
    upload(server, &form, &another(&file)).await;
    for line in [&get, &patch, &get] {
        let answer = api.call(line, "").await;
        answer.expect_code(409, "object_changed", line);
    }
    // The same bytes are the same object, as long as there are no versions.
    upload(server, &form, &file).await;
    assert_eq!(downloaded().await, file);

    // Its owner may settle for another one, in so many words.
    upload(server, &form, &another(&file)).await;
    api.call(&patch, TAKE_BACK).await.expect(204, "taken back");
    api.call(&patch, "").await.expect(204, "what is there now");
    assert_eq!(downloaded().await, another(&file));

    let delete = format!("DELETE {}", form.id);
    api.call(&delete, "").await.expect(204, "deleted");
    api.call(&get, "").await.expect(404, "deleted");
}

async fn upload(server: &Server, form: &Ticket, file: &[u8]) {
    let stored = form.upload(&server.api.http, file.to_vec()).await;
    assert!(stored.status.is_success(), "{}", stored.text());
}

// ---------------------------------------------------------------- A store that dies

/// Sends half of an upload; what the store is going to do about it is open.
async fn half_an_upload(form: &Ticket, file: &[u8]) -> TcpStream {
    let (origin, path) = form
        .url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .unwrap();
    let (content_type, body) = multipart(&form.fields, "photo.png", file);
    let head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {origin}\r\ncontent-type: {content_type}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let mut connection = TcpStream::connect(origin).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection
        .write_all(&body[..body.len() - file.len() / 2])
        .await
        .unwrap();
    connection.flush().await.unwrap();
    // So that it is at work.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    connection
}

/// That the connection ends without a success.
async fn is_refused(mut connection: TcpStream) {
    let mut answer = Vec::new();
    // A reset is as good as an end.
    let _ = connection.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
}

/// While the store is gone nothing counts, and nothing is decided.
async fn stays_pending(server: &Server, form: &Ticket) {
    let [get, patch] = ["GET", "PATCH"].map(|method| format!("{method} {}", form.id));
    for _ in 0..3 {
        let answer = server.api.call(&patch, "").await;
        let answer = answer.expect_code(503, "object_store_unavailable", "nobody to ask");
        assert!(answer.headers.contains_key("retry-after"));
        let answer = server.api.call(&get, "").await;
        answer.expect_code(400, "asset_not_uploaded", "nobody was asked");
    }
}

#[tokio::test]
async fn the_embedded_store_killed_in_mid_upload_leaves_a_pending_asset() {
    let (data, objects) = (temp_dir(), temp_dir());
    // Another server's embedded store, in a process of its own that can be killed.
    let mut store = Server::start(objects.path(), &[], ENVIRONMENT).await;
    let endpoint = endpoint_of(&store).await;
    let server = server_over(&data, &endpoint, "us-east-1").await;
    let (file, form) = (
        noise(LENGTH),
        server.api.create("photo.png", "image/png", LENGTH).await,
    );
    let patch = format!("PATCH {}", form.id);
    let connection = half_an_upload(&form, &file).await;
    let answer = server.api.call(&patch, "").await;
    answer.expect_code(409, "object_missing", "half an upload is none");
    store.process.kill();
    is_refused(connection).await;
    stays_pending(&server, &form).await;
    drop(server);

    // The store is there again, with what it had. Half an upload is none.
    let store = Server::start(objects.path(), &[], ENVIRONMENT).await;
    let endpoint = endpoint_of(&store).await;
    let server = server_over(&data, &endpoint, "us-east-1").await;
    let answer = server.api.call(&patch, "").await;
    answer.expect_code(409, "object_missing", "half an upload is none");
    let mut form = form;
    form.url = format!("{endpoint}/uploads");
    upload(&server, &form, &file).await;
    server.api.call(&patch, "").await.expect(204, "whole");
}

async fn endpoint_of(store: &Server) -> String {
    let form = store.api.create("any.png", "image/png", 1).await;
    form.url.strip_suffix("/uploads").unwrap().to_owned()
}

#[tokio::test]
async fn garage_killed_in_mid_upload_leaves_a_pending_asset() {
    let test = "garage_killed_in_mid_upload_leaves_a_pending_asset";
    let Some(garage) = Garage::start(test) else {
        return;
    };
    let data = temp_dir();
    let server = server_over(&data, &garage.endpoint(), garage::REGION).await;
    let form = server.api.create("photo.png", "image/png", LENGTH).await;
    let connection = half_an_upload(&form, &noise(LENGTH)).await;
    let answer = server.api.call(&format!("PATCH {}", form.id), "").await;
    answer.expect_code(409, "object_missing", "half an upload is none");
    drop(garage);
    is_refused(connection).await;
    stays_pending(&server, &form).await;
}
