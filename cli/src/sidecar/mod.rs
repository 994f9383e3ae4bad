//! `sidecar`: the asset upload API of a Plane that you host yourself, beside it: the same database,
//! the same bucket, the same environment variables.
//!
//! `docs/plane-sidecar.md` says why, and how to route to it.

mod cors;
mod database;
mod environment;
mod flags;
mod health;
mod variables;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_asset_upload::purge::{PurgeOptions, purge_periodically};
use tower_asset_upload::rate_limit::RateLimitLayer;
use tower_asset_upload::s3::{S3Objects, S3PostSigner};
use tower_asset_upload::{AssetUploadService, HeaderAuthenticator, PlaneStore};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::stop::Stop;
use crate::{logging, shutdown};
use environment::Environment;
pub(crate) use flags::Flags;

pub(crate) async fn run(flags: &Flags) -> Result<ExitCode, Stop> {
    logging::start("info");
    let environment = Environment::read(flags).map_err(Stop::usage)?;
    let listener = TcpListener::bind(&flags.listen)
        .await
        .map_err(|fault| format!("can't listen on {}: {fault}", flags.listen))?;
    let address = listener
        .local_addr()
        .map_err(|fault| format!("the listener has no address: {fault}"))?;
    let database = &environment.database;
    let store = PlaneStore::connect(&database.url)
        .await
        .map_err(|fault| format!("{}: {fault}", database.source))?;

    let Environment {
        bucket,
        credentials,
        lifetime,
        ..
    } = environment;
    let signer = S3PostSigner::from_provider(bucket.clone(), credentials)
        .await
        .map_err(|fault| fault.to_string())?
        .expires_in(lifetime)
        .downloads_expire_in(lifetime);
    let verifier = S3Objects::from_provider(bucket, credentials)
        .await
        .map_err(|fault| fault.to_string())?;
    let authenticator = HeaderAuthenticator::new(store.clone());
    let mut uploads = AssetUploadService::builder(store.clone(), signer, authenticator)
        .verify_with(verifier.clone())
        .max_size(environment.max_size);
    if !flags.allow_delete {
        uploads = uploads.without_deletion();
    }
    let limited = ServiceBuilder::new()
        .layer(RateLimitLayer::new(environment.rate_limit).retry_when_full())
        .service(uploads.build().map_err(|fault| fault.to_string())?);
    let uploads: Router = Router::new()
        .fallback_service(limited)
        .layer(cors::layer(environment.origins, flags.allow_delete));

    let cleaning = flags.purge_every.map(|every| {
        let (store, objects) = (store.clone(), verifier.clone());
        let options = PurgeOptions::new().pending_for(environment.give_up_after);
        let pause = move || tokio::time::sleep(every);
        tokio::spawn(purge_periodically(store, objects, options, pause))
    });
    let app = health::routes(store, verifier)?
        .fallback_service(uploads)
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            Duration::from_secs(30),
        ))
        .layer(TraceLayer::new_for_http());

    println!("listening on http://{address}");
    std::io::stdout()
        .flush()
        .map_err(|fault| format!("can't write to standard output: {fault}"))?;
    shutdown::serve(listener, app).await?;
    if let Some(cleaning) = cleaning {
        cleaning.abort();
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}
