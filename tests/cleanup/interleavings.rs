//! Whatever happens while the clean-up runs: no row goes before its object, and nothing that lives
//! is condemned.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use time::OffsetDateTime;
use tokio::task::yield_now;
use tower_asset_upload::asset::{
    Clock, ExpiresIn, Mismatch, NewAsset, ObjectKey, StateChange, StoredObject,
};
use tower_asset_upload::ports::ObjectStoreError;
use tower_asset_upload::purge::purge;
use tower_asset_upload::{MemoryStore, ObjectStore, Unavailable};

use crate::bucket::Bucket;
use crate::world::{Slow, World, at_once, in_memory, options};

const FORMS_LIVE: Duration = Duration::from_hours(1);
const LATE: Duration = Duration::from_hours(23);
const PENDING_FOR: Duration = Duration::from_hours(2);

/// What callers and the world do. A number names one of the assets there are.
#[derive(Clone, Debug)]
enum Event {
    Announce,
    /// A form is handed out once more, for an asset that waits.
    SignAgain(usize),
    /// Somebody uses a form that lives, or ends an upload that was begun while it lived.
    Upload(usize),
    Complete(usize),
    /// What is there isn't what was announced.
    Reject(usize),
    TakeBack(usize),
    Delete(usize),
    Wait(Duration),
}

/// What the object store answers, and what happens meanwhile.
#[derive(Clone, Debug)]
struct Removal {
    before: Vec<Event>,
    answer: Answer,
    after: Vec<Event>,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Removed,
    /// It was removed, but the answer is lost.
    RemovedUnheard,
    Failed,
    Down,
}

#[derive(Clone, Debug)]
enum Act {
    Happens(Event),
    /// A run; it is dropped after so many polls.
    Purge(Vec<Removal>, usize),
}

fn event() -> impl Strategy<Value = Event> {
    let minutes = prop_oneof![0_u64..5, 30_u64..200, 1_400_u64..3_000];
    prop_oneof![
        3 => Just(Event::Announce),
        1 => any::<usize>().prop_map(Event::SignAgain),
        4 => any::<usize>().prop_map(Event::Upload),
        3 => any::<usize>().prop_map(Event::Complete),
        1 => any::<usize>().prop_map(Event::Reject),
        1 => any::<usize>().prop_map(Event::TakeBack),
        3 => any::<usize>().prop_map(Event::Delete),
        3 => minutes.prop_map(|minutes| Event::Wait(Duration::from_mins(minutes))),
    ]
}

fn removal() -> impl Strategy<Value = Removal> {
    let events = || proptest::collection::vec(event(), 0..3);
    let answer = prop_oneof![
        6 => Just(Answer::Removed),
        1 => Just(Answer::RemovedUnheard),
        2 => Just(Answer::Failed),
        1 => Just(Answer::Down),
    ];
    (events(), answer, events()).prop_map(|(before, answer, after)| Removal {
        before,
        answer,
        after,
    })
}

fn act() -> impl Strategy<Value = Act> {
    let polls = prop_oneof![1 => 0_usize..40, 2 => Just(usize::MAX)];
    prop_oneof![
        4 => event().prop_map(Act::Happens),
        1 => (proptest::collection::vec(removal(), 0..8), polls)
            .prop_map(|(removals, polls)| Act::Purge(removals, polls)),
    ]
}

struct Stage {
    world: World<MemoryStore>,
    bucket: Bucket,
    assets: Mutex<Vec<Known>>,
    script: Mutex<Vec<Removal>>,
    /// Their rows may be put off.
    failed: Mutex<BTreeSet<ObjectKey>>,
}

/// What its owner knows of an asset.
struct Known {
    new: NewAsset,
    /// When the last form for it was handed out.
    signed: OffsetDateTime,
    uploaded: bool,
    /// Since when it is pending, if that is what its owner knows of it.
    pending_since: Option<OffsetDateTime>,
}

impl Stage {
    async fn new() -> Self {
        Self {
            world: in_memory().await,
            bucket: Bucket::default(),
            assets: Mutex::default(),
            script: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    fn happens(&self, event: &Event) {
        let now = self.world.clock.now();
        let mut assets = self.assets.lock().unwrap();
        let place = |n: usize| n.checked_rem(assets.len()).unwrap_or_default();
        let (Event::SignAgain(n)
        | Event::Upload(n)
        | Event::Complete(n)
        | Event::Reject(n)
        | Event::TakeBack(n)
        | Event::Delete(n)) = event
        else {
            if let Event::Wait(duration) = event {
                self.world.clock.advance(*duration);
            } else {
                assets.push(Known {
                    new: at_once(self.world.announce()),
                    signed: now,
                    uploaded: false,
                    pending_since: Some(now),
                });
            }
            return;
        };
        let place = place(*n);
        let Some(known) = assets.get_mut(place) else {
            return;
        };
        match event {
            Event::SignAgain(_) => {
                if at_once(self.world.lives(&known.new)) {
                    known.signed = now;
                }
            }
            Event::Upload(_) => {
                if now < known.signed + FORMS_LIVE + LATE {
                    self.bucket.put(&known.new.key);
                }
            }
            // With a verifier, as in production: what isn't there is not complete.
            Event::Complete(_) => {
                if self.bucket.keys().contains(&known.new.key) {
                    let complete = StateChange::Complete(None);
                    if at_once(self.world.set_state(&known.new, complete)) {
                        known.uploaded = true;
                        known.pending_since = None;
                    }
                }
            }
            Event::Reject(_) => {
                if self.bucket.keys().contains(&known.new.key) {
                    let difference = Mismatch::new("It is another one.");
                    let reject = StateChange::Reject(difference);
                    if at_once(self.world.set_state(&known.new, reject)) {
                        known.pending_since = None;
                    }
                }
            }
            Event::TakeBack(_) => {
                if at_once(self.world.set_state(&known.new, StateChange::TakeBack)) {
                    known.pending_since = Some(now);
                }
                known.uploaded = false;
            }
            _ => {
                at_once(self.world.delete(&known.new));
                known.uploaded = false;
                known.pending_since = None;
            }
        }
    }

    /// Runs the clean-up, or some of it.
    fn purge(&self, script: &[Removal], polls: usize) {
        *self.script.lock().unwrap() = script.iter().rev().cloned().collect();
        let options = options()
            .pending_for(PENDING_FOR)
            .forms_live(ExpiresIn::new(FORMS_LIVE).unwrap())
            .batch(std::num::NonZeroU32::new(3).unwrap())
            .concurrency(std::num::NonZeroUsize::new(2).unwrap());
        let store = Slow(&self.world.store);
        let mut run = std::pin::pin!(purge(&store, self, &options));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..polls {
            if let Poll::Ready(report) = run.as_mut().poll(&mut context) {
                let down = script.iter().any(|r| matches!(r.answer, Answer::Down));
                assert!(report.is_ok() || down, "{report:?}");
                return;
            }
            self.check();
        }
    }

    fn check(&self) {
        let graves = at_once(self.world.graves());
        let graves: BTreeSet<_> = graves.iter().map(|condemned| condemned.id).collect();
        let objects = self.bucket.keys();
        for known in self.assets.lock().unwrap().iter() {
            let (lives, key) = (at_once(self.world.lives(&known.new)), &known.new.key);
            let is_put_off = self.failed.lock().unwrap().contains(key);
            assert!(
                lives || is_put_off || graves.contains(&known.new.id) || !objects.contains(key),
                "the row of {} is gone, and its object is there",
                known.new.id
            );
            assert!(
                !known.uploaded || (lives && objects.contains(key)),
                "{} was complete, and is lost",
                known.new.id
            );
            let waits = |since: OffsetDateTime| self.world.clock.now() <= since + PENDING_FOR;
            assert!(
                lives || !known.pending_since.is_some_and(waits),
                "{} was given up before its time",
                known.new.id
            );
        }
    }

    /// When nothing happens any more, all goes that has to go.
    fn settle(&self) {
        self.world
            .clock
            .advance(PENDING_FOR + Duration::from_mins(1));
        self.purge(&[], usize::MAX);
        self.world
            .clock
            .advance(FORMS_LIVE + LATE + Duration::from_hours(2));
        self.purge(&[], usize::MAX);
        self.check();
        assert_eq!(at_once(self.world.graves()), []);
        let assets = self.assets.lock().unwrap();
        let living = assets.iter().filter(|known| known.uploaded);
        let living: BTreeSet<_> = living.map(|known| known.new.key.clone()).collect();
        assert_eq!(self.bucket.keys(), living);
    }
}

#[async_trait]
impl ObjectStore for Stage {
    async fn head(&self, _: &ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError> {
        unreachable!("the clean-up asks for nothing")
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectStoreError> {
        let removal = self.script.lock().unwrap().pop().unwrap_or(Removal {
            before: Vec::new(),
            answer: Answer::Removed,
            after: Vec::new(),
        });
        for event in &removal.before {
            self.happens(event);
        }
        yield_now().await;
        {
            let assets = self.assets.lock().unwrap();
            let known = assets.iter().find(|known| known.new.key == *key).unwrap();
            assert!(!known.uploaded, "{key} is complete and lives");
            let lives = at_once(self.world.lives(&known.new));
            assert!(!lives, "{key} lives and is condemned");
        }
        if matches!(removal.answer, Answer::Removed | Answer::RemovedUnheard) {
            self.bucket.remove_at_once(key);
        }
        if matches!(
            removal.answer,
            Answer::RemovedUnheard | Answer::Failed | Answer::Down
        ) {
            self.failed.lock().unwrap().insert(key.clone());
        }
        for event in &removal.after {
            self.happens(event);
        }
        yield_now().await;
        match removal.answer {
            Answer::Removed => Ok(()),
            Answer::RemovedUnheard | Answer::Failed => {
                Err(ObjectStoreError::Failed("a legal hold".into()))
            }
            Answer::Down => Err(Unavailable::new("no route to the bucket").into()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_is_left(acts in proptest::collection::vec(act(), 0..40)) {
        let stage = at_once(Stage::new());
        for act in &acts {
            match act {
                Act::Happens(event) => stage.happens(event),
                Act::Purge(removals, polls) => stage.purge(removals, *polls),
            }
            stage.check();
        }
        stage.settle();
    }
}
