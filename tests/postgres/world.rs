//! A workspace with a member, and what is made in it.

use std::sync::atomic::{AtomicU32, Ordering};

use time::OffsetDateTime;
use time::macros::datetime;
use tower_asset_upload::asset::{
    AssetId, ExternalLabel, ExternalRef, IdSource, NewAsset, ObjectKey, PendingCaps, RandomIds,
    UploadSize, UserId, Workspace, WorkspaceId, WorkspaceSlug,
};
use tower_asset_upload::ports::CreateOutcome;
use tower_asset_upload::stores::PostgresOptions;
use tower_asset_upload::{AssetStore, DirectoryStore, PostgresStore};

pub(crate) const USER: UserId = UserId::new(uuid::Uuid::from_u128(1));
pub(crate) const WORKSPACE: WorkspaceId = WorkspaceId::new(uuid::Uuid::from_u128(2));
pub(crate) const AT: OffsetDateTime = datetime!(2026-01-02 03:04:05.678901 UTC);
pub(crate) const NO_CAPS: PendingCaps = PendingCaps {
    per_workspace: None,
    per_caller: None,
    discarded_per_workspace: None,
    discarded_per_caller: None,
};

/// A store in a schema that nobody has used before.
pub(crate) async fn fresh(url: &str) -> PostgresStore {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    let schema = format!("schema {}", SCHEMAS.fetch_add(1, Ordering::Relaxed));
    let options = PostgresStore::options().schema(&schema).unwrap();
    options.connect(url).await.unwrap()
}

/// A store in the schema of the options, with a workspace that is entered.
pub(crate) async fn open(options: &PostgresOptions, url: &str) -> (PostgresStore, Workspace) {
    let store = options.connect(url).await.unwrap();
    let slug = slug();
    store.add_workspace(WORKSPACE, slug.clone()).await.unwrap();
    store.add_member(WORKSPACE, USER).await.unwrap();
    let workspace = enter(&store).await;
    (store, workspace)
}

pub(crate) fn slug() -> WorkspaceSlug {
    WorkspaceSlug::new("my-workspace").unwrap()
}

pub(crate) async fn enter(store: &PostgresStore) -> Workspace {
    store.enter(&slug(), USER).await.unwrap().unwrap()
}

pub(crate) fn asset() -> NewAsset {
    let key = ObjectKey::new("workspace/photo.png").unwrap();
    let (media_type, size) = ("image/png".parse().unwrap(), UploadSize::PLANE_DEFAULT);
    let id = RandomIds.next_id().into();
    NewAsset::new(id, key, "photo.png", media_type, size, USER, AT).unwrap()
}

pub(crate) fn with_pair(source: &str, id: &str) -> NewAsset {
    let mut asset = asset();
    asset.external = ExternalRef {
        source: Some(ExternalLabel::new(source).unwrap()),
        id: Some(ExternalLabel::new(id).unwrap()),
    };
    asset
}

pub(crate) async fn make(store: &PostgresStore, workspace: &Workspace) -> AssetId {
    let new = asset();
    let id = new.id;
    let created = store.create(workspace, new, NO_CAPS).await;
    assert_eq!(created.unwrap(), CreateOutcome::New);
    id
}
