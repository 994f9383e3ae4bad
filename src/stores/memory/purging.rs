//! The records by which the purge finds its assets in memory.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::{BTreeMap, BinaryHeap};
use std::mem::replace;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use crate::asset::{AssetId, NewAsset, ObjectKey, UserId, WorkspaceId};
use crate::ports::purge::{Condemned, PurgeStep};

/// Calls only append to `arrivals`, so they are fast. Each step of the purge moves the arrivals into its
/// ordered `queues`. Calls never lock `queues`, and no other lock is taken while `arrivals` is locked.
#[derive(Default)]
pub(super) struct Purging {
    arrivals: Mutex<Arrivals>,
    queues: Mutex<PurgeQueues>,
}

/// A moment, and an asset that was pending since that moment when the entry was added. The oldest entry
/// comes first.
type Waiting = (OffsetDateTime, WorkspaceId, AssetId);

/// The position of a deleted asset in the order of [`Condemned`].
type Position = (OffsetDateTime, WorkspaceId, AssetId);

/// A deleted asset whose row is still kept.
struct DeletedAsset {
    key: ObjectKey,
    created_by: UserId,
    failures: u32,
    /// After a failed removal: no new attempt before this moment.
    retry_at: Option<OffsetDateTime>,
}

/// The changes since the purge's last step.
#[derive(Default)]
pub(super) struct Arrivals {
    created: Vec<Waiting>,
    /// A map, so that a client that takes one asset back repeatedly doesn't fill the memory.
    taken_back: HashMap<(WorkspaceId, AssetId), OffsetDateTime>,
    rejected: Vec<(WorkspaceId, AssetId)>,
    deleted: Vec<(Position, DeletedAsset)>,
    /// The newest moment that was ever recorded.
    pub(super) last_recorded: Option<OffsetDateTime>,
}

#[derive(Default)]
pub(super) struct PurgeQueues {
    /// May contain assets that were completed or deleted later, or that are pending since a later
    /// moment. The purge checks each one when its time has come.
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// May contain assets that are deleted by now. Deleting a rejected asset is the only change that can
    /// follow, so nothing else has to be checked.
    pub(super) rejected: Vec<(WorkspaceId, AssetId)>,
    /// Deleted assets whose objects may still exist.
    due: BTreeMap<Position, DeletedAsset>,
    /// Deleted assets whose objects were removed. A form that is still valid may put an object back.
    gone: BTreeMap<Position, DeletedAsset>,
}

impl Purging {
    pub(super) fn created(&self, at: OffsetDateTime, workspace: WorkspaceId, id: AssetId) {
        let mut arrivals = self.arrivals();
        arrivals.created.push((at, workspace, id));
        arrivals.record(at);
    }

    pub(super) fn taken_back(&self, at: OffsetDateTime, workspace: WorkspaceId, id: AssetId) {
        let mut arrivals = self.arrivals();
        arrivals.taken_back.insert((workspace, id), at);
        arrivals.record(at);
    }

    pub(super) fn rejected(&self, workspace: WorkspaceId, id: AssetId) {
        self.arrivals().rejected.push((workspace, id));
    }

    pub(super) fn deleted(&self, at: OffsetDateTime, workspace: WorkspaceId, asset: &NewAsset) {
        let deleted = DeletedAsset {
            key: asset.key.clone(),
            created_by: asset.created_by,
            failures: 0,
            retry_at: None,
        };
        let mut arrivals = self.arrivals();
        arrivals.deleted.push(((at, workspace, asset.id), deleted));
        arrivals.record(at);
    }

    pub(super) fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        let lock = self.arrivals.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn queues(&self) -> MutexGuard<'_, PurgeQueues> {
        let lock = self.queues.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrivals {
    pub(super) fn record(&mut self, at: OffsetDateTime) {
        self.last_recorded = self.last_recorded.max(Some(at));
    }

    /// Takes everything but the newest moment, which stays.
    pub(super) fn take(&mut self) -> Self {
        let last_recorded = self.last_recorded;
        replace(
            self,
            Self {
                last_recorded,
                ..Self::default()
            },
        )
    }
}

impl PurgeQueues {
    pub(super) fn add(&mut self, arrivals: Arrivals) {
        let taken_back = arrivals.taken_back.into_iter();
        let taken_back = taken_back.map(|((workspace, id), at)| (at, workspace, id));
        let waiting = arrivals.created.into_iter().chain(taken_back);
        self.waiting.extend(waiting.map(Reverse));
        self.rejected.extend(arrivals.rejected);
        self.due.extend(arrivals.deleted);
    }

    /// Removes the rows, or notes that their objects are gone. Returns the workspace and creator of each
    /// removed row.
    pub(super) fn note_gone(&mut self, step: &PurgeStep) -> Vec<(WorkspaceId, UserId)> {
        let mut forgotten = Vec::new();
        for condemned in &step.gone {
            let position = position(condemned);
            if condemned.deleted_at < step.forget_before {
                let deleted = self
                    .due
                    .remove(&position)
                    .or_else(|| self.gone.remove(&position));
                forgotten.extend(deleted.map(|deleted| (condemned.workspace, deleted.created_by)));
            } else if let Some(deleted) = self.due.remove(&position) {
                self.gone.insert(
                    position,
                    DeletedAsset {
                        failures: 0,
                        retry_at: None,
                        ..deleted
                    },
                );
            }
        }
        forgotten
    }

    pub(super) fn note_failed(&mut self, step: &PurgeStep) {
        for failed in &step.failed {
            let position = position(&failed.condemned);
            let deleted = self.due.get_mut(&position);
            if let Some(deleted) = deleted.or_else(|| self.gone.get_mut(&position)) {
                deleted.failures += 1;
                deleted.retry_at = Some(failed.retry_at);
            }
        }
    }

    pub(super) fn next_stale(&mut self, before: OffsetDateTime) -> Option<(WorkspaceId, AssetId)> {
        let Reverse((since, ..)) = self.waiting.peek()?;
        if *since >= before {
            return None;
        }
        let Reverse((_, workspace, id)) = self.waiting.pop()?;
        Some((workspace, id))
    }

    pub(super) fn condemned(&self, step: &PurgeStep) -> Vec<Condemned> {
        let after = match &step.after {
            Some(last) => (Bound::Excluded(position(last)), Bound::Unbounded),
            None => (Bound::Unbounded, Bound::Unbounded),
        };
        let most = usize::try_from(step.most.get()).unwrap_or(usize::MAX);
        let is_ready = |(_, deleted): &(&Position, &DeletedAsset)| {
            deleted.retry_at.is_none_or(|at| at <= step.now)
        };
        let due = self.due.range(after).filter(is_ready).take(most);
        let again = self
            .gone
            .range(after)
            .take_while(|((deleted_at, ..), _)| *deleted_at < step.forget_before)
            .filter(is_ready)
            .take(most);
        let mut condemned: Vec<_> = due.chain(again).map(condemned).collect();
        condemned.sort_unstable();
        condemned.truncate(most);
        condemned
    }
}

fn position(condemned: &Condemned) -> Position {
    (condemned.deleted_at, condemned.workspace, condemned.id)
}

fn condemned((&(deleted_at, workspace, id), deleted): (&Position, &DeletedAsset)) -> Condemned {
    Condemned {
        deleted_at,
        workspace,
        id,
        key: deleted.key.clone(),
        failures: deleted.failures,
    }
}
