//! Mounted under hyper itself, without a framework: the service is the connection's service.
//!
//! ```text
//! cargo run --example hyper_host
//! curl -sS -X POST http://127.0.0.1:3000/api/v1/workspaces/acme/assets/ -H 'X-API-Key: demo-key-of-acme' \
//!     -H 'Content-Type: application/json' -d '{"name":"photo.png","size":1024}'
//! ```

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower_asset_upload::asset::WorkspaceSlug;
use tower_asset_upload::auth::CredentialRecord;
use tower_asset_upload::s3::{S3, S3Bucket, S3Signer};
use tower_asset_upload::sigv4::Credentials;
use tower_asset_upload::{
    AssetUploadService, CredentialStore, DirectoryStore, HeaderAuthenticator, MemoryStore,
};
use uuid::uuid;

async fn service() -> Result<AssetUploadService<MemoryStore, S3Signer>, Box<dyn std::error::Error>>
{
    let alice = uuid!("11111111-1111-4111-8111-000000000001").into();
    let acme = uuid!("22222222-2222-4222-8222-000000000001").into();
    let store = MemoryStore::new();
    store
        .add_workspace(acme, WorkspaceSlug::new("acme")?)
        .await?;
    store.add_member(acme, alice).await?;
    let key = CredentialRecord::api_key("demo-key-of-acme", alice);
    store.add_credential(key).await?;

    let s3 = S3::new(
        S3Bucket::custom("uploads", "garage", "https://s3.example.com")?,
        Credentials::new("GK0123456789", "a secret of your own")?,
    );
    let authenticator = HeaderAuthenticator::new(store.clone());
    Ok(
        AssetUploadService::builder(store, s3.signer()?, authenticator)
            // There is no such object store to ask. A real host calls `verify_with(s3.objects())`.
            .trust_clients()
            .build()?,
    )
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let service = service().await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                eprintln!("a connection broke: {error}");
            }
        });
    }
}
