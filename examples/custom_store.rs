//! A store of your own: five methods over a map behind a lock. **Don't use it as it is:** everybody is a
//! member of its only workspace. Run it with `cargo run --features verify --example custom_store`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use tower_asset_upload::asset::{
    Asset, AssetId, ChangeOutcome, NewAsset, PendingCaps as Caps, StateChange as Change,
    UploadState, UserId, Workspace, WorkspaceId, WorkspaceSlug,
};
use tower_asset_upload::auth::{ExtensionAuthenticator, Principal};
use tower_asset_upload::ports::{CreateOutcome as Outcome, StoreError};
use tower_asset_upload::s3::{S3, S3Bucket};
use tower_asset_upload::sigv4::Credentials;
use tower_asset_upload::{AssetStore, AssetUploadService};
use uuid::Uuid;

type Result<T, E = StoreError> = std::result::Result<T, E>;
type Assets = HashMap<(WorkspaceId, AssetId), Asset>;

#[derive(Default)]
struct MapStore(Mutex<Assets>);

impl MapStore {
    fn assets(&self) -> Result<MutexGuard<'_, Assets>> {
        (self.0.lock()).map_err(|_| StoreError::failed("a thread panicked"))
    }
}

#[async_trait]
impl AssetStore for MapStore {
    async fn enter(&self, slug: &WorkspaceSlug, _: UserId) -> Result<Option<Workspace>> {
        let acme = || Workspace::new(Uuid::from_u128(2).into(), slug.clone());
        Ok((slug.as_str() == "acme").then(acme))
    }

    async fn create(&self, to: &Workspace, new: NewAsset, caps: Caps) -> Result<Outcome> {
        if new.project.is_some() {
            return Ok(Outcome::ProjectNotFound); // this store has no projects
        }
        if caps != Caps::default() {
            return Err(StoreError::failed("this store doesn't support caps")); // refused, not ignored
        }
        let mut assets = self.assets()?;
        let pair = new.external.pair();
        let twin = assets.iter().find(|((workspace, _), asset)| {
            let same = *workspace == to.id() && asset.made.external.pair() == pair;
            pair.is_some() && same && !asset.state.is_rejected()
        });
        if let Some((_, asset)) = twin {
            return Ok(Outcome::Duplicate(Box::new(asset.clone())));
        }
        let state = UploadState::Pending;
        assets.insert((to.id(), new.id), Asset { made: new, state });
        Ok(Outcome::New)
    }

    async fn find(&self, from: &Workspace, id: AssetId) -> Result<Option<Asset>> {
        Ok(self.assets()?.get(&(from.id(), id)).cloned())
    }

    async fn set_state(&self, of: &Workspace, id: AssetId, to: Change) -> Result<ChangeOutcome> {
        let mut assets = self.assets()?;
        let found = assets.get_mut(&(of.id(), id));
        Ok(found.map_or(ChangeOutcome::NotFound, |asset| asset.state.change(to)))
    }

    async fn delete(&self, from: &Workspace, id: AssetId) -> Result<bool> {
        Ok(self.assets()?.remove(&(from.id(), id)).is_some())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bucket = S3Bucket::aws("acme-uploads", "eu-central-1")?;
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "a secret of your own")?;
    let s3 = S3::new(bucket, credentials);
    let store = MapStore::default();
    let service = AssetUploadService::builder(store, s3.signer()?, ExtensionAuthenticator)
        .verify_with(s3.objects())
        .build()?;

    let body = r#"{"name":"photo.png","size":1024,"external_source":"demo","external_id":"7"}"#;
    let request = http::Request::post("/api/v1/workspaces/acme/assets/")
        .extension(Principal::with_all_scopes(Uuid::from_u128(1).into()))
        .body(Full::<bytes::Bytes>::from(body))?;
    // The first request creates an asset. The second one finds it, by its external pair.
    for _ in 0..2 {
        let (head, body) = service.clone().oneshot(request.clone()).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        println!("{}\n{}", head.status, String::from_utf8_lossy(&body));
    }
    Ok(())
}
