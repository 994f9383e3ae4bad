//! The store over PostgreSQL, on servers that are made for the tests and thrown away after them.
#![cfg(all(unix, feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/process.rs"]
mod process;

use cluster::{Cluster, Stop, connect};

#[tokio::test]
async fn a_cluster_stops_and_comes_back() {
    let Some(mut cluster) = Cluster::start("a_cluster_stops_and_comes_back", &[]) else {
        return;
    };
    let url = cluster.database().await;
    for how in [Stop::Fast, Stop::Immediate] {
        let client = connect(&url).await;
        client.batch_execute("SELECT 1").await.unwrap();
        cluster.stop(how);
        assert!(client.batch_execute("SELECT 1").await.is_err());
        cluster.resume();
        connect(&url).await.batch_execute("SELECT 1").await.unwrap();
    }
}

#[tokio::test]
async fn shared() {
    let Some(cluster) = Cluster::shared("shared") else {
        return;
    };
    let url = cluster.database().await;
    connect(&url).await.batch_execute("SELECT 1").await.unwrap();
}
