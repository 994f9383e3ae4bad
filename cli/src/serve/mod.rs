//! `serve`: a server with its database, its object store and a page to try it.
//!
//! `--s3-endpoint`, `--s3-bucket` and `--s3-region` name an object store of your own.

mod database;
mod keys;
mod object_store;
mod options;
mod page;
mod seed;
mod short_keys;
mod spooled_forms;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::net::TcpListener;
use tower::Layer;
use tower_asset_upload::purge::{PurgeOptions, purge_periodically};
use tower_asset_upload::rate_limit::RateLimitLayer;
use tower_asset_upload::s3::{S3Objects, S3PostSigner, S3PutSigner};
use tower_asset_upload::{AssetUploadService, HeaderAuthenticator, Unavailable, UploadSigner};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::stop::Stop;
use crate::{logging, shutdown};
use database::Database;
use object_store::ObjectStore;
pub(crate) use options::Options;
use options::{Purging, SignerKind};
use seed::Seed;

pub(crate) async fn run(options: Options) -> Result<ExitCode, Stop> {
    logging::start("info,s3s=warn,s3s_fs=warn");
    let purging = options.purging()?;
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

    let (bucket, credentials) = (|| store.bucket.clone(), || store.credentials.clone());
    let unavailable = |fault: Unavailable| fault.to_string();
    let signer: Box<dyn UploadSigner> = match options.signer {
        SignerKind::Post => {
            let signer = S3PostSigner::from_provider(bucket(), credentials()).await;
            Box::new(signer.map_err(unavailable)?)
        }
        SignerKind::Put => {
            let signer = S3PutSigner::from_provider(bucket(), credentials()).await;
            Box::new(signer.map_err(unavailable)?)
        }
    };
    let verifier = S3Objects::from_provider(bucket(), credentials()).await;
    let verifier = verifier.map_err(unavailable)?;
    let uploads = AssetUploadService::builder(
        database.assets(),
        signer,
        HeaderAuthenticator::new(database.credentials()),
    )
    .verify_with(verifier.clone())
    .max_size(options.max_size)
    .build()
    .map_err(|fault| fault.to_string())?;

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

    print!("{}", store.instructions(&options));
    if let Some(demo) = &demo {
        print!(
            "{}",
            demo.instructions(address, options.signer, &store.bucket)
        );
    }
    println!("listening on http://{address}");
    std::io::stdout()
        .flush()
        .map_err(|fault| format!("can't write to standard output: {fault}"))?;

    // Without a task of its own the clean-up ends with the server, wherever it is: nothing is
    // half-done.
    let cleaning = async {
        match purging {
            Some(Purging {
                every,
                pending_after,
            }) => {
                let options = PurgeOptions::new().pending_for(pending_after);
                let pause = || tokio::time::sleep(every);
                purge_periodically(database.condemned(), verifier, options, pause).await
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = shutdown::serve(listener, app) => ended?,
        never = cleaning => match never {},
    }
    store.stop().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}
