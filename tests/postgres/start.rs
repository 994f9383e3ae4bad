//! Starting: who may, at once or one after the other, and what is said when it can't be.

use std::num::NonZeroUsize;
use std::time::Duration;

use tower_asset_upload::{AssetStore, PostgresOptions, PostgresStore, StoreError};

use crate::cluster::{Cluster, connect};
use crate::process::free_port;
use crate::world::{enter, make, open};

async fn refused(options: &PostgresOptions, url: &str) -> String {
    match options.connect(url).await {
        Err(StoreError::Failed(cause)) => cause.to_string(),
        other => panic!("{url}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_replicas_may_start_at_once() {
    let Some(cluster) = Cluster::shared("eight_replicas_may_start_at_once") else {
        return;
    };
    for _ in 0..3 {
        let url = cluster.database().await;
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { PostgresStore::connect(&url).await.unwrap() })
            })
            .collect();
        let mut stores = Vec::new();
        for start in starts {
            stores.push(start.await.unwrap());
        }
        let (_, home) = open(&PostgresStore::options(), &url).await;
        for store in &stores {
            make(store, &home).await;
        }
        let versions = "SELECT version FROM asset_upload.migration";
        let versions = connect(&url).await.query_typed(versions, &[]).await;
        assert_eq!(versions.unwrap().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_connecting_again() {
    let Some(cluster) = Cluster::shared("everything_is_there_after_connecting_again") else {
        return;
    };
    let url = cluster.database().await;
    let names = ["Assets", "a \"quoted\" name; --", "文件", &"x".repeat(63)];
    for name in names {
        let options = PostgresStore::options().schema(name).unwrap();
        let (store, home) = open(&options, &url).await;
        let id = make(&store, &home).await;
        drop(store);
        let store = options.connect(&url).await.unwrap();
        let home = enter(&store).await;
        assert!(store.find(&home, id).await.unwrap().is_some(), "{name}");
    }
    // Each has its own, and nothing is outside.
    let sql = "SELECT schemaname FROM pg_tables WHERE tablename = 'asset' ORDER BY 1";
    let found = connect(&url).await.query_typed(sql, &[]).await.unwrap();
    assert_eq!(found.len(), names.len());
    let sql = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    let rows = connect(&url).await.query_typed(sql, &[]).await.unwrap();
    assert_eq!(rows[0].get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused_and_left_alone() {
    let Some(cluster) = Cluster::shared("a_newer_schema_is_refused_and_left_alone") else {
        return;
    };
    let url = cluster.database().await;
    drop(PostgresStore::connect(&url).await.unwrap());
    let admin = connect(&url).await;
    let newer = "INSERT INTO asset_upload.migration (version) VALUES (1000)";
    admin.batch_execute(newer).await.unwrap();
    let said = refused(&PostgresStore::options(), &url).await;
    assert!(said.contains("version 1000"), "{said}");
    let sql = "SELECT version FROM asset_upload.migration ORDER BY 1";
    let versions: Vec<i64> = admin
        .query_typed(sql, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(versions, [1, 2, 1000]);
}

/// As the first release made it, with what it may have held.
const FIRST: &str = concat!(
    "CREATE SCHEMA asset_upload; SET search_path TO asset_upload; ",
    include_str!("../../src/stores/postgres/schema_1.sql"),
    "INSERT INTO migration (version) VALUES (1); \
     INSERT INTO workspace (id, slug) VALUES ('22222222-2222-4222-8222-000000000001', 'home'); \
     INSERT INTO asset (workspace_id, id, object_key, display_name, object_name, media_type, size, \
     external_source, external_id, created_by, created_at, state, stored_size, deleted_at) \
     SELECT '22222222-2222-4222-8222-000000000001', gen_random_uuid(), 'key/' || n, 'a.png', \
     'a.png', 'image/png', 7, 'github', n % 5, '11111111-1111-4111-8111-000000000001', now(), \
     CASE n % 2 WHEN 0 THEN 'pending' ELSE 'uploaded' END, CASE n % 2 WHEN 1 THEN 7 END, \
     CASE WHEN n >= 5 THEN now() END FROM generate_series(0, 9) n"
);

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_the_first_release_is_brought_up_to_date() {
    let Some(cluster) = Cluster::shared("a_schema_of_the_first_release_is_brought_up_to_date")
    else {
        return;
    };
    let rows = "SELECT string_agg(concat_ws(' ', id, object_key, state, external_id, stored_size, \
                deleted_at), ';' ORDER BY id) FROM asset_upload.asset";
    let indexes = "SELECT string_agg(indexdef, ';' ORDER BY indexname) || \
                   (SELECT string_agg(pg_get_constraintdef(oid), ';' ORDER BY conname) \
                   FROM pg_constraint WHERE conrelid = 'asset_upload.asset'::regclass) \
                   FROM pg_indexes WHERE schemaname = 'asset_upload'";
    let text = async |url: &str, sql: &str| {
        let rows = connect(url).await.query_typed(sql, &[]).await.unwrap();
        rows[0].get::<_, String>(0)
    };
    let fresh = cluster.database().await;
    drop(PostgresStore::connect(&fresh).await.unwrap());
    let url = cluster.database().await;
    connect(&url).await.batch_execute(FIRST).await.unwrap();
    let before = text(&url, rows).await;

    let starts: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { PostgresStore::connect(&url).await.unwrap() })
        })
        .collect();
    for start in starts {
        drop(start.await.unwrap());
    }
    assert_eq!(text(&url, rows).await, before);
    assert_eq!(text(&url, indexes).await, text(&fresh, indexes).await);
    let versions =
        "SELECT string_agg(version::text, ' ' ORDER BY version) FROM asset_upload.migration";
    assert_eq!(text(&url, versions).await, "1 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_made_as_a_whole_is_not_begun() {
    let Some(cluster) = Cluster::shared("what_can_not_be_made_as_a_whole_is_not_begun") else {
        return;
    };
    let url = cluster.database().await;
    let admin = connect(&url).await;
    let theirs = "CREATE SCHEMA asset_upload; CREATE TABLE asset_upload.credential (theirs int)";
    admin.batch_execute(theirs).await.unwrap();
    let said = refused(&PostgresStore::options(), &url).await;
    assert!(said.contains("already exists"), "{said}");
    let sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'asset_upload'";
    let tables = admin.query_typed(sql, &[]).await.unwrap();
    assert_eq!(tables.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn once_the_schema_is_there_no_right_to_make_one_is_needed() {
    let test = "once_the_schema_is_there_no_right_to_make_one_is_needed";
    let Some(cluster) = Cluster::shared(test) else {
        return;
    };
    let url = cluster.database().await;
    let admin = connect(&url).await;
    admin
        .batch_execute("CREATE ROLE humble LOGIN")
        .await
        .unwrap();
    let humble = url.replace("postgres@", "humble@");
    let options = PostgresStore::options().max_connections(NonZeroUsize::MIN);
    let said = refused(&options, &humble).await;
    assert!(said.contains("permission denied"), "{said}");
    let schemas = "SELECT 1 FROM pg_namespace WHERE nspname = 'asset_upload'";
    assert!(admin.query_typed(schemas, &[]).await.unwrap().is_empty());

    open(&options, &url).await;
    let grant = "GRANT USAGE ON SCHEMA asset_upload TO humble; \
                 GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA asset_upload TO humble";
    admin.batch_execute(grant).await.unwrap();
    let (store, home) = open(&options, &humble).await;
    make(&store, &home).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_unavailable() {
    let url = format!("postgres://me:s3cret@127.0.0.1:{}/x", free_port());
    match PostgresStore::connect(&url).await {
        Err(StoreError::Unavailable(cause)) => {
            let said = cause.to_string();
            assert!(
                said.contains("refused") && !said.contains("s3cret"),
                "{said}"
            );
        }
        other => panic!("{other:?}"),
    }
    // One that takes connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "postgres://127.0.0.1:{}/x",
        silent.local_addr().unwrap().port()
    );
    let options = PostgresStore::options().connect_timeout(Duration::from_millis(100));
    let answer = tokio::time::timeout(Duration::from_secs(20), options.connect(&url)).await;
    assert!(matches!(answer.unwrap(), Err(StoreError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_ever_shown() {
    let Some(cluster) = Cluster::shared("no_password_is_ever_shown") else {
        return;
    };
    let url = cluster.database().await;
    let admin = connect(&url).await;
    let make = "CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 's3cret/@ word'";
    admin.batch_execute(make).await.unwrap();
    let options = PostgresStore::options();
    let good = url.replace("postgres@", "guarded:s3cret%2F%40%20word@");
    let store = options.connect(&good).await.unwrap();
    let shown = format!("{store:?} {options:?}");
    assert!(!shown.contains("cret"), "{shown}");

    for (bad, expected) in [
        (
            url.replace("postgres@", "guarded:wr0ng@"),
            "password authentication failed",
        ),
        (url.replace("postgres@", "guarded@"), "password missing"),
        (good.replace("test_", "no_such_"), "does not exist"),
        (good.replace("postgres://", "mysql://"), "postgres://"),
        (good.replace("127.0.0.1:", "127.0.0.1:x"), "port"),
        (good.replace("%40", "@"), "%40"),
        (format!("{good}?sslmode=require"), "does not support TLS"),
    ] {
        let said = refused(&options, &bad).await;
        assert!(said.contains(expected), "{bad}: {said}");
        for secret in ["cret", "wr0ng", "word@"] {
            assert!(!said.contains(secret), "{bad}: {said}");
        }
    }
    assert!(!cluster.log().contains("wr0ng"));
}
