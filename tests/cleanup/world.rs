//! One workspace, one user, and a clock that is turned by hand.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::task::yield_now;
use tower_asset_upload::asset::{
    ChangeOutcome, Clock, IdSource, NewAsset, ObjectKey, PendingCaps, RandomIds, StateChange,
    UploadSize, UserId, Workspace, WorkspaceId, WorkspaceSlug,
};
use tower_asset_upload::ports::{CreateOutcome, StoreError};
use tower_asset_upload::purge::{Condemned, PurgeOptions, PurgeStep, PurgeStore, StoreTime};
use tower_asset_upload::{AssetStore, DirectoryStore, MemoryStore};

use crate::bucket::Bucket;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-05-19 10:11:12.123456 UTC);
pub(crate) const WORKSPACE: WorkspaceId = WorkspaceId::new(uuid::Uuid::from_u128(2));
pub(crate) const USER: UserId = UserId::new(uuid::Uuid::from_u128(1));

#[derive(Clone, Debug)]
pub(crate) struct TestClock(Arc<Mutex<OffsetDateTime>>);

impl Default for TestClock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(NOW)))
    }
}

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl TestClock {
    pub(crate) fn set_back(&self, by: Duration) {
        *self.0.lock().unwrap() -= by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap()
    }
}

pub(crate) struct World<Store> {
    pub(crate) store: Store,
    pub(crate) clock: TestClock,
    pub(crate) workspace: Workspace,
}

/// As the defaults, but that weeks may pass in silence.
pub(crate) fn options() -> PurgeOptions {
    PurgeOptions::new().clock_lead(Duration::MAX)
}

pub(crate) fn slug() -> WorkspaceSlug {
    WorkspaceSlug::new("my-workspace").unwrap()
}

pub(crate) async fn in_memory() -> World<MemoryStore> {
    let clock = TestClock::default();
    let store = MemoryStore::with_clock(clock.clone());
    store.add_workspace(WORKSPACE, slug()).await.unwrap();
    store.add_member(WORKSPACE, USER).await.unwrap();
    World::new(store, clock).await
}

/// A store that takes a while: a call may be dropped before and after it has done its work.
pub(crate) struct Slow<'a, Store>(pub(crate) &'a Store);

#[async_trait]
impl<Store: PurgeStore> PurgeStore for Slow<'_, Store> {
    async fn time(&self) -> Result<StoreTime, StoreError> {
        yield_now().await;
        self.0.time().await
    }

    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        yield_now().await;
        let named = self.0.purge(step).await;
        yield_now().await;
        named
    }
}

impl<Store: AssetStore + PurgeStore> World<Store> {
    /// Over a store that has the workspace.
    pub(crate) async fn new(store: Store, clock: TestClock) -> Self {
        let workspace = store.enter(&slug(), USER).await.unwrap().unwrap();
        Self {
            store,
            clock,
            workspace,
        }
    }

    /// An asset whose object is there, though nobody has said so.
    pub(crate) async fn make(&self, bucket: &Bucket) -> NewAsset {
        let new = self.announce().await;
        bucket.put(&new.key);
        new
    }

    pub(crate) async fn announce(&self) -> NewAsset {
        let id = RandomIds.next_id().into();
        let random = RandomIds.next_id();
        let key = ObjectKey::new(format!("{WORKSPACE}/{}-a.png", random.simple())).unwrap();
        let (media_type, size) = ("image/png".parse().unwrap(), UploadSize::PLANE_DEFAULT);
        let now = self.clock.now();
        let new = NewAsset::new(id, key, "a.png", media_type, size, USER, now).unwrap();
        let caps = PendingCaps::default();
        let created = self.store.create(&self.workspace, new.clone(), caps).await;
        assert_eq!(created.unwrap(), CreateOutcome::New);
        new
    }

    /// An asset that was uploaded and deleted; its object is there.
    pub(crate) async fn deleted(&self, bucket: &Bucket) -> NewAsset {
        let new = self.make(bucket).await;
        self.set_state(&new, StateChange::Complete(None)).await;
        assert!(self.delete(&new).await);
        new
    }

    /// Whether the change was made.
    pub(crate) async fn set_state(&self, new: &NewAsset, change: StateChange) -> bool {
        let set = self.store.set_state(&self.workspace, new.id, change).await;
        set.unwrap() == ChangeOutcome::Done
    }

    pub(crate) async fn delete(&self, new: &NewAsset) -> bool {
        self.store.delete(&self.workspace, new.id).await.unwrap()
    }

    pub(crate) async fn lives(&self, new: &NewAsset) -> bool {
        let found = self.store.find(&self.workspace, new.id).await;
        found.unwrap().is_some()
    }

    /// All rows of deleted assets, but those whose objects failed of late.
    pub(crate) async fn graves(&self) -> Vec<Condemned> {
        let never = OffsetDateTime::UNIX_EPOCH;
        let always = NOW + Duration::from_hours(24 * 36_500);
        let most = std::num::NonZeroU32::new(10_000).unwrap();
        // Rejected ones are given up by any step, so it has to be as of now.
        let step = PurgeStep::new(self.clock.now(), never, always, most);
        self.store.purge(&step).await.unwrap()
    }
}

/// The output of a future that has nothing to wait for.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// The output of a future that waits for nothing but its turn, outside a runtime.
pub(crate) fn to_the_end<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("it has no end");
}
