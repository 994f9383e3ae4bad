//! TLS: who is trusted, and who is not.

use std::fs;

use tower_asset_upload::ports::StoreError;
use tower_asset_upload::tls::TrustRoots;

use crate::certificates::certificates;
use crate::cluster::Cluster;
use crate::fixture::{Database, options};

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
    let database = Database::make(&cluster).await;
    let url = database.url.replace("127.0.0.1", "localhost");
    let url = format!("{url}?sslmode=verify-full&hostaddr=127.0.0.1");

    let roots = TrustRoots::mozilla().pem(read("ca.pem")).unwrap();
    let store = options().trust_roots(&roots).connect(&url).await.unwrap();
    let sql = "SELECT 1 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
               WHERE ssl AND usename LIKE 'sidecar%'";
    assert_eq!(database.admin.query(sql, &[]).await.unwrap().len(), 1);
    drop(store);
    match options().connect(&url).await {
        Err(StoreError::Failed(cause)) => {
            let said = cause.to_string();
            assert!(said.contains("certificate"), "{said}");
        }
        other => panic!("{other:?}"),
    }
}
