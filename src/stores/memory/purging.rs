//! What the clean-up of a memory store goes by.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::mem::take;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use time::OffsetDateTime;

use super::MemoryStore;
use crate::asset::NewAsset;
use crate::id::{AssetId, WorkspaceId};
use crate::purge::{Condemned, PurgeStep, PurgeStore};
use crate::store::StoreError;

/// Callers only ever append here; putting things in order is the clean-up's own work. Of the two
/// locks only the first is ever met by a caller, and while it is held nothing else is taken.
#[derive(Default)]
pub(super) struct Purging {
    arrivals: Mutex<Arrivals>,
    graves: Mutex<Graves>,
}

/// An asset that waited for its upload when this was noted. The oldest comes first.
type Waiting = (OffsetDateTime, WorkspaceId, AssetId);

/// What happened since the last step of a clean-up.
#[derive(Default)]
struct Arrivals {
    made: Vec<Waiting>,
    /// A set, so that a client that takes its uploads back again and again fills nothing.
    taken_back: BTreeSet<Waiting>,
    rejected: Vec<(WorkspaceId, AssetId)>,
    deleted: Vec<Condemned>,
}

#[derive(Default)]
struct Graves {
    /// Some are complete or deleted by now: that is looked up when their time comes.
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// Some are deleted by now, which is as good: nothing else follows upon a rejection.
    rejected: Vec<(WorkspaceId, AssetId)>,
    /// Their objects may still be there.
    due: BTreeSet<Condemned>,
    /// Their objects are gone; forms may put them back.
    gone: BTreeSet<Condemned>,
}

impl Purging {
    pub(super) fn made(&self, created_at: OffsetDateTime, workspace: WorkspaceId, id: AssetId) {
        self.arrivals().made.push((created_at, workspace, id));
    }

    pub(super) fn taken_back(
        &self,
        created_at: OffsetDateTime,
        workspace: WorkspaceId,
        id: AssetId,
    ) {
        let waiting = (created_at, workspace, id);
        self.arrivals().taken_back.insert(waiting);
    }

    pub(super) fn rejected(&self, workspace: WorkspaceId, id: AssetId) {
        self.arrivals().rejected.push((workspace, id));
    }

    pub(super) fn deleted(&self, at: OffsetDateTime, workspace: WorkspaceId, asset: &NewAsset) {
        let condemned = Condemned {
            deleted_at: at,
            workspace,
            id: asset.id,
            key: asset.key.clone(),
        };
        self.arrivals().deleted.push(condemned);
    }

    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        let lock = self.arrivals.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }

    fn graves(&self) -> MutexGuard<'_, Graves> {
        let lock = self.graves.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PurgeStore for MemoryStore {
    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        let purging = &self.inner.purging;
        let mut graves = purging.graves();
        let arrived = take(&mut *purging.arrivals());
        graves.take_in(arrived);
        graves.forget(&step.gone, step.forget_before);
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
        let arrived = take(&mut *purging.arrivals());
        graves.take_in(arrived);
        Ok(graves.condemned(step))
    }
}

impl Graves {
    fn take_in(&mut self, arrivals: Arrivals) {
        let waiting = arrivals.made.into_iter().chain(arrivals.taken_back);
        self.waiting.extend(waiting.map(Reverse));
        self.rejected.extend(arrivals.rejected);
        self.due.extend(arrivals.deleted);
    }

    fn forget(&mut self, gone: &[Condemned], before: OffsetDateTime) {
        for condemned in gone {
            if condemned.deleted_at < before {
                self.due.remove(condemned);
                self.gone.remove(condemned);
            } else if let Some(condemned) = self.due.take(condemned) {
                self.gone.insert(condemned);
            }
        }
    }

    fn next_stale(&mut self, before: OffsetDateTime) -> Option<(WorkspaceId, AssetId)> {
        let Reverse((created_at, ..)) = self.waiting.peek()?;
        if *created_at >= before {
            return None;
        }
        let Reverse((_, workspace, id)) = self.waiting.pop()?;
        Some((workspace, id))
    }

    fn condemned(&self, step: &PurgeStep) -> Vec<Condemned> {
        let behind = match &step.after {
            Some(last) => (Bound::Excluded(last), Bound::Unbounded),
            None => (Bound::Unbounded, Bound::Unbounded),
        };
        let most = usize::try_from(step.most.get()).unwrap_or(usize::MAX);
        let due = self.due.range::<Condemned, _>(behind).take(most);
        let again = self.gone.range::<Condemned, _>(behind).take(most);
        let again = again.take_while(|condemned| condemned.deleted_at < step.forget_before);
        let mut condemned: Vec<_> = due.chain(again).cloned().collect();
        condemned.sort_unstable();
        condemned.truncate(most);
        condemned
    }
}
