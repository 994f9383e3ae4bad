//! What the clean-up of a memory store goes by.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::{BTreeMap, BinaryHeap};
use std::mem::replace;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use crate::asset::{AssetId, NewAsset, ObjectKey, UserId, WorkspaceId};
use crate::ports::purge::{Condemned, PurgeStep};

/// Callers only ever append here; putting things in order is the clean-up's own work. Of the two
/// locks only the first is ever met by a caller, and while it is held nothing else is taken.
#[derive(Default)]
pub(super) struct Purging {
    arrivals: Mutex<Arrivals>,
    graves: Mutex<Graves>,
}

/// An asset that was pending when this was noted, and since when. The oldest comes first.
type Waiting = (OffsetDateTime, WorkspaceId, AssetId);

/// Where a deleted asset stands in the order of [`Condemned`].
type Place = (OffsetDateTime, WorkspaceId, AssetId);

/// A deleted asset.
struct Grave {
    key: ObjectKey,
    created_by: UserId,
    failures: u32,
    /// After a failure.
    retry_at: Option<OffsetDateTime>,
}

/// What happened since the last step of a clean-up.
#[derive(Default)]
pub(super) struct Arrivals {
    made: Vec<Waiting>,
    /// A map, so that a client that takes its upload back again and again fills nothing.
    taken_back: HashMap<(WorkspaceId, AssetId), OffsetDateTime>,
    rejected: Vec<(WorkspaceId, AssetId)>,
    deleted: Vec<(Place, Grave)>,
    /// The newest moment of all.
    pub(super) last_recorded: Option<OffsetDateTime>,
}

#[derive(Default)]
pub(super) struct Graves {
    /// Some are complete or deleted by now, or pending since later: that is looked up when their time
    /// comes.
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// Some are deleted by now, which is as good: nothing else follows upon a rejection.
    pub(super) rejected: Vec<(WorkspaceId, AssetId)>,
    /// Their objects may still be there.
    due: BTreeMap<Place, Grave>,
    /// Their objects are gone; forms may put them back.
    gone: BTreeMap<Place, Grave>,
}

impl Purging {
    pub(super) fn made(&self, at: OffsetDateTime, workspace: WorkspaceId, id: AssetId) {
        let mut arrivals = self.arrivals();
        arrivals.made.push((at, workspace, id));
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
        let grave = Grave {
            key: asset.key.clone(),
            created_by: asset.created_by,
            failures: 0,
            retry_at: None,
        };
        let mut arrivals = self.arrivals();
        arrivals.deleted.push(((at, workspace, asset.id), grave));
        arrivals.record(at);
    }

    pub(super) fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        let lock = self.arrivals.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn graves(&self) -> MutexGuard<'_, Graves> {
        let lock = self.graves.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrivals {
    pub(super) fn record(&mut self, at: OffsetDateTime) {
        self.last_recorded = self.last_recorded.max(Some(at));
    }

    /// All but the newest moment, which stays.
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

impl Graves {
    pub(super) fn take_in(&mut self, arrivals: Arrivals) {
        let taken_back = arrivals.taken_back.into_iter();
        let taken_back = taken_back.map(|((workspace, id), at)| (at, workspace, id));
        let waiting = arrivals.made.into_iter().chain(taken_back);
        self.waiting.extend(waiting.map(Reverse));
        self.rejected.extend(arrivals.rejected);
        self.due.extend(arrivals.deleted);
    }

    /// Whose rows went by that, and where.
    pub(super) fn note_gone(&mut self, step: &PurgeStep) -> Vec<(WorkspaceId, UserId)> {
        let mut forgotten = Vec::new();
        for condemned in &step.gone {
            let place = place(condemned);
            if condemned.deleted_at < step.forget_before {
                let grave = self.due.remove(&place).or_else(|| self.gone.remove(&place));
                forgotten.extend(grave.map(|grave| (condemned.workspace, grave.created_by)));
            } else if let Some(grave) = self.due.remove(&place) {
                self.gone.insert(
                    place,
                    Grave {
                        failures: 0,
                        retry_at: None,
                        ..grave
                    },
                );
            }
        }
        forgotten
    }

    pub(super) fn note_failed(&mut self, step: &PurgeStep) {
        for failed in &step.failed {
            let place = place(&failed.condemned);
            let grave = self.due.get_mut(&place);
            if let Some(grave) = grave.or_else(|| self.gone.get_mut(&place)) {
                grave.failures += 1;
                grave.retry_at = Some(failed.retry_at);
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
        let behind = match &step.after {
            Some(last) => (Bound::Excluded(place(last)), Bound::Unbounded),
            None => (Bound::Unbounded, Bound::Unbounded),
        };
        let most = usize::try_from(step.most.get()).unwrap_or(usize::MAX);
        let is_ready =
            |(_, grave): &(&Place, &Grave)| grave.retry_at.is_none_or(|at| at <= step.now);
        let due = self.due.range(behind).filter(is_ready).take(most);
        let again = self
            .gone
            .range(behind)
            .take_while(|((deleted_at, ..), _)| *deleted_at < step.forget_before)
            .filter(is_ready)
            .take(most);
        let mut condemned: Vec<_> = due.chain(again).map(condemned).collect();
        condemned.sort_unstable();
        condemned.truncate(most);
        condemned
    }
}

fn place(condemned: &Condemned) -> Place {
    (condemned.deleted_at, condemned.workspace, condemned.id)
}

fn condemned((&(deleted_at, workspace, id), grave): (&Place, &Grave)) -> Condemned {
    Condemned {
        deleted_at,
        workspace,
        id,
        key: grave.key.clone(),
        failures: grave.failures,
    }
}
