//! As a layer in front of another service, which gets every request that isn't for this API.
//!
//! ```text
//! cargo run --features verify --example layer
//! curl -sS http://127.0.0.1:3000/hello
//! curl -sS -X POST http://127.0.0.1:3000/api/v1/workspaces/acme/assets/
//! ```

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};
use tower_asset_upload::s3::{S3, S3Bucket};
use tower_asset_upload::sigv4::Credentials;
use tower_asset_upload::{AssetUploadService, HeaderAuthenticator, MemoryStore};

/// Stands for the service you have already.
async fn yours(request: Request<hyper::body::Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::from(format!(
        "you asked for {}\n",
        request.uri().path()
    ))))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let s3 = S3::new(
        S3Bucket::aws("acme-uploads", "eu-central-1")?,
        Credentials::new("AKIAIOSFODNN7EXAMPLE", "a secret of your own")?,
    );
    let store = MemoryStore::new();
    let authenticator = HeaderAuthenticator::new(store.clone());
    let uploads = AssetUploadService::builder(store, s3.signer()?, authenticator)
        .verify_with(s3.objects())
        .build_layer()?;
    let service = ServiceBuilder::new()
        .layer(uploads)
        .service(service_fn(yours));

    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
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
