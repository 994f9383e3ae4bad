//! The tables of living assets, and what has to change in them together.

use std::num::NonZeroU32;

use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use tower_asset_upload::asset::{
    Asset, AssetId, ChangeOutcome, ExternalRef, NewAsset, PendingCaps, StateChange, StateKind,
    UploadState, UserId,
};
use uuid::Uuid;

use super::{Id, Result, corrupted, row};

/// A moment in nanoseconds since 1970, a workspace, an asset: in the order in which things
/// happened.
pub(crate) type Moment = (i128, Id, Id);

pub(crate) const ASSETS: TableDefinition<(Id, Id), &[u8]> = TableDefinition::new("assets");
/// By workspace and external pair.
const PAIRS: TableDefinition<(Id, &str, &str), Id> = TableDefinition::new("pairs");
/// How many are pending: in a workspace, and of each caller in it.
const PENDING: TableDefinition<(Id, Option<Id>), u32> = TableDefinition::new("pending");
/// How many deleted and rejected ones wait for the clean-up: in a workspace, and of each caller in it.
const DISCARDED: TableDefinition<(Id, Option<Id>), u32> = TableDefinition::new("discarded");
/// What is pending, the one that waits longest first.
const PENDING_SINCE: TableDefinition<Moment, ()> = TableDefinition::new("pending_since");
/// Since when, by workspace and asset.
const SINCE: TableDefinition<(Id, Id), i128> = TableDefinition::new("since");
/// What was rejected, for the clean-up.
const REJECTED: TableDefinition<(Id, Id), ()> = TableDefinition::new("rejected");

/// All of them, open in one transaction.
pub(crate) struct Assets<'a> {
    living: Table<'a, (Id, Id), &'static [u8]>,
    pairs: Table<'a, (Id, &'static str, &'static str), Id>,
    pending: Table<'a, (Id, Option<Id>), u32>,
    discarded: Table<'a, (Id, Option<Id>), u32>,
    pending_since: Table<'a, Moment, ()>,
    since: Table<'a, (Id, Id), i128>,
    rejected: Table<'a, (Id, Id), ()>,
}

pub(crate) fn find(
    table: &impl ReadableTable<(Id, Id), &'static [u8]>,
    workspace: Id,
    id: AssetId,
) -> Result<Option<Asset>> {
    let found = table.get((workspace, id.as_uuid().as_u128()))?;
    found.map(|row| row::read(id, row.value())).transpose()
}

impl<'a> Assets<'a> {
    pub(crate) fn open(transaction: &'a WriteTransaction) -> Result<Self> {
        Ok(Self {
            living: transaction.open_table(ASSETS)?,
            pairs: transaction.open_table(PAIRS)?,
            pending: transaction.open_table(PENDING)?,
            discarded: transaction.open_table(DISCARDED)?,
            pending_since: transaction.open_table(PENDING_SINCE)?,
            since: transaction.open_table(SINCE)?,
            rejected: transaction.open_table(REJECTED)?,
        })
    }

    /// The living asset with the same external pair, if it isn't rejected.
    pub(crate) fn twin(&self, workspace: Id, external: &ExternalRef) -> Result<Option<Asset>> {
        let Some((source, id)) = external.pair() else {
            return Ok(None);
        };
        let Some(id) = self.pairs.get((workspace, source, id))? else {
            return Ok(None);
        };
        let twin = find(&self.living, workspace, Uuid::from_u128(id.value()).into())?;
        // A pair without its asset would block the pair for ever.
        twin.map(Some).ok_or_else(|| corrupted("a pair"))
    }

    /// Two look-ups, however many are pending.
    pub(crate) fn too_many_pending(
        &self,
        workspace: Id,
        caller: UserId,
        caps: PendingCaps,
    ) -> Result<bool> {
        let caller = caller.as_uuid().as_u128();
        Ok(
            reached(&self.pending, caps.per_workspace, (workspace, None))?
                || reached(&self.pending, caps.per_caller, (workspace, Some(caller)))?,
        )
    }

    pub(crate) fn too_many_discarded(
        &self,
        workspace: Id,
        caller: UserId,
        caps: PendingCaps,
    ) -> Result<bool> {
        let (all, own) = (caps.discarded_per_workspace, caps.discarded_per_caller);
        let caller = caller.as_uuid().as_u128();
        Ok(reached(&self.discarded, all, (workspace, None))?
            || reached(&self.discarded, own, (workspace, Some(caller)))?)
    }

    /// Adds an asset that is pending since now; `false` when there is one of that id.
    pub(crate) fn insert(&mut self, workspace: Id, new: NewAsset, now: i128) -> Result<bool> {
        let id = new.id.as_uuid().as_u128();
        if self.living.get((workspace, id))?.is_some() {
            return Ok(false);
        }
        if let Some((source, name)) = new.external.pair() {
            self.pairs.insert((workspace, source, name), id)?;
        }
        self.begin_to_wait(workspace, &new, now)?;
        self.put(
            workspace,
            &Asset {
                made: new,
                state: UploadState::Pending,
            },
        )?;
        Ok(true)
    }

    /// A change, and with it all that goes by the state.
    pub(crate) fn set_state(
        &mut self,
        workspace: Id,
        id: AssetId,
        change: StateChange,
        now: i128,
    ) -> Result<ChangeOutcome> {
        let Some(mut asset) = find(&self.living, workspace, id)? else {
            return Ok(ChangeOutcome::NotFound);
        };
        let from = change.from();
        let changed = asset.state.change(change);
        if changed != ChangeOutcome::Done {
            return Ok(changed);
        }
        let to = asset.state.kind();
        if from == StateKind::Pending {
            self.end_to_wait(workspace, &asset.made)?;
        }
        if to == StateKind::Pending {
            self.begin_to_wait(workspace, &asset.made, now)?;
        }
        if to == StateKind::Rejected {
            self.free_pair(workspace, &asset.made)?;
            count(&mut self.discarded, workspace, asset.made.created_by, true)?;
            let key = (workspace, id.as_uuid().as_u128());
            self.rejected.insert(key, ())?;
        }
        self.put(workspace, &asset)?;
        Ok(changed)
    }

    /// Takes a living asset out of every table: its pair is free, and it counts as discarded until it
    /// is [forgotten](Self::forget).
    pub(crate) fn remove(&mut self, workspace: Id, id: AssetId) -> Result<Option<Asset>> {
        let Some(asset) = find(&self.living, workspace, id)? else {
            return Ok(None);
        };
        let key = (workspace, id.as_uuid().as_u128());
        self.living.remove(key)?;
        if asset.state.is_rejected() {
            // It is discarded already, and its pair may be another's by now.
            self.rejected.remove(key)?;
            return Ok(Some(asset));
        }
        self.free_pair(workspace, &asset.made)?;
        count(&mut self.discarded, workspace, asset.made.created_by, true)?;
        if asset.state.is_pending() {
            self.end_to_wait(workspace, &asset.made)?;
        }
        Ok(Some(asset))
    }

    /// The clean-up has done with a discarded asset of that caller's.
    pub(crate) fn forget(&mut self, workspace: Id, caller: UserId) -> Result<()> {
        count(&mut self.discarded, workspace, caller, false)
    }

    /// So many of those that are rejected.
    pub(crate) fn rejected(&self, most: usize) -> Result<Vec<(Id, AssetId)>> {
        let some = self.rejected.iter()?.take(most);
        some.map(|entry| {
            let (workspace, id) = entry?.0.value();
            Ok((workspace, Uuid::from_u128(id).into()))
        })
        .collect()
    }

    /// Of those that are pending since before that, the `most` that wait longest.
    pub(crate) fn pending_before(&self, before: i128, most: usize) -> Result<Vec<(Id, AssetId)>> {
        let oldest = self.pending_since.range(..(before, 0, 0))?.take(most);
        oldest
            .map(|entry| {
                let (_, workspace, id) = entry?.0.value();
                Ok((workspace, Uuid::from_u128(id).into()))
            })
            .collect()
    }

    fn free_pair(&mut self, workspace: Id, asset: &NewAsset) -> Result<()> {
        if let Some((source, name)) = asset.external.pair() {
            self.pairs.remove((workspace, source, name))?;
        }
        Ok(())
    }

    fn put(&mut self, workspace: Id, asset: &Asset) -> Result<()> {
        let key = (workspace, asset.made.id.as_uuid().as_u128());
        self.living.insert(key, &*row::write(asset)?)?;
        Ok(())
    }

    fn begin_to_wait(&mut self, workspace: Id, asset: &NewAsset, now: i128) -> Result<()> {
        let id = asset.id.as_uuid().as_u128();
        self.since.insert((workspace, id), now)?;
        self.pending_since.insert((now, workspace, id), ())?;
        count(&mut self.pending, workspace, asset.created_by, true)
    }

    fn end_to_wait(&mut self, workspace: Id, asset: &NewAsset) -> Result<()> {
        let id = asset.id.as_uuid().as_u128();
        let since = self.since.remove((workspace, id))?;
        let since = since.ok_or_else(|| corrupted("a moment"))?.value();
        self.pending_since.remove((since, workspace, id))?;
        count(&mut self.pending, workspace, asset.created_by, false)
    }
}

fn reached(
    counts: &Table<'_, (Id, Option<Id>), u32>,
    cap: Option<NonZeroU32>,
    of: (Id, Option<Id>),
) -> Result<bool> {
    let count = counts.get(of)?.map_or(0, |count| count.value());
    Ok(cap.is_some_and(|cap| count >= cap.get()))
}

/// Counts an asset in, or out.
fn count(
    counts: &mut Table<'_, (Id, Option<Id>), u32>,
    workspace: Id,
    caller: UserId,
    is_in: bool,
) -> Result<()> {
    for of in [None, Some(caller.as_uuid().as_u128())] {
        let count = counts
            .get((workspace, of))?
            .map_or(0, |count| count.value());
        let changed = if is_in {
            count.checked_add(1)
        } else {
            count.checked_sub(1)
        };
        match changed.ok_or_else(|| corrupted("a count"))? {
            0 => drop(counts.remove((workspace, of))?),
            count => drop(counts.insert((workspace, of), count)?),
        }
    }
    Ok(())
}
