//! The store keeps the rules: by value, boxed and shared, and with a pooler in between.

use std::sync::Arc;

use async_trait::async_trait;
use time::macros::datetime;
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use tower_asset_upload::conformance::{self, Seed, SeedCredentials, run, run_credentials};
use tower_asset_upload::{
    Asset, AssetId, AssetStore, BoxError, Changed, Condemned, Created, Credential, CredentialKind,
    CredentialRecord, CredentialVerifier, NewAsset, PendingCaps, PlaneStore, ProjectId, PurgeStep,
    PurgeStore, Scopes, StateChange, StoreError, UserId, Workspace, WorkspaceId, WorkspaceSlug,
};
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
    async fn change(&self, sql: &str, ids: &[&Uuid]) -> Result<(), BoxError> {
        let ids: Vec<_> = ids.iter().map(|uuid| id(uuid)).collect();
        execute(&self.0, sql, &ids).await;
        Ok(())
    }
}

#[async_trait]
impl Seed for Planes {
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), BoxError> {
        add_workspace(&self.0, id.into(), slug.as_str()).await;
        Ok(())
    }

    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), BoxError> {
        add_member(&self.0, workspace.into(), user.into()).await;
        Ok(())
    }

    async fn add_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), BoxError> {
        add_project(&self.0, workspace.into(), project.into()).await;
        Ok(())
    }

    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), BoxError> {
        let sql = "UPDATE workspaces SET deleted_at = now() WHERE id = $1";
        self.change(sql, &[id.as_uuid()]).await
    }

    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), BoxError> {
        let sql = "UPDATE workspace_members SET is_active = false \
                   WHERE workspace_id = $1 AND member_id = $2";
        self.change(sql, &[workspace.as_uuid(), user.as_uuid()])
            .await
    }

    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), BoxError> {
        let sql = "UPDATE projects SET deleted_at = now() WHERE workspace_id = $1 AND id = $2";
        self.change(sql, &[workspace.as_uuid(), project.as_uuid()])
            .await
    }
}

#[async_trait]
impl SeedCredentials for Planes {
    async fn add_credential(
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

/// A store in a world where no form is alive any more. Plane has no column to note that an object is
/// gone, so what is deleted isn't named before then.
struct Late(PlaneStore);

#[async_trait]
impl PurgeStore for Late {
    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        let mut step = step.clone();
        step.forget_before = datetime!(9999-01-01 0:00 UTC);
        self.0.purge(&step).await
    }
}

#[async_trait]
impl AssetStore for Late {
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError> {
        self.0.enter(slug, caller).await
    }

    async fn create(
        &self,
        workspace: &Workspace,
        asset: NewAsset,
        caps: PendingCaps,
    ) -> Result<Created, StoreError> {
        self.0.create(workspace, asset, caps).await
    }

    async fn find(&self, workspace: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError> {
        self.0.find(workspace, id).await
    }

    async fn set_state(
        &self,
        workspace: &Workspace,
        id: AssetId,
        change: StateChange,
    ) -> Result<Changed, StoreError> {
        self.0.set_state(workspace, id, change).await
    }

    async fn delete(&self, workspace: &Workspace, id: AssetId) -> Result<bool, StoreError> {
        self.0.delete(workspace, id).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cleaning_up() {
    let Some(cluster) = Cluster::shared("cleaning_up") else {
        return;
    };
    let mut ruled = Vec::new();
    macro_rules! kept {
        ($dress:expr; $($rule:ident,)*) => {$(
            let database = Database::make(cluster).await;
            let store = PlaneStore::connect(&database.url).await.unwrap();
            let store = Ported::new($dress(store), planes(&database).await);
            if let Err(broken) = conformance::purge::$rule(store).await {
                panic!("{}: {broken}", stringify!($rule));
            }
            ruled.push(stringify!($rule));
        )*};
    }
    kept! { std::convert::identity;
        a_row_goes_only_after_its_object,
        many_clean_ups_at_once_do_nothing_wrong,
        completing_and_giving_up_exclude_each_other,
        a_dropped_step_loses_nothing,
        the_rejected_are_given_up_at_once,
    }
    kept! { Late;
        what_was_completed_in_time_stays,
        only_the_deleted_and_the_stale_are_condemned,
        what_is_given_up_can_not_be_completed,
        a_step_takes_on_so_many_and_no_more,
        the_cursor_passes_over_what_failed,
        only_the_deleted_are_forgotten,
    }
    // What is left is about the note that there is no column for.
    let mut others = conformance::purge::RULES
        .iter()
        .map(|rule| rule.name)
        .filter(|name| !ruled.contains(name));
    assert_eq!(others.next(), Some("a_row_waits_for_its_forms"));
    assert_eq!(others.next(), Some("both_sorts_come_in_one_order"));
    assert_eq!(others.next(), None);
}
