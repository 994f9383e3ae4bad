//! A service with one workspace and one API key, and a request for it.

use serde_json::Value;
use tower_asset_upload::asset::{UserId, WorkspaceId};
use tower_asset_upload::auth::CredentialRecord;
use tower_asset_upload::s3::{S3, S3Bucket};
use tower_asset_upload::sigv4::Credentials;
use tower_asset_upload::{
    AssetUploadService, CredentialStore, DirectoryStore, HeaderAuthenticator, MemoryStore,
};

use crate::Uploads;

pub const KEY: &str = "a-key-of-the-test";
pub const COLLECTION: &str = "/api/v1/workspaces/my-workspace/assets/";
pub const BODY: &str = r#"{"name":"photo.png","type":"image/png","size":1024}"#;

pub async fn uploads() -> Uploads {
    let workspace: WorkspaceId = "22222222-2222-4222-8222-000000000001".parse().unwrap();
    let user: UserId = "11111111-1111-4111-8111-000000000001".parse().unwrap();
    let store = MemoryStore::new();
    let slug = "my-workspace".parse().unwrap();
    store.add_workspace(workspace, slug).await.unwrap();
    store.add_member(workspace, user).await.unwrap();
    let key = CredentialRecord::api_key(KEY, user);
    store.add_credential(key).await.unwrap();

    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret").unwrap();
    let s3 = S3::new(
        S3Bucket::aws("uploads", "eu-central-1").unwrap(),
        credentials,
    );
    let authenticator = HeaderAuthenticator::new(store.clone());
    AssetUploadService::builder(store, s3.signer().unwrap(), authenticator)
        .trust_clients()
        .build()
        .unwrap()
}

/// The answer to a create.
pub fn assert_created(answer: &[u8]) {
    let answer: Value = serde_json::from_slice(answer).unwrap();
    assert_eq!(answer["upload_data"]["method"], "POST", "{answer}");
    assert!(answer["asset_id"].is_string(), "{answer}");
}
