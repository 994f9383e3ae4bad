//! The program as its users run it: exit status, JSON, table.

use serde_json::Value;
use tower_asset_upload::s3::DoctorReport;

use crate::embedded::{Embedded, KEY};
use crate::process::{Ended, Process};

const ENVIRONMENT: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", KEY.0),
    ("AWS_SECRET_ACCESS_KEY", KEY.1),
];

fn run(arguments: &str, environment: &[(&str, &str)]) -> Ended {
    Process::of_program("doctor", arguments.split_whitespace(), environment).wait()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_status_says_whether_it_is_well() {
    let store = Embedded::start(true).await;
    let arguments = format!(
        "--bucket uploads --region us-east-1 --endpoint {}",
        store.endpoint
    );
    let well = tokio::task::spawn_blocking({
        let arguments = arguments.clone();
        move || run(&arguments, &ENVIRONMENT)
    });
    let well = well.await.unwrap();
    assert_eq!(well.status.code(), Some(0), "{}", well.stdout);
    // No terminal: JSON.
    let report: Value = serde_json::from_str(&well.stdout).unwrap();
    assert_eq!(report["status"], "warned");
    let checks = report["checks"].as_array().unwrap();
    let names: Vec<_> = checks.iter().map(|check| &check["name"]).collect();
    assert_eq!(names, DoctorReport::NAMES);
    assert!(!well.stdout.contains(KEY.1));

    let unwell = tokio::task::spawn_blocking(move || {
        let arguments =
            format!("{arguments} --origin https://app.example.com --table --method put");
        let wrong = [ENVIRONMENT[0], ("AWS_SECRET_ACCESS_KEY", "sEcReT")];
        run(&arguments, &wrong)
    });
    let unwell = unwell.await.unwrap();
    assert_eq!(unwell.status.code(), Some(1), "{}", unwell.stdout);
    let failed = "failed   credentials  The secret doesn't belong to";
    assert!(unwell.stdout.contains(failed), "{}", unwell.stdout);
    assert!(unwell.stdout.contains(" 1 failed, "), "{}", unwell.stdout);
    let hidden = !unwell.stdout.contains("sEcReT") && !unwell.stdout.contains('\u{1b}');
    assert!(hidden, "{}", unwell.stdout);
}

#[test]
fn what_was_not_asked_properly_is_said_in_a_sentence() {
    for (arguments, words) in [
        ("--region us-east-1", "--bucket <NAME>"),
        ("--bucket uploads", "--region is missing"),
        ("--bucket a/b --region us-east-1", "bucket's name"),
        ("--bucket uploads --region us/east", "--region"),
        (
            "--bucket uploads --region us-east-1 --endpoint 127.0.0.1:9000",
            "is not an endpoint",
        ),
        (
            "--bucket uploads --region us-east-1 --virtual-hosted",
            "--endpoint",
        ),
        ("--bucket uploads --store r2", "needs --account"),
        (
            "--bucket uploads --region x --store minio",
            "needs --endpoint",
        ),
        (
            "--bucket uploads --region x --store b2 --endpoint http://b2",
            "must be garage",
        ),
        (
            "--bucket uploads --region x --store floppy",
            "[possible values: aws, garage, minio, ceph, b2, wasabi, spaces, r2, google]",
        ),
        (
            "--bucket uploads --region x --store garage --endpoint http://g --single-use",
            "Garage documents no If-None-Match",
        ),
        ("--method patch", "[possible values: post, put]"),
        ("--timeout 0", "1 to 3600"),
        ("--json --table", "cannot be used with"),
        ("--bucket a --bucket b", "multiple times"),
        ("--nonsense", "unexpected argument '--nonsense'"),
        ("-x", "unexpected argument '-x'"),
        ("uploads", "unexpected argument 'uploads'"),
        ("--bucket", "a value is required for '--bucket <NAME>'"),
    ] {
        let ended = run(arguments, &ENVIRONMENT);
        assert_eq!(ended.status.code(), Some(2), "{arguments}");
        assert_eq!(ended.stdout, "", "{arguments}");
        let one_line = ended.stderr.lines().count() == 1;
        assert!(
            one_line && ended.stderr.contains(words),
            "{arguments}: {}",
            ended.stderr
        );
    }
    let ended = run("--bucket uploads --region us-east-1", &[]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(
        ended.stderr.contains("AWS_ACCESS_KEY_ID"),
        "{}",
        ended.stderr
    );
    let help = run("--help", &[]);
    assert_eq!(help.status.code(), Some(0));
    assert!(help.stdout.contains("--origin"));
}
