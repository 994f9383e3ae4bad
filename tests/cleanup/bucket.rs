//! An object store that does what a test tells it to.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::task::yield_now;
use tower_asset_upload::asset::{ObjectKey, StoredObject};
use tower_asset_upload::ports::ObjectStoreError;
use tower_asset_upload::{ObjectStore, Unavailable};

#[derive(Clone, Default)]
pub(crate) struct Bucket(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeSet<ObjectKey>,
    failing: BTreeSet<ObjectKey>,
    stumbling: BTreeSet<ObjectKey>,
    calls: usize,
    /// How many calls are answered before it goes down, if it does.
    answers: Option<usize>,
    at_once: usize,
    most_at_once: usize,
}

impl Bucket {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn put(&self, key: &ObjectKey) {
        self.state().objects.insert(key.clone());
    }

    pub(crate) fn remove_at_once(&self, key: &ObjectKey) {
        self.state().objects.remove(key);
    }

    pub(crate) fn keys(&self) -> BTreeSet<ObjectKey> {
        self.state().objects.clone()
    }

    /// From now on these can't be removed, and all others can.
    pub(crate) fn fail(&self, keys: impl IntoIterator<Item = ObjectKey>) {
        self.state().failing = keys.into_iter().collect();
    }

    /// From now on it is unavailable for these, and for no others.
    pub(crate) fn stumble_over(&self, keys: impl IntoIterator<Item = ObjectKey>) {
        self.state().stumbling = keys.into_iter().collect();
    }

    /// Counted from now.
    pub(crate) fn go_down_after(&self, answers: impl Into<Option<usize>>) {
        let mut state = self.state();
        state.calls = 0;
        state.answers = answers.into();
    }

    pub(crate) fn calls(&self) -> usize {
        self.state().calls
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.state().most_at_once
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn head(&self, _: &ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError> {
        unreachable!("the clean-up asks for nothing")
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectStoreError> {
        let is_up = {
            let mut state = self.state();
            state.calls += 1;
            state.at_once += 1;
            state.most_at_once = state.most_at_once.max(state.at_once);
            state.answers.is_none_or(|answers| state.calls <= answers)
        };
        yield_now().await;
        let answer = {
            let mut state = self.state();
            if !is_up {
                Err(Unavailable::new("no route to the bucket").into())
            } else if state.stumbling.contains(key) {
                Err(Unavailable::new("DELETE was answered with 500").into())
            } else if state.failing.contains(key) {
                Err(ObjectStoreError::Failed("a legal hold".into()))
            } else {
                state.objects.remove(key);
                Ok(())
            }
        };
        yield_now().await;
        self.state().at_once -= 1;
        answer
    }
}
