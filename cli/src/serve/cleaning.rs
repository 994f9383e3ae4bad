//! The clean-up, every so often.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::time::MissedTickBehavior;
use tower_asset_upload::purge::{PurgeOptions, PurgeReport, PurgeStore, purge};
use tower_asset_upload::s3::S3Objects;

use super::options::Purging;

/// Cleans up at once and then at each turn of the clock, for as long as it is polled. A run that
/// takes longer than the time between two misses turns, and what goes wrong is left to the next.
pub(crate) async fn clean(
    store: Arc<dyn PurgeStore>,
    objects: S3Objects,
    purging: Purging,
) -> Infallible {
    let options = PurgeOptions::new().pending_for(purging.pending_after);
    let mut turns = tokio::time::interval(purging.every);
    turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        turns.tick().await;
        let done = purge(&store, &objects, &options).await;
        if let Err(error) = &done {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the clean-up ended early"
            );
        }
        let PurgeReport {
            condemned,
            objects,
            rows,
            failed,
            ..
        } = done.unwrap_or_else(|error| error.done());
        if condemned > 0 {
            tracing::info!(condemned, objects, rows, failed, "cleaned up");
        }
    }
}
