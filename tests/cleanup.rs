//! The clean-up: what goes, in which order, and what stays when things fail.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "cleanup/bucket.rs"]
mod bucket;
#[path = "cleanup/interleavings.rs"]
mod interleavings;
mod support;
#[path = "cleanup/world.rs"]
mod world;

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bucket::Bucket;
use support::Log;
use time::OffsetDateTime;
use tower_asset_upload::asset::{ExpiresIn, FixedClock, StateChange};
use tower_asset_upload::ports::StoreError;
use tower_asset_upload::purge::{
    Condemned, PurgeError, PurgeOptions, PurgeReport, PurgeStep, PurgeStore, StoreTime, purge,
    purge_periodically,
};
use tower_asset_upload::{AssetStore, DirectoryStore, MemoryStore, ObjectStore, SqliteStore};
use world::{NOW, Slow, World, at_once, to_the_end};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn counts(report: &PurgeReport) -> [u64; 4] {
    let PurgeReport {
        condemned,
        objects,
        rows,
        failed,
        ..
    } = *report;
    [condemned, objects, rows, failed]
}

fn batches_of(assets: u32) -> NonZeroU32 {
    NonZeroU32::new(assets).unwrap()
}

/// The life of what is deleted and of what was never uploaded, up to its end.
async fn everything_goes_in_time<Store: AssetStore + PurgeStore>(world: World<Store>) {
    let bucket = Bucket::default();
    let options = world::options().forms_live(ExpiresIn::default());
    let [kept, deleted, stale] = [
        world.make(&bucket).await,
        world.make(&bucket).await,
        world.make(&bucket).await,
    ];
    for uploaded in [&kept, &deleted] {
        world.set_state(uploaded, StateChange::Complete(None)).await;
    }
    assert!(world.delete(&deleted).await);
    let run = async || purge(&world.store, &bucket, &options).await.unwrap();

    assert_eq!(counts(&run().await), [1, 1, 0, 0], "the deleted one");
    assert_eq!(
        bucket.keys(),
        [&kept, &stale].map(|new| new.key.clone()).into()
    );
    world.clock.advance(7 * DAY + HOUR);
    let fresh = world.make(&bucket).await;
    // By now no form of the deleted one is alive.
    assert_eq!(counts(&run().await), [2, 2, 1, 0], "and the stale one");
    assert!(!world.lives(&stale).await);
    assert_eq!(counts(&run().await), [0; 4], "both objects are gone");

    // Whoever had a form for it put it there once more.
    bucket.put(&stale.key);
    world.clock.advance(DAY + HOUR);
    assert_eq!(counts(&run().await), [0; 4], "its form may still live");
    world.clock.advance(Duration::from_micros(1));
    assert_eq!(counts(&run().await), [1, 1, 1, 0], "once more, and its row");
    assert_eq!(counts(&run().await), [0; 4], "nothing is left");
    assert_eq!(
        bucket.keys(),
        [&kept, &fresh].map(|new| new.key.clone()).into()
    );
    assert!(world.lives(&kept).await && world.lives(&fresh).await);
}

#[tokio::test]
async fn everything_goes_in_time_in_memory() {
    everything_goes_in_time(world::in_memory().await).await;
}

#[tokio::test]
async fn everything_goes_in_time_in_sqlite() {
    let (world, _directory) = in_sqlite().await;
    everything_goes_in_time(world).await;
}

async fn in_sqlite() -> (World<SqliteStore>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let clock = world::TestClock::default();
    let store = SqliteStore::options()
        .clock(clock.clone())
        .open(directory.path().join("assets.sqlite3"))
        .unwrap();
    store
        .add_workspace(world::WORKSPACE, world::slug())
        .await
        .unwrap();
    store
        .add_member(world::WORKSPACE, world::USER)
        .await
        .unwrap();
    (World::new(store, clock).await, directory)
}

#[tokio::test]
async fn what_fails_stays_is_told_and_holds_up_nothing() {
    let world = world::in_memory().await;
    let bucket = Bucket::default();
    let mut deleted = Vec::new();
    for _ in 0..20 {
        deleted.push(world.deleted(&bucket).await);
    }
    let failing: Vec<_> = deleted
        .iter()
        .step_by(4)
        .map(|new| new.key.clone())
        .collect();
    bucket.fail(failing.iter().cloned());
    let options = world::options().batch(batches_of(3));
    let log = Log::default();
    {
        let _guard = log.listen();
        let report = purge(&world.store, &bucket, &options).await.unwrap();
        assert_eq!(counts(&report), [20, 15, 0, 5]);
    }
    assert_eq!(bucket.keys(), failing.iter().cloned().collect());
    let log = log.text();
    assert_eq!(log.matches("WARN").count(), 5, "{log}");
    for new in &deleted {
        let told = log.contains(&new.id.to_string());
        assert_eq!(told, failing.contains(&new.key), "{log}");
        assert!(!log.contains(new.key.as_str()), "{log}");
    }
    assert!(log.contains("a legal hold"), "{log}");

    // They are left alone for a while, and then longer each time; when the hold ends they go.
    let run = async || counts(&purge(&world.store, &bucket, &options).await.unwrap());
    let (minute, slack) = (Duration::from_mins(1), Duration::from_millis(1));
    for minutes in [10, 20, 40, 80, 160, 320, 640, 1_280, 1_440, 1_440] {
        assert_eq!(run().await, [0; 4], "they failed just now");
        // A run's batches are some microseconds apart.
        world
            .clock
            .advance((minute * minutes).saturating_sub(slack));
        assert_eq!(run().await, [0; 4], "not yet {minutes} minutes");
        world.clock.advance(Duration::from_millis(2));
        assert_eq!(run().await, [5, 0, 0, 5], "after {minutes} minutes");
    }
    bucket.fail([]);
    world.clock.advance(DAY + slack);
    assert_eq!(run().await, [5, 5, 0, 0]);
    world.clock.advance(8 * DAY + HOUR);
    let report = purge(&world.store, &bucket, &options).await.unwrap();
    assert_eq!(counts(&report), [20, 20, 20, 0]);
    assert_eq!(world.graves().await, []);
}

/// One object that the store stumbles over is not a store that is down.
#[tokio::test]
async fn an_object_that_is_unavailable_holds_up_no_other() {
    let world = world::in_memory().await;
    let bucket = Bucket::default();
    let mut deleted = Vec::new();
    for _ in 0..30 {
        deleted.push(world.deleted(&bucket).await);
    }
    // Four in a row: they were deleted at the same moment, so their order is that of their ids.
    deleted.sort_by_key(|new| new.id);
    let stumbling: Vec<_> = deleted
        .chunks(8)
        .flat_map(|eight| eight.iter().take(4))
        .map(|new| new.key.clone())
        .collect();
    bucket.stumble_over(stumbling.iter().cloned());
    let options = world::options()
        .concurrency(NonZeroUsize::MIN)
        .batch(batches_of(7));
    let report = purge(&world.store, &bucket, &options).await.unwrap();
    let failed = u64::try_from(stumbling.len()).unwrap();
    assert_eq!(counts(&report), [30, 30 - failed, 0, failed]);
    assert_eq!(bucket.keys(), stumbling.iter().cloned().collect());

    // They stand at the head of the line now, one behind the other, and look like an outage. What is
    // deleted since gets its turn all the same.
    let next = world.deleted(&bucket).await;
    for runs in 1.. {
        world.clock.advance(HOUR);
        let run = purge(&world.store, &bucket, &options).await;
        if !bucket.keys().contains(&next.key) {
            break;
        }
        assert!(matches!(run, Err(PurgeError::Objects { .. })), "{run:?}");
        assert!(runs < stumbling.len(), "still held up after {runs} runs");
    }
    bucket.stumble_over([]);
    world.clock.advance(2 * DAY);
    let report = purge(&world.store, &bucket, &options).await.unwrap();
    assert_eq!(counts(&report), [failed, failed, 0, 0]);
}

/// Uploaded, taken back, cleaned up, completed again: the object stays.
async fn what_is_taken_back_is_not_lost<Store: AssetStore + PurgeStore>(world: World<Store>) {
    let bucket = Bucket::default();
    let asset = world.make(&bucket).await;
    world.set_state(&asset, StateChange::Complete(None)).await;
    world.clock.advance(30 * DAY);
    world.set_state(&asset, StateChange::TakeBack).await;
    let options = world::options();
    for _ in 0..2 {
        let report = purge(&world.store, &bucket, &options).await.unwrap();
        assert_eq!(counts(&report), [0; 4]);
        world.clock.advance(6 * DAY);
    }
    let report = purge(&world.store, &bucket, &options).await.unwrap();
    assert_eq!(
        counts(&report),
        [1, 1, 0, 0],
        "after twelve days it is given up"
    );
    assert!(!world.lives(&asset).await);

    let asset = world.make(&bucket).await;
    world.set_state(&asset, StateChange::Complete(None)).await;
    world.clock.advance(30 * DAY);
    world.set_state(&asset, StateChange::TakeBack).await;
    purge(&world.store, &bucket, &options).await.unwrap();
    assert!(world.set_state(&asset, StateChange::Complete(None)).await);
    world.clock.advance(30 * DAY);
    purge(&world.store, &bucket, &options).await.unwrap();
    assert!(world.lives(&asset).await);
    assert_eq!(bucket.keys(), [asset.key.clone()].into());
}

#[tokio::test]
async fn what_is_taken_back_is_not_lost_in_memory() {
    what_is_taken_back_is_not_lost(world::in_memory().await).await;
}

#[tokio::test]
async fn what_is_taken_back_is_not_lost_in_sqlite() {
    let (world, _directory) = in_sqlite().await;
    what_is_taken_back_is_not_lost(world).await;
}

/// What a clock that is wrong would destroy.
async fn a_clock_that_can_not_be_right_is_refused<Store: AssetStore + PurgeStore>(
    world: World<Store>,
) {
    let bucket = Bucket::default();
    let options = PurgeOptions::new();
    let report = purge(&world.store, &bucket, &options).await.unwrap();
    assert_eq!(
        counts(&report),
        [0; 4],
        "nothing is recorded that could differ"
    );
    let pending = world.make(&bucket).await;
    let refused = async || {
        let error = purge(&world.store, &bucket, &options).await.unwrap_err();
        assert!(matches!(error, PurgeError::Clock { .. }), "{error:?}");
        assert_eq!(counts(&error.done()), [0; 4]);
        assert!(world.lives(&pending).await);
        error.to_string()
    };
    // A week ahead, and it would be given up.
    world.clock.advance(8 * DAY);
    let said = refused().await;
    assert!(
        said.contains("2026-05-27") && said.contains("2026-05-19"),
        "{said}"
    );
    assert!(said.contains("clock_lead"), "{said}");
    // The next asset that is made shows that the clock is right, or at least the host's.
    let next = world.make(&bucket).await;
    let report = purge(&world.store, &bucket, &options).await.unwrap();
    assert_eq!(counts(&report), [1, 1, 0, 0]);
    assert!(world.lives(&next).await);
    // So does each run: a day without anything else is no reason to stop.
    for _ in 0..3 {
        world.clock.advance(DAY);
        purge(&world.store, &bucket, &options).await.unwrap();
    }
    // A clock that was ahead and is set right is behind what was recorded.
    world.clock.set_back(HOUR);
    let error = purge(&world.store, &bucket, &options).await.unwrap_err();
    assert!(matches!(error, PurgeError::Clock { .. }), "{error:?}");
    assert!(error.to_string().contains("clock_lag"), "{error}");
    // Who knows that it is right now says so.
    let right = options.clone().clock_lag(HOUR);
    purge(&world.store, &bucket, &right).await.unwrap();
    assert!(world.lives(&next).await);
    world.clock.advance(Duration::from_mins(55));
    purge(&world.store, &bucket, &options).await.unwrap();
    // Who is idle for longer says so.
    world.clock.advance(3 * DAY);
    let idle = options.clone().clock_lead(4 * DAY);
    purge(&world.store, &bucket, &idle).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_can_not_be_right_is_refused_in_memory() {
    a_clock_that_can_not_be_right_is_refused(world::in_memory().await).await;
}

#[tokio::test]
async fn a_clock_that_can_not_be_right_is_refused_in_sqlite() {
    let (world, _directory) = in_sqlite().await;
    a_clock_that_can_not_be_right_is_refused(world).await;
}

#[tokio::test]
async fn an_object_store_that_goes_down_ends_the_run() {
    let world = world::in_memory().await;
    let bucket = Bucket::default();
    for _ in 0..40 {
        world.deleted(&bucket).await;
    }
    bucket.go_down_after(25);
    let options = world::options()
        .batch(batches_of(10))
        .concurrency(NonZeroUsize::new(4).unwrap());
    let error = purge(&world.store, &bucket, &options).await.unwrap_err();
    assert!(matches!(error, PurgeError::Objects { .. }), "{error:?}");
    assert_eq!(counts(&error.done()), [30, 25, 0, 5]);
    let said = error.to_string();
    assert!(
        said.contains("the object store is unavailable: no route"),
        "{said}"
    );
    // Five in a row, and those that were on their way by then.
    assert!(bucket.calls() <= 25 + 5 + 3, "{} calls", bucket.calls());

    // What was done stays done, and the rest comes next.
    bucket.go_down_after(None);
    let report = purge(&world.store, &bucket, &options).await.unwrap();
    assert_eq!(counts(&report), [10, 10, 0, 0]);
    world.clock.advance(HOUR);
    let report = purge(&world.store, &bucket, &options).await.unwrap();
    assert_eq!(counts(&report), [5, 5, 0, 0]);
    assert!(bucket.keys().is_empty());
}

#[tokio::test]
async fn as_many_objects_at_once_as_allowed() {
    let world = world::in_memory().await;
    for (concurrency, most) in [(1, 1), (5, 5), (1_000, 30)] {
        let bucket = Bucket::default();
        for _ in 0..30 {
            world.deleted(&bucket).await;
        }
        let concurrency = NonZeroUsize::new(concurrency).unwrap();
        let options = world::options().concurrency(concurrency);
        let report = purge(&world.store, &bucket, &options).await.unwrap();
        assert_eq!(report.objects, 30);
        assert_eq!(bucket.most_at_once(), most);
    }
    let bucket = Bucket::default();
    for _ in 0..30 {
        world.deleted(&bucket).await;
    }
    purge(&world.store, &bucket, &world::options())
        .await
        .unwrap();
    assert_eq!(bucket.most_at_once(), 8, "by default");
}

/// Notes the steps it is asked for, and fails at one of them.
struct Watched {
    store: MemoryStore,
    steps: Mutex<Vec<PurgeStep>>,
    fails_at: usize,
}

#[async_trait]
impl PurgeStore for Watched {
    async fn time(&self) -> Result<StoreTime, StoreError> {
        self.store.time().await
    }

    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        let number = {
            let mut steps = self.steps.lock().unwrap();
            steps.push(step.clone());
            steps.len()
        };
        if number == self.fails_at {
            return Err(StoreError::unavailable("no route to the database"));
        }
        self.store.purge(step).await
    }
}

#[tokio::test]
async fn a_database_that_goes_down_ends_the_run() {
    let world = world::in_memory().await;
    let bucket = Bucket::default();
    for _ in 0..10 {
        world.deleted(&bucket).await;
    }
    let store = Watched {
        store: world.store.clone(),
        steps: Mutex::default(),
        fails_at: 3,
    };
    let options = world::options().batch(batches_of(4));
    let error = purge(&store, &bucket, &options).await.unwrap_err();
    assert!(
        matches!(
            &error,
            PurgeError::Store {
                source: StoreError::Unavailable(_),
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(counts(&error.done()), [8, 8, 0, 0]);
    assert!(
        error.to_string().contains("no route to the database"),
        "{error}"
    );

    // The second four were not noted as gone: they are removed once more, and nothing is missed.
    let report = purge(&store, &bucket, &options).await.unwrap();
    assert_eq!(counts(&report), [6, 6, 0, 0]);
    assert!(bucket.keys().is_empty());
}

#[tokio::test]
async fn both_down_is_told_of_the_object_store() {
    let world = world::in_memory().await;
    let bucket = Bucket::default();
    for _ in 0..6 {
        world.deleted(&bucket).await;
    }
    bucket.go_down_after(1);
    let store = Watched {
        store: world.store.clone(),
        steps: Mutex::default(),
        fails_at: 2,
    };
    let error = purge(&store, &bucket, &world::options()).await.unwrap_err();
    assert!(matches!(error, PurgeError::Objects { .. }), "{error:?}");
    bucket.go_down_after(None);
    let report = purge(&store, &bucket, &world::options()).await.unwrap();
    assert_eq!(counts(&report), [6, 6, 0, 0]);
}

#[tokio::test]
async fn steps_are_what_the_options_say() {
    let world = world::in_memory().await;
    let bucket = Bucket::default();
    for _ in 0..5 {
        world.deleted(&bucket).await;
    }
    let watched = |fails_at| Watched {
        store: world.store.clone(),
        steps: Mutex::default(),
        fails_at,
    };
    let store = watched(0);
    purge(&store, &bucket, &world::options()).await.unwrap();
    let [first, second] = store.steps.into_inner().unwrap().try_into().unwrap();
    assert_eq!(first.now, NOW);
    assert_eq!(first.pending_before, NOW - time::Duration::days(7));
    assert_eq!(first.forget_before, NOW - time::Duration::days(8));
    assert_eq!((first.most.get(), first.after.as_ref()), (500, None));
    assert!(second.now > first.now, "by a clock that stands still");
    assert_eq!(second.forget_before, first.forget_before);
    assert_eq!(
        (second.gone.len(), second.after.as_ref()),
        (5, second.gone.iter().max())
    );

    // The ends of time are no reason to panic, nor to ask a database for what it can't hold.
    for clock in [time::PrimitiveDateTime::MIN, time::PrimitiveDateTime::MAX] {
        let options = PurgeOptions::new().pending_for(Duration::MAX);
        let store = Watched {
            store: MemoryStore::with_clock(FixedClock(clock.assume_utc())),
            steps: Mutex::default(),
            fails_at: 0,
        };
        purge(&store, &bucket, &options).await.unwrap();
        let first = store.steps.into_inner().unwrap().swap_remove(0);
        assert_eq!(first.pending_before, OffsetDateTime::UNIX_EPOCH);
        assert!(first.forget_before >= OffsetDateTime::UNIX_EPOCH);
    }
}

#[test]
fn a_run_that_is_dropped_anywhere_loses_nothing() {
    let mut polls = 0;
    while !to_the_end(dropped_after(polls)) {
        polls += 1;
    }
    assert!(polls > 20, "only {polls} places to drop it");
}

/// Whether the run came to its end before.
async fn dropped_after(polls: usize) -> bool {
    let world = world::in_memory().await;
    let bucket = Bucket::default();
    let stale = world.make(&bucket).await;
    world.clock.advance(8 * DAY);
    let living = world.make(&bucket).await;
    world.set_state(&living, StateChange::Complete(None)).await;
    for _ in 0..9 {
        world.deleted(&bucket).await;
    }
    let options = world::options()
        .batch(batches_of(2))
        .concurrency(NonZeroUsize::new(2).unwrap());
    let ended = {
        let store = Slow(&world.store);
        let mut run = std::pin::pin!(purge(&store, &bucket, &options));
        let mut context = Context::from_waker(Waker::noop());
        (0..polls).any(|_| run.as_mut().poll(&mut context).is_ready())
    };
    purge(&world.store, &bucket, &options).await.unwrap();
    assert_eq!(bucket.keys(), [living.key.clone()].into(), "after {polls}");
    world.clock.advance(9 * DAY);
    purge(&world.store, &bucket, &options).await.unwrap();
    assert_eq!(world.graves().await, [], "after {polls}");
    assert!(world.lives(&living).await && !world.lives(&stale).await);
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn several_runs_at_once_from_tasks_over_ports() {
    let world = world::in_memory().await;
    let bucket = Bucket::default();
    for _ in 0..50 {
        world.deleted(&bucket).await;
    }
    let store: Arc<dyn PurgeStore> = Arc::new(world.store.clone());
    let objects: Arc<dyn ObjectStore> = Arc::new(bucket.clone());
    let options = world::options().batch(batches_of(7));
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let (store, objects, options) = (store.clone(), objects.clone(), options.clone());
            tokio::spawn(async move { purge(&*store, &*objects, &options).await })
        })
        .collect();
    for run in runs {
        assert_eq!(run.await.unwrap().unwrap().failed, 0);
    }
    assert!(bucket.keys().is_empty());
    assert_eq!(world.graves().await.len(), 50, "they wait for their forms");
    let report = at_once(purge(&store, &objects, &options));
    assert_eq!(counts(&report.unwrap()), [0; 4]);
}

#[tokio::test]
async fn it_is_repeated_after_each_pause() {
    let world = world::in_memory().await;
    let bucket = Bucket::default();
    let (sent, mut pauses) = tokio::sync::mpsc::unbounded_channel();
    let pause = move || {
        let (go_on, going_on) = tokio::sync::oneshot::channel::<()>();
        sent.send(go_on).unwrap();
        async { going_on.await.unwrap() }
    };
    let runs = purge_periodically(world.store.clone(), bucket.clone(), world::options(), pause);
    let runs = tokio::spawn(runs);
    // The first run has nothing to do, the second one finds a deleted asset.
    let first = pauses.recv().await.unwrap();
    world.deleted(&bucket).await;
    assert_eq!(bucket.keys().len(), 1);
    first.send(()).unwrap();
    let _second = pauses.recv().await.unwrap();
    assert_eq!(bucket.keys().len(), 0);
    runs.abort();
}
