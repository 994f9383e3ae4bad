//! TLS: who is trusted, and who is not.

use std::fs;
use std::process::Command;

use tempfile::TempDir;
use tower_asset_upload::{PostgresStore, StoreError};

use crate::cluster::{Cluster, connect};
use crate::process::{available, temp_dir};

/// `cert.pem` and `key.pem` for `localhost`, by the authority in `ca.pem`.
fn certificates() -> TempDir {
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
    directory
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_checked() {
    let test = "certificates_are_checked";
    if !available(&["openssl"], test) {
        return;
    }
    let certificates = certificates();
    let read = |name: &str| fs::read_to_string(certificates.path().join(name)).unwrap();
    let Some(mut cluster) = Cluster::start(test, &[]) else {
        return;
    };
    cluster.encrypt(&read("cert.pem"), &read("key.pem"));
    let url = cluster.database().await;
    let (by_name, by_address) = (url.replace("127.0.0.1", "localhost"), &url);

    let trusting = PostgresStore::options()
        .root_certificates(read("ca.pem"))
        .unwrap();
    for mode in ["require", "prefer", "verify-full"] {
        let url = format!("{by_name}?sslmode={mode}&hostaddr=127.0.0.1");
        let store = trusting.connect(&url).await.unwrap();
        let sql = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                   WHERE application_name = 'tower-asset-upload'";
        let rows = connect(by_address)
            .await
            .query_typed(sql, &[])
            .await
            .unwrap();
        let encrypted: Vec<bool> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(encrypted, [true], "{mode}");
        drop(store);
    }
    let options = PostgresStore::options();
    for (url, options) in [
        (format!("{by_name}?sslmode=require"), &options),
        (by_name.clone(), &options),
        (format!("{by_address}?sslmode=require"), &trusting),
    ] {
        match options.connect(&url).await {
            Err(StoreError::Failed(cause)) => {
                let said = cause.to_string();
                assert!(said.contains("certificate"), "{url}: {said}");
            }
            other => panic!("{url}: {other:?}"),
        }
    }
    let plain = format!("{by_address}?sslmode=disable");
    options.connect(&plain).await.unwrap();
}
