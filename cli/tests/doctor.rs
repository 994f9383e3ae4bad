//! The doctor against stores that enforce what was signed, one that enforces nothing, and everything
//! that can be configured wrongly.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../../tests/support/process.rs"]
mod process;

#[path = "../../tests/support/ceph.rs"]
mod ceph;
#[path = "../../tests/support/flock.rs"]
mod flock;
#[path = "../../tests/support/garage.rs"]
mod garage;
#[path = "../../tests/support/ministack.rs"]
mod ministack;
#[path = "../../tests/support/swift.rs"]
mod swift;
#[path = "../../tests/support/venv.rs"]
mod venv;

#[path = "doctor/embedded.rs"]
mod embedded;
#[path = "doctor/moto.rs"]
mod moto;
#[path = "doctor/scripted.rs"]
mod scripted;

#[path = "doctor/at_the_terminal.rs"]
mod at_the_terminal;
#[path = "doctor/enforcing.rs"]
mod enforcing;
#[path = "doctor/lax.rs"]
mod lax;
#[path = "doctor/real.rs"]
mod real;
#[path = "doctor/wrong.rs"]
mod wrong;

use std::time::Duration;

use tower_asset_upload::s3::{
    CheckStatus, DoctorCheck, DoctorOptions, DoctorReport, S3Bucket, doctor,
};
use tower_asset_upload::sigv4::{Credentials, Region};

const ORIGIN: &str = "https://app.example.com";

/// What has to be signed and is sent otherwise.
const ENFORCED: [&str; 6] = ["size", "type", "key", "expiry", "fields", "signature"];

/// A bucket, and who may use it.
struct Setup {
    bucket: S3Bucket,
    credentials: Credentials,
    options: DoctorOptions,
}

impl Setup {
    fn new(endpoint: &str, bucket: &str, region: &str, (id, secret): (&str, &str)) -> Self {
        Self {
            bucket: S3Bucket::custom(bucket, Region::new(region).unwrap(), endpoint).unwrap(),
            credentials: Credentials::new(id, secret).unwrap(),
            options: DoctorOptions::new().timeout(Duration::from_secs(20)),
        }
    }

    fn with(mut self, change: impl FnOnce(DoctorOptions) -> DoctorOptions) -> Self {
        self.options = change(self.options);
        self
    }

    async fn report(&self) -> DoctorReport {
        let report = doctor(&self.bucket, &self.credentials, &self.options).await;
        let names: Vec<_> = report.checks().iter().map(|check| check.name).collect();
        assert_eq!(names, DoctorReport::NAMES);
        for check in report.checks() {
            let says = &check.says;
            assert!(says.ends_with('.'), "{}: {says}", check.name);
            assert!(!says.contains(char::is_control), "{}: {says}", check.name);
        }
        report
    }
}

/// The check of that name, when it has that status and says these words.
#[track_caller]
fn expect<'a>(
    report: &'a DoctorReport,
    name: &str,
    status: CheckStatus,
    words: &[&str],
) -> &'a DoctorCheck {
    let check = report.check(name).unwrap();
    assert_eq!(check.status, status, "{check:#?}\n{report:#?}");
    for word in words {
        assert!(check.says.contains(word), "no {word:?} in {check:#?}");
    }
    check
}

/// All that has that status.
fn all(report: &DoctorReport, status: CheckStatus) -> Vec<&'static str> {
    let checks = report.checks().iter();
    let of_it = checks.filter(|check| check.status == status);
    of_it.map(|check| check.name).collect()
}
