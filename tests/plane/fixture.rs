//! A database with Plane's tables, and a store whose role may do no more than it has to.
#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::ops::Deref;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use tower_asset_upload::{
    ExternalLabel, IdSource, NewAsset, ObjectKey, PlaneOptions, PlaneStore, RandomIds, UploadSize,
    UserId, WorkspaceSlug,
};
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

pub(crate) async fn add_workspace(admin: &Client, workspace: Uuid, slug: &str) {
    let sql = "INSERT INTO workspaces (id, name, slug) VALUES ($1, $2, $2) \
               ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, deleted_at = NULL";
    run(admin, sql, &[id(&workspace), text(&slug)]).await;
}

pub(crate) async fn add_user(admin: &Client, user: Uuid) {
    let sql = "INSERT INTO users (id, username, is_active, is_bot) \
               VALUES ($1, $1::text, true, false) ON CONFLICT (id) DO NOTHING";
    run(admin, sql, &[id(&user)]).await;
}

pub(crate) async fn add_member(admin: &Client, workspace: Uuid, user: Uuid) {
    add_user(admin, user).await;
    let sql = "INSERT INTO workspace_members \
               (created_at, updated_at, id, role, member_id, workspace_id, is_active) \
               VALUES (now(), now(), gen_random_uuid(), 15, $2, $1, true) \
               ON CONFLICT (workspace_id, member_id) WHERE deleted_at IS NULL \
               DO UPDATE SET is_active = true";
    run(admin, sql, &[id(&workspace), id(&user)]).await;
}

pub(crate) async fn add_project(admin: &Client, workspace: Uuid, project: Uuid) {
    let sql = "INSERT INTO projects (id, name, identifier, workspace_id) \
               VALUES ($2, $2::text, right($2::text, 12), $1) \
               ON CONFLICT (id) DO UPDATE SET deleted_at = NULL";
    run(admin, sql, &[id(&workspace), id(&project)]).await;
}

pub(crate) async fn add_key(admin: &Client, token: &str, user: Uuid) {
    add_user(admin, user).await;
    let sql = "INSERT INTO api_tokens (created_at, updated_at, id, token, label, user_type, user_id, \
               description, is_active, is_service, allowed_rate_limit) \
               VALUES (now(), now(), gen_random_uuid(), $1, 'test', 0, $2, '', true, false, '60/min') \
               ON CONFLICT (token) DO UPDATE SET user_id = excluded.user_id, is_active = true, \
               expired_at = NULL, deleted_at = NULL";
    run(admin, sql, &[text(&token), id(&user)]).await;
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
    pub(crate) async fn row(&self, asset: Uuid) -> serde_json::Value {
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
    pub(crate) async fn insert(&self, row: &serde_json::Value) {
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
