//! What goes over the wire, watched by a proxy that holds answers back and cuts connections.

use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use tokio_postgres::Client;
use tower_asset_upload::asset::{ChangeOutcome, NewAsset, PendingCaps, StateChange, Workspace};
use tower_asset_upload::auth::{
    Credential, CredentialKind, CredentialRecord, CredentialVerifier, Principal,
};
use tower_asset_upload::ports::{CreateOutcome, StoreError};
use tower_asset_upload::purge::{PurgeStep, PurgeStore};
use tower_asset_upload::stores::PostgresOptions;
use tower_asset_upload::{AssetStore, CredentialStore, PostgresStore};

use crate::cluster::{Cluster, connect};
use crate::proxy::Proxy;
use crate::world::{AT, NO_CAPS, USER, asset, make, open, slug, with_pair};

/// A store that has one connection, by way of a proxy.
struct Watched {
    proxy: Proxy,
    store: PostgresStore,
    home: Workspace,
    admin: Client,
}

impl Watched {
    async fn new(test: &str) -> Option<Self> {
        let cluster = Cluster::shared(test)?;
        let url = cluster.database().await;
        let proxy = Proxy::to(cluster.port()).await;
        let one = PostgresOptions::new().max_connections(NonZeroUsize::MIN);
        let (store, home) = open(&one, &proxy.url(&url)).await;
        Some(Self {
            proxy,
            store,
            home,
            admin: connect(&url).await,
        })
    }

    /// Makes a call, and fails if anything more is sent once the answer to the last trip has come.
    async fn round_trips<T: Send + 'static>(
        &self,
        trips: usize,
        what: &str,
        call: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let before = self.proxy.sent();
        self.proxy.hold_at_trip(trips);
        let call = tokio::spawn(call);
        self.proxy.answered().await;
        // It has all it needs to go on but the answer.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let begun = self.proxy.sent();
        assert!(begun > before, "{what} sends nothing");
        self.proxy.release();
        let answer = call.await.unwrap();
        assert_eq!(
            self.proxy.sent(),
            begun,
            "{what} asks more than {trips} times"
        );
        answer
    }

    /// Makes a call, and cuts the connection once its effect is there and before its answer is.
    async fn cut_once<T: Send + 'static>(
        &self,
        trips: usize,
        effect: &str,
        call: impl Future<Output = T> + Send + 'static,
    ) -> T {
        self.proxy.hold_at_trip(trips);
        let call = tokio::spawn(call);
        let seen = format!("SELECT 1 FROM asset_upload.asset WHERE {effect}");
        while self.admin.query_typed(&seen, &[]).await.unwrap().is_empty() {
            assert!(!call.is_finished(), "done without an answer");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.proxy.cut();
        self.proxy.release();
        call.await.unwrap()
    }

    /// Runs a call of the store's in a task.
    fn call<T, F>(&self, call: impl FnOnce(PostgresStore, Workspace) -> F) -> F
    where
        F: Future<Output = T>,
    {
        call(self.store.clone(), self.home.clone())
    }

    fn creates(
        &self,
        new: &NewAsset,
        caps: PendingCaps,
    ) -> impl Future<Output = CreateOutcome> + use<> {
        let new = new.clone();
        self.call(|store, home| async move { store.create(&home, new, caps).await.unwrap() })
    }

    async fn count(&self) -> i64 {
        let sql = "SELECT count(*) FROM asset_upload.asset";
        self.admin.query_typed(sql, &[]).await.unwrap()[0].get(0)
    }
}

const ONE: PendingCaps = PendingCaps {
    per_workspace: Some(NonZeroU32::MIN),
    per_caller: Some(NonZeroU32::MIN),
    discarded_per_workspace: None,
    discarded_per_caller: None,
};

/// Where there is something to count, a create is a transaction.
fn trips(caps: PendingCaps) -> usize {
    if caps == NO_CAPS { 1 } else { 2 }
}

/// What has to be one transaction is not done in pieces where there is none.
#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_begin_that_fails_is_not_done() {
    let test = "what_follows_a_begin_that_fails_is_not_done";
    let Some(watched) = Watched::new(test).await else {
        return;
    };
    watched.proxy.garble("BEGIN ISOLATION", "BEGIM ISOLATION");
    let created = watched.store.create(&watched.home, asset(), ONE).await;
    assert!(matches!(created, Err(StoreError::Failed(_))), "{created:?}");
    assert_eq!(watched.count().await, 0);
    let step = PurgeStep::new(AT, AT, AT, NonZeroU32::MIN);
    assert!(watched.store.purge(&step).await.is_err());

    // BEGIN passes, and what is set for the transaction does not: the connection is sound afterwards.
    watched
        .proxy
        .garble("SET LOCAL statement", "SET LOCAL stutters_");
    let created = watched.store.create(&watched.home, asset(), ONE).await;
    assert!(matches!(created, Err(StoreError::Failed(_))), "{created:?}");
    make(&watched.store, &watched.home).await;
    assert_eq!(watched.count().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_one_round_trip_and_a_transaction_two() {
    let Some(watched) = Watched::new("a_call_is_one_round_trip_and_a_transaction_two").await else {
        return;
    };
    let key = Credential::new(CredentialKind::ApiKey, "plane_api_0123456789abcdef");
    let record = CredentialRecord::new(&key, Principal::with_all_scopes(USER));
    watched.store.add_credential(record).await.unwrap();

    let enter = watched.call(|store, _| async move { store.enter(&slug(), USER).await });
    let entered = watched.round_trips(1, "enter", enter).await;
    assert!(entered.unwrap().is_some());
    let verify = watched.call(|store, _| async move { store.verify(&key, AT).await });
    let verified = watched.round_trips(1, "verify", verify).await;
    assert!(verified.unwrap().is_some());

    let new = with_pair("github", "7");
    let id = new.id;
    for (what, new, caps, expected) in [
        ("a capped create", new, ONE, "New"),
        (
            "a duplicate",
            with_pair("github", "7"),
            NO_CAPS,
            "Duplicate",
        ),
        ("one too many", asset(), ONE, "TooManyPending"),
        ("a create", asset(), NO_CAPS, "New"),
    ] {
        let created = watched
            .round_trips(trips(caps), what, watched.creates(&new, caps))
            .await;
        let created = format!("{created:?}");
        assert!(created.starts_with(expected), "{what}: {created}");
    }

    let find = watched.call(|store, home| async move { store.find(&home, id).await });
    let found = watched.round_trips(1, "find", find).await;
    assert!(found.unwrap().is_some());
    let complete = StateChange::Complete(None);
    let set = watched.call(|store, home| async move { store.set_state(&home, id, complete).await });
    let set = watched.round_trips(1, "set_state", set).await;
    assert_eq!(set.unwrap(), ChangeOutcome::Done);
    let delete = watched.call(|store, home| async move { store.delete(&home, id).await });
    assert!(watched.round_trips(1, "delete", delete).await.unwrap());

    let now = watched.store.time().await.unwrap().now;
    let mut step = PurgeStep::new(now, AT, AT, NonZeroU32::MIN);
    for expected in [1, 0] {
        let own = step.clone();
        let purge = watched.call(|store, _| async move { store.purge(&own).await });
        let condemned = watched.round_trips(2, "purge", purge).await.unwrap();
        assert_eq!(condemned.len(), expected);
        step.gone = condemned;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_is_new_though_the_answer_was_lost() {
    let test = "what_was_made_is_new_though_the_answer_was_lost";
    let Some(watched) = Watched::new(test).await else {
        return;
    };
    let mut made = 0;
    for (new, caps) in [
        (asset(), ONE),
        (asset(), NO_CAPS),
        (with_pair("github", "7"), NO_CAPS),
        (
            with_pair("github", "8"),
            PendingCaps {
                per_workspace: NonZeroU32::new(4),
                ..PendingCaps::default()
            },
        ),
    ] {
        let effect = format!("id = '{}'", new.id);
        let call = watched.creates(&new, caps);
        let created = watched.cut_once(trips(caps), &effect, call).await;
        assert_eq!(created, CreateOutcome::New);
        made += 1;
        assert_eq!(watched.count().await, made);
        // That was mercy for a lost answer, and not for an id that comes twice.
        if new.external.pair().is_none() {
            let again = watched.store.create(&watched.home, new.clone(), NO_CAPS);
            assert!(matches!(again.await, Err(StoreError::Failed(_))));
        }
    }
    let stranger = with_pair("github", "7");
    let taken = watched.creates(&stranger, NO_CAPS).await;
    assert!(matches!(taken, CreateOutcome::Duplicate(_)), "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_was_lost_is_unavailable() {
    let test = "a_change_whose_answer_was_lost_is_unavailable";
    let Some(watched) = Watched::new(test).await else {
        return;
    };
    let id = make(&watched.store, &watched.home).await;
    let complete = StateChange::Complete(None);
    let set = watched.call(|store, home| async move { store.set_state(&home, id, complete).await });
    let set = watched.cut_once(1, "state = 'uploaded'", set).await;
    assert!(matches!(set, Err(StoreError::Unavailable(_))), "{set:?}");
    // Over a connection that is there by then.
    let found = watched.store.find(&watched.home, id).await.unwrap();
    assert!(found.unwrap().state.is_uploaded());
    let delete = watched.call(|store, home| async move { store.delete(&home, id).await });
    let deleted = watched.cut_once(1, "deleted_at IS NOT NULL", delete).await;
    assert!(matches!(deleted, Err(StoreError::Unavailable(_))));
    assert!(!watched.store.delete(&watched.home, id).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_reads_is_asked_again() {
    let Some(watched) = Watched::new("what_only_reads_is_asked_again").await else {
        return;
    };
    let id = make(&watched.store, &watched.home).await;
    watched.proxy.hold();
    let find = watched.call(|store, home| async move { store.find(&home, id).await });
    let find = tokio::spawn(find);
    watched.proxy.answered().await;
    watched.proxy.cut();
    watched.proxy.release();
    assert!(find.await.unwrap().unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_gone_are_not_used() {
    let Some(watched) = Watched::new("connections_that_are_gone_are_not_used").await else {
        return;
    };
    for _ in 0..5 {
        let id = make(&watched.store, &watched.home).await;
        watched.proxy.cut();
        tokio::time::sleep(Duration::from_millis(20)).await;
        // A call that is never asked again.
        assert!(watched.store.delete(&watched.home, id).await.unwrap());
    }
}
