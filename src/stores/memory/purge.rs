//! The purge of the store in memory.

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
        let mut queues = purging.queues();
        let arrived = purging.arrivals().take();
        queues.add(arrived);
        for (workspace, caller) in queues.note_gone(step) {
            if let Some(inside) = self.contents_mut().get_mut(&workspace) {
                inside.forget(caller);
            }
        }
        queues.note_failed(step);
        let mut deleted = 0;
        while deleted < step.most.get()
            && let Some((workspace, id)) = queues.next_stale(step.pending_before)
        {
            // Locks the contents for one asset at a time, so that no caller waits for a whole step.
            let asset = self
                .contents_mut()
                .get_mut(&workspace)
                .and_then(|inside| inside.delete_if_stale(id, step.pending_before));
            if let Some(asset) = asset {
                purging.deleted(step.now, workspace, &asset.made);
                deleted += 1;
            }
        }
        let mut deleted = 0;
        while deleted < step.most.get()
            && let Some((workspace, id)) = queues.rejected.pop()
        {
            let asset = self
                .contents_mut()
                .get_mut(&workspace)
                .and_then(|inside| inside.delete(id));
            if let Some(asset) = asset {
                purging.deleted(step.now, workspace, &asset.made);
                deleted += 1;
            }
        }
        let arrived = {
            let mut arrivals = purging.arrivals();
            arrivals.record(step.now);
            arrivals.take()
        };
        queues.add(arrived);
        Ok(queues.condemned(step))
    }
}
