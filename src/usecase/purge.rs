//! The purge: removes the objects of condemned assets, and then their rows.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use time::OffsetDateTime;

use crate::asset::ExpiresIn;
use crate::error::Unavailable;
use crate::ports::purge::{Condemned, FailedRemoval, PurgeStep, PurgeStore, StoreTime};
use crate::ports::{ObjectStore, ObjectStoreError, StoreError};

/// Added to the lifetime of forms: an upload that starts before its form expires may end later (5
/// GiB take hours on a slow line), and clocks differ.
const SLACK: time::Duration = time::Duration::DAY;

/// Runs the purge once: removes the objects and rows of deleted, rejected and stale assets. A stale
/// asset was pending for longer than [`PurgeOptions::pending_for`]; the run deletes it first.
/// The row of a deleted asset stays until all its upload forms have expired; see
/// [`PurgeOptions::forms_live`].
///
/// Call `purge` periodically, for example once an hour. Concurrent runs on several replicas are safe;
/// they only repeat some work. A run ends when it has handled every asset that was due when the run
/// started. A dropped run loses nothing: the next run continues its work.
///
/// If an object can't be removed, its row stays and the run continues with the next object. The run
/// counts the failure, logs it as a `tracing` warning, and leaves the object alone for ten minutes.
/// Each further failure doubles the wait, up to one day.
///
/// # Time
/// A run measures ages by the [store's clock](PurgeStore::time). If that is the clock of a host and
/// not of a database server, the run compares it with the newest moment that the store has
/// recorded. The run refuses a clock that is ahead of that moment by more than
/// [`PurgeOptions::clock_lead`], or behind it by more than [`PurgeOptions::clock_lag`].
///
/// # Security
/// No two assets may share an object key. The service's default keys contain a random UUID.
/// **Danger:** with a [key strategy](crate::service::AssetUploadBuilder::key_strategy) that leaves
/// the UUID out, the purge of a deleted asset can remove the object of a living one.
///
/// # Errors
/// - [`PurgeError::Store`] if the store of assets fails.
/// - [`PurgeError::Clock`] if the clock is not plausible. The run did nothing.
/// - [`PurgeError::Objects`] if the object store was [unavailable](ObjectStoreError::Unavailable)
///   for five objects in a row.
///
/// [`PurgeError::done`] returns the work that was done before the error. That work stays done.
///
/// ```
/// use async_trait::async_trait;
/// use tower_asset_upload::{MemoryStore, ObjectStore};
/// use tower_asset_upload::asset::{ObjectKey, StoredObject};
/// use tower_asset_upload::ports::ObjectStoreError;
/// use tower_asset_upload::purge::{purge, PurgeOptions};
///
/// /// For example `s3::S3Objects`.
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
        // A short batch is the last one: assets that are deleted during the run are left to the
        // next run. Otherwise a run might never end.
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
                // Harmless: the next run removes the same objects again.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the purge could not record which objects it removed"
                );
                Err(PurgeError::Objects { source, done })
            }
        };
    }
}

/// Returns the store's time, but later than `last`: assets that this step deletes must sort after
/// those of the step before. If the store fails here, the next step returns its error.
async fn later(store: &(impl PurgeStore + ?Sized), last: OffsetDateTime) -> OffsetDateTime {
    let next = last.saturating_add(time::Duration::MICROSECOND);
    store.time().await.map_or(next, |time| time.now.max(next))
}

/// Sets the time of the next attempt: ten minutes after the first failure, and twice as long after
/// each further one, up to one day.
fn put_off(condemned: Condemned, now: OffsetDateTime) -> FailedRemoval {
    const FIRST: time::Duration = time::Duration::minutes(10);
    let doubled = 2_i32.saturating_pow(condemned.failures.min(16));
    let wait = FIRST.saturating_mul(doubled).min(time::Duration::DAY);
    FailedRemoval {
        condemned,
        retry_at: now.saturating_add(wait),
    }
}

/// The settings of a purge run.
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

    /// Creates the default settings.
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

    /// Sets how long an asset may stay pending before a run deletes it; 7 days by default.
    ///
    /// **Danger:** a client that takes longer loses its upload. Allow at least the lifetime of
    /// forms plus the duration of an upload.
    #[must_use]
    pub fn pending_for(mut self, wait: Duration) -> Self {
        self.pending_for = wait;
        self
    }

    /// Sets the longest lifetime of any upload form or URL that was handed out; [`ExpiresIn::MAX`]
    /// by default, which is always safe.
    ///
    /// A form outlives its asset, and a client can use it to upload the object again after its
    /// removal. So a run keeps the row of a deleted asset for this lifetime and one more day, the
    /// time that a late upload may take. Then it removes the object once more, and the row after
    /// it.
    ///
    /// **Danger:** with a value below the real lifetime, late uploads leave objects that no row
    /// knows.
    #[must_use]
    pub fn forms_live(mut self, longest: ExpiresIn) -> Self {
        self.forms_live = longest;
        self
    }

    /// Sets how many assets a step handles; 500 by default.
    #[must_use]
    pub fn batch(mut self, assets: NonZeroU32) -> Self {
        self.batch = assets;
        self
    }

    /// Sets how many objects a run removes concurrently; 8 by default.
    #[must_use]
    pub fn concurrency(mut self, objects: NonZeroUsize) -> Self {
        self.concurrency = objects;
        self
    }

    /// Sets how far the host's clock may be ahead of the store's newest recorded moment; one day by
    /// default. Ignored for stores that use a database server's clock.
    ///
    /// A store records a moment whenever an asset is created, taken back or deleted, and whenever
    /// the purge runs. If neither happens for longer than this duration, runs are refused until
    /// the next asset is created. Allow more if the purge runs less often than once a day on a host
    /// that may be idle for that long.
    ///
    /// **Danger:** a run may delete pending assets too early by up to this duration, and by more if
    /// assets were created while the clock was wrong, because the recorded moments are then wrong
    /// too. Only a database server's clock avoids this.
    #[must_use]
    pub fn clock_lead(mut self, lead: Duration) -> Self {
        self.clock_lead = lead;
        self
    }

    /// Sets how far the host's clock may be behind the store's newest recorded moment; five minutes
    /// by default. Ignored for stores that use a database server's clock.
    ///
    /// If a clock was ahead for a while and is then corrected, it is behind the moments recorded
    /// meanwhile, and runs are refused until it has caught up. Once the clock is known to be right,
    /// allow more. This deletes nothing too early; assets that were deleted in the meantime are
    /// only purged later.
    #[must_use]
    pub fn clock_lag(mut self, lag: Duration) -> Self {
        self.clock_lag = lag;
        self
    }

    /// Returns the store's time if the recorded moments don't contradict it.
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
        // Databases can't store times as early as `time` can.
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

/// The work of a purge run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PurgeReport {
    /// Assets that the store returned as condemned: deleted, and due for removal of their objects.
    /// Includes the stale and rejected assets that the run deleted.
    pub condemned: u64,
    /// Objects that the run removed or found already gone.
    pub objects: u64,
    /// Rows that the run removed or found already gone.
    pub rows: u64,
    /// Objects that could not be removed. Their rows stay for the next run.
    pub failed: u64,
}

impl PurgeReport {
    /// Counts the rows that a successful step removed.
    fn forgotten(&mut self, step: &PurgeStep) {
        let old = |gone: &&Condemned| gone.deleted_at < step.forget_before;
        self.rows += count(step.gone.iter().filter(old).count());
    }
}

/// The error of a purge run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PurgeError {
    /// The store of assets failed.
    #[error("the purge ended early: {source}")]
    Store {
        /// The store's error.
        source: StoreError,
        /// The work done before the error.
        done: PurgeReport,
    },
    /// The host's clock is behind the newest moment that the store has recorded, or too far ahead
    /// of it. The run did nothing.
    #[error(
        "the purge did not run: this host's clock says {now}, and the store's newest record is from \
         {last_recorded}; set the clock if it is wrong; if it is right, {}",
        remedy(now, last_recorded)
    )]
    Clock {
        /// The host's clock.
        now: OffsetDateTime,
        /// The newest moment that the store has recorded.
        last_recorded: OffsetDateTime,
    },
    /// The object store can't be reached, or does not answer in time.
    #[error("the purge ended early: the object store is {source}")]
    Objects {
        /// The object store's error.
        source: Unavailable,
        /// The work done before the error.
        done: PurgeReport,
    },
}

fn remedy(now: &OffsetDateTime, last_recorded: &OffsetDateTime) -> &'static str {
    if now > last_recorded {
        "the store was idle for long: raise `PurgeOptions::clock_lead`"
    } else {
        "the clock was ahead before: raise `PurgeOptions::clock_lag` until it has caught up"
    }
}

impl PurgeError {
    /// The work done before the error.
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

/// Counts consecutive objects for which the object store was unavailable. Several different objects
/// are needed, so one object that always fails doesn't count as an outage.
#[derive(Default)]
struct Outage(usize);

impl Outage {
    const CERTAIN: usize = 5;

    fn is_certain(&self) -> bool {
        self.0 >= Self::CERTAIN
    }
}

/// Removes the objects, at most `concurrency` at a time. Starts no more removals once the object
/// store counts as down.
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
            // Postponed even in an outage. Otherwise the next run would start with the same
            // objects, and five objects that can never be removed would look like an outage for
            // ever.
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
