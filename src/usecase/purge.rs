//! The clean-up: condemned objects go, then their rows.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use time::OffsetDateTime;

use crate::asset::ExpiresIn;
use crate::error::Unavailable;
use crate::ports::purge::{Condemned, FailedRemoval, PurgeStep, PurgeStore, StoreTime};
use crate::ports::{ObjectStore, ObjectStoreError, StoreError};

/// An upload that begins within its form's life may end after it: 5 GiB take hours on a slow line.
/// And not all clocks agree.
const SLACK: time::Duration = time::Duration::DAY;

/// Removes what nobody needs any more: the objects of deleted assets and of those that were never
/// uploaded, and then their rows.
///
/// Call it now and then, once an hour for instance, on as many replicas as you like: they do some
/// work twice and nothing wrong. A run ends when it has been through everything that was due at its
/// beginning. One that is dropped loses nothing; the next takes its work up.
///
/// An object that can't be removed keeps its row and holds up nothing behind it. The run counts it,
/// warns of it through `tracing`, and leaves it alone for ten minutes; each further failure doubles
/// that, up to a day.
///
/// # Time
/// Ages are measured by the [store's clock](PurgeStore::time). If that is a host's and not a database
/// server's, the run compares it with the newest moment that the store has recorded. It refuses a
/// clock that is further ahead of that moment than [`PurgeOptions::clock_lead`] allows, or further
/// behind than [`PurgeOptions::clock_lag`].
///
/// # What must hold
/// No two assets share a key. The keys that the service makes by itself contain a random UUID. With
/// a [key strategy](crate::service::AssetUploadBuilder::key_strategy) that leaves it out, cleaning up after
/// a deleted asset removes the file of a living one.
///
/// # Errors
/// When the database fails, when the clock can't be right, and when the object store as a whole seems
/// to be down: it was [unavailable](ObjectStoreError::Unavailable) for five objects in a row. The error says
/// what was [done](PurgeError::done) before, which stays done.
///
/// ```
/// use async_trait::async_trait;
/// use tower_asset_upload::{MemoryStore, ObjectStore};
/// use tower_asset_upload::asset::{ObjectKey, StoredObject};
/// use tower_asset_upload::ports::ObjectStoreError;
/// use tower_asset_upload::purge::{purge, PurgeOptions};
///
/// /// `s3::S3Objects`, say.
/// struct Bucket;
///
/// #[async_trait]
/// impl ObjectStore for Bucket {
///     async fn head(&self, _: &ObjectKey) -> Result<Option<StoredObject>, ObjectStoreError> {
///         Ok(None)
///     }
///
///     async fn delete(&self, _: &ObjectKey) -> Result<(), ObjectStoreError> {
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// match purge(&MemoryStore::new(), &Bucket, &PurgeOptions::new()).await {
///     Ok(report) => println!("{} objects removed", report.objects),
///     Err(error) => println!("{error}, after {} objects", error.done().objects),
/// }
/// # }
/// ```
pub async fn purge(
    store: &(impl PurgeStore + ?Sized),
    objects: &(impl ObjectStore + ?Sized),
    options: &PurgeOptions,
) -> Result<PurgeReport, PurgeError> {
    let mut done = PurgeReport::default();
    let time = match store.time().await {
        Ok(time) => time,
        Err(source) => return Err(PurgeError::Store { source, done }),
    };
    let mut step = options.first_step(options.plausible(time)?);
    let mut outage = Outage::default();
    loop {
        let named = match store.purge(&step).await {
            Ok(named) => named,
            Err(source) => return Err(PurgeError::Store { source, done }),
        };
        done.forgotten(&step);
        let Some(last) = named.last().cloned() else {
            return Ok(done);
        };
        // Assets that are deleted while the run goes on are the next run's, or it might never end.
        let is_last = named.len() < options.batch_len();
        done.condemned += count(named.len());
        let removal = remove(objects, named, options.concurrency, &mut outage).await;
        done.objects += count(removal.gone.len());
        done.failed += count(removal.failed.len());
        step.now = later(store, step.now).await;
        step.gone = removal.gone;
        step.failed = removal
            .failed
            .into_iter()
            .map(|condemned| put_off(condemned, step.now))
            .collect();
        step.after = Some(last);
        if !is_last && removal.down.is_none() {
            continue;
        }
        let noted = store.purge(&step).await;
        if noted.is_ok() {
            done.forgotten(&step);
        }
        return match (removal.down, noted) {
            (None, Ok(_)) => Ok(done),
            (None, Err(source)) => Err(PurgeError::Store { source, done }),
            (Some(source), Ok(_)) => Err(PurgeError::Objects { source, done }),
            (Some(source), Err(error)) => {
                // They are gone all the same: the next run removes them once more.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the clean-up could not note which objects are gone"
                );
                Err(PurgeError::Objects { source, done })
            }
        };
    }
}

/// The time, but later than the last: what is given up now has to come behind what was then. Where
/// the store can't be asked, the step that follows says so.
async fn later(store: &(impl PurgeStore + ?Sized), last: OffsetDateTime) -> OffsetDateTime {
    let next = last.saturating_add(time::Duration::MICROSECOND);
    store.time().await.map_or(next, |time| time.now.max(next))
}

/// Leaves an object alone for ten minutes after its first failure, and for twice as long after each
/// that follows.
fn put_off(condemned: Condemned, now: OffsetDateTime) -> FailedRemoval {
    const FIRST: time::Duration = time::Duration::minutes(10);
    let doubled = 2_i32.saturating_pow(condemned.failures.min(16));
    let wait = FIRST.saturating_mul(doubled).min(time::Duration::DAY);
    FailedRemoval {
        condemned,
        retry_at: now.saturating_add(wait),
    }
}

/// How a clean-up is done.
///
/// ```
/// use std::time::Duration;
/// use tower_asset_upload::asset::ExpiresIn;
/// use tower_asset_upload::purge::PurgeOptions;
///
/// let options = PurgeOptions::new()
///     .pending_for(Duration::from_hours(24))
///     .forms_live(ExpiresIn::default());
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct PurgeOptions {
    pending_for: Duration,
    forms_live: ExpiresIn,
    batch: NonZeroU32,
    concurrency: NonZeroUsize,
    clock_lead: Duration,
    clock_lag: Duration,
}

impl PurgeOptions {
    const PENDING_FOR: Duration = Duration::from_hours(7 * 24);
    const BATCH: NonZeroU32 = NonZeroU32::MIN.saturating_add(499);
    const CONCURRENCY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);
    const CLOCK_LEAD: Duration = Duration::from_hours(24);
    const CLOCK_LAG: Duration = Duration::from_mins(5);

    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pending_for: Self::PENDING_FOR,
            forms_live: ExpiresIn::MAX,
            batch: Self::BATCH,
            concurrency: Self::CONCURRENCY,
            clock_lead: Self::CLOCK_LEAD,
            clock_lag: Self::CLOCK_LAG,
        }
    }

    /// How long an asset may wait for its upload before it is given up; 7 days by default.
    /// **Danger:** a client that takes longer than this loses its upload, so let it be no less than
    /// forms live and uploads take.
    #[must_use]
    pub fn pending_for(mut self, wait: Duration) -> Self {
        self.pending_for = wait;
        self
    }

    /// The longest that any form or URL for an upload may live that was handed out;
    /// [`ExpiresIn::MAX`] by default, which is always right.
    ///
    /// A form outlives the asset it was signed for, and can put the object back after it was
    /// removed. So the row of a deleted asset stays for that long and a day more, for uploads that
    /// take their time; then its object is removed once more, and the row goes. **Danger:** less
    /// than the forms really live leaves objects that nothing knows of.
    #[must_use]
    pub fn forms_live(mut self, longest: ExpiresIn) -> Self {
        self.forms_live = longest;
        self
    }

    /// How many assets to take on at once; 500 by default.
    #[must_use]
    pub fn batch(mut self, assets: NonZeroU32) -> Self {
        self.batch = assets;
        self
    }

    /// How many objects to remove at the same time; 8 by default.
    #[must_use]
    pub fn concurrency(mut self, objects: NonZeroUsize) -> Self {
        self.concurrency = objects;
        self
    }

    /// How far the host's clock may be ahead of the store's newest record; one day by default. Ignored
    /// for stores that use a database server's clock.
    ///
    /// A store records a moment whenever an asset is made, taken back or deleted, and whenever the
    /// clean-up runs. So a run that is refused after a long silence is allowed again once the next
    /// asset is made. Set more if the clean-up runs less often than once a day on a host that may be
    /// idle for as long. **Danger:** uploads may be given up early by as much as this, and by more if
    /// assets were made while the clock was wrong: what the same clock has recorded doesn't contradict
    /// it. Only a database server's clock is safe from that.
    #[must_use]
    pub fn clock_lead(mut self, lead: Duration) -> Self {
        self.clock_lead = lead;
        self
    }

    /// How far the host's clock may be behind the store's newest record; five minutes by default.
    /// Ignored for stores that use a database server's clock.
    ///
    /// A clock that was ahead for a moment and is right again is behind what was recorded in that
    /// moment, and runs are refused for as long as it was ahead. Once the clock is known to be right,
    /// allow more: nothing is given up early by that, and what was deleted in that moment goes later.
    #[must_use]
    pub fn clock_lag(mut self, lag: Duration) -> Self {
        self.clock_lag = lag;
        self
    }

    /// The store's time, if its clock goes together with what the store has recorded.
    fn plausible(&self, time: StoreTime) -> Result<OffsetDateTime, PurgeError> {
        let StoreTime { now, last_recorded } = time;
        let Some(last_recorded) = last_recorded else {
            return Ok(now);
        };
        let at_most = |limit: Duration| limit.try_into().unwrap_or(time::Duration::MAX);
        let ahead = now - last_recorded;
        if ahead > at_most(self.clock_lead) || -ahead > at_most(self.clock_lag) {
            return Err(PurgeError::Clock { now, last_recorded });
        }
        Ok(now)
    }

    fn batch_len(&self) -> usize {
        usize::try_from(self.batch.get()).unwrap_or(usize::MAX)
    }

    fn first_step(&self, now: OffsetDateTime) -> PurgeStep {
        // Databases don't reach back as far as `time` does.
        let before = |ago: time::Duration| now.saturating_sub(ago).max(OffsetDateTime::UNIX_EPOCH);
        let pending_for = self.pending_for.try_into();
        let pending_before = before(pending_for.unwrap_or(time::Duration::MAX));
        let forms_live = time::Duration::seconds(self.forms_live.as_secs().into());
        let forget_before = before(forms_live.saturating_add(SLACK));
        PurgeStep::new(now, pending_before, forget_before, self.batch)
    }
}

impl Default for PurgeOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// What a run of the clean-up has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PurgeReport {
    /// Assets that were named: given up or deleted, and their objects not known to be gone for
    /// good.
    pub condemned: u64,
    /// Objects that are gone now, or were before.
    pub objects: u64,
    /// Rows that are gone now, or were before.
    pub rows: u64,
    /// Objects that could not be removed. Their rows stay, for the next run.
    pub failed: u64,
}

impl PurgeReport {
    /// What a step that was answered has made of what it was told.
    fn forgotten(&mut self, step: &PurgeStep) {
        let old = |gone: &&Condemned| gone.deleted_at < step.forget_before;
        self.rows += count(step.gone.iter().filter(old).count());
    }
}

/// Why a run of the clean-up ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PurgeError {
    /// The store of the assets failed.
    #[error("the clean-up ended early: {source}")]
    Store {
        /// How it failed.
        source: StoreError,
        /// What was done before.
        done: PurgeReport,
    },
    /// The host's clock is behind the newest moment that the store has recorded, or too far ahead of
    /// it. Nothing was done.
    #[error(
        "the clean-up did not run: this host's clock says {now}, and the store's newest record is from \
         {last_recorded}; set the clock, or if it is right, {}",
        remedy(now, last_recorded)
    )]
    Clock {
        /// The host's clock.
        now: OffsetDateTime,
        /// The newest moment that the store has recorded.
        last_recorded: OffsetDateTime,
    },
    /// The object store as a whole can't be reached, or does not answer in time.
    #[error("the clean-up ended early, as the object store is {source}")]
    Objects {
        /// What it said.
        source: Unavailable,
        /// What was done before.
        done: PurgeReport,
    },
}

fn remedy(now: &OffsetDateTime, last_recorded: &OffsetDateTime) -> &'static str {
    if now > last_recorded {
        "the store was idle: raise PurgeOptions::clock_lead"
    } else {
        "it was ahead once: raise PurgeOptions::clock_lag until then"
    }
}

impl PurgeError {
    /// What was done before.
    #[must_use]
    pub fn done(&self) -> PurgeReport {
        match self {
            Self::Store { done, .. } | Self::Objects { done, .. } => *done,
            Self::Clock { .. } => PurgeReport::default(),
        }
    }
}

struct Removal {
    gone: Vec<Condemned>,
    failed: Vec<Condemned>,
    down: Option<Unavailable>,
}

/// How many objects in a row the store was unavailable for. Each has another key, so one object that
/// makes the store stumble is not taken for a store that is down.
#[derive(Default)]
struct Outage(usize);

impl Outage {
    const CERTAIN: usize = 5;

    fn is_certain(&self) -> bool {
        self.0 >= Self::CERTAIN
    }
}

/// Removes the objects, a few at a time. Once the store is known to be down no more are begun.
async fn remove(
    objects: &(impl ObjectStore + ?Sized),
    condemned: Vec<Condemned>,
    concurrency: NonZeroUsize,
    outage: &mut Outage,
) -> Removal {
    let mut removal = Removal {
        gone: Vec::with_capacity(condemned.len()),
        failed: Vec::new(),
        down: None,
    };
    let mut waiting = condemned.into_iter();
    let mut removing = FuturesUnordered::new();
    loop {
        while removal.down.is_none()
            && removing.len() < concurrency.get()
            && let Some(condemned) = waiting.next()
        {
            removing.push(async move {
                let removed = objects.delete(&condemned.key).await;
                (condemned, removed)
            });
        }
        let Some((condemned, removed)) = removing.next().await else {
            break;
        };
        match removed {
            Ok(()) => {
                outage.0 = 0;
                removal.gone.push(condemned);
            }
            // Put off in any case. Those that the next run began with would otherwise be the same, and
            // five objects that never can be removed would look like an outage for ever.
            Err(ObjectStoreError::Unavailable(cause)) => {
                outage.0 += 1;
                warn_of(&condemned, &cause);
                removal.failed.push(condemned);
                if outage.is_certain() && removal.down.is_none() {
                    removal.down = Some(cause);
                }
            }
            Err(error @ ObjectStoreError::Failed(_)) => {
                outage.0 = 0;
                warn_of(&condemned, &error);
                removal.failed.push(condemned);
            }
        }
    }
    removal
}

fn warn_of(condemned: &Condemned, error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(
        error,
        workspace = %condemned.workspace,
        asset = %condemned.id,
        failures = condemned.failures + 1,
        "the clean-up could not remove an object; its row stays, and a later run tries again"
    );
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
