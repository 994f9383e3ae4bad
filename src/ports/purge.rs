//! The port through which the purge finds deleted assets.

use std::num::NonZeroU32;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::store::StoreError;
use crate::asset::{AssetId, ObjectKey, WorkspaceId};

/// Lists the assets whose objects have to be deleted, and forgets each asset once its object is gone.
///
/// The port is apart from [`AssetStore`](crate::AssetStore) because it acts for the host and not for a
/// caller: across all workspaces, and never during a request.
///
/// # Guarantees
/// 1. **The object goes first.** A row is removed only after its object.
/// 2. **No way back.** An asset is condemned only once no caller can find it. A pending asset is deleted
///    in the same transaction, so it can't be completed meanwhile.
/// 3. **Twice while a form may be valid.** A form outlives its asset, and can put the object back. So the
///    row stays until [`PurgeStep::forget_before`], and its object is condemned again before the row goes.
/// 4. **One clock.** The clock that [`time`](Self::time) reads stamps since when an asset is pending and
///    when it was deleted. [`NewAsset::created_at`] is the clock of the replica that created the asset, so
///    a store uses it for neither stamp, unless it has checked that the two clocks agree.
/// 5. **Concurrency.** Every replica may purge at any time. Two runs at once do some work twice, and
///    nothing wrong.
/// 6. **Bounds.** A step touches at most [`PurgeStep::most`] assets of each kind.
///
/// [`NewAsset::created_at`]: crate::asset::NewAsset::created_at
#[async_trait]
pub trait PurgeStore: Send + Sync {
    /// Returns the time by which the store stamps its rows: the database server's if there is a server,
    /// otherwise the host's together with the newest moment that the store has recorded.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn time(&self) -> Result<StoreTime, StoreError>;

    /// Does one step of a purge, in this order:
    /// 1. For each asset in [`PurgeStep::gone`]: removes the row if the asset was deleted before
    ///    `forget_before`. Otherwise notes that the object is gone.
    /// 2. For each asset in [`PurgeStep::failed`]: counts one more failure, and doesn't return the asset
    ///    again before its [`retry_at`](FailedRemoval::retry_at).
    /// 3. Deletes assets as of `now`: at most `most` that are pending since before `pending_before`, the
    ///    longest waiting first, and at most `most` rejected ones. An asset is pending since it was
    ///    created, or since it was [taken back](crate::asset::StateChange::TakeBack) if that was later.
    /// 4. Returns the first `most` deleted assets after `after`, in the order of [`Condemned`]. It leaves
    ///    out assets whose `retry_at` is after `now`. It leaves out assets whose object is noted as gone,
    ///    unless they were deleted before `forget_before`.
    ///
    /// # Errors
    /// See [`StoreError`]. Each of the four may be a transaction of its own.
    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError>;
}

forward! { PurgeStore {
    async fn time(&self) -> Result<StoreTime, StoreError>;
    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError>;
} }

/// The time by which a store stamps its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreTime {
    /// The current time.
    pub now: OffsetDateTime,
    /// The newest moment that the store has recorded. `None` if the clock is a database server's,
    /// which all replicas share, or if nothing is recorded yet.
    ///
    /// A host's clock can be wrong. The purge compares it with this moment and
    /// [refuses to run](crate::purge::PurgeError::Clock) if the two contradict each other.
    pub last_recorded: Option<OffsetDateTime>,
}

impl StoreTime {
    /// The clock of a database server that all replicas share.
    #[must_use]
    pub const fn of_server(now: OffsetDateTime) -> Self {
        Self {
            now,
            last_recorded: None,
        }
    }

    /// The clock of this host, and the newest moment that the store has recorded, if any.
    #[must_use]
    pub const fn of_host(now: OffsetDateTime, last_recorded: Option<OffsetDateTime>) -> Self {
        Self { now, last_recorded }
    }
}

/// The input of one step of a purge.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PurgeStep {
    /// The time, by the store's own [clock](PurgeStore::time). The same in all steps of a run, or
    /// later.
    pub now: OffsetDateTime,
    /// Assets that are pending since before this moment are deleted. Rejected ones always are.
    pub pending_before: OffsetDateTime,
    /// No form of an asset that was deleted before this moment is valid any more. The same in all steps of
    /// a run.
    pub forget_before: OffsetDateTime,
    /// The assets whose objects were deleted since the previous step.
    pub gone: Vec<Condemned>,
    /// The assets whose objects could not be deleted since the previous step.
    pub failed: Vec<FailedRemoval>,
    /// The last asset that the previous step returned.
    pub after: Option<Condemned>,
    /// The most assets of each kind that the step may touch.
    pub most: NonZeroU32,
}

impl PurgeStep {
    /// The first step of a run.
    #[must_use]
    pub fn new(
        now: OffsetDateTime,
        pending_before: OffsetDateTime,
        forget_before: OffsetDateTime,
        most: NonZeroU32,
    ) -> Self {
        Self {
            now,
            pending_before,
            forget_before,
            gone: Vec::new(),
            failed: Vec::new(),
            after: None,
            most,
        }
    }
}

/// An object that could not be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRemoval {
    /// The asset.
    pub condemned: Condemned,
    /// The purge doesn't try again before this moment.
    pub retry_at: OffsetDateTime,
}

/// A deleted asset whose object has to be deleted. Ordered by the time of the asset's deletion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condemned {
    /// When the asset was deleted.
    pub deleted_at: OffsetDateTime,
    /// The workspace it was in.
    pub workspace: WorkspaceId,
    /// The asset.
    pub id: AssetId,
    /// The object.
    pub key: ObjectKey,
    /// How many times in a row deleting the object has failed.
    pub failures: u32,
}
