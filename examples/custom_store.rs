//! A store of your own: six methods' worth of one idea, here a map behind a lock. Everyone is a
//! member of everything, so don't use it as it stands.
//!
//! ```text
//! cargo run --example custom_store
//! ```

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
use tower_asset_upload::sigv4::{Credentials, Region};
use tower_asset_upload::*;
use uuid::Uuid;

#[derive(Default)]
struct MapStore(Mutex<HashMap<(WorkspaceId, AssetId), Asset>>);

#[async_trait]
impl AssetStore for MapStore {
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        _: UserId,
    ) -> Result<Option<Workspace>, StoreError> {
        let id = Uuid::from_u128(slug.as_str().len() as u128).into();
        Ok(Some(Workspace::new(id, slug.clone())))
    }

    async fn create(
        &self,
        to: &Workspace,
        new: NewAsset,
        caps: PendingCaps,
    ) -> Result<Created, StoreError> {
        if new.project.is_some() {
            return Ok(Created::ProjectNotFound); // this store has no projects
        }
        if caps != PendingCaps::default() {
            return Err(StoreError::failed("this store can't cap pending assets")); // refused, not ignored
        }
        let mut assets = self
            .0
            .lock()
            .map_err(|_| StoreError::failed("a thread panicked"))?;
        let twin = |asset: &&Asset| {
            new.external.pair().is_some() && asset.made.external.pair() == new.external.pair()
        };
        let mut inside = assets
            .iter()
            .filter(|((id, _), _)| *id == to.id())
            .map(|(_, asset)| asset);
        if let Some(asset) = inside.find(twin) {
            return Ok(Created::Duplicate(Box::new(asset.clone())));
        }
        assets.insert(
            (to.id(), new.id),
            Asset {
                made: new,
                state: UploadState::Pending,
            },
        );
        Ok(Created::New)
    }

    async fn find(&self, from: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError> {
        let assets = self
            .0
            .lock()
            .map_err(|_| StoreError::failed("a thread panicked"))?;
        Ok(assets.get(&(from.id(), id)).cloned())
    }

    async fn set_state(
        &self,
        of: &Workspace,
        id: AssetId,
        state: UploadState,
    ) -> Result<bool, StoreError> {
        let mut assets = self
            .0
            .lock()
            .map_err(|_| StoreError::failed("a thread panicked"))?;
        Ok(assets
            .get_mut(&(of.id(), id))
            .map(|asset| asset.state = state)
            .is_some())
    }

    async fn delete(&self, from: &Workspace, id: AssetId) -> Result<bool, StoreError> {
        let mut assets = self
            .0
            .lock()
            .map_err(|_| StoreError::failed("a thread panicked"))?;
        Ok(assets.remove(&(from.id(), id)).is_some())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bucket = S3Bucket::aws("acme-uploads", Region::new("eu-central-1")?)?;
    let signer = S3PostSigner::new(
        bucket,
        Credentials::new("AKIAIOSFODNN7EXAMPLE", "a secret of your own")?,
    );
    let service = AssetUploadService::builder(MapStore::default(), signer, FromExtensions).build();

    let mut request = http::Request::post("/api/v1/workspaces/acme/assets/").body(Full::from(
        r#"{"name": "photo.png", "size": 1024, "external_source": "demo", "external_id": "7"}"#,
    ))?;
    request
        .extensions_mut()
        .insert(Principal::with_all_scopes(Uuid::from_u128(1).into()));
    for _ in 0..2 {
        let answer = service.clone().oneshot(request.clone()).await?;
        println!("{}", answer.status());
        println!(
            "{}",
            String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec())?
        );
    }
    Ok(())
}
