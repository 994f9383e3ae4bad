//! `asset-upload serve`, met by clients that others wrote: schemathesis, Plane's own Python SDK, and
//! Uppy in a browser.
//!
//! Each is installed into the target directory, pinned, when `ASSET_UPLOAD_FOREIGN_CLIENTS=1` or
//! `ASSET_UPLOAD_REQUIRE_ALL` says so, and found there afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "foreign_clients/plane_sdk.rs"]
mod plane_sdk;
#[path = "../../tests/support/process.rs"]
mod process;
#[path = "foreign_clients/schemathesis.rs"]
mod schemathesis;
#[path = "foreign_clients/uppy.rs"]
mod uppy;
#[path = "foreign_clients/venv.rs"]
mod venv;

use std::fs;
use std::path::Path;

use process::{Api, Http, Server};
use serde_json::json;

const KEY: &str = "plane_api_0000000000000000000000000001";
const TOKEN: &str = "token-0000000000000000000000000001";
const SLUG: &str = "my-workspace";
const PROJECT: &str = "33333333-3333-4333-8333-000000000001";

/// A server with one workspace, whose key and token are known.
async fn seeded(data: &Path, arguments: &[&str]) -> Server {
    let user = "11111111-1111-4111-8111-000000000001";
    let seed = json!({
        "workspaces": [{
            "id": "22222222-2222-4222-8222-000000000001",
            "slug": SLUG,
            "members": [user],
            "projects": [PROJECT],
        }],
        "credentials": [
            {"kind": "api_key", "value": KEY, "user": user},
            {
                "kind": "bearer",
                "value": TOKEN,
                "user": user,
                "scopes": ["assets:read", "assets:write"],
            },
        ],
    });
    let file = data.join("seed.json");
    fs::write(&file, seed.to_string()).unwrap();
    let arguments = [arguments, &["--seed", file.to_str().unwrap()]].concat();
    let mut process = Server::spawn(data, &arguments, &[]);
    let api = Api {
        http: Http::new(),
        url: process.wait_for_url(),
        key: KEY.to_owned(),
        slug: SLUG.to_owned(),
    };
    Server { process, api }
}
