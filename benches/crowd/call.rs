//! The calls: what they need, what they do, what they leave behind.

use std::future::Future;
use std::num::NonZeroU32;

use futures_util::future::join_all;
use tower_asset_upload::AssetStore;
use tower_asset_upload::asset::{AssetId, Clock, NewAsset, PendingCaps, SystemClock, Workspace};
use tower_asset_upload::ports::CreateOutcome;
use tower_asset_upload::purge::{Condemned, PurgeStep, PurgeStore};

use crate::filled::{ALICE, Filled, PROJECT, asset, complete, step, with_pair};

/// What a step of the clean-up gives up, forgets and names.
const STEP: NonZeroU32 = NonZeroU32::new(100).unwrap();

#[derive(Clone, Copy)]
pub enum Call {
    Enter,
    Find,
    Create,
    CreateWithPair,
    Complete,
    Purge,
}

impl Call {
    pub const OF_CALLERS: [Self; 5] = [
        Self::Enter,
        Self::Find,
        Self::Create,
        Self::CreateWithPair,
        Self::Complete,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Enter => "enter",
            Self::Find => "find",
            Self::Create => "create",
            Self::CreateWithPair => "create, with a pair",
            Self::Complete => "set_state",
            Self::Purge => "purge, a step of 100",
        }
    }

    /// So that what is made for a turn doesn't change what is measured.
    pub fn most_in_a_turn(self) -> usize {
        match self {
            Self::Enter | Self::Find => 1 << 13,
            Self::Create | Self::CreateWithPair | Self::Complete => 1 << 10,
            Self::Purge => 1 << 6,
        }
    }

    /// Makes what so many calls need.
    pub async fn prepare<Store>(self, filled: &Filled<Store>, number: usize) -> Vec<Task>
    where
        Store: AssetStore + PurgeStore,
    {
        let new = || {
            let mut new = asset(SystemClock.now());
            new.project = Some(PROJECT.into());
            new
        };
        let tasks = 0..number;
        match self {
            Self::Enter => tasks.map(|_| Task::Enter).collect(),
            Self::Find => tasks.map(|_| Task::Find(filled.next_id())).collect(),
            Self::Create => tasks.map(|_| Task::Create(new())).collect(),
            Self::CreateWithPair => tasks.map(|_| Task::Create(with_pair(new()))).collect(),
            Self::Complete => {
                let pending: Vec<_> = tasks.map(|_| new()).collect();
                let ids = pending.iter().map(|new| Task::Complete(new.id)).collect();
                let create = |new| {
                    let caps = PendingCaps::default();
                    filled.store.create(&filled.workspace, new, caps)
                };
                at_once(pending, create).await;
                ids
            }
            Self::Purge => {
                let number = u32::try_from(number).unwrap();
                let most = STEP.saturating_mul(NonZeroU32::new(number).unwrap());
                (filled.add_pending)(2 * most.get()).await;
                let condemned = filled.store.purge(&step(most)).await.unwrap();
                assert_eq!(condemned.len(), most.get() as usize);
                let shares = condemned.chunks(STEP.get() as usize);
                shares.map(|share| Task::Purge(forgetting(share))).collect()
            }
        }
    }

    /// Clears away what the calls of a turn have left behind, and those assets.
    pub async fn clear<Store>(self, filled: &Filled<Store>, completed: Vec<AssetId>)
    where
        Store: AssetStore + PurgeStore,
    {
        at_once(completed, |id| filled.store.delete(&filled.workspace, id)).await;
        match self {
            Self::Enter | Self::Find => {}
            Self::Create | Self::CreateWithPair | Self::Complete | Self::Purge => {
                filled.clear().await;
            }
        }
    }
}

/// What one call is about.
pub enum Task {
    Enter,
    Find(AssetId),
    Create(NewAsset),
    Complete(AssetId),
    Purge(PurgeStep),
}

impl Task {
    /// The asset that doesn't wait for its upload any more then.
    pub fn completes(&self) -> Option<AssetId> {
        match self {
            Self::Complete(id) => Some(*id),
            _ => None,
        }
    }

    pub async fn run<Store: AssetStore + PurgeStore>(self, store: &Store, workspace: &Workspace) {
        match self {
            Self::Enter => {
                let entered = store.enter(workspace.slug(), ALICE.into()).await;
                assert!(entered.unwrap().is_some());
            }
            Self::Find(id) => assert!(store.find(workspace, id).await.unwrap().is_some()),
            Self::Create(new) => {
                let created = store.create(workspace, new, PendingCaps::default()).await;
                assert_eq!(created.unwrap(), CreateOutcome::New);
            }
            Self::Complete(id) => complete(store, workspace, id).await,
            Self::Purge(step) => assert!(!store.purge(&step).await.unwrap().is_empty()),
        }
    }
}

fn forgetting(gone: &[Condemned]) -> PurgeStep {
    let mut step = step(STEP);
    step.gone = gone.to_vec();
    step
}

/// As many at once as any store takes on.
async fn at_once<T, O, E, F>(all: Vec<T>, start: impl Fn(T) -> F)
where
    E: std::fmt::Debug,
    F: Future<Output = Result<O, E>>,
{
    let mut all = all.into_iter().peekable();
    while all.peek().is_some() {
        for done in join_all(all.by_ref().take(256).map(&start)).await {
            done.unwrap();
        }
    }
}
