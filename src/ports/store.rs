//! The port to the database.

use async_trait::async_trait;

use crate::asset::{
    Asset, AssetId, ChangeOutcome, NewAsset, PendingCaps, StateChange, UserId, Workspace,
    WorkspaceSlug,
};
use crate::error::{BoxError, Unavailable};

/// Keeps assets, and decides who may enter a workspace.
///
/// The crate has [`MemoryStore`](crate::MemoryStore) and, behind features, `SqliteStore`, `PostgresStore`
/// and `PlaneStore`. To write a store of your own, start with
/// [`docs::bring_your_own_store`](crate::docs::bring_your_own_store), and test it with `conformance`.
///
/// # Guarantees
/// 1. **Tenancy.** [`enter`](Self::enter) returns a [`Workspace`] to active members only. Every other
///    method takes a `Workspace` and touches nothing outside it.
/// 2. **Uniqueness.** No two living assets of a workspace have the same
///    [external pair](crate::asset::ExternalRef::pair), even when callers create them concurrently.
///    Rejected assets don't count.
/// 3. **Durability.** A change survives a crash once the call has returned `Ok`.
/// 4. **Atomicity.** A call that fails changes nothing. A call whose future is dropped makes its change
///    completely or not at all.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store of assets",
    label = "this type doesn't implement `AssetStore`",
    note = "use `MemoryStore`, `SqliteStore`, `PostgresStore` or `PlaneStore`, or implement `AssetStore`"
)]
#[async_trait]
pub trait AssetStore: Send + Sync {
    /// Returns the workspace if the caller is an active member.
    ///
    /// Returns `None` for a missing workspace, a deleted one, and one that the caller isn't a member of.
    /// Callers must not be able to tell the three apart, so slugs can't be enumerated.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError>;

    /// Creates an asset in the state [`UploadState::Pending`](crate::asset::UploadState::Pending).
    ///
    /// One transaction does these steps in this order:
    /// 1. It checks that `asset.project`, if given, is a living project of this workspace.
    /// 2. It checks that no living asset of the workspace has `asset.external.pair()`. Rejected assets
    ///    don't count.
    /// 3. It checks the caps on pending and on discarded assets.
    /// 4. It writes the row, and stamps it as pending since now by the
    ///    [store's own clock](crate::purge::PurgeStore::time).
    ///
    /// A check that fails ends the call with its [`CreateOutcome`], and nothing is written.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn create(
        &self,
        workspace: &Workspace,
        asset: NewAsset,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError>;

    /// Returns the living asset with this id in the workspace, if there is one.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn find(&self, workspace: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError>;

    /// Changes the state of a living asset if the asset is in the state that the change starts from
    /// ([`StateChange::from`]). Otherwise returns the current state and changes nothing.
    ///
    /// Comparing and setting are one atomic step. If several callers complete or reject a pending asset
    /// concurrently, one gets [`ChangeOutcome::Done`], and the others get the state that it has set.
    ///
    /// An asset that is [taken back](StateChange::TakeBack) is stamped as pending since now by the store's
    /// own clock. A rejected asset no longer counts as pending, and its external pair is free for good.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn set_state(
        &self,
        workspace: &Workspace,
        id: AssetId,
        change: StateChange,
    ) -> Result<ChangeOutcome, StoreError>;

    /// Deletes a living asset of the workspace. Returns `false` if there is none with this id.
    ///
    /// No method finds the asset any more, and its external pair is free. The object stays until the
    /// purge.
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

/// The outcome of [`AssetStore::create`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateOutcome {
    /// The asset was created.
    New,
    /// This living asset, which isn't rejected, has the same external pair. Nothing was created.
    Duplicate(Box<Asset>),
    /// The project is not a living project of this workspace. Nothing was created.
    ProjectNotFound,
    /// The cap on pending assets is reached. Nothing was created.
    TooManyPending,
    /// The cap on deleted and rejected assets is reached. Nothing was created.
    TooManyDiscarded,
}

/// Why a call to a store failed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store can't be reached, or did not answer in time. A retry may succeed. Clients get 503.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A retry won't help: the data is damaged, or there is a bug. Clients get 500.
    #[error("the store failed: {0}")]
    Failed(#[source] BoxError),
}

impl StoreError {
    /// A failure after which a retry may succeed.
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self::Unavailable(Unavailable::new(cause))
    }

    /// A failure that a retry won't mend.
    pub fn failed(cause: impl Into<BoxError>) -> Self {
        Self::Failed(cause.into())
    }
}
