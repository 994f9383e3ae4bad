//! The port through which the clean-up learns what has to go.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::id::{AssetId, WorkspaceId};
use crate::object_name::ObjectKey;
use crate::store::StoreError;

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
/// 4. **Any number at once.** Every replica may run the clean-up at any time: two of them do some work
///    twice, and nothing wrong.
/// 5. **Bounds.** A step touches at most [`PurgeStep::most`] assets of each sort.
#[async_trait]
pub trait PurgeStore: Send + Sync {
    /// One step. In this order:
    /// 1. of [`PurgeStep::gone`], every row that was deleted before `forget_before` goes; of the
    ///    others it is noted that the object is gone;
    /// 2. assets that were made before `pending_before` and still wait for their upload are deleted, as
    ///    of `now`: at most `most`, the oldest first; and so are those that were rejected, whenever that
    ///    was: at most `most`;
    /// 3. what it answers: of the deleted assets behind `after`, in the order of [`Condemned`], the first
    ///    `most` whose object is not noted as gone, or that were deleted before `forget_before`.
    ///
    /// # Errors
    /// See [`StoreError`]. Steps 1 to 3 may be transactions of their own.
    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError>;
}

/// What one step of the clean-up is about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PurgeStep {
    /// The time.
    pub now: OffsetDateTime,
    /// Assets made before this that still wait for their upload are given up. Rejected ones always are.
    pub pending_before: OffsetDateTime,
    /// Of assets deleted before this, no form is alive any more. The same in all steps of a run.
    pub forget_before: OffsetDateTime,
    /// Those whose objects are gone since the step before.
    pub gone: Vec<Condemned>,
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
            after: None,
            most,
        }
    }
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
}

macro_rules! forward_purge {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: PurgeStore + ?Sized> PurgeStore for $pointer<T> {
            async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
                T::purge(self, step).await
            }
        }
    };
}

forward_purge!(Arc);
forward_purge!(Box);
