//! At a million assets every call is a search of an index: asked of the server, which explains what
//! it was sent.

use std::num::NonZeroU32;

use serde_json::Value;
use time::Duration;
use tower_asset_upload::asset::{ChangeOutcome, PendingCaps, StateChange};
use tower_asset_upload::auth::{
    Credential, CredentialKind, CredentialRecord, CredentialVerifier, Principal,
};
use tower_asset_upload::ports::CreateOutcome;
use tower_asset_upload::purge::{FailedRemoval, PurgeStep, PurgeStore};
use tower_asset_upload::{AssetStore, CredentialStore, PostgresStore};

use crate::cluster::{Cluster, connect};
use crate::process::skip;
use crate::world::{AT, NO_CAPS, USER, asset, enter, open, with_pair};

/// A million assets in ten workspaces. Of a hundred, one is pending, ten are deleted, and ten are deleted
/// and their objects gone.
const FILL: &str = "\
    ALTER TABLE asset_upload.asset SET UNLOGGED; \
    INSERT INTO asset_upload.workspace (id, slug) \
        SELECT gen_random_uuid(), 'workspace-' || n FROM generate_series(1, 9999) AS n; \
    INSERT INTO asset_upload.member \
        SELECT id, gen_random_uuid(), true FROM asset_upload.workspace, generate_series(1, 2); \
    INSERT INTO asset_upload.project \
        SELECT id, gen_random_uuid() FROM asset_upload.workspace, generate_series(1, 2); \
    INSERT INTO asset_upload.credential \
        SELECT 'api_key', sha256(n::text::bytea), gen_random_uuid(), '', NULL, true \
        FROM generate_series(1, 20000) AS n; \
    INSERT INTO asset_upload.asset (workspace_id, id, object_key, display_name, object_name, \
        media_type, size, external_source, external_id, created_by, created_at, state, deleted_at, \
        object_gone, pending_since) \
        SELECT homes.ids[n % 10 + 1], gen_random_uuid(), n || '-photo.png', 'photo.png', \
        'photo.png', 'image/png', n, 'github', n::text, gen_random_uuid(), \
        '2026-01-02 03:04:05Z'::timestamptz - n * interval '1 second', \
        CASE WHEN n / 10 % 100 = 0 THEN 'pending' ELSE 'uploaded' END, \
        CASE WHEN n / 10 % 100 >= 80 \
            THEN '2026-01-02 03:04:05Z'::timestamptz - n * interval '1 second' END, \
        n / 10 % 100 >= 90, '2026-01-02 03:04:05Z'::timestamptz - n * interval '1 second' \
        FROM generate_series(1, 1000000) AS n, \
        (SELECT array_agg(id) AS ids FROM (SELECT id FROM asset_upload.workspace \
            ORDER BY slug = 'my-workspace' DESC LIMIT 10) AS first_ten) AS homes; \
    ANALYZE asset_upload.asset, asset_upload.workspace, asset_upload.member, \
        asset_upload.project, asset_upload.credential";

/// A hundred thousand assets, of which the statistics don't tell that a twentieth is deleted.
const FILL_AND_DELETE: &str = "\
    ALTER TABLE asset_upload.asset SET UNLOGGED; \
    ALTER TABLE asset_upload.asset SET (autovacuum_enabled = false); \
    INSERT INTO asset_upload.asset (workspace_id, id, object_key, display_name, object_name, \
        media_type, size, created_by, created_at, state) \
        SELECT (SELECT id FROM asset_upload.workspace), gen_random_uuid(), n || '-photo.png', \
        'photo.png', 'photo.png', 'image/png', n, gen_random_uuid(), \
        '2026-01-01 03:04:05Z'::timestamptz, 'uploaded' FROM generate_series(1, 100000) AS n; \
    ANALYZE asset_upload.asset; \
    UPDATE asset_upload.asset SET deleted_at = '2026-01-01 04:05:06Z' WHERE size <= 5000";

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_a_search_of_an_index() {
    let test = "every_call_is_a_search_of_an_index";
    let Some(explained) = Explained::filled(test, FILL).await else {
        return;
    };
    make_every_call(&explained.store).await;
    let plans = explained.plans();
    for statement in [
        "SELECT workspace.id FROM",
        "SELECT user_id, scopes",
        "WITH checked",
        "SELECT id, project_id",
        "SET state = ",
        "SET deleted_at = now() WHERE workspace_id = $1 AND id = $2",
        "DELETE FROM",
        "SET object_gone",
        "SET removal_failures",
        "WITH waiting",
        "WITH rejected",
        "UNION ALL",
    ] {
        let explained = plans
            .iter()
            .any(|plan| plan["Query Text"].as_str().unwrap().contains(statement));
        assert!(explained, "there is no plan of {statement}");
    }
    check_all(&plans);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_up_does_not_go_by_the_statistics() {
    let test = "a_clean_up_does_not_go_by_the_statistics";
    let Some(explained) = Explained::filled(test, FILL_AND_DELETE).await else {
        return;
    };
    let most = NonZeroU32::new(500).unwrap();
    for forget_before in [AT, AT - Duration::WEEK] {
        let mut step = PurgeStep::new(AT, AT - Duration::DAY, forget_before, most);
        for _ in 0..2 {
            step.gone = explained.store.purge(&step).await.unwrap();
            assert_eq!(step.gone.len(), 500);
        }
    }
    let plans = explained.plans();
    for change in ["DELETE FROM", "SET object_gone"] {
        let of_all = |plan: &Value| plan["Plan"]["Plans"][0]["Actual Rows"] == 500;
        let explained = plans.iter().any(|plan| {
            let statement = plan["Query Text"].as_str().unwrap();
            statement.contains(change) && of_all(plan)
        });
        assert!(explained, "there is no plan of {change} with 500 rows");
    }
    check_all(&plans);
}

/// A store whose server explains what it is sent.
struct Explained {
    store: PostgresStore,
    cluster: Cluster,
}

impl Explained {
    async fn filled(test: &str, fill: &str) -> Option<Self> {
        let cluster = Cluster::start(test, &[])?;
        let url = cluster.database().await;
        let admin = connect(&url).await;
        if admin.batch_execute("LOAD 'auto_explain'").await.is_err() {
            skip(&format!("{test} needs PostgreSQL's auto_explain"));
            return None;
        }
        let (store, _) = open(&PostgresStore::options(), &url).await;
        admin.batch_execute(fill).await.unwrap();
        let (_, name) = url.rsplit_once('/').unwrap();
        for setting in [
            "session_preload_libraries = auto_explain",
            "auto_explain.log_min_duration = 0",
            "auto_explain.log_format = json",
            "auto_explain.log_analyze = on",
            "auto_explain.log_timing = off",
        ] {
            let set = format!("ALTER DATABASE {name} SET {setting}");
            admin.batch_execute(&set).await.unwrap();
        }
        drop(store);
        let store = PostgresStore::connect(&url).await.unwrap();
        Some(Self { store, cluster })
    }

    /// All of them; afterwards nothing can be asked any more.
    fn plans(self) -> Vec<Value> {
        drop(self.store);
        plans(&self.cluster.log())
    }
}

fn check_all(plans: &[Value]) {
    for plan in plans {
        // The server's own tables are small ones.
        if !plan["Query Text"].as_str().unwrap().contains("pg_catalog") {
            check(&plan["Plan"], plan);
        }
    }
}

/// A few more than are pending in a workspace, or condemned at once.
const MOST_ROWS: u64 = 1100;

fn check(node: &Value, plan: &Value) {
    let kind = node["Node Type"].as_str().unwrap();
    // What an index has found may be fetched in the order of the table.
    let searches = ["Index Scan", "Index Only Scan", "Bitmap Heap Scan"].contains(&kind);
    let of_table = node.get("Relation Name").is_some() && kind != "ModifyTable";
    assert!(searches || !of_table, "{kind}: {plan:#}");
    let number = |name: &str| node.get(name).map_or(0, |value| value.as_u64().unwrap());
    let each = number("Actual Rows") + number("Rows Removed by Filter");
    let looked_at = each * number("Actual Loops");
    assert!(looked_at <= MOST_ROWS, "{looked_at} rows: {plan:#}");
    for inner in node["Plans"].as_array().into_iter().flatten() {
        check(inner, plan);
    }
}

async fn make_every_call(store: &PostgresStore) {
    let home = enter(store).await;
    let key = Credential::new(CredentialKind::ApiKey, "plane_api_0123456789abcdef");
    let record = CredentialRecord::new(&key, Principal::with_all_scopes(USER));
    store.add_credential(record).await.unwrap();
    assert!(store.verify(&key, AT).await.unwrap().is_some());

    let new = asset();
    let created = store.create(&home, new.clone(), NO_CAPS).await.unwrap();
    assert_eq!(created, CreateOutcome::New);
    let caps = PendingCaps {
        per_workspace: NonZeroU32::new(2_000),
        per_caller: NonZeroU32::new(100),
        discarded_per_caller: NonZeroU32::new(100),
        ..NO_CAPS
    };
    let created = store.create(&home, with_pair("gitlab", "1"), caps).await;
    assert_eq!(created.unwrap(), CreateOutcome::New);
    let full = PendingCaps {
        per_workspace: NonZeroU32::new(1_000),
        ..PendingCaps::default()
    };
    let created = store.create(&home, asset(), full).await;
    assert_eq!(created.unwrap(), CreateOutcome::TooManyPending);
    let littered = PendingCaps {
        discarded_per_workspace: NonZeroU32::new(1_000),
        ..NO_CAPS
    };
    let created = store.create(&home, asset(), littered).await;
    assert_eq!(created.unwrap(), CreateOutcome::TooManyDiscarded);
    let taken = store.create(&home, with_pair("github", "10"), caps).await;
    assert!(
        matches!(taken, Ok(CreateOutcome::Duplicate(_))),
        "{taken:?}"
    );
    assert!(store.find(&home, new.id).await.unwrap().is_some());
    let set = store.set_state(&home, new.id, StateChange::Complete(None));
    assert_eq!(set.await.unwrap(), ChangeOutcome::Done);
    assert!(store.delete(&home, new.id).await.unwrap());

    let most = NonZeroU32::new(100).unwrap();
    let mut step = PurgeStep::new(AT, AT - Duration::DAY, AT - Duration::DAY, most);
    for _ in 0..3 {
        let condemned = store.purge(&step).await.unwrap();
        assert_eq!(condemned.len(), 100);
        step.after = condemned.last().cloned();
        let failed = condemned.iter().take(10).map(|condemned| FailedRemoval {
            condemned: condemned.clone(),
            retry_at: AT,
        });
        step.failed = failed.collect();
        step.gone = condemned.into_iter().skip(10).collect();
    }
}

/// What `auto_explain` wrote.
fn plans(log: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for written in log.split("plan:\n").skip(1) {
        let mut values = serde_json::Deserializer::from_str(written).into_iter();
        found.push(values.next().unwrap().unwrap());
    }
    found
}
