//! What was deleted and isn't forgotten yet.

use std::collections::BTreeSet;

use async_trait::async_trait;
use redb::{Table, TableDefinition, WriteTransaction};
use time::OffsetDateTime;
use tower_asset_upload::{Asset, Condemned, ObjectKey, PurgeStep, PurgeStore, StoreError};
use uuid::Uuid;

use super::assets::{Assets, Moment};
use super::{Id, RedbStore, Result, corrupted};

/// Deleted assets whose object is still to go, by when they were deleted, with their object's key.
const CONDEMNED: TableDefinition<Moment, &str> = TableDefinition::new("condemned");
/// Those whose object is gone, and whose form may still put it back.
const FADING: TableDefinition<Moment, &str> = TableDefinition::new("fading");

pub(crate) fn make_tables(transaction: &WriteTransaction) -> Result<()> {
    transaction.open_table(CONDEMNED)?;
    transaction.open_table(FADING)?;
    Ok(())
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
        at.unix_timestamp_nanos(),
        workspace,
        asset.made.id.as_uuid().as_u128(),
    );
    condemned.insert(moment, asset.made.key.as_str())?;
    Ok(())
}

#[async_trait]
impl PurgeStore for RedbStore {
    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        let step = step.clone();
        self.write(move |transaction| {
            forget(transaction, &step)?;
            give_up(transaction, &step)?;
            next(transaction, &step)
        })
        .await
    }
}

/// Of those whose objects are gone: forgets what no form can bring back, and notes the others.
fn forget(transaction: &WriteTransaction, step: &PurgeStep) -> Result<()> {
    let mut condemned = transaction.open_table(CONDEMNED)?;
    let mut fading = transaction.open_table(FADING)?;
    for gone in &step.gone {
        let moment = moment(gone);
        let was_condemned = condemned.remove(moment)?.is_some();
        if gone.deleted_at < step.forget_before {
            fading.remove(moment)?;
        } else if was_condemned {
            fading.insert(moment, gone.key.as_str())?;
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
    table: &Table<'_, Moment, &'static str>,
    step: &PurgeStep,
    end: i128,
    most: usize,
) -> Result<BTreeSet<Condemned>> {
    use redb::ReadableTable;

    let after = step.after.as_ref().map_or((i128::MIN, 0, 0), moment);
    let mut found = BTreeSet::new();
    for entry in table.range(after..)? {
        let (moment, key) = entry?;
        let (deleted_at, workspace, id) = moment.value();
        if deleted_at >= end || found.len() == most {
            break;
        }
        let condemned = Condemned {
            deleted_at: OffsetDateTime::from_unix_timestamp_nanos(deleted_at)
                .map_err(|_| corrupted("a time"))?,
            workspace: Uuid::from_u128(workspace).into(),
            id: Uuid::from_u128(id).into(),
            key: ObjectKey::new(key.value()).map_err(|_| corrupted("a key"))?,
        };
        if Some(&condemned) > step.after.as_ref() {
            found.insert(condemned);
        }
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
