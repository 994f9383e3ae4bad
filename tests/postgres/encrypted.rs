//! TLS: who is trusted, and who is not.

use std::fs;

use tower_asset_upload::PostgresStore;
use tower_asset_upload::ports::StoreError;
use tower_asset_upload::tls::TrustRoots;

use crate::certificates::certificates;
use crate::cluster::{Cluster, connect};

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_checked() {
    let test = "certificates_are_checked";
    let Some(certificates) = certificates(test) else {
        return;
    };
    let read = |name: &str| fs::read_to_string(certificates.path().join(name)).unwrap();
    let Some(mut cluster) = Cluster::start(test, &[]) else {
        return;
    };
    cluster.encrypt(&read("cert.pem"), &read("key.pem"));
    let url = cluster.database().await;
    let (by_name, by_address) = (url.replace("127.0.0.1", "localhost"), &url);

    let roots = TrustRoots::mozilla().pem(read("ca.pem")).unwrap();
    let trusting = PostgresStore::options().trust_roots(&roots);
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
