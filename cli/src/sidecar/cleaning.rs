//! The clean-up, every so often.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tower_asset_upload::PlaneStore;
use tower_asset_upload::purge::{PurgeOptions, purge};
use tower_asset_upload::s3::S3Objects;

/// Cleans up now and from then on. Dropped at any moment it loses nothing: the next run goes on.
pub(crate) async fn clean_up(
    every: Duration,
    give_up_after: Duration,
    store: PlaneStore,
    objects: S3Objects,
) {
    let options = PurgeOptions::new().pending_for(give_up_after);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match purge(&store, &objects, &options).await {
            Ok(done) => {
                let (objects, rows, failed) = (done.objects, done.rows, done.failed);
                tracing::info!(objects, rows, failed, "cleaned up");
            }
            Err(fault) => tracing::warn!(%fault, "not cleaned up"),
        }
    }
}
