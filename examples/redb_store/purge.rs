//! The purge: deleted assets whose rows are still kept.

use std::collections::BTreeSet;

use async_trait::async_trait;
use redb::{AccessGuard, Table, TableDefinition, WriteTransaction};
use time::OffsetDateTime;
use tower_asset_upload::asset::{Asset, ObjectKey};
use tower_asset_upload::ports::StoreError;
use tower_asset_upload::purge::{Condemned, PurgeStep, PurgeStore, StoreTime};
use uuid::Uuid;

use super::assets::{Assets, Moment};
use super::{Id, RedbStore, Result, corrupted};

/// A deleted asset: its object key, its creator, the number of consecutive failures to remove its
/// object, and the moment before which the purge doesn't try again.
type Deleted = (&'static str, Id, u32, i128);

/// Deleted assets whose objects may still exist, in the order of their deletion.
const CONDEMNED: TableDefinition<Moment, Deleted> = TableDefinition::new("condemned");
/// Deleted assets whose objects were removed. A form that is still valid may put an object back.
const REMOVED: TableDefinition<Moment, Deleted> = TableDefinition::new("removed");
/// The newest moment that was ever recorded.
const NEWEST: TableDefinition<(), i128> = TableDefinition::new("newest");

pub(crate) fn make_tables(transaction: &WriteTransaction) -> Result<()> {
    transaction.open_table(CONDEMNED)?;
    transaction.open_table(REMOVED)?;
    transaction.open_table(NEWEST)?;
    Ok(())
}

/// Returns the moment as it is stored. Records it if it is the newest, so that the purge can detect a
/// wrong clock.
pub(crate) fn record(transaction: &WriteTransaction, at: OffsetDateTime) -> Result<i128> {
    use redb::ReadableTable;

    let at = at.unix_timestamp_nanos();
    let mut newest = transaction.open_table(NEWEST)?;
    if newest.get(())?.is_none_or(|newest| newest.value() < at) {
        newest.insert((), at)?;
    }
    Ok(at)
}

/// Adds a removed asset to the deleted ones, so that the purge deletes its object.
pub(crate) fn condemn(
    transaction: &WriteTransaction,
    at: OffsetDateTime,
    workspace: Id,
    asset: &Asset,
) -> Result<()> {
    let mut condemned = transaction.open_table(CONDEMNED)?;
    let moment = (
        record(transaction, at)?,
        workspace,
        asset.made.id.as_uuid().as_u128(),
    );
    let creator = asset.made.created_by.as_uuid().as_u128();
    condemned.insert(moment, (asset.made.key.as_str(), creator, 0, i128::MIN))?;
    Ok(())
}

#[async_trait]
impl PurgeStore for RedbStore {
    async fn time(&self) -> Result<StoreTime, StoreError> {
        let newest = self.read(|transaction| {
            let newest = transaction.open_table(NEWEST)?.get(())?;
            Ok(newest.map(|newest| newest.value()))
        });
        let newest = newest.await?.map(OffsetDateTime::from_unix_timestamp_nanos);
        let newest = newest.transpose().map_err(StoreError::failed)?;
        Ok(StoreTime::of_host(self.clock.now(), newest))
    }

    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        let step = step.clone();
        self.write(move |transaction| {
            record(transaction, step.now)?;
            forget(transaction, &step)?;
            postpone(transaction, &step)?;
            delete_stale(transaction, &step)?;
            next_page(transaction, &step)
        })
        .await
    }
}

/// Handles the assets whose objects are gone: forgets those whose forms have all expired, and keeps the
/// others.
fn forget(transaction: &WriteTransaction, step: &PurgeStep) -> Result<()> {
    let mut assets = Assets::open(transaction)?;
    let mut condemned = transaction.open_table(CONDEMNED)?;
    let mut removed = transaction.open_table(REMOVED)?;
    for gone in &step.gone {
        let moment = moment(gone);
        let (_, workspace, _) = moment;
        let was_condemned = condemned.remove(moment)?;
        let creator = |deleted: AccessGuard<'_, Deleted>| Uuid::from_u128(deleted.value().1);
        if gone.deleted_at < step.forget_before {
            let deleted = was_condemned.or(removed.remove(moment)?);
            if let Some(creator) = deleted.map(creator) {
                assets.forget(workspace, creator.into())?;
            }
        } else if let Some(creator) = was_condemned.map(creator) {
            let deleted = (gone.key.as_str(), creator.as_u128(), 0, i128::MIN);
            removed.insert(moment, deleted)?;
        }
    }
    Ok(())
}

/// Counts the failed removals, and postpones the next attempts.
fn postpone(transaction: &WriteTransaction, step: &PurgeStep) -> Result<()> {
    for table in [CONDEMNED, REMOVED] {
        let mut table = transaction.open_table(table)?;
        for failed in &step.failed {
            let retry_at = failed.retry_at.unix_timestamp_nanos();
            if let Some(mut deleted) = table.get_mut(moment(&failed.condemned))? {
                let (_, creator, failures, _) = deleted.value();
                let key = failed.condemned.key.as_str();
                deleted.insert((key, creator, failures.saturating_add(1), retry_at))?;
            }
        }
    }
    Ok(())
}

/// Deletes stale pending assets and rejected ones: no caller finds them any more.
fn delete_stale(transaction: &WriteTransaction, step: &PurgeStep) -> Result<()> {
    let mut assets = Assets::open(transaction)?;
    let before = step.pending_before.unix_timestamp_nanos();
    let mut stale = assets.pending_before(before, most(step))?;
    stale.extend(assets.rejected(most(step))?);
    for (workspace, id) in stale {
        if let Some(asset) = assets.remove(workspace, id)? {
            condemn(transaction, step.now, workspace, &asset)?;
        }
    }
    Ok(())
}

/// Returns the first deleted assets after the previous step's last one, from both tables.
fn next_page(transaction: &WriteTransaction, step: &PurgeStep) -> Result<Vec<Condemned>> {
    let most = most(step);
    let condemned = transaction.open_table(CONDEMNED)?;
    let removed = transaction.open_table(REMOVED)?;
    let mut found = page(&condemned, step, i128::MAX, most)?;
    let end = step.forget_before.unix_timestamp_nanos();
    found.extend(page(&removed, step, end, most)?);
    Ok(found.into_iter().take(most).collect())
}

fn page(
    table: &Table<'_, Moment, Deleted>,
    step: &PurgeStep,
    end: i128,
    most: usize,
) -> Result<BTreeSet<Condemned>> {
    use redb::ReadableTable;

    let now = step.now.unix_timestamp_nanos();
    let after = step.after.as_ref().map(moment);
    let mut found = BTreeSet::new();
    for entry in table.range(after.unwrap_or((i128::MIN, 0, 0))..)? {
        let (place, deleted) = entry?;
        let (place, (key, _, failures, retry_at)) = (place.value(), deleted.value());
        let (deleted_at, workspace, id) = place;
        if deleted_at >= end || found.len() == most {
            break;
        }
        if Some(place) == after || retry_at > now {
            continue;
        }
        found.insert(Condemned {
            deleted_at: OffsetDateTime::from_unix_timestamp_nanos(deleted_at)
                .map_err(|_| corrupted("a time"))?,
            workspace: Uuid::from_u128(workspace).into(),
            id: Uuid::from_u128(id).into(),
            key: ObjectKey::new(key).map_err(|_| corrupted("a key"))?,
            failures,
        });
    }
    Ok(found)
}

fn moment(of: &Condemned) -> Moment {
    (
        of.deleted_at.unix_timestamp_nanos(),
        of.workspace.as_uuid().as_u128(),
        of.id.as_uuid().as_u128(),
    )
}

fn most(step: &PurgeStep) -> usize {
    usize::try_from(step.most.get()).unwrap_or(usize::MAX)
}
