//! A database with Plane's tables, and a store whose role may do no more than it has to.
#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::ops::Deref;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use tower_asset_upload::PlaneStore;
use tower_asset_upload::asset::{
    ExternalLabel, IdSource, NewAsset, ObjectKey, RandomIds, UploadSize, UserId, WorkspaceSlug,
};
use tower_asset_upload::stores::PlaneOptions;
use uuid::Uuid;

use crate::cluster::{Cluster, connect};
use crate::process::PATIENCE;
use crate::support::{ALICE, BOB, KEY, MINE, MY_PROJECT, OTHERS, OTHERS_PROJECT};

pub(crate) const SCHEMA: &str = include_str!("schema.sql");

/// All that the store's role may do, as its documentation says.
const GRANTS: &str = "
    GRANT SELECT, INSERT, UPDATE, DELETE ON file_assets TO sidecar;
    GRANT SELECT ON workspaces, workspace_members, projects, users, api_tokens TO sidecar;
    GRANT UPDATE (last_used) ON api_tokens TO sidecar;
";

/// Plane's tables, with Alice in `my-workspace` and Bob in `other-workspace`, each with a project and
/// a key.
pub(crate) struct Database {
    /// May do everything.
    pub(crate) admin: Client,
    pub(crate) admin_url: String,
    /// Of a role that may do what the store has to.
    pub(crate) url: String,
}

/// Such a database, and a store over it.
pub(crate) struct Plane {
    pub(crate) store: PlaneStore,
    pub(crate) database: Database,
}

impl Deref for Plane {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

/// `None` where there is no PostgreSQL; then the test is skipped, and says so.
pub(crate) async fn plane(test: &str) -> Option<Plane> {
    let database = Database::make(Cluster::shared(test)?).await;
    let store = options().connect(&database.url).await.unwrap();
    Some(Plane { store, database })
}

pub(crate) fn options() -> PlaneOptions {
    PlaneStore::options()
}

impl Database {
    pub(crate) async fn make(cluster: &Cluster) -> Self {
        let admin_url = cluster.database().await;
        let admin = connect(&admin_url).await;
        let name = admin_url.rsplit('/').next().unwrap();
        let role = format!("sidecar_of_{name}");
        let url = admin_url.replace("postgres@", &format!("{role}@"));
        let grants = GRANTS.replace("sidecar", &role);
        let make = format!(
            "CREATE ROLE {role} LOGIN; REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC; {SCHEMA} {grants}"
        );
        admin.batch_execute(&make).await.unwrap();
        for (workspace, slug, user, project) in [
            (MINE, "my-workspace", ALICE, MY_PROJECT),
            (OTHERS, "other-workspace", BOB, OTHERS_PROJECT),
        ] {
            add_workspace(&admin, workspace, slug).await;
            add_member(&admin, workspace, user).await;
            add_project(&admin, workspace, project).await;
        }
        add_key(&admin, KEY, ALICE).await;
        add_key(&admin, "key-of-bob", BOB).await;
        Self {
            admin,
            admin_url,
            url,
        }
    }
}

/// As `docs/plane-sidecar.md` proposes them.
pub(crate) fn proposed_indexes() -> Vec<String> {
    let page = include_str!("../../docs/plane-sidecar.md");
    let start = page.find("CREATE INDEX").unwrap();
    let block = page[start..].split("```").next().unwrap();
    block
        .split(';')
        .map(|statement| statement.trim().replace("CONCURRENTLY ", ""))
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// Runs a statement, of which the server infers nothing.
pub(crate) async fn run(
    admin: &Client,
    sql: &str,
    values: &[(&(dyn ToSql + Sync), Type)],
) -> Vec<tokio_postgres::Row> {
    let rows = admin.query_typed(sql, values).await;
    rows.unwrap_or_else(|fault| panic!("{sql}: {fault:?}"))
}

/// A UUID that a [`run`] inserts.
pub(crate) fn id(id: &Uuid) -> (&(dyn ToSql + Sync), Type) {
    (id, Type::UUID)
}

pub(crate) fn text<'a>(text: &'a &'a str) -> (&'a (dyn ToSql + Sync), Type) {
    (text, Type::TEXT)
}

/// Puts a row into a table as Plane's ORM does: whatever must be there and isn't given is empty.
async fn put(admin: &Client, table: &str, row: &Value, on_conflict: &str) {
    let sql = format!(
        "INSERT INTO {table} SELECT row.* FROM (\
         SELECT jsonb_object_agg(attname, CASE \
         WHEN typname IN ('text', 'varchar') THEN '\"\"' WHEN typname = 'bool' THEN 'false' \
         WHEN typname = 'jsonb' THEN '{{}}' WHEN typname = 'timestamptz' THEN to_jsonb(now()) \
         WHEN typname <> 'uuid' THEN '0' END) AS empty \
         FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid \
         WHERE attrelid = '{table}'::regclass AND attnum > 0 AND attnotnull AND NOT attisdropped\
         ) AS required, jsonb_populate_record(NULL::{table}, required.empty || $1::jsonb) AS row \
         ON CONFLICT {on_conflict}"
    );
    let row = row.to_string();
    run(admin, &sql, &[text(&&*row)]).await;
}

pub(crate) async fn add_workspace(admin: &Client, workspace: Uuid, slug: &str) {
    // Somebody has to own it.
    add_user(admin, workspace).await;
    let row = json!({"id": workspace, "name": slug, "slug": slug, "owner_id": workspace});
    let again = "(id) DO UPDATE SET slug = excluded.slug, deleted_at = NULL";
    put(admin, "workspaces", &row, again).await;
}

pub(crate) async fn add_user(admin: &Client, user: Uuid) {
    let row = json!({"id": user, "username": user, "is_active": true});
    put(admin, "users", &row, "(id) DO NOTHING").await;
}

/// Plane's roles in a workspace.
pub(crate) const ADMIN: i16 = 20;
pub(crate) const MEMBER: i16 = 15;
pub(crate) const GUEST: i16 = 5;

pub(crate) async fn add_member(admin: &Client, workspace: Uuid, user: Uuid) {
    add_user(admin, user).await;
    let row = json!({
        "id": RandomIds.next_id(), "role": MEMBER, "member_id": user, "workspace_id": workspace,
        "is_active": true,
    });
    let again = "(workspace_id, member_id) WHERE deleted_at IS NULL \
                 DO UPDATE SET is_active = true";
    put(admin, "workspace_members", &row, again).await;
}

pub(crate) async fn add_project(admin: &Client, workspace: Uuid, project: Uuid) {
    let id = project.to_string();
    let row = json!({
        "id": id, "name": id, "identifier": &id[24..], "workspace_id": workspace,
    });
    put(
        admin,
        "projects",
        &row,
        "(id) DO UPDATE SET deleted_at = NULL",
    )
    .await;
}

pub(crate) async fn add_key(admin: &Client, token: &str, user: Uuid) {
    add_user(admin, user).await;
    let row = json!({
        "id": RandomIds.next_id(), "token": token, "label": "test", "user_id": user,
        "is_active": true, "allowed_rate_limit": "60/min",
    });
    let again = "(token) DO UPDATE SET user_id = excluded.user_id, is_active = true, \
                 expired_at = NULL, deleted_at = NULL";
    put(admin, "api_tokens", &row, again).await;
}

pub(crate) fn slug(slug: &str) -> WorkspaceSlug {
    WorkspaceSlug::new(slug).unwrap()
}

/// A new asset of Alice's.
pub(crate) fn asset(created_at: OffsetDateTime) -> NewAsset {
    let random = RandomIds.next_id().simple();
    let key = ObjectKey::new(format!("{MINE}/{random}-photo.png")).unwrap();
    let (kind, size) = ("image/png".parse().unwrap(), UploadSize::new(1024).unwrap());
    let id = RandomIds.next_id().into();
    NewAsset::new(
        id,
        key,
        "photo.png",
        kind,
        size,
        UserId::new(ALICE),
        created_at,
    )
    .unwrap()
}

pub(crate) fn with_pair(mut asset: NewAsset, source: &str, id: &str) -> NewAsset {
    asset.external.source = ExternalLabel::new(source).ok();
    asset.external.id = ExternalLabel::new(id).ok();
    asset
}

impl Database {
    /// A row of `file_assets` as JSON.
    pub(crate) async fn row(&self, asset: Uuid) -> Value {
        let sql = "SELECT row_to_json(file_assets)::text AS row FROM file_assets WHERE id = $1";
        let rows = run(&self.admin, sql, &[id(&asset)]).await;
        let [row] = &rows[..] else {
            panic!("{} rows of {asset}", rows.len());
        };
        serde_json::from_str(row.get("row")).unwrap()
    }

    /// How many rows of `file_assets` there are of which that holds.
    pub(crate) async fn count(&self, condition: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM file_assets WHERE {condition}");
        run(&self.admin, &sql, &[]).await[0].get(0)
    }

    /// Puts a row there as Plane would.
    pub(crate) async fn insert(&self, row: &Value) {
        let row = row.to_string();
        let sql = "INSERT INTO file_assets \
                   SELECT * FROM jsonb_populate_record(NULL::file_assets, $1::jsonb)";
        run(&self.admin, sql, &[text(&&*row)]).await;
    }

    /// Changes a row by hand.
    pub(crate) async fn set(&self, table: &str, change: &str, row: &str) {
        let sql = format!("UPDATE {table} SET {change} WHERE {row}");
        let changed = self.admin.execute(&sql, &[]).await;
        assert_ne!(changed.unwrap(), 0, "{sql}");
    }
}

/// Looks until there is something.
pub(crate) async fn wait_for<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
