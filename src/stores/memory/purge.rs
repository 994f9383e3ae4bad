//! The purge of a memory store.

use async_trait::async_trait;

use super::store::MemoryStore;
use crate::ports::StoreError;
use crate::ports::purge::{Condemned, PurgeStep, PurgeStore, StoreTime};

#[async_trait]
impl PurgeStore for MemoryStore {
    async fn time(&self) -> Result<StoreTime, StoreError> {
        let last_recorded = self.inner.purging.arrivals().last_recorded;
        Ok(StoreTime::of_host(self.inner.clock.now(), last_recorded))
    }

    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        let purging = &self.inner.purging;
        let mut graves = purging.graves();
        let arrived = purging.arrivals().take();
        graves.take_in(arrived);
        for (workspace, caller) in graves.note_gone(step) {
            if let Some(inside) = self.contents_mut().get_mut(&workspace) {
                inside.forget(caller);
            }
        }
        graves.note_failed(step);
        let mut given_up = 0;
        while given_up < step.most.get()
            && let Some((workspace, id)) = graves.next_stale(step.pending_before)
        {
            // One at a time, so that no caller waits for a whole step.
            let asset = self
                .contents_mut()
                .get_mut(&workspace)
                .and_then(|inside| inside.give_up(id, step.pending_before));
            if let Some(asset) = asset {
                purging.deleted(step.now, workspace, &asset.made);
                given_up += 1;
            }
        }
        let mut given_up = 0;
        while given_up < step.most.get()
            && let Some((workspace, id)) = graves.rejected.pop()
        {
            let asset = self
                .contents_mut()
                .get_mut(&workspace)
                .and_then(|inside| inside.delete(id));
            if let Some(asset) = asset {
                purging.deleted(step.now, workspace, &asset.made);
                given_up += 1;
            }
        }
        let arrived = {
            let mut arrivals = purging.arrivals();
            arrivals.record(step.now);
            arrivals.take()
        };
        graves.take_in(arrived);
        Ok(graves.condemned(step))
    }
}
