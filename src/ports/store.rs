//! The port through which the service keeps assets.

use async_trait::async_trait;

use crate::asset::{
    Asset, AssetId, ChangeOutcome, NewAsset, PendingCaps, StateChange, UserId, Workspace,
    WorkspaceSlug,
};
use crate::error::{BoxError, Unavailable};

/// Keeps assets, and knows who may touch which workspace.
///
/// # What must hold
/// 1. **Tenancy.** [`enter`](Self::enter) gives a [`Workspace`] to active members only. Every other
///    method takes one and touches nothing outside it.
/// 2. **Uniqueness.** No two living assets of a workspace have the same
///    [pair](crate::asset::ExternalRef::pair), however many callers create at once. Rejected ones don't count.
/// 3. **Durability.** What was answered `Ok` is there after a crash.
/// 4. **All or nothing.** A failed call has changed nothing. So has one whose future was dropped,
///    or else it has changed everything.
///
/// The crate's own stores are [`MemoryStore`](crate::MemoryStore) and, with the features `sqlite` and
/// `postgres`, `SqliteStore` and `PostgresStore`.
/// How to write another, and why each promise is there:
/// [`docs::bring_your_own_store`](crate::docs::bring_your_own_store).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store of assets",
    label = "this type doesn't implement `AssetStore`",
    note = "use `MemoryStore`, `SqliteStore`, `PostgresStore` or `PlaneStore`, or implement `AssetStore`"
)]
#[async_trait]
pub trait AssetStore: Send + Sync {
    /// Lets `caller` into the workspace of that slug.
    ///
    /// `None` when there is no such workspace, when it is deleted, and when the caller is no active
    /// member of it: the three must look alike.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError>;

    /// Makes an asset, in the state [`UploadState::Pending`](crate::asset::UploadState::Pending).
    ///
    /// In one transaction, in this order: `asset.project`, if given, is a living project of this very
    /// workspace; no living asset of the workspace but a rejected one has `asset.external.pair()`; the
    /// caps on pending and on discarded assets hold; then the row, pending since now by the
    /// [store's own clock](crate::purge::PurgeStore::time). The asset is boxed, as it is large and changes
    /// hands.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn create(
        &self,
        workspace: &Workspace,
        asset: NewAsset,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError>;

    /// The living asset of that id in the workspace.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn find(&self, workspace: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError>;

    /// Makes a change of a living asset's state, if the asset is in the state at which the change
    /// begins ([`StateChange::from`]), and tells in which it is otherwise.
    ///
    /// An asset that is [taken back](StateChange::TakeBack) is pending since now by the store's own
    /// clock.
    ///
    /// Looking and setting are one step: of any number of callers that would have a pending asset
    /// uploaded or rejected just one is told [`ChangeOutcome::Done`], and all others what that one made of it.
    /// A rejected asset counts as pending no more and gives its external pair free, for good.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn set_state(
        &self,
        workspace: &Workspace,
        id: AssetId,
        change: StateChange,
    ) -> Result<ChangeOutcome, StoreError>;

    /// Deletes a living asset of the workspace; `false` when there is none of that id. From then on
    /// no method finds it and its external pair is free. The object stays until the clean-up.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn delete(&self, workspace: &Workspace, id: AssetId) -> Result<bool, StoreError>;
}

forward! { AssetStore {
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError>;
    async fn create(
        &self,
        workspace: &Workspace,
        asset: NewAsset,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError>;
    async fn find(&self, workspace: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError>;
    async fn set_state(
        &self,
        workspace: &Workspace,
        id: AssetId,
        change: StateChange,
    ) -> Result<ChangeOutcome, StoreError>;
    async fn delete(&self, workspace: &Workspace, id: AssetId) -> Result<bool, StoreError>;
} }

/// What came of [`AssetStore::create`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateOutcome {
    /// The asset was made.
    New,
    /// This living asset, which isn't rejected, has the same external pair; nothing was made.
    Duplicate(Box<Asset>),
    /// The project is no living project of this workspace; nothing was made.
    ProjectNotFound,
    /// As many assets are pending as the caps allow; nothing was made.
    TooManyPending,
    /// As many deleted and rejected assets wait for the clean-up as the caps allow; nothing was made.
    TooManyDiscarded,
}

/// Why a store did not do what it was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It could not be reached, or did not answer in time: the same call may succeed later. 503.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Trying again won't help: broken data, a bug. 500.
    #[error("the store failed: {0}")]
    Failed(#[source] BoxError),
}

impl StoreError {
    /// The same call may succeed later.
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self::Unavailable(Unavailable::new(cause))
    }

    /// Trying again won't help.
    pub fn failed(cause: impl Into<BoxError>) -> Self {
        Self::Failed(cause.into())
    }
}
