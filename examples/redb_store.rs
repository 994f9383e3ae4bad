//! A complete store of your own: assets, credentials and the purge over the key-value database redb.
//! `docs/bring-your-own-store.md` explains it. The smallest store that works is `custom_store`.
//!
//! ```text
//! cargo run --features verify --example redb_store
//! ```

#[path = "redb_store/mod.rs"]
mod redb_store;

use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use tower_asset_upload::asset::{SystemClock, WorkspaceSlug};
use tower_asset_upload::auth::CredentialRecord;
use tower_asset_upload::s3::{S3, S3Bucket};
use tower_asset_upload::sigv4::Credentials;
use tower_asset_upload::{
    AssetUploadService, CredentialStore, DirectoryStore, HeaderAuthenticator,
};
use uuid::{Uuid, uuid};

use redb_store::RedbStore;

const ACME: Uuid = uuid!("22222222-2222-4222-8222-000000000001");
const ALICE: Uuid = uuid!("11111111-1111-4111-8111-000000000001");
const PROJECT: Uuid = uuid!("33333333-3333-4333-8333-000000000001");
const KEY: &str = "plane_api_0123456789abcdef0123456789abcdef";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let store = RedbStore::open(directory.path().join("assets.redb"))?.clock(SystemClock);
    let slug = WorkspaceSlug::new("acme")?;
    store.add_workspace(ACME.into(), slug).await?;
    store.add_member(ACME.into(), ALICE.into()).await?;
    store.add_project(ACME.into(), PROJECT.into()).await?;
    let key = CredentialRecord::api_key(KEY, ALICE.into());
    store.add_credential(key).await?;

    let bucket = S3Bucket::aws("acme-uploads", "eu-central-1")?;
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "a secret of your own")?;
    let s3 = S3::new(bucket, credentials);
    let authenticator = HeaderAuthenticator::new(store.clone());
    let service = AssetUploadService::builder(store, s3.signer()?, authenticator)
        .verify_with(s3.objects())
        .build()?;

    let body = format!(
        r#"{{"name":"photo.png","size":1024,"project_id":"{PROJECT}","external_source":"demo","external_id":"7"}}"#
    );
    let request = http::Request::post("/api/v1/workspaces/acme/assets/")
        .header("x-api-key", KEY)
        .body(Full::<bytes::Bytes>::from(body))?;
    // The first request creates an asset. The second one finds it, by its external pair.
    for _ in 0..2 {
        let (head, body) = service.clone().oneshot(request.clone()).await?.into_parts();
        println!("{}", head.status);
        println!(
            "{}",
            String::from_utf8_lossy(&body.collect().await?.to_bytes())
        );
    }
    Ok(())
}
