//! schemathesis: requests made up from the server's own document, right ones and wrong ones, and
//! every check it has of the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{KEY, PROJECT, process, seeded, venv};

/// Requests an operation, in each of the phases that make them up.
const EXAMPLES: &str = "40";

/// Chosen once, so that a failure is the change's and not the day's.
const SEED: &str = "20260519";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing() {
    let Some(programs) = venv::programs("schemathesis") else {
        return;
    };
    let data = process::temp_dir();
    let server = seeded(data.path(), &["--database", "memory"]).await;
    let document = format!("{}/openapi.json", server.api.url);

    let saved = data.path().join("openapi.json");
    let line = format!("GET {document}");
    let text = server.api.http.send(&line, &[], "").await;
    fs::write(&saved, text.expect(200, "the document").body).unwrap();
    let valid = venv::succeeds(
        Command::new(programs.join("python"))
            .args(["-m", "openapi_spec_validator", "--schema", "3.1"])
            .arg(&saved),
    );
    assert!(valid.is_ok(), "not OpenAPI 3.1: {valid:?}");

    let mut uploaded = BTreeMap::new();
    for operation in ["retrieveAsset", "headAsset", "completeAsset", "deleteAsset"] {
        let ticket = server.api.create("a.png", "image/png", 3).await;
        ticket
            .upload(&server.api.http, "abc")
            .await
            .expect(204, "upload");
        let complete = server.api.call(&format!("PATCH {}", ticket.id), "").await;
        complete.expect(204, "complete");
        uploaded.insert(operation, ticket.id);
    }
    let there_is = json!({"project": PROJECT, "uploaded": uploaded});

    let har = data.path().join("requests.json");
    let mut run = process::Process::start(
        Command::new(programs.join("schemathesis"))
            .arg("--config-file")
            .arg(venv::here().join("schemathesis/schemathesis.toml"))
            .args(["run", &document, "--checks", "all", "--no-color"])
            .args(["--header", &format!("X-API-Key: {KEY}")])
            .args(["--max-examples", EXAMPLES, "--seed", SEED])
            .args(["--generation-database", "none", "--continue-on-failure"])
            .args(["--report-har-path".as_ref(), har.as_os_str()])
            .env(
                "SCHEMATHESIS_HOOKS",
                venv::here().join("schemathesis/hooks.py"),
            )
            .env("ASSET_UPLOAD_THERE_IS", there_is.to_string())
            // It keeps what it found where it runs.
            .current_dir(data.path()),
    );
    let ended = run.wait_for(Duration::from_mins(10));
    assert!(
        ended.status.success(),
        "schemathesis found something:\n{}\n{}",
        ended.stdout,
        ended.stderr
    );
    assert!(
        ended.stdout.contains("7 selected / 7 total"),
        "{}",
        ended.stdout
    );

    // That it looked: every operation was answered well, and badly.
    let har: Value = serde_json::from_slice(&fs::read(har).unwrap()).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap();
    assert!(entries.len() > 500, "only {} requests", entries.len());
    let mut statuses = BTreeMap::<_, BTreeSet<_>>::new();
    for entry in entries {
        let request = &entry["request"];
        let (method, url) = (request["method"].as_str(), request["url"].as_str());
        let item = !url.unwrap().contains("/assets/?") && !url.unwrap().ends_with("/assets/");
        let status = entry["response"]["status"].as_u64().unwrap();
        statuses
            .entry((method.unwrap(), item))
            .or_default()
            .insert(status);
    }
    for (method, item, seen) in [
        ("POST", false, &[200, 400, 401, 409][..]),
        ("OPTIONS", false, &[204]),
        ("GET", true, &[200, 400, 401, 404]),
        ("HEAD", true, &[200, 401, 404]),
        ("PATCH", true, &[204, 400, 401, 404]),
        ("DELETE", true, &[204, 401, 404]),
        ("OPTIONS", true, &[204]),
        ("PUT", true, &[405]),
    ] {
        for status in seen {
            let got = &statuses[&(method, item)];
            assert!(got.contains(status), "{method}: no {status} in {got:?}");
        }
    }
}
