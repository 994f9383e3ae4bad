//! Mounted in an axum application, beside its own routes, behind its own session middleware.
//!
//! ```text
//! cargo run --features verify --example axum_host
//! curl -sS -X POST http://127.0.0.1:3000/uploads/workspaces/acme/assets -H 'x-session: alice' \
//!     -H 'Content-Type: application/json' -d '{"name":"photo.png","size":1024}'
//! ```

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tower_asset_upload::asset::WorkspaceSlug;
use tower_asset_upload::auth::{ExtensionAuthenticator, Principal};
use tower_asset_upload::s3::{S3, S3Bucket};
use tower_asset_upload::sigv4::Credentials;
use tower_asset_upload::{AssetUploadService, DirectoryStore, MemoryStore};
use uuid::{Uuid, uuid};

const ALICE: Uuid = uuid!("11111111-1111-4111-8111-000000000001");
const ACME: Uuid = uuid!("22222222-2222-4222-8222-000000000001");

/// Stands for whatever the host has: a session cookie, a token, mutual TLS.
async fn session(mut request: Request, next: Next) -> Response {
    if request
        .headers()
        .get("x-session")
        .is_some_and(|session| session == "alice")
    {
        let alice = Principal::with_all_scopes(ALICE.into());
        request.extensions_mut().insert(alice);
    }
    next.run(request).await
}

async fn app() -> Result<Router, Box<dyn std::error::Error>> {
    let store = MemoryStore::new();
    let slug = WorkspaceSlug::new("acme")?;
    store.add_workspace(ACME.into(), slug).await?;
    store.add_member(ACME.into(), ALICE.into()).await?;

    let s3 = S3::new(
        S3Bucket::aws("acme-uploads", "eu-central-1")?,
        Credentials::new("AKIAIOSFODNN7EXAMPLE", "a secret of your own")?,
    );
    let uploads = AssetUploadService::builder(store, s3.signer()?, ExtensionAuthenticator)
        .verify_with(s3.objects())
        .base_path("") // axum strips the prefix of a nested service
        .build()?;

    Ok(Router::new()
        .route("/", get(|| async { "the host's own page" }))
        .nest_service("/uploads", uploads)
        .layer(middleware::from_fn(session)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app().await?).await?)
}
