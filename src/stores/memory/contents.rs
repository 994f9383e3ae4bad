//! What is in one workspace of a memory store.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;

use time::OffsetDateTime;

use crate::asset::{
    Asset, AssetId, ChangeOutcome, ExternalRef, NewAsset, PendingCaps, ProjectId, StateChange,
    StateKind, UploadState, UserId,
};
use crate::ports::{CreateOutcome, StoreError};

/// What is in one workspace. Whatever a call needs is a look-up or a counter, so that its cost does
/// not grow with the number of assets.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) projects: HashSet<ProjectId>,
    pub(super) assets: HashMap<AssetId, Kept>,
    /// Callers choose these keys, so that their hash must not be foreseen.
    pairs: HashMap<PairKey, AssetId>,
    pending: Counts,
    /// Deleted and rejected ones that wait for the clean-up.
    discarded: Counts,
    /// Since when those are pending that were uploaded before. All others are since they were made.
    taken_back: HashMap<AssetId, OffsetDateTime>,
}

/// How many assets there are of a sort: in all, and of each caller.
#[derive(Default)]
struct Counts {
    all: u32,
    of: HashMap<UserId, u32>,
}

/// An asset in as few bytes as can be, so that little has to move when the map grows.
pub(super) struct Kept {
    pub(super) made: NewAsset,
    state: State,
}

/// Its state. What there is more to say of it is elsewhere, as most have nothing more or are few.
enum State {
    Pending,
    /// Uploaded, by the word of the client.
    Uploaded,
    Described(Box<UploadState>),
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
        let twin = pair.as_ref().and_then(|pair| self.pairs.get(pair));
        if let Some(twin) = twin.and_then(|id| self.assets.get(id)) {
            return Ok(CreateOutcome::Duplicate(Box::new(twin.asset())));
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
            Entry::Occupied(_) => Err(StoreError::failed("there is an asset of that id already")),
            Entry::Vacant(place) => {
                place.insert(Kept {
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

    /// Takes a living asset out. It counts as discarded until the clean-up [forgets](Self::forget) it.
    pub(super) fn delete(&mut self, id: AssetId) -> Option<Kept> {
        let asset = self.assets.remove(&id)?;
        let caller = asset.made.created_by;
        // A rejected one is discarded already, and the pair that it gave free may be another's by now.
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

    /// Deletes an asset that is pending since before then. One that was taken back later is not.
    pub(super) fn give_up(&mut self, id: AssetId, before: OffsetDateTime) -> Option<Kept> {
        let is_pending = self.assets.get(&id)?.state.kind() == StateKind::Pending;
        let since = self.taken_back.get(&id);
        let is_stale = is_pending && since.is_none_or(|since| *since < before);
        is_stale.then(|| self.delete(id)).flatten()
    }

    /// The row of a discarded asset is gone.
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

    /// Whether there are as many as a cap allows, in all or of that caller.
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

impl Kept {
    pub(super) fn asset(&self) -> Asset {
        Asset {
            made: self.made.clone(),
            state: self.state.whole(),
        }
    }

    /// What came of a change, and the state since.
    fn change(&mut self, change: StateChange) -> (ChangeOutcome, StateKind) {
        let mut state = self.state.whole();
        let changed = state.change(change);
        self.state = match state {
            UploadState::Pending => State::Pending,
            UploadState::Uploaded(None) => State::Uploaded,
            described => State::Described(Box::new(described)),
        };
        (changed, self.state.kind())
    }
}

impl State {
    fn kind(&self) -> StateKind {
        match self {
            Self::Pending => StateKind::Pending,
            Self::Uploaded => StateKind::Uploaded,
            Self::Described(state) => state.kind(),
        }
    }

    fn whole(&self) -> UploadState {
        match self {
            Self::Pending => UploadState::Pending,
            Self::Uploaded => UploadState::Uploaded(None),
            Self::Described(state) => UploadState::clone(state),
        }
    }
}

/// Both labels in one text: looking a pair up and keeping it then takes a single allocation.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct PairKey(Box<str>);

impl PairKey {
    pub(super) fn of(external: &ExternalRef) -> Option<Self> {
        let (source, id) = external.pair()?;
        // Labels hold no control character, so NUL can't be part of either.
        Some(Self([source, "\0", id].concat().into_boxed_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::ExternalLabel;

    #[test]
    fn pairs_are_not_confused_by_where_they_are_cut() {
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
