//! What was deleted and isn't forgotten yet.

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

/// A deleted asset: its object's key, who made it, how often its object could not be removed, and until
/// when it is left alone since.
type Grave = (&'static str, Id, u32, i128);

/// Deleted assets whose object is still to go, by when they were deleted.
const CONDEMNED: TableDefinition<Moment, Grave> = TableDefinition::new("condemned");
/// Those whose object is gone, and whose form may still put it back.
const FADING: TableDefinition<Moment, Grave> = TableDefinition::new("fading");
/// The newest moment that was recorded.
const NEWEST: TableDefinition<(), i128> = TableDefinition::new("newest");

pub(crate) fn make_tables(transaction: &WriteTransaction) -> Result<()> {
    transaction.open_table(CONDEMNED)?;
    transaction.open_table(FADING)?;
    transaction.open_table(NEWEST)?;
    Ok(())
}

/// A moment as it is kept. The newest is remembered, so that a clock that is wrong can be told.
pub(crate) fn record(transaction: &WriteTransaction, at: OffsetDateTime) -> Result<i128> {
    use redb::ReadableTable;

    let at = at.unix_timestamp_nanos();
    let mut newest = transaction.open_table(NEWEST)?;
    if newest.get(())?.is_none_or(|newest| newest.value() < at) {
        newest.insert((), at)?;
    }
    Ok(at)
}

/// Leaves the object of an asset that was removed to the clean-up.
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
    let maker = asset.made.created_by.as_uuid().as_u128();
    condemned.insert(moment, (asset.made.key.as_str(), maker, 0, i128::MIN))?;
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
            put_off(transaction, &step)?;
            give_up(transaction, &step)?;
            next(transaction, &step)
        })
        .await
    }
}

/// Of those whose objects are gone: forgets what no form can bring back, and notes the others.
fn forget(transaction: &WriteTransaction, step: &PurgeStep) -> Result<()> {
    let mut assets = Assets::open(transaction)?;
    let mut condemned = transaction.open_table(CONDEMNED)?;
    let mut fading = transaction.open_table(FADING)?;
    for gone in &step.gone {
        let moment = moment(gone);
        let (_, workspace, _) = moment;
        let was_condemned = condemned.remove(moment)?;
        let maker = |grave: AccessGuard<'_, Grave>| Uuid::from_u128(grave.value().1);
        if gone.deleted_at < step.forget_before {
            let grave = was_condemned.or(fading.remove(moment)?);
            if let Some(maker) = grave.map(maker) {
                assets.forget(workspace, maker.into())?;
            }
        } else if let Some(maker) = was_condemned.map(maker) {
            let grave = (gone.key.as_str(), maker.as_u128(), 0, i128::MIN);
            fading.insert(moment, grave)?;
        }
    }
    Ok(())
}

/// Those whose objects could not be removed are left alone for a while.
fn put_off(transaction: &WriteTransaction, step: &PurgeStep) -> Result<()> {
    for table in [CONDEMNED, FADING] {
        let mut table = transaction.open_table(table)?;
        for failed in &step.failed {
            let retry_at = failed.retry_at.unix_timestamp_nanos();
            if let Some(mut grave) = table.get_mut(moment(&failed.condemned))? {
                let (_, maker, failures, _) = grave.value();
                let key = failed.condemned.key.as_str();
                grave.insert((key, maker, failures.saturating_add(1), retry_at))?;
            }
        }
    }
    Ok(())
}

/// Deletes what was never uploaded in time, and what was rejected: from here on nobody finds it.
fn give_up(transaction: &WriteTransaction, step: &PurgeStep) -> Result<()> {
    let mut assets = Assets::open(transaction)?;
    let before = step.pending_before.unix_timestamp_nanos();
    let mut given_up = assets.pending_before(before, most(step))?;
    given_up.extend(assets.rejected(most(step))?);
    for (workspace, id) in given_up {
        if let Some(asset) = assets.remove(workspace, id)? {
            condemn(transaction, step.now, workspace, &asset)?;
        }
    }
    Ok(())
}

/// The first behind the last step's last, of both tables.
fn next(transaction: &WriteTransaction, step: &PurgeStep) -> Result<Vec<Condemned>> {
    let most = most(step);
    let condemned = transaction.open_table(CONDEMNED)?;
    let fading = transaction.open_table(FADING)?;
    let mut next = behind(&condemned, step, i128::MAX, most)?;
    let end = step.forget_before.unix_timestamp_nanos();
    next.extend(behind(&fading, step, end, most)?);
    Ok(next.into_iter().take(most).collect())
}

fn behind(
    table: &Table<'_, Moment, Grave>,
    step: &PurgeStep,
    end: i128,
    most: usize,
) -> Result<BTreeSet<Condemned>> {
    use redb::ReadableTable;

    let now = step.now.unix_timestamp_nanos();
    let after = step.after.as_ref().map(moment);
    let mut found = BTreeSet::new();
    for entry in table.range(after.unwrap_or((i128::MIN, 0, 0))..)? {
        let (place, grave) = entry?;
        let (place, (key, _, failures, retry_at)) = (place.value(), grave.value());
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
