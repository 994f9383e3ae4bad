//! The port through which the clean-up learns what has to go.

use std::num::NonZeroU32;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::store::StoreError;
use crate::asset::{AssetId, ObjectKey, WorkspaceId};

/// Names the assets that have to go, and forgets them once their objects are gone.
///
/// Apart from [`AssetStore`](crate::AssetStore), as it acts for the host and not for a caller: across
/// workspaces, and never in answer to a request.
///
/// # What must hold
/// 1. **The object first.** A row goes only after its object.
/// 2. **No way back.** An asset is condemned only when no caller can find it any more: one that still
///    waits for its upload is deleted first, in the same transaction, so that it can't become
///    uploaded meanwhile.
/// 3. **Twice, where a form may still live.** A form outlives the asset it was signed for, and can put
///    the object back. So a row stays until [`PurgeStep::forget_before`], and its object is condemned
///    again before it goes.
/// 4. **One clock.** The store stamps, by the clock that [`time`](Self::time) reads, since when an
///    asset is pending and when it was deleted. It doesn't take [`NewAsset::created_at`] for either
///    unless it has made sure that this clock agrees: `created_at` is the clock of whichever replica
///    made the asset.
/// 5. **Any number at once.** Every replica may run the clean-up at any time: two of them do some work
///    twice, and nothing wrong.
/// 6. **Bounds.** A step touches at most [`PurgeStep::most`] assets of each sort.
///
/// [`NewAsset::created_at`]: crate::asset::NewAsset::created_at
#[async_trait]
pub trait PurgeStore: Send + Sync {
    /// The time by which the store stamps its rows: the database server's where there is one, else
    /// the host's together with the newest moment that the store has recorded.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn time(&self) -> Result<StoreTime, StoreError>;

    /// One step. In this order:
    /// 1. of [`PurgeStep::gone`], every row that was deleted before `forget_before` goes; of the
    ///    others it is noted that the object is gone;
    /// 2. of [`PurgeStep::failed`], every row counts one failure more and isn't named before its
    ///    [`retry_at`](FailedRemoval::retry_at);
    /// 3. assets that are pending since before `pending_before` are deleted, as of `now`: at most
    ///    `most`, those that wait longest first; and so are those that were rejected, whenever that
    ///    was: at most `most`. An asset is pending since it was made, or since it was
    ///    [taken back](crate::asset::StateChange::TakeBack) if that was later;
    /// 4. what it answers: of the deleted assets behind `after`, in the order of [`Condemned`], the first
    ///    `most` that need not wait for their `retry_at` at `now`, and whose object is not noted as gone
    ///    or that were deleted before `forget_before`.
    ///
    /// # Errors
    /// See [`StoreError`]. Steps 1 to 4 may be transactions of their own.
    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError>;
}

forward! { PurgeStore {
    async fn time(&self) -> Result<StoreTime, StoreError>;
    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError>;
} }

/// The time by which a store stamps its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreTime {
    /// What the clock reads now.
    pub now: OffsetDateTime,
    /// The newest moment that the store has recorded. `None` if the clock is a database server's,
    /// which all replicas share, or if nothing is recorded yet.
    ///
    /// A host's clock can be wrong on its own. The clean-up compares it with this moment and
    /// [refuses to run](crate::purge::PurgeError::Clock) if the two don't go together.
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

/// What one step of the clean-up is about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PurgeStep {
    /// The time, by the store's own [clock](PurgeStore::time). The same in all steps of a run, or
    /// later.
    pub now: OffsetDateTime,
    /// Assets that are pending since before this are given up. Rejected ones always are.
    pub pending_before: OffsetDateTime,
    /// Of assets deleted before this, no form is alive any more. The same in all steps of a run.
    pub forget_before: OffsetDateTime,
    /// Those whose objects are gone since the step before.
    pub gone: Vec<Condemned>,
    /// Those whose objects could not be removed since the step before.
    pub failed: Vec<FailedRemoval>,
    /// The last one that the step before has named.
    pub after: Option<Condemned>,
    /// How many to take on at once.
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

/// An object that could not be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRemoval {
    /// Whose object.
    pub condemned: Condemned,
    /// The clean-up leaves it alone until then.
    pub retry_at: OffsetDateTime,
}

/// A deleted asset whose object has to go. Ordered by when it was deleted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condemned {
    /// When it was deleted.
    pub deleted_at: OffsetDateTime,
    /// The workspace it was in.
    pub workspace: WorkspaceId,
    /// The asset.
    pub id: AssetId,
    /// The object.
    pub key: ObjectKey,
    /// How many times in a row it could not be removed.
    pub failures: u32,
}
