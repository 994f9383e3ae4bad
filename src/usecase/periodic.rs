//! Runs the purge periodically.

use std::convert::Infallible;
use std::error::Error;

use super::purge::{PurgeOptions, purge};
use crate::ports::ObjectStore;
use crate::ports::purge::PurgeStore;

/// Runs the [`purge`] now, and again after each pause. Never returns.
///
/// `pause` is the host's own timer, such as `|| tokio::time::sleep(HOUR)`. A failed run is logged;
/// the next run continues its work. Dropping the future loses nothing, and several replicas may
/// purge the same store concurrently.
///
/// ```no_run
/// use std::time::Duration;
///
/// use tower_asset_upload::PostgresStore;
/// use tower_asset_upload::purge::{PurgeOptions, purge_periodically};
/// # use tower_asset_upload::s3::S3Objects;
///
/// # async fn start(store: PostgresStore, objects: S3Objects) {
/// let hour = || tokio::time::sleep(Duration::from_secs(3600));
/// tokio::spawn(purge_periodically(store, objects, PurgeOptions::new(), hour));
/// # }
/// ```
pub async fn purge_periodically<Pause: Future<Output = ()>>(
    store: impl PurgeStore,
    objects: impl ObjectStore,
    options: PurgeOptions,
    mut pause: impl FnMut() -> Pause,
) -> Infallible {
    loop {
        let done = purge(&store, &objects, &options).await;
        if let Err(error) = &done {
            tracing::warn!(error = error as &dyn Error, "the purge ended early");
        }
        let report = done.unwrap_or_else(|error| error.done());
        if report.condemned > 0 {
            tracing::info!(
                condemned = report.condemned,
                objects = report.objects,
                rows = report.rows,
                failed = report.failed,
                "purged"
            );
        }
        pause().await;
    }
}
