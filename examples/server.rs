//! A whole server to try: database, object store and a page, in one command.
//!
//! ```text
//! cargo run --release --example server
//! ```
//!
//! `--help` lists the flags. Everything it needs is embedded; with `--s3-endpoint` and its brothers
//! it signs for an object store of your own.

#[path = "server/cleaning.rs"]
mod cleaning;
#[path = "server/database.rs"]
mod database;
#[path = "server/object_store.rs"]
mod object_store;
#[path = "server/options.rs"]
mod options;
#[path = "server/page.rs"]
mod page;
#[path = "server/seed.rs"]
mod seed;
#[path = "server/short_keys.rs"]
mod short_keys;
#[path = "server/small_frames.rs"]
mod small_frames;

use std::future::Future;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use tokio::net::TcpListener;
use tower::Layer;
use tower_asset_upload::s3::{S3PostSigner, S3PutSigner, S3Verifier};
use tower_asset_upload::{AssetUploadService, HeaderAuthenticator, RateLimitLayer, UploadSigner};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use database::Database;
use object_store::ObjectStore;
use options::{Options, SignerKind};
use seed::Seed;

/// How long requests under way may take once the server was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// One sentence about what went wrong.
type Failure = String;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::from_args() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(failure) => return fail(&failure),
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "info,s3s=warn,s3s_fs=warn".into()),
        )
        .init();
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &str) -> ExitCode {
    eprintln!("server: {failure}");
    ExitCode::FAILURE
}

async fn run(options: Options) -> Result<(), Failure> {
    let listener = TcpListener::bind(&options.listen)
        .await
        .map_err(|fault| format!("can't listen on {}: {fault}", options.listen))?;
    let address = listener
        .local_addr()
        .map_err(|fault| format!("the listener has no address: {fault}"))?;

    let (seed, demo) = if let Some(path) = &options.seed {
        (Seed::read(path)?, None)
    } else {
        let (seed, demo) = seed::demo(&options.data_dir)?;
        (seed, Some(demo))
    };
    let database = Database::open(&options).await?;
    seed.apply(&database).await?;
    let store = ObjectStore::start(&options).await?;

    let signer: Box<dyn UploadSigner> = match options.signer {
        SignerKind::Post => Box::new(S3PostSigner::new(
            store.bucket.clone(),
            store.credentials.clone(),
        )),
        SignerKind::Put => Box::new(S3PutSigner::new(
            store.bucket.clone(),
            store.credentials.clone(),
        )),
    };
    let verifier = S3Verifier::new(store.bucket.clone(), store.credentials.clone());
    let uploads = AssetUploadService::builder(
        database.assets(),
        signer,
        HeaderAuthenticator::new(database.credentials()),
    )
    .verifier(verifier.clone())
    .max_size(options.max_size)
    .build();

    let document = match options.rate_limit {
        Some(_) => uploads.openapi().rate_limited(),
        None => uploads.openapi(),
    };
    let pages = page::routes(demo.as_ref(), options.max_size)
        .route_service("/openapi.json", document.into_service());
    let app = match options.rate_limit {
        Some(limit) => pages.fallback_service(RateLimitLayer::new(limit).layer(uploads)),
        None => pages.fallback_service(uploads),
    };
    let app = app
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            Duration::from_secs(30),
        ))
        .layer(TraceLayer::new_for_http());

    if let Some(demo) = &demo {
        print!("{}", demo.instructions(address, options.signer));
    }
    println!("listening on http://{address}");
    std::io::stdout()
        .flush()
        .map_err(|fault| format!("can't write to standard output: {fault}"))?;

    // Without a task of its own the clean-up ends with the server, wherever it is: nothing is
    // half-done.
    let cleaning = async {
        match options.purging {
            Some(purging) => cleaning::clean(database.condemned(), verifier, purging).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = serve(listener, app) => ended?,
        never = cleaning => match never {},
    }
    store.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Serves until a signal, then lets requests under way finish.
async fn serve(listener: TcpListener, app: Router) -> Result<(), Failure> {
    let (told, mut stopping) = tokio::sync::watch::channel(false);
    let signal = shutdown_signal()?;
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        signal.await;
        tracing::info!("stopping");
        told.send_replace(true);
    });
    let deadline = async move {
        // An error means that the server has ended by itself.
        if stopping.wait_for(|stopping| *stopping).await.is_ok() {
            tokio::time::sleep(GRACE).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = server => ended.map_err(|fault| format!("the server failed: {fault}")),
        () = deadline => {
            tracing::warn!("some requests took longer than {GRACE:?} to end; they were cut off");
            Ok(())
        }
    }
}

#[cfg(unix)]
fn shutdown_signal() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let handler = |kind| signal(kind).map_err(|fault| format!("can't handle signals: {fault}"));
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn shutdown_signal() -> Result<impl Future<Output = ()>, Failure> {
    Ok(async {
        // Without a handler there is only the hard way to stop, and nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}
