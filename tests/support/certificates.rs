//! Certificates of a private authority, made for a test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{available, temp_dir};

/// `cert.pem` and `key.pem` for `localhost`, by the authority in `ca.pem`. `None` where openssl is not
/// installed; then the test is skipped, and says so.
pub(crate) fn certificates(test: &str) -> Option<TempDir> {
    if !available(&["openssl"], test) {
        return None;
    }
    let directory = temp_dir();
    let openssl = |arguments: &str| {
        let made = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(directory.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "openssl {arguments}: {said}");
    };
    let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    let names = directory.path().join("names");
    fs::write(names, "subjectAltName = DNS:localhost\n").unwrap();
    openssl(&format!(
        "req -x509 {new_key} -days 7 -subj /CN=authority -keyout ca.key -out ca.pem"
    ));
    openssl(&format!(
        "req {new_key} -subj /CN=localhost -keyout key.pem -out request.pem"
    ));
    openssl(
        "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 7 \
         -extfile names -out cert.pem",
    );
    Some(directory)
}
