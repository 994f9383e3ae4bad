//! The object store of `asset-upload serve`, in this process: s3s-fs, with CORS and without.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower::service_fn;
use tower_http::cors::{Any, CorsLayer};

use crate::Setup;
use crate::process::temp_dir;

pub(crate) const KEY: (&str, &str) = ("AKIAEMBEDDED", "known/to+the/test");

/// A store with the bucket `uploads`, as long as the test's runtime lives.
pub(crate) struct Embedded {
    directory: TempDir,
    pub(crate) endpoint: String,
}

impl Embedded {
    pub(crate) async fn start(with_cors: bool) -> Self {
        let directory = temp_dir();
        fs::create_dir(directory.path().join("uploads")).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(directory.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY.0, KEY.1));
        let s3 = builder.build();
        let service = service_fn(move |request: Request<Body>| {
            let s3 = s3.clone();
            async move {
                let answer = s3.call(request.map(s3s::Body::http_body_unsync)).await;
                Ok::<_, Infallible>(answer.map_or_else(
                    |fault| panic!("s3s failed: {fault:?}"),
                    |answer: Response<s3s::Body>| answer.map(Body::new),
                ))
            }
        });
        let mut app = Router::new().fallback_service(service);
        if with_cors {
            let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT];
            let cors = CorsLayer::new().allow_origin(Any).allow_methods(methods);
            app = app.layer(cors.allow_headers(Any));
        }
        Self {
            endpoint: serve(app).await,
            directory,
        }
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup::new(&self.endpoint, "uploads", "us-east-1", KEY)
    }

    /// How many objects are in the bucket.
    pub(crate) fn objects(&self) -> usize {
        files(&self.directory.path().join("uploads"))
    }
}

fn files(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let each = entries.map(|entry| {
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path())
        } else {
            1
        }
    });
    each.sum()
}

/// Serves on a free port of the loopback interface.
pub(crate) async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}
