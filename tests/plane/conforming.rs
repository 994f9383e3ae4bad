//! The store keeps the rules: by value, boxed and shared, and with a pooler in between.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use tower_asset_upload::asset::{ProjectId, UserId, WorkspaceId, WorkspaceSlug};
use tower_asset_upload::auth::{
    Credential, CredentialKind, CredentialRecord, CredentialVerifier, Scopes,
};
use tower_asset_upload::conformance::{SeedCredentials, run, run_credentials, run_purge};
use tower_asset_upload::ports::StoreError;
use tower_asset_upload::purge::PurgeStore;
use tower_asset_upload::{AssetStore, BoxError, DirectoryStore, PlaneStore};
use uuid::Uuid;

use crate::cluster::{Bouncer, Cluster, connect};
use crate::fixture::{
    Database, add_key, add_member, add_project, add_user, add_workspace, id, run as execute, text,
};
use crate::ported::Ported;

/// Fills Plane's tables as Plane does.
#[derive(Clone)]
struct Planes(Arc<Client>);

impl Planes {
    async fn change(&self, sql: &str, ids: &[&Uuid]) -> Result<(), StoreError> {
        let ids: Vec<_> = ids.iter().map(|uuid| id(uuid)).collect();
        execute(&self.0, sql, &ids).await;
        Ok(())
    }
}

#[async_trait]
impl DirectoryStore for Planes {
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), StoreError> {
        add_workspace(&self.0, id.into(), slug.as_str()).await;
        Ok(())
    }

    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        add_member(&self.0, workspace.into(), user.into()).await;
        Ok(())
    }

    async fn add_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        add_project(&self.0, workspace.into(), project.into()).await;
        Ok(())
    }

    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), StoreError> {
        let sql = "UPDATE workspaces SET deleted_at = now() WHERE id = $1";
        self.change(sql, &[id.as_uuid()]).await
    }

    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        let sql = "UPDATE workspace_members SET is_active = false \
                   WHERE workspace_id = $1 AND member_id = $2";
        self.change(sql, &[workspace.as_uuid(), user.as_uuid()])
            .await
    }

    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE projects SET deleted_at = now() WHERE workspace_id = $1 AND id = $2";
        self.change(sql, &[workspace.as_uuid(), project.as_uuid()])
            .await
    }
}

#[async_trait]
impl SeedCredentials for Planes {
    async fn seed_credential(
        &self,
        credential: &Credential<'_>,
        record: CredentialRecord,
    ) -> Result<bool, BoxError> {
        let principal = &record.principal;
        if credential.kind() != CredentialKind::ApiKey || principal.scopes != Scopes::all() {
            return Ok(false);
        }
        let secret = credential.expose_secret();
        add_user(&self.0, principal.user.into()).await;
        add_key(&self.0, secret, principal.user.into()).await;
        let sql = "UPDATE api_tokens SET is_active = $2, expired_at = $3 WHERE token = $1";
        let values: [(&(dyn tokio_postgres::types::ToSql + Sync), _); 3] = [
            text(&secret),
            (&record.active, Type::BOOL),
            (&record.expires_at, Type::TIMESTAMPTZ),
        ];
        execute(&self.0, sql, &values).await;
        Ok(true)
    }
}

async fn fresh(database: &Database) -> Ported<PlaneStore, Planes> {
    on(&database.url, database).await
}

/// A store at that URL, and the database's owner to seed it.
async fn on(url: &str, database: &Database) -> Ported<PlaneStore, Planes> {
    let store = PlaneStore::connect(url).await.unwrap();
    Ported::new(store, planes(database).await)
}

async fn planes(database: &Database) -> Planes {
    Planes(Arc::new(connect(&database.admin_url).await))
}

#[tokio::test(flavor = "multi_thread")]
async fn by_value() {
    let Some(cluster) = Cluster::shared("by_value") else {
        return;
    };
    let database = Database::make(cluster).await;
    run(|| fresh(&database)).await;
    run_credentials(|| fresh(&database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boxed_and_shared() {
    let Some(cluster) = Cluster::shared("boxed_and_shared") else {
        return;
    };
    let database = Database::make(cluster).await;
    let store = async || PlaneStore::connect(&database.url).await.unwrap();
    run(|| async {
        let boxed: Box<dyn AssetStore> = Box::new(store().await);
        Ported::new(boxed, planes(&database).await)
    })
    .await;
    run(|| async {
        let shared: Arc<dyn AssetStore> = Arc::new(store().await);
        Ported::new(shared, planes(&database).await)
    })
    .await;
    run_credentials(|| async {
        let boxed: Box<dyn CredentialVerifier> = Box::new(store().await);
        Ported::new(boxed, planes(&database).await)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_pgbouncer() {
    let Some(cluster) = Cluster::shared("through_pgbouncer") else {
        return;
    };
    let Some(bouncer) = Bouncer::start("through_pgbouncer", cluster) else {
        return;
    };
    let database = Database::make(cluster).await;
    let url = bouncer.url(&database.admin_url);
    run(|| on(&url, &database)).await;
    run_credentials(|| on(&url, &database)).await;
}

/// What the rules for the clean-up are asked of.
trait Cleaned: AssetStore + PurgeStore {}

impl<Store: AssetStore + PurgeStore> Cleaned for Store {}

/// With a database for each rule, as the clean-up works across workspaces.
#[tokio::test(flavor = "multi_thread")]
async fn cleaning_up_by_value() {
    let Some(cluster) = Cluster::shared("cleaning_up_by_value") else {
        return;
    };
    run_purge(|| async { fresh(&Database::make(cluster).await).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cleaning_up_boxed_and_shared() {
    let Some(cluster) = Cluster::shared("cleaning_up_boxed_and_shared") else {
        return;
    };
    run_purge(|| async {
        let database = Database::make(cluster).await;
        let store = PlaneStore::connect(&database.url).await.unwrap();
        let boxed: Box<dyn Cleaned> = Box::new(store);
        Ported::new(boxed, planes(&database).await)
    })
    .await;
    run_purge(|| async {
        let database = Database::make(cluster).await;
        let store = PlaneStore::connect(&database.url).await.unwrap();
        let shared: Arc<dyn Cleaned> = Arc::new(store);
        Ported::new(shared, planes(&database).await)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cleaning_up_through_pgbouncer() {
    let test = "cleaning_up_through_pgbouncer";
    let Some(cluster) = Cluster::shared(test) else {
        return;
    };
    let Some(bouncer) = Bouncer::start(test, cluster) else {
        return;
    };
    run_purge(|| async {
        let database = Database::make(cluster).await;
        on(&bouncer.url(&database.admin_url), &database).await
    })
    .await;
}
