//! The schema: looked at, found wanting, never touched.

use std::num::NonZeroU32;
use std::process::Command;

use time::OffsetDateTime;
use time::macros::datetime;
use tokio_postgres::Client;
use tower_asset_upload::asset::{ChangeOutcome, PendingCaps, StateChange, UserId};
use tower_asset_upload::auth::{Credential, CredentialKind, CredentialVerifier};
use tower_asset_upload::ports::{CreateOutcome, StoreError};
use tower_asset_upload::purge::{FailedRemoval, PurgeStep, PurgeStore};
use tower_asset_upload::{AssetStore, PlaneStore};

use crate::cluster::{Cluster, Stop, connect, told};
use crate::fixture::{
    Database, asset, options, plane, proposed_indexes, slug, wait_for, with_pair,
};
use crate::process::available;
use crate::support::{ALICE, KEY, MINE, NOW};

const CAPS: PendingCaps = PendingCaps {
    per_workspace: NonZeroU32::new(7),
    per_caller: NonZeroU32::new(7),
    discarded_per_workspace: None,
    discarded_per_caller: None,
};

/// After whatever is made by the server's clock.
const AGES_HENCE: OffsetDateTime = datetime!(2999-01-01 0:00 UTC);

/// Every call there is, once and more.
async fn everything(store: &PlaneStore) {
    let key = Credential::new(CredentialKind::ApiKey, KEY);
    assert!(store.verify(&key, NOW).await.unwrap().is_some());
    let slug = slug("my-workspace");
    let entered = store.enter(&slug, UserId::new(ALICE)).await.unwrap();
    let workspace = entered.unwrap();
    for (new, caps) in [
        (asset(NOW), PendingCaps::default()),
        (with_pair(asset(NOW), "github", "7"), CAPS),
    ] {
        let id = new.id;
        let created = store.create(&workspace, new, caps).await.unwrap();
        assert_eq!(created, CreateOutcome::New);
        let set = store.set_state(&workspace, id, StateChange::Complete(None));
        assert_eq!(set.await.unwrap(), ChangeOutcome::Done);
        assert!(store.find(&workspace, id).await.unwrap().is_some());
        assert!(store.delete(&workspace, id).await.unwrap());
    }
    let now = store.time().await.unwrap().now;
    let later = now + time::Duration::DAY;
    // First the objects go, and then the rows.
    for forget_before in [NOW, later] {
        let mut step = PurgeStep::new(later, later, forget_before, NonZeroU32::MIN);
        let failed = store.purge(&step).await.unwrap();
        let put_off = failed.into_iter().map(|condemned| FailedRemoval {
            condemned,
            retry_at: later,
        });
        step.failed = put_off.collect();
        loop {
            step.gone = store.purge(&step).await.unwrap();
            step.failed.clear();
            if step.gone.is_empty() {
                break;
            }
        }
    }
}

/// Plane adds columns at will. No statement may take the name of one for that of another table's.
#[tokio::test]
async fn any_table_may_have_the_columns_of_all_others() {
    let Some(plane) = plane("any_table_may_have_the_columns_of_all_others").await else {
        return;
    };
    let tables =
        "'users', 'workspaces', 'workspace_members', 'projects', 'api_tokens', 'file_assets'";
    let sql = format!(
        "SELECT format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS %I %s', tables.relname, \
         columns.attname, format_type(columns.atttypid, columns.atttypmod)) \
         FROM pg_class AS tables, pg_attribute AS columns \
         WHERE tables.relname IN ({tables}) AND columns.attnum > 0 \
         AND columns.attrelid IN (SELECT oid FROM pg_class WHERE relname IN ({tables}))"
    );
    let rows = plane.admin.query_typed(&sql, &[]).await.unwrap();
    let alter: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    plane.admin.batch_execute(&alter.join(";")).await.unwrap();
    let sql = format!(
        "SELECT count(DISTINCT columns) FROM (SELECT array_agg(column_name ORDER BY column_name) \
         AS columns FROM information_schema.columns WHERE table_name IN ({tables}) \
         GROUP BY table_name) AS tables"
    );
    let rows = plane.admin.query_typed(&sql, &[]).await.unwrap();
    assert_eq!(rows[0].get::<_, i64>(0), 1, "all have the same columns");
    everything(&plane.store).await;
    let store = options().connect(&plane.url).await.unwrap();
    everything(&store).await;
    wait_for("the stamp", async || {
        let sql = "SELECT 1 FROM api_tokens WHERE last_used IS NOT NULL";
        let stamped = plane.admin.query_typed(sql, &[]).await.unwrap();
        (!stamped.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_migration_is_noticed_and_over_when_the_tables_are_right_again() {
    let Some(plane) =
        plane("a_migration_is_noticed_and_over_when_the_tables_are_right_again").await
    else {
        return;
    };
    let slug = slug("my-workspace");
    let create = async || {
        let entered = plane.store.enter(&slug, UserId::new(ALICE)).await?;
        let mut new = asset(NOW);
        new.project = Some(crate::support::MY_PROJECT.into());
        let workspace = entered.unwrap();
        plane.store.create(&workspace, new, CAPS).await
    };
    let find = async || {
        let entered = plane.store.enter(&slug, UserId::new(ALICE)).await?;
        let sql = "SELECT id FROM file_assets LIMIT 1";
        let id: uuid::Uuid = plane.admin.query_typed(sql, &[]).await.unwrap()[0].get(0);
        plane.store.find(&entered.unwrap(), id.into()).await
    };
    create().await.unwrap();
    for (up, down, mismatch) in [
        // Django's AddField with a default leaves this.
        (
            "ALTER TABLE file_assets ADD zz_new bool NOT NULL DEFAULT false; \
             ALTER TABLE file_assets ALTER zz_new DROP DEFAULT",
            "ALTER TABLE file_assets DROP zz_new",
            "file_assets.zz_new is NOT NULL, has no default, and is not filled here",
        ),
        (
            "ALTER TABLE file_assets RENAME is_archived TO zz_gone",
            "ALTER TABLE file_assets RENAME zz_gone TO is_archived",
            "file_assets.is_archived is missing",
        ),
        (
            "ALTER TABLE workspace_members RENAME TO zz_members",
            "ALTER TABLE zz_members RENAME TO workspace_members",
            "the table workspace_members is missing",
        ),
        (
            "ALTER TABLE projects ALTER id TYPE text",
            "ALTER TABLE projects ALTER id TYPE uuid USING id::uuid",
            "projects.id has the type text instead of uuid",
        ),
        (
            "ALTER TABLE file_assets ALTER storage_metadata TYPE text",
            "ALTER TABLE file_assets ALTER storage_metadata TYPE jsonb USING storage_metadata::jsonb",
            "file_assets.storage_metadata has the type text instead of jsonb",
        ),
        (
            "ALTER TABLE file_assets ALTER external_id SET NOT NULL",
            "ALTER TABLE file_assets ALTER external_id DROP NOT NULL",
            "file_assets.external_id is NOT NULL, but not every asset has one",
        ),
    ] {
        let up = up.replace(
            "projects ALTER id",
            "file_assets DROP CONSTRAINT file_assets_project_id_ebd5c0d8_fk_projects_id; \
             ALTER TABLE projects ALTER id",
        );
        let up = up.replace(
            "ALTER TABLE file_assets ALTER external_id",
            "UPDATE file_assets SET external_id = ''; \
             ALTER TABLE file_assets ALTER external_id",
        );
        plane.admin.batch_execute(&up).await.unwrap();
        let found = plane.store.schema_mismatches().await.unwrap();
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found[0], mismatch);
        let refused = create().await.unwrap_err();
        assert!(
            matches!(refused, StoreError::Unavailable(_)),
            "{up}: {refused}"
        );
        assert!(refused.to_string().contains(mismatch), "{up}: {refused}");
        let refused = PlaneStore::connect(&plane.url).await.unwrap_err();
        assert!(matches!(refused, StoreError::Failed(_)), "{up}: {refused}");
        assert!(refused.to_string().contains(mismatch), "{up}: {refused}");

        plane.admin.batch_execute(down).await.unwrap();
        assert_eq!(plane.store.schema_mismatches().await.unwrap(), []);
        assert_eq!(create().await.unwrap(), CreateOutcome::New, "{down}");
        find().await.unwrap();
        PlaneStore::connect(&plane.url).await.unwrap();
    }
    // A row can't be read as it was, though each statement still runs.
    let size = |kind| format!("ALTER TABLE file_assets ALTER size TYPE {kind}");
    plane.admin.batch_execute(&size("bigint")).await.unwrap();
    let refused = find().await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    let mismatch = "file_assets.size has the type bigint instead of double precision";
    assert!(refused.to_string().contains(mismatch), "{refused}");
    plane.admin.batch_execute(&size("float8")).await.unwrap();
    find().await.unwrap();
}

/// What a row is refused for isn't always in a column.
#[tokio::test]
async fn a_constraint_of_a_later_plane_is_named_and_passes() {
    let Some(plane) = plane("a_constraint_of_a_later_plane_is_named_and_passes").await else {
        return;
    };
    let entered = plane
        .store
        .enter(&slug("my-workspace"), UserId::new(ALICE))
        .await;
    let workspace = entered.unwrap().unwrap();
    let create = async || {
        let new = with_pair(asset(NOW), "github", "7");
        let id = new.id;
        let created = plane.store.create(&workspace, new, CAPS).await;
        (id, created)
    };
    let check =
        "ALTER TABLE file_assets ADD CONSTRAINT zz_check CHECK (entity_type <> 'ISSUE_ATTACHMENT')";
    plane.admin.batch_execute(check).await.unwrap();
    let refused = create().await.1.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    assert!(refused.to_string().contains("zz_check"), "{refused}");
    let drop = "ALTER TABLE file_assets DROP CONSTRAINT zz_check";
    plane.admin.batch_execute(drop).await.unwrap();

    // An index that Plane lacks today, by which a pair is unique.
    let index = "CREATE UNIQUE INDEX zz_pair ON file_assets \
                 (workspace_id, external_source, external_id) WHERE deleted_at IS NULL";
    plane.admin.batch_execute(index).await.unwrap();
    let (id, created) = create().await;
    assert_eq!(created.unwrap(), CreateOutcome::New);
    match create().await.1.unwrap() {
        CreateOutcome::Duplicate(twin) => assert_eq!(twin.made.id, id),
        other => panic!("{other:?}"),
    }
    // Here a rejected asset gives its pair free, and by that index it doesn't.
    let reject = StateChange::Reject(tower_asset_upload::asset::Mismatch::new("It is larger."));
    let set = plane.store.set_state(&workspace, id, reject);
    assert_eq!(set.await.unwrap(), ChangeOutcome::Done);
    let refused = create().await.1.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    assert!(refused.to_string().contains("zz_pair"), "{refused}");
    assert!(plane.store.delete(&workspace, id).await.unwrap());
    assert_eq!(create().await.1.unwrap(), CreateOutcome::New);
}

/// Whoever logs an error shows what its causes and its `Debug` say, too.
#[tokio::test]
async fn no_error_repeats_a_row() {
    let Some(plane) = plane("no_error_repeats_a_row").await else {
        return;
    };
    let entered = plane
        .store
        .enter(&slug("my-workspace"), UserId::new(ALICE))
        .await;
    let workspace = entered.unwrap().unwrap();
    for change in [
        "ALTER TABLE file_assets ADD CHECK (size < 1)",
        "ALTER TABLE file_assets ADD zz_new bool NOT NULL",
        // What is deferred is checked by the commit.
        "ALTER TABLE file_assets DROP zz_new, DROP CONSTRAINT file_assets_size_check",
    ] {
        plane.admin.batch_execute(change).await.unwrap();
        let mut new = with_pair(asset(NOW), "source-s3cret", "id-s3cret");
        let named = format!("{MINE}/s3cret-photo.png");
        new.key = tower_asset_upload::asset::ObjectKey::new(named).unwrap();
        new.created_by = UserId::new(uuid::Uuid::from_u128(0x404));
        let refused = plane.store.create(&workspace, new, CAPS).await;
        let refused = refused.unwrap_err();
        let said = told(&refused);
        assert!(!said.contains("s3cret") && !said.contains("404"), "{said}");
        assert!(!said.contains("DETAIL"), "{said}");
    }
}

#[tokio::test]
async fn the_schema_stays_as_it_is() {
    const TEST: &str = "the_schema_stays_as_it_is";
    let Some(plane) = plane(TEST).await else {
        return;
    };
    if !available(&["pg_dump"], TEST) {
        return;
    }
    let dump = || {
        let dumped = Command::new("pg_dump")
            .args(["--schema-only", "--dbname", &plane.admin_url])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&dumped.stderr);
        assert!(dumped.status.success(), "pg_dump: {said}");
        let dump = String::from_utf8(dumped.stdout).unwrap();
        // Newer ones guard their dumps with a key drawn at random.
        let lines = dump.lines().filter(|line| !line.contains("restrict "));
        lines.collect::<Vec<_>>().join("\n")
    };
    let before = dump();
    assert!(before.contains("CREATE TABLE public.file_assets"));
    everything(&plane.store).await;
    assert_eq!(dump(), before);
    assert_eq!(plane.count("true").await, 0);
}

#[tokio::test]
async fn a_database_that_is_not_planes_is_refused() {
    let Some(cluster) = Cluster::shared("a_database_that_is_not_planes_is_refused") else {
        return;
    };
    let empty = cluster.database().await;
    let refused = PlaneStore::connect(&empty).await.unwrap_err();
    assert!(matches!(refused, StoreError::Failed(_)), "{refused}");
    let said = "the table workspaces is missing; the table workspace_members is missing; ";
    assert!(refused.to_string().contains(said), "{refused}");

    let Database { admin, url, .. } = Database::make(cluster).await;
    let role = url.split("//").nth(1).unwrap().split('@').next().unwrap();
    let revoke = format!("REVOKE SELECT ON users FROM {role}");
    for (change, said) in [
        (&*revoke, "users.id may not be read"),
        (
            "ALTER TABLE file_assets RENAME entity_identifier TO x",
            "users.is_active may not be read: this role needs SELECT; \
             file_assets.entity_identifier is missing",
        ),
        (
            &revoke.replace("REVOKE", "GRANT").replace(" FROM ", " TO "),
            "knows: file_assets.entity_identifier is missing",
        ),
        (
            "DROP TABLE api_tokens",
            "knows: the table api_tokens is missing; file_assets.entity_identifier is missing",
        ),
    ] {
        admin.batch_execute(change).await.unwrap();
        let refused = PlaneStore::connect(&url).await.unwrap_err();
        assert!(matches!(refused, StoreError::Failed(_)), "{refused}");
        assert!(refused.to_string().contains(said), "{change}: {refused}");
    }
}

#[tokio::test]
async fn a_password_is_not_repeated() {
    let Some(cluster) = Cluster::shared("a_password_is_not_repeated") else {
        return;
    };
    let port = cluster.port();
    for url in [
        "postgres://plane:s3cret@127.0.0.1:notaport/plane".to_owned(),
        "mysql://plane:s3cret@127.0.0.1/plane".to_owned(),
        format!("postgres://nobody:s3cret@127.0.0.1:{port}/plane"),
        "postgres://plane:s3cret@127.0.0.1:1/plane".to_owned(),
    ] {
        let refused = PlaneStore::connect(&url).await.unwrap_err();
        assert!(
            !format!("{refused} {refused:?}").contains("s3cret"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_database_that_is_down_is_unavailable_and_comes_back() {
    const TEST: &str = "a_database_that_is_down_is_unavailable_and_comes_back";
    let Some(mut cluster) = Cluster::start(TEST, &[]) else {
        return;
    };
    let Database { url, .. } = Database::make(&cluster).await;
    let store = options().connect(&url).await.unwrap();
    everything(&store).await;
    let slug = slug("my-workspace");
    let workspace = store.enter(&slug, UserId::new(ALICE)).await.unwrap();
    let workspace = workspace.unwrap();
    cluster.stop(Stop::Immediate);
    let key = Credential::new(CredentialKind::ApiKey, KEY);
    assert!(store.verify(&key, NOW).await.is_err());
    let down = |fault: StoreError| assert!(matches!(fault, StoreError::Unavailable(_)), "{fault}");
    down(store.enter(&slug, UserId::new(ALICE)).await.unwrap_err());
    let new = with_pair(asset(NOW), "github", "8");
    let id = new.id;
    down(
        store
            .create(&workspace, new.clone(), CAPS)
            .await
            .unwrap_err(),
    );
    down(store.find(&workspace, id).await.unwrap_err());
    down(store.delete(&workspace, id).await.unwrap_err());
    let step = PurgeStep::new(NOW, NOW, NOW, NonZeroU32::MIN);
    down(store.purge(&step).await.unwrap_err());
    down(PlaneStore::connect(&url).await.unwrap_err());
    cluster.resume();
    let created = store.create(&workspace, new, CAPS).await;
    assert_eq!(created.unwrap(), CreateOutcome::New);
    everything(&store).await;
}

/// How often each table was read from its beginning to its end.
async fn scans(admin: &Client) -> Vec<(String, i64)> {
    let sql = "SELECT relname::text, seq_scan FROM pg_stat_user_tables WHERE seq_scan > 0 \
               ORDER BY relname";
    let rows = admin.query_typed(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Which of that table's indexes were searched.
async fn searched(admin: &Client) -> Vec<String> {
    let sql = "SELECT indexrelname::text FROM pg_stat_user_indexes \
               WHERE relname = 'file_assets' AND idx_scan > 0";
    let rows = admin.query_typed(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Where there is an index, it is used: with scans as the very last resort there are none. Plane has
/// indexes for ids, slugs, members and keys, and none for external references and for what is pending:
/// those that the sidecar's page proposes are.
#[tokio::test]
async fn plans_use_what_indexes_plane_has() {
    const TEST: &str = "plans_use_what_indexes_plane_has";
    let Some(cluster) = Cluster::start(TEST, &["-c", "enable_seqscan=off"]) else {
        return;
    };
    let Database { url, admin_url, .. } = Database::make(&cluster).await;
    // What a connection has counted is told when it ends, this one's own aside.
    let clerk = connect(&admin_url).await;
    let counted = async || {
        wait_for("all other connections are closed", async || {
            let sql = "SELECT 1 FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
            let others = clerk.query_typed(sql, &[]).await.unwrap();
            others.is_empty().then_some(())
        })
        .await;
        let counted = (scans(&clerk).await, searched(&clerk).await);
        clerk.batch_execute("SELECT pg_stat_reset()").await.unwrap();
        counted
    };
    let prepare = async |sql: &str| {
        connect(&admin_url).await.batch_execute(sql).await.unwrap();
        counted().await;
    };
    prepare(
        "INSERT INTO file_assets (created_at, updated_at, id, attributes, asset, workspace_id, \
         is_deleted, deleted_at, is_archived, is_uploaded, size, entity_type, created_by_id) \
         SELECT now(), now(), gen_random_uuid(), '{}', n::text, workspaces.id, n % 50 = 1, \
         CASE WHEN n % 50 = 1 THEN now() END, false, n % 50 > 0, 1, 'ISSUE_ATTACHMENT', users.id \
         FROM generate_series(1, 1000) n, workspaces, users; ANALYZE",
    )
    .await;

    let store = options().connect(&url).await.unwrap();
    let key = Credential::new(CredentialKind::ApiKey, KEY);
    assert!(store.verify(&key, NOW).await.unwrap().is_some());
    let slug = slug("my-workspace");
    let entered = store.enter(&slug, UserId::new(ALICE)).await.unwrap();
    let workspace = entered.unwrap();
    let mut new = asset(NOW);
    new.project = Some(crate::support::MY_PROJECT.into());
    let id = new.id;
    let created = store.create(&workspace, new, PendingCaps::default()).await;
    assert_eq!(created.unwrap(), CreateOutcome::New);
    assert!(store.find(&workspace, id).await.unwrap().is_some());
    let set = store.set_state(&workspace, id, StateChange::Complete(None));
    assert_eq!(set.await.unwrap(), ChangeOutcome::Done);
    assert!(store.delete(&workspace, id).await.unwrap());
    drop(store);
    assert_eq!(counted().await.0, [], "with Plane's own indexes alone");

    // Each of these reads a workspace's assets, or all, without the index that the page proposes for it.
    let indexes = proposed_indexes();
    assert_eq!(indexes.len(), 3);
    let name = |sql: &String| sql.split_whitespace().nth(2).unwrap().to_owned();
    let names: Vec<_> = indexes.iter().map(name).collect();
    let calls = async || {
        let mut used = Vec::new();
        for call in ["pair", "caps", "purge"] {
            let store = options().connect(&url).await.unwrap();
            let (new, caps) = match call {
                "pair" => (with_pair(asset(NOW), "github", "9"), PendingCaps::default()),
                _ => (asset(NOW), CAPS),
            };
            if call == "purge" {
                let mut step = PurgeStep::new(NOW, AGES_HENCE, NOW, NonZeroU32::MIN);
                // The second one notes what the first one has named.
                for _ in 0..2 {
                    step.gone = store.purge(&step).await.unwrap();
                    assert_eq!(step.gone.len(), 1);
                }
            } else {
                store.create(&workspace, new, caps).await.unwrap();
            }
            drop(store);
            let searched = counted().await.1.into_iter();
            used.extend(
                searched
                    .filter(|index| names.contains(index))
                    .map(|index| (call, index)),
            );
        }
        used
    };
    assert_eq!(calls().await, [], "there is none of them yet");
    prepare(&(indexes.join(";") + "; ANALYZE")).await;
    let used = calls().await;
    for (call, index) in ["pair", "caps", "purge"].into_iter().zip(names) {
        let searched = used.contains(&(call, index.clone()));
        assert!(searched, "{call} searches {index}: {used:?}");
    }
}
