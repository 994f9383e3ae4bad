//! The tables of living assets. Each method changes all tables that must change together.

use std::num::NonZeroU32;

use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use tower_asset_upload::asset::{
    Asset, AssetId, ChangeOutcome, ExternalRef, NewAsset, PendingCaps, StateChange, StateKind,
    UploadState, UserId,
};
use uuid::Uuid;

use super::{Id, Result, corrupted, row};

/// A moment in nanoseconds since 1970, a workspace and an asset. The keys of a table are in order of
/// time.
pub(crate) type Moment = (i128, Id, Id);

pub(crate) const ASSETS: TableDefinition<(Id, Id), &[u8]> = TableDefinition::new("assets");
/// The living asset with each external pair, by workspace and pair.
const PAIRS: TableDefinition<(Id, &str, &str), Id> = TableDefinition::new("pairs");
/// The number of pending assets of a workspace (`None`), and of each caller in it.
const PENDING: TableDefinition<(Id, Option<Id>), u32> = TableDefinition::new("pending");
/// The number of deleted and rejected assets that wait for the purge: of a workspace (`None`), and of
/// each caller in it.
const DISCARDED: TableDefinition<(Id, Option<Id>), u32> = TableDefinition::new("discarded");
/// Pending assets, the longest waiting first.
const PENDING_SINCE: TableDefinition<Moment, ()> = TableDefinition::new("pending_since");
/// Since when an asset is pending, by workspace and asset.
const SINCE: TableDefinition<(Id, Id), i128> = TableDefinition::new("since");
/// Rejected assets, which the next purge deletes.
const REJECTED: TableDefinition<(Id, Id), ()> = TableDefinition::new("rejected");

/// All tables, open in one transaction.
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

    /// Returns the living asset with the same external pair, if it isn't rejected.
    pub(crate) fn duplicate(&self, workspace: Id, external: &ExternalRef) -> Result<Option<Asset>> {
        let Some((source, id)) = external.pair() else {
            return Ok(None);
        };
        let Some(id) = self.pairs.get((workspace, source, id))? else {
            return Ok(None);
        };
        let duplicate = find(&self.living, workspace, Uuid::from_u128(id.value()).into())?;
        // A pair without its asset would block the pair forever.
        duplicate.map(Some).ok_or_else(|| corrupted("a pair"))
    }

    /// Returns whether a cap on pending assets is reached. This takes two look-ups, however many are
    /// pending.
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

    /// Adds an asset that is pending since `now`. Returns `false` if an asset with its id exists.
    pub(crate) fn insert(&mut self, workspace: Id, new: NewAsset, now: i128) -> Result<bool> {
        let id = new.id.as_uuid().as_u128();
        if self.living.get((workspace, id))?.is_some() {
            return Ok(false);
        }
        if let Some((source, name)) = new.external.pair() {
            self.pairs.insert((workspace, source, name), id)?;
        }
        self.start_waiting(workspace, &new, now)?;
        self.put(
            workspace,
            &Asset {
                made: new,
                state: UploadState::Pending,
            },
        )?;
        Ok(true)
    }

    /// Changes the state of an asset, and the counts and tables that depend on it.
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
            self.stop_waiting(workspace, &asset.made)?;
        }
        if to == StateKind::Pending {
            self.start_waiting(workspace, &asset.made, now)?;
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

    /// Removes a living asset from every table. Its pair is free, and the asset counts as discarded
    /// until it is [forgotten](Self::forget).
    pub(crate) fn remove(&mut self, workspace: Id, id: AssetId) -> Result<Option<Asset>> {
        let Some(asset) = find(&self.living, workspace, id)? else {
            return Ok(None);
        };
        let key = (workspace, id.as_uuid().as_u128());
        self.living.remove(key)?;
        if asset.state.is_rejected() {
            // A rejected asset already counts as discarded. Its pair is free, and may belong to another
            // asset by now.
            self.rejected.remove(key)?;
            return Ok(Some(asset));
        }
        self.free_pair(workspace, &asset.made)?;
        count(&mut self.discarded, workspace, asset.made.created_by, true)?;
        if asset.state.is_pending() {
            self.stop_waiting(workspace, &asset.made)?;
        }
        Ok(Some(asset))
    }

    /// Stops counting a discarded asset of this caller, because the purge has removed its row.
    pub(crate) fn forget(&mut self, workspace: Id, caller: UserId) -> Result<()> {
        count(&mut self.discarded, workspace, caller, false)
    }

    /// Returns up to `most` rejected assets.
    pub(crate) fn rejected(&self, most: usize) -> Result<Vec<(Id, AssetId)>> {
        let rejected = self.rejected.iter()?.take(most);
        rejected
            .map(|entry| {
                let (workspace, id) = entry?.0.value();
                Ok((workspace, Uuid::from_u128(id).into()))
            })
            .collect()
    }

    /// Returns up to `most` assets that are pending since before this moment, the longest waiting first.
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

    fn start_waiting(&mut self, workspace: Id, asset: &NewAsset, now: i128) -> Result<()> {
        let id = asset.id.as_uuid().as_u128();
        self.since.insert((workspace, id), now)?;
        self.pending_since.insert((now, workspace, id), ())?;
        count(&mut self.pending, workspace, asset.created_by, true)
    }

    fn stop_waiting(&mut self, workspace: Id, asset: &NewAsset) -> Result<()> {
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

/// Adds one asset to the counts, or takes one away.
fn count(
    counts: &mut Table<'_, (Id, Option<Id>), u32>,
    workspace: Id,
    caller: UserId,
    add: bool,
) -> Result<()> {
    for of in [None, Some(caller.as_uuid().as_u128())] {
        let count = counts
            .get((workspace, of))?
            .map_or(0, |count| count.value());
        let changed = if add {
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
