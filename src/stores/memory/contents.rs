//! The assets and projects of one workspace.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;

use time::OffsetDateTime;

use crate::asset::{
    Asset, AssetId, ChangeOutcome, ExternalRef, NewAsset, PendingCaps, ProjectId, StateChange,
    StateKind, UploadState, UserId,
};
use crate::ports::{CreateOutcome, StoreError};

/// The assets and projects of one workspace. Each call does look-ups and reads counters only, so its
/// cost doesn't grow with the number of assets.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) projects: HashSet<ProjectId>,
    pub(super) assets: HashMap<AssetId, StoredAsset>,
    pairs: HashMap<PairKey, AssetId>,
    pending: Counts,
    /// Deleted and rejected assets that wait for the purge.
    discarded: Counts,
    /// The moment at which an uploaded asset was taken back. Other pending assets wait since their
    /// creation.
    taken_back: HashMap<AssetId, OffsetDateTime>,
}

/// Counts assets: in total, and by caller.
#[derive(Default)]
struct Counts {
    all: u32,
    of: HashMap<UserId, u32>,
}

/// An asset in few bytes, so that growing the map moves little memory.
pub(super) struct StoredAsset {
    pub(super) made: NewAsset,
    state: State,
}

/// The asset's state. Most assets are in one of the first two states, so only the third one takes an
/// allocation.
enum State {
    Pending,
    /// Uploaded according to the client. The object store was not asked.
    Uploaded,
    Detailed(Box<UploadState>),
}
impl Contents {
    pub(super) fn create(
        &mut self,
        asset: NewAsset,
        pair: Option<PairKey>,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError> {
        let known = |project| self.projects.contains(project);
        if !asset.project.as_ref().is_none_or(known) {
            return Ok(CreateOutcome::ProjectNotFound);
        }
        let duplicate = pair.as_ref().and_then(|pair| self.pairs.get(pair));
        if let Some(duplicate) = duplicate.and_then(|id| self.assets.get(id)) {
            return Ok(CreateOutcome::Duplicate(Box::new(duplicate.asset())));
        }
        let caller = asset.created_by;
        if self
            .pending
            .reach(caps.per_workspace, caps.per_caller, caller)
        {
            return Ok(CreateOutcome::TooManyPending);
        }
        if self.discarded.reach(
            caps.discarded_per_workspace,
            caps.discarded_per_caller,
            caller,
        ) {
            return Ok(CreateOutcome::TooManyDiscarded);
        }
        let id = asset.id;
        match self.assets.entry(id) {
            Entry::Occupied(_) => Err(StoreError::failed("an asset with this id already exists")),
            Entry::Vacant(place) => {
                place.insert(StoredAsset {
                    made: asset,
                    state: State::Pending,
                });
                if let Some(pair) = pair {
                    self.pairs.insert(pair, id);
                }
                self.pending.add(caller);
                Ok(CreateOutcome::New)
            }
        }
    }

    pub(super) fn set_state(
        &mut self,
        id: AssetId,
        change: StateChange,
        now: OffsetDateTime,
    ) -> ChangeOutcome {
        let Some(asset) = self.assets.get_mut(&id) else {
            return ChangeOutcome::NotFound;
        };
        let from = change.from();
        let (changed, to) = asset.change(change);
        if changed != ChangeOutcome::Done {
            return changed;
        }
        let caller = asset.made.created_by;
        if from == StateKind::Pending {
            self.pending.remove(caller);
            self.taken_back.remove(&id);
        }
        match to {
            StateKind::Pending => {
                self.pending.add(caller);
                self.taken_back.insert(id, now);
            }
            StateKind::Rejected => {
                self.discarded.add(caller);
                if let Some(pair) = PairKey::of(&asset.made.external) {
                    self.pairs.remove(&pair);
                }
            }
            StateKind::Uploaded => {}
        }
        changed
    }

    /// Removes a living asset. It counts as discarded until the purge [forgets](Self::forget) it.
    pub(super) fn delete(&mut self, id: AssetId) -> Option<StoredAsset> {
        let asset = self.assets.remove(&id)?;
        let caller = asset.made.created_by;
        // A rejected asset already counts as discarded. Its external pair is free, and may belong to
        // another asset by now.
        if asset.state.kind() != StateKind::Rejected {
            self.discarded.add(caller);
            if let Some(pair) = PairKey::of(&asset.made.external) {
                self.pairs.remove(&pair);
            }
        }
        if asset.state.kind() == StateKind::Pending {
            self.pending.remove(caller);
            self.taken_back.remove(&id);
        }
        Some(asset)
    }

    /// Deletes an asset that is pending since before this moment. An asset that was taken back at or
    /// after this moment stays.
    pub(super) fn delete_if_stale(
        &mut self,
        id: AssetId,
        before: OffsetDateTime,
    ) -> Option<StoredAsset> {
        let is_pending = self.assets.get(&id)?.state.kind() == StateKind::Pending;
        let since = self.taken_back.get(&id);
        let is_stale = is_pending && since.is_none_or(|since| *since < before);
        is_stale.then(|| self.delete(id)).flatten()
    }

    /// Stops counting one discarded asset of the caller, because the purge has removed its row.
    pub(super) fn forget(&mut self, caller: UserId) {
        self.discarded.remove(caller);
    }
}

impl Counts {
    fn add(&mut self, caller: UserId) {
        self.all += 1;
        *self.of.entry(caller).or_default() += 1;
    }

    fn remove(&mut self, caller: UserId) {
        self.all -= 1;
        if let Entry::Occupied(mut count) = self.of.entry(caller) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    /// Returns whether the total or the caller's count has reached its cap.
    fn reach(
        &self,
        in_all: Option<NonZeroU32>,
        of_caller: Option<NonZeroU32>,
        caller: UserId,
    ) -> bool {
        let reached = |cap: Option<NonZeroU32>, count| cap.is_some_and(|cap| count >= cap.get());
        reached(in_all, self.all)
            || of_caller.is_some() && {
                let count = self.of.get(&caller).copied().unwrap_or_default();
                reached(of_caller, count)
            }
    }
}

impl StoredAsset {
    pub(super) fn asset(&self) -> Asset {
        Asset {
            made: self.made.clone(),
            state: self.state.to_upload_state(),
        }
    }

    /// Returns the outcome of the change and the asset's state after it.
    fn change(&mut self, change: StateChange) -> (ChangeOutcome, StateKind) {
        let mut state = self.state.to_upload_state();
        let changed = state.change(change);
        self.state = match state {
            UploadState::Pending => State::Pending,
            UploadState::Uploaded(None) => State::Uploaded,
            detailed => State::Detailed(Box::new(detailed)),
        };
        (changed, self.state.kind())
    }
}

impl State {
    fn kind(&self) -> StateKind {
        match self {
            Self::Pending => StateKind::Pending,
            Self::Uploaded => StateKind::Uploaded,
            Self::Detailed(state) => state.kind(),
        }
    }

    fn to_upload_state(&self) -> UploadState {
        match self {
            Self::Pending => UploadState::Pending,
            Self::Uploaded => UploadState::Uploaded(None),
            Self::Detailed(state) => UploadState::clone(state),
        }
    }
}

/// An external pair as one text, so that looking a pair up and keeping it takes a single allocation.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct PairKey(Box<str>);

impl PairKey {
    pub(super) fn of(external: &ExternalRef) -> Option<Self> {
        let (source, id) = external.pair()?;
        // Labels hold no control characters, so NUL separates them unambiguously.
        Some(Self([source, "\0", id].concat().into_boxed_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::ExternalLabel;

    #[test]
    fn pairs_that_concatenate_alike_differ() {
        let pair = |source: &str, id: &str| {
            PairKey::of(&ExternalRef {
                source: Some(ExternalLabel::new(source).unwrap()),
                id: Some(ExternalLabel::new(id).unwrap()),
            })
        };
        assert!(pair("ab", "c") != pair("a", "bc"));
        assert!(pair("a", "b") == pair("a", "b"));
    }
}
