//! What goes over the wire: how many round trips a call takes, and calls whose answer is lost.

use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use tower_asset_upload::asset::{
    ChangeOutcome, NewAsset, PendingCaps, StateChange, UserId, Workspace,
};
use tower_asset_upload::auth::{Credential, CredentialKind, CredentialVerifier};
use tower_asset_upload::ports::{CreateOutcome, StoreError};
use tower_asset_upload::{AssetStore, PlaneStore};

use crate::cluster::Cluster;
use crate::fixture::{Database, asset, options, slug, wait_for, with_pair};
use crate::proxy::Proxy;
use crate::support::{ALICE, KEY, MY_PROJECT, NOW, OTHERS};

const CAPS: PendingCaps = PendingCaps {
    per_workspace: NonZeroU32::new(2),
    per_caller: NonZeroU32::new(2),
    discarded_per_workspace: None,
    discarded_per_caller: None,
};

/// A store that has one connection, by way of a proxy.
struct Watched {
    proxy: Proxy,
    store: PlaneStore,
    home: Workspace,
    database: Database,
}

impl Watched {
    async fn new(test: &str) -> Option<Self> {
        let cluster = Cluster::shared(test)?;
        let database = Database::make(cluster).await;
        let proxy = Proxy::to(cluster.port()).await;
        let options = options().max_connections(NonZeroUsize::MIN);
        let store = options.connect(&proxy.url(&database.url)).await.unwrap();
        let home = store.enter(&slug("my-workspace"), UserId::new(ALICE)).await;
        Some(Self {
            proxy,
            store,
            home: home.unwrap().unwrap(),
            database,
        })
    }

    /// Makes a call, and fails if anything more is asked once the answer to the last trip has come.
    async fn round_trips<T, F>(
        &self,
        trips: usize,
        what: &str,
        call: impl FnOnce(PlaneStore, Workspace) -> F,
    ) where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let before = self.proxy.sent();
        self.proxy.hold_at_trip(trips);
        let call = tokio::spawn(call(self.store.clone(), self.home.clone()));
        self.proxy.answered().await;
        // It has all it needs to go on but the answer.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let asked = self.proxy.sent();
        assert!(asked > before, "{what} asks nothing");
        self.proxy.release();
        call.await.unwrap();
        assert_eq!(
            self.proxy.sent(),
            asked,
            "{what} asks more than {trips} times"
        );
    }

    /// Makes a call, and cuts the connection when its effect is there and its answer is not.
    async fn cut_once<T, F>(
        &self,
        trips: usize,
        effect: &str,
        call: impl FnOnce(PlaneStore, Workspace) -> F,
    ) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.proxy.hold_at_trip(trips);
        let call = tokio::spawn(call(self.store.clone(), self.home.clone()));
        wait_for(effect, async || {
            (self.database.count(effect).await == 1).then_some(())
        })
        .await;
        assert!(!call.is_finished(), "done without an answer");
        self.proxy.cut();
        self.proxy.release();
        call.await.unwrap()
    }
}

/// Where there is something to count, or a pair to make once, a create is a transaction.
fn trips(new: &NewAsset, caps: PendingCaps) -> usize {
    if caps == PendingCaps::default() && new.external.pair().is_none() {
        1
    } else {
        2
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_one_round_trip_and_a_transaction_two() {
    let test = "a_call_is_one_round_trip_and_a_transaction_two";
    let Some(watched) = Watched::new(test).await else {
        return;
    };
    // So that no stamp gets in between.
    let stamped = "last_used = '2026-05-19 10:11:12 UTC'";
    watched.database.set("api_tokens", stamped, "true").await;
    watched
        .round_trips(1, "verify", |store, _| async move {
            let key = Credential::new(CredentialKind::ApiKey, KEY);
            assert!(store.verify(&key, NOW).await.unwrap().is_some());
        })
        .await;
    watched
        .round_trips(1, "enter", |store, home| async move {
            let entered = store.enter(home.slug(), UserId::new(ALICE)).await;
            assert_eq!(entered.unwrap(), Some(home));
        })
        .await;
    let mut in_project = asset(NOW);
    in_project.project = Some(MY_PROJECT.into());
    let id = in_project.id;
    let none = PendingCaps::default();
    for (what, new, caps, outcome) in [
        ("a create", in_project, none, "New"),
        (
            "a create with a pair",
            with_pair(asset(NOW), "a", "1"),
            none,
            "New",
        ),
        (
            "a duplicate",
            with_pair(asset(NOW), "a", "1"),
            CAPS,
            "Duplicate",
        ),
        (
            "one too many",
            with_pair(asset(NOW), "a", "2"),
            CAPS,
            "TooManyPending",
        ),
    ] {
        watched
            .round_trips(trips(&new, caps), what, move |store, home| async move {
                let created = store.create(&home, new, caps).await.unwrap();
                let created = format!("{created:?}");
                assert!(created.starts_with(outcome), "{what}: {created}");
            })
            .await;
    }
    watched
        .round_trips(1, "find", move |store, home| async move {
            assert!(store.find(&home, id).await.unwrap().is_some());
        })
        .await;
    watched
        .round_trips(1, "set_state", move |store, home| async move {
            let set = store.set_state(&home, id, StateChange::Complete(None));
            assert_eq!(set.await.unwrap(), ChangeOutcome::Done);
        })
        .await;
    watched
        .round_trips(1, "delete", move |store, home| async move {
            assert!(store.delete(&home, id).await.unwrap());
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_is_new_though_the_answer_was_lost() {
    let test = "what_was_made_is_new_though_the_answer_was_lost";
    let Some(watched) = Watched::new(test).await else {
        return;
    };
    let room = PendingCaps {
        per_workspace: NonZeroU32::new(4),
        per_caller: NonZeroU32::new(4),
        ..PendingCaps::default()
    };
    let mut made = 0;
    for (new, caps) in [
        (asset(NOW), PendingCaps::default()),
        (with_pair(asset(NOW), "github", "7"), PendingCaps::default()),
        (asset(NOW), room),
        // The last that fits, and it fits once.
        (with_pair(asset(NOW), "github", "8"), room),
    ] {
        let effect = format!("id = '{}'", new.id);
        let own = new.clone();
        let created = watched
            .cut_once(trips(&new, caps), &effect, |store, home| async move {
                store.create(&home, own, caps).await
            })
            .await;
        assert_eq!(created.unwrap(), CreateOutcome::New);
        made += 1;
        assert_eq!(watched.database.count("true").await, made);
        // That was mercy for a lost answer, and not for an id that comes twice.
        if new.external.pair().is_none() {
            let again = watched
                .store
                .create(&watched.home, new, PendingCaps::default());
            assert!(matches!(again.await, Err(StoreError::Failed(_))));
        }
    }
}

/// Another workspace's asset has the id. Once the first answer is lost, every look says the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_taken_elsewhere_fails_though_the_answer_was_lost() {
    let test = "an_id_that_is_taken_elsewhere_fails_though_the_answer_was_lost";
    let Some(watched) = Watched::new(test).await else {
        return;
    };
    let new = asset(NOW);
    let created = watched
        .store
        .create(&watched.home, new.clone(), PendingCaps::default());
    assert_eq!(created.await.unwrap(), CreateOutcome::New);
    let elsewhere = format!("workspace_id = '{OTHERS}'");
    watched
        .database
        .set("file_assets", &elsewhere, "true")
        .await;
    watched.proxy.hold();
    let (store, home) = (watched.store.clone(), watched.home.clone());
    let none = PendingCaps::default();
    let again = tokio::spawn(async move { store.create(&home, new, none).await });
    watched.proxy.answered().await;
    watched.proxy.cut();
    watched.proxy.release();
    let refused = again.await.unwrap().unwrap_err();
    assert!(matches!(refused, StoreError::Failed(_)), "{refused}");
    assert!(refused.to_string().contains("file_asset_pkey"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_was_lost_is_unavailable() {
    let test = "a_change_whose_answer_was_lost_is_unavailable";
    let Some(watched) = Watched::new(test).await else {
        return;
    };
    let new = asset(NOW);
    let id = new.id;
    let created = watched
        .store
        .create(&watched.home, new, PendingCaps::default());
    assert_eq!(created.await.unwrap(), CreateOutcome::New);
    let deleted = watched
        .cut_once(1, "is_deleted", |store, home| async move {
            store.delete(&home, id).await
        })
        .await;
    assert!(
        matches!(deleted, Err(StoreError::Unavailable(_))),
        "{deleted:?}"
    );
    assert_eq!(watched.store.find(&watched.home, id).await.unwrap(), None);
}
