//! Plane's published Python client.

use std::process::Command;

use serde_json::{Value, json};

use super::{KEY, SLUG, TOKEN, process, seeded, venv};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plane_sdk_makes_all_its_asset_calls() {
    let Some(python) = venv::programs("plane_sdk") else {
        return;
    };
    let data = process::temp_dir();
    let server = seeded(data.path(), &[]).await;
    let mut story = process::Process::start(
        Command::new(python.join("python"))
            .arg(venv::here().join("plane_sdk/story.py"))
            .args([&*server.api.url, KEY, TOKEN, SLUG]),
    );
    let ended = story.wait();
    assert!(ended.status.success(), "{}", ended.stderr);
    let came: Value = serde_json::from_str(&ended.stdout).unwrap();

    let raised = |case: &Value, status: u16, exception: &str, code: &str| {
        assert_eq!(case["status"], status, "{case}");
        assert_eq!(case["raised"], exception, "{case}");
        assert_eq!(case["body"]["code"], code, "{case}");
    };
    for whole in [&came["keyed"], &came["bearer"]] {
        raised(
            &whole["early"],
            400,
            "BadRequestException",
            "asset_not_uploaded",
        );
        raised(&whole["unsent"], 409, "ConflictException", "object_missing");
        assert_eq!(whole["sent"], 204, "{whole}");
        assert_eq!(whole["name"], "photo.png");
        assert_eq!(whole["type"], "image/png");
        assert_eq!(whole["downloaded"], true);
    }
    assert_eq!(came["plain"], json!(null));
    for (case, status, exception, code) in [
        ("duplicate", 409, "ConflictException", "asset_exists"),
        ("bad_type", 400, "BadRequestException", "invalid_type"),
        ("bad_size", 400, "BadRequestException", "invalid_size"),
        ("stranger", 401, "UnauthorizedException", "invalid_token"),
        ("nobody", 401, "UnauthorizedException", "not_authenticated"),
        ("elsewhere", 404, "NotFoundException", "resource_not_found"),
        ("missing", 404, "NotFoundException", "asset_not_found"),
    ] {
        raised(&came[case], status, exception, code);
    }
    let avatar = came["avatar"].as_array().unwrap();
    assert_eq!(avatar.len(), 3);
    for call in avatar {
        raised(call, 404, "NotFoundException", "path_not_found");
    }
}
