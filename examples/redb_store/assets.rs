//! The tables of living assets, and what has to change in them together.

use std::num::NonZeroU32;

use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use tower_asset_upload::{
    Asset, AssetId, Changed, ExternalRef, NewAsset, PendingCaps, StateChange, StateKind,
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
/// What is pending, the oldest first.
pub(crate) const PENDING_SINCE: TableDefinition<Moment, ()> = TableDefinition::new("pending_since");
/// What was rejected, for the clean-up.
const REJECTED: TableDefinition<(Id, Id), ()> = TableDefinition::new("rejected");

/// All of them, open in one transaction.
pub(crate) struct Assets<'a> {
    living: Table<'a, (Id, Id), &'static [u8]>,
    pairs: Table<'a, (Id, &'static str, &'static str), Id>,
    pending: Table<'a, (Id, Option<Id>), u32>,
    pending_since: Table<'a, Moment, ()>,
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
            pending_since: transaction.open_table(PENDING_SINCE)?,
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
        let reached = |cap: Option<NonZeroU32>, key| -> Result<bool> {
            let count = self.pending.get(key)?.map_or(0, |count| count.value());
            Ok(cap.is_some_and(|cap| count >= cap.get()))
        };
        let caller = caller.as_uuid().as_u128();
        Ok(reached(caps.per_workspace, (workspace, None))?
            || reached(caps.per_caller, (workspace, Some(caller)))?)
    }

    /// Adds a pending asset; `false` when there is one of that id.
    pub(crate) fn insert(&mut self, workspace: Id, new: Box<NewAsset>) -> Result<bool> {
        let id = new.id.as_uuid().as_u128();
        if self.living.get((workspace, id))?.is_some() {
            return Ok(false);
        }
        if let Some((source, name)) = new.external.pair() {
            self.pairs.insert((workspace, source, name), id)?;
        }
        self.count(workspace, &new, true)?;
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
    ) -> Result<Changed> {
        let Some(mut asset) = find(&self.living, workspace, id)? else {
            return Ok(Changed::NotFound);
        };
        let from = change.from();
        let changed = asset.state.change(change);
        if changed != Changed::Done {
            return Ok(changed);
        }
        let to = asset.state.kind();
        if from == StateKind::Pending || to == StateKind::Pending {
            self.count(workspace, &asset.made, to == StateKind::Pending)?;
        }
        if to == StateKind::Rejected {
            self.free_pair(workspace, &asset.made)?;
            let key = (workspace, id.as_uuid().as_u128());
            self.rejected.insert(key, ())?;
        }
        self.put(workspace, &asset)?;
        Ok(changed)
    }

    /// Takes a living asset out of every table: its pair is free and it counts no more.
    pub(crate) fn remove(&mut self, workspace: Id, id: AssetId) -> Result<Option<Asset>> {
        let Some(asset) = find(&self.living, workspace, id)? else {
            return Ok(None);
        };
        let key = (workspace, id.as_uuid().as_u128());
        self.living.remove(key)?;
        match asset.state.kind() {
            // Its pair may be another's by now.
            StateKind::Rejected => drop(self.rejected.remove(key)?),
            StateKind::Pending => {
                self.free_pair(workspace, &asset.made)?;
                self.count(workspace, &asset.made, false)?;
            }
            _ => self.free_pair(workspace, &asset.made)?,
        }
        Ok(Some(asset))
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

    /// The `most` oldest of those that are pending and were made before that.
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

    /// Notes that an asset has become pending, or no longer is.
    fn count(&mut self, workspace: Id, asset: &NewAsset, is_pending: bool) -> Result<()> {
        let moment = (
            asset.created_at.unix_timestamp_nanos(),
            workspace,
            asset.id.as_uuid().as_u128(),
        );
        if is_pending {
            self.pending_since.insert(moment, ())?;
        } else {
            self.pending_since.remove(moment)?;
        }
        for of in [None, Some(asset.created_by.as_uuid().as_u128())] {
            let count = self
                .pending
                .get((workspace, of))?
                .map_or(0, |count| count.value());
            let changed = if is_pending {
                count.checked_add(1)
            } else {
                count.checked_sub(1)
            };
            match changed.ok_or_else(|| corrupted("a count"))? {
                0 => drop(self.pending.remove((workspace, of))?),
                count => drop(self.pending.insert((workspace, of), count)?),
            }
        }
        Ok(())
    }
}
