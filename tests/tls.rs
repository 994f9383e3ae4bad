//! Whom the verifier, the doctor and the client trust, over real TLS connections, and whom they call.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/process.rs"]
mod process;

use std::convert::Infallible;
use std::error::Error;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tower_asset_upload::ObjectStore;
use tower_asset_upload::asset::{AssetId, ObjectKey, WorkspaceSlug};
use tower_asset_upload::auth::{Credential, CredentialKind};
use tower_asset_upload::client::{AssetClient, ClientError, RetryPolicy};
use tower_asset_upload::ports::ObjectStoreError;
use tower_asset_upload::s3::{DoctorOptions, S3Bucket, S3Objects, doctor};
use tower_asset_upload::sigv4::{Credentials, Region};
use tower_asset_upload::tls::{InvalidTrustRoots, TrustRoots};

const SIZE: u64 = 5;

/// An object store and a server of the API in one, behind TLS, on `https://localhost:PORT`.
async fn serve(certificates: &Path) -> String {
    let chain = CertificateDer::pem_file_iter(certificates.join("cert.pem")).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(certificates.join("key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Who doesn't trust the certificate hangs up.
                if let Ok(connection) = acceptor.accept(connection).await {
                    serve_one(connection).await;
                }
            });
        }
    });
    format!("https://localhost:{port}")
}

/// The same without TLS.
async fn serve_in_the_clear() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            tokio::spawn(serve_one(connection));
        }
    });
    format!("http://localhost:{port}")
}

async fn serve_one(connection: impl AsyncRead + AsyncWrite + Unpin) {
    let connection = TokioIo::new(connection);
    let served = http1::Builder::new().serve_connection(connection, service_fn(answer));
    // The other end may hang up.
    let _ = served.await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = Response::builder();
    let answer = match request.method().as_str() {
        "HEAD" => answer
            .header("etag", "\"e\"")
            .header("content-length", SIZE)
            .body(Full::default()),
        // A deletion through the API.
        "DELETE" => answer.status(204).body(Full::default()),
        _ => answer
            .status(403)
            .body("<Error><Code>AccessDenied</Code></Error>".into()),
    };
    Ok(answer.unwrap())
}

/// What the verifier, the client and the doctor say about that server: whether each reached it, or
/// why not.
async fn reached(server: &str, roots: Option<&TrustRoots>) -> [Result<(), String>; 3] {
    let bucket = S3Bucket::custom("uploads", Region::us_east_1(), server).unwrap();
    let credentials = Credentials::new("AKIATLS", "sEcReT").unwrap();
    let mut verifier = S3Objects::new(bucket.clone(), credentials.clone());
    let key = Credential::new(CredentialKind::ApiKey, "key");
    let slug = WorkspaceSlug::new("my-workspace").unwrap();
    let client = AssetClient::new(server, &slug, &key).unwrap();
    let mut client = client.retry(RetryPolicy::new().attempts(NonZeroU32::MIN));
    let mut options = DoctorOptions::new();
    if let Some(roots) = roots {
        verifier = verifier.trust_roots(roots);
        client = client.trust_roots(roots);
        options = options.trust_roots(roots);
    }
    let inspected = match verifier.head(&ObjectKey::new("w/a.png").unwrap()).await {
        Ok(found) => {
            assert_eq!(found.unwrap().size, SIZE);
            Ok(())
        }
        Err(ObjectStoreError::Unavailable(cause)) => Err(causes(&cause)),
        Err(other) => panic!("{other:?}"),
    };
    let id = "550e8400-e29b-41d4-a716-446655440000"
        .parse::<AssetId>()
        .unwrap();
    let called = match client.delete(id).await {
        Ok(deleted) => {
            assert!(deleted);
            Ok(())
        }
        Err(fault @ ClientError::Unreachable { .. }) => Err(causes(&fault)),
        Err(other) => panic!("{other:?}"),
    };
    let report = doctor(&bucket, &credentials, &options).await;
    let endpoint = report
        .checks()
        .iter()
        .find(|check| check.name == "endpoint");
    let says = endpoint.unwrap().says.clone();
    let examined = if says.contains("speaks S3") {
        Ok(())
    } else {
        Err(says)
    };
    [inspected, called, examined]
}

fn causes(fault: &dyn Error) -> String {
    let mut text = fault.to_string();
    let mut next = fault.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn all_reach(reached: &[Result<(), String>]) {
    assert!(reached.iter().all(Result::is_ok), "{reached:?}");
}

fn none_trusts(reached: &[Result<(), String>]) {
    for reached in reached {
        let said = reached.as_ref().unwrap_err();
        assert!(said.contains("certificate"), "{said}");
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_once_it_was_added() {
    let test = "a_private_authority_is_trusted_once_it_was_added";
    let Some(certificates) = certificates::certificates(test) else {
        return;
    };
    let server = serve(certificates.path()).await;
    let authority = std::fs::read(certificates.path().join("ca.pem")).unwrap();
    none_trusts(&reached(&server, None).await);
    none_trusts(&reached(&server, Some(&TrustRoots::mozilla())).await);
    none_trusts(&reached(&server, Some(&TrustRoots::none())).await);
    for roots in [TrustRoots::mozilla(), TrustRoots::none()] {
        let roots = roots.pem(&authority).unwrap();
        all_reach(&reached(&server, Some(&roots)).await);
        // The certificate is for another name.
        let by_address = server.replace("localhost", "127.0.0.1");
        none_trusts(&reached(&by_address, Some(&roots)).await);
    }
}

/// Runs one of these tests in a process of its own, with other environment variables. Returns its output.
async fn run_itself(test: &str, change: impl FnOnce(&mut Command)) -> String {
    let mut own = Command::new(std::env::current_exe().unwrap());
    own.args([test, "--exact", "--nocapture"]);
    change(&mut own);
    let ran = tokio::task::spawn_blocking(move || own.output()).await;
    let ran = ran.unwrap().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
    said
}

/// A proxy would read the signed URLs that go over `http://`.
#[tokio::test]
async fn the_environments_proxies_are_not_used() {
    const SERVER: &str = "ASSET_UPLOAD_TEST_SERVER";
    const AUTHORITY: &str = "ASSET_UPLOAD_TEST_AUTHORITY";

    let test = "the_environments_proxies_are_not_used";
    if let Ok(server) = std::env::var(SERVER) {
        let authority = std::fs::read(std::env::var_os(AUTHORITY).unwrap()).unwrap();
        let roots = TrustRoots::none().pem(authority).unwrap();
        all_reach(&reached(&server, Some(&roots)).await);
        return;
    }
    let Some(certificates) = certificates::certificates(test) else {
        return;
    };
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        loop {
            // Hangs up.
            drop(proxy.accept().await.unwrap());
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    for server in [serve(certificates.path()).await, serve_in_the_clear().await] {
        let within = |own: &mut Command| {
            own.env(SERVER, &server)
                .env(AUTHORITY, certificates.path().join("ca.pem"))
                .env_remove("NO_PROXY")
                .env_remove("no_proxy")
                .env_remove("REQUEST_METHOD");
            for scheme in ["http", "https", "all"] {
                let name = format!("{scheme}_proxy");
                own.env(name.to_ascii_uppercase(), &url).env(name, &url);
            }
        };
        run_itself(test, within).await;
    }
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[cfg(feature = "system-roots")]
#[tokio::test]
async fn the_systems_authorities_are_a_choice() {
    use std::env;

    const SERVER: &str = "ASSET_UPLOAD_TEST_TLS_SERVER";

    let test = "the_systems_authorities_are_a_choice";
    if let Some(server) = env::var_os(SERVER) {
        let server = server.into_string().unwrap();
        match TrustRoots::system() {
            Ok(roots) => all_reach(&reached(&server, Some(&roots)).await),
            Err(fault @ InvalidTrustRoots::System(_)) => println!("REFUSED {fault}"),
            Err(other) => panic!("{other:?}"),
        }
        return;
    }
    let Some(certificates) = certificates::certificates(test) else {
        return;
    };
    let server = serve(certificates.path()).await;
    let within = async |file: &str| {
        let change = |own: &mut Command| {
            own.env(SERVER, &server)
                .env("SSL_CERT_FILE", certificates.path().join(file))
                .env_remove("SSL_CERT_DIR");
        };
        run_itself(test, change).await
    };
    assert!(!within("ca.pem").await.contains("REFUSED"));
    assert!(within("none.pem").await.contains("REFUSED"));
}
