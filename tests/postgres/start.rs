//! Starting: who may, at once or one after the other, and what is said when it can't be.

use std::num::NonZeroUsize;
use std::time::Duration;

use tower_asset_upload::ports::StoreError;
use tower_asset_upload::stores::PostgresOptions;
use tower_asset_upload::{AssetStore, DirectoryStore, PostgresStore};

use crate::cluster::{Cluster, connect};
use crate::process::free_port;
use crate::world::{NO_CAPS, USER, asset, enter, make, open};

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
        assert_eq!(versions.unwrap().len(), 1);
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
    let newer = "INSERT INTO asset_upload.migration (version, oldest_release) VALUES (1000, 999)";
    admin.batch_execute(newer).await.unwrap();
    let said = unavailable(PostgresStore::connect(&url).await.unwrap_err());
    assert!(said.contains("version 1000"), "{said}");
    let sql = "SELECT version FROM asset_upload.migration ORDER BY 1";
    let versions: Vec<i64> = admin
        .query_typed(sql, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(versions, [1, 1000]);
}

fn unavailable(error: StoreError) -> String {
    match error {
        StoreError::Unavailable(cause) => cause.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Replicas of two releases run side by side while an upgrade goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_replica_works_with_a_newer_schema_or_says_that_it_can_not() {
    let test = "a_running_replica_works_with_a_newer_schema_or_says_that_it_can_not";
    let Some(cluster) = Cluster::shared(test) else {
        return;
    };
    let url = cluster.database().await;
    let (store, home) = open(&PostgresStore::options(), &url).await;
    let admin = connect(&url).await;
    let compatible = "INSERT INTO asset_upload.migration (version, oldest_release) VALUES (2, 1); \
                      ALTER TABLE asset_upload.asset ADD COLUMN new_in_2 text";
    admin.batch_execute(compatible).await.unwrap();
    let id = make(&store, &home).await;
    let restarted = PostgresStore::connect(&url).await.unwrap();
    assert!(restarted.find(&home, id).await.unwrap().is_some());

    let incompatible = "INSERT INTO asset_upload.migration (version, oldest_release) VALUES (3, 3); \
                        ALTER TABLE asset_upload.asset RENAME COLUMN display_name TO shown_name; \
                        ALTER TABLE asset_upload.member ADD COLUMN role int NOT NULL";
    admin
        .batch_execute("DELETE FROM asset_upload.member")
        .await
        .unwrap();
    admin.batch_execute(incompatible).await.unwrap();
    let found = store.find(&home, id).await.unwrap_err();
    let created = store.create(&home, asset(), NO_CAPS).await;
    let added = store.add_member(home.id(), USER).await;
    for refused in [found, created.unwrap_err(), added.unwrap_err()] {
        let said = unavailable(refused);
        assert!(
            said.contains("version 3") && said.contains("upgrade"),
            "{said}"
        );
    }
}

/// The statements of each release, by the version of the schema it knows. When a version is added, the file
/// of the version before is left as it was released.
const STATEMENTS: &[&str] = &[include_str!("../../src/stores/postgres/statements_1.sql")];

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_the_release_before_still_work() {
    let Some(cluster) = Cluster::shared("statements_of_the_release_before_still_work") else {
        return;
    };
    let url = cluster.database().await;
    drop(PostgresStore::connect(&url).await.unwrap());
    let admin = connect(&url).await;
    let versions = admin.query_typed("SELECT 1 FROM asset_upload.migration", &[]);
    assert_eq!(versions.await.unwrap().len(), STATEMENTS.len());
    let required = "SELECT table_name::text, column_name::text FROM information_schema.columns \
                    WHERE table_schema = 'asset_upload' AND is_nullable = 'NO' \
                    AND column_default IS NULL";
    let required = admin.query_typed(required, &[]).await.unwrap();
    for statements in STATEMENTS.iter().rev().take(2) {
        for sql in statements.split_terminator(";\n") {
            let placed = sql.replace("{schema}", "asset_upload");
            if let Err(error) = admin.prepare(&placed).await {
                panic!("{:?}: {sql}", error.as_db_error());
            }
            let Some((_, insert)) = placed.split_once("INSERT INTO asset_upload.") else {
                continue;
            };
            let (table, columns) = insert.split_once(" (").unwrap();
            let columns = columns.split_once(')').unwrap().0;
            for row in &required {
                let (of, column): (&str, &str) = (row.get(0), row.get(1));
                let fills = columns.split(", ").any(|filled| filled == column);
                assert!(of != table || fills, "{column} is left out by: {sql}");
            }
        }
    }
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
