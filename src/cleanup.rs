//! The clean-up: condemned objects go, then their rows.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use time::OffsetDateTime;

use crate::auth::Unavailable;
use crate::clock::{Clock, SystemClock};
use crate::limits::Lifetime;
use crate::purge::{Condemned, PurgeStep, PurgeStore};
use crate::store::StoreError;
use crate::verifier::{ObjectVerifier, VerifyError};

/// An upload that begins within its form's life may end after it: 5 GiB take hours on a slow line.
/// And not all clocks agree.
const SLACK: time::Duration = time::Duration::DAY;

/// Removes what nobody needs any more: the objects of deleted assets and of those that were never
/// uploaded, and then their rows.
///
/// Call it now and then, once an hour for instance, on as many replicas as you like: they do some
/// work twice and nothing wrong. A run ends when nothing is left to do. One that is dropped loses
/// nothing; the next takes its work up.
///
/// An object that can't be removed keeps its row and is tried again by the next run; it is counted,
/// told to `tracing` as a warning, and holds up nothing behind it.
///
/// # What must hold
/// No two assets share a key. The keys that the service makes by itself contain a random UUID. With
/// a [key strategy](crate::AssetUploadBuilder::key_strategy) that leaves it out, cleaning up after
/// a deleted asset removes the file of a living one.
///
/// # Errors
/// When the database fails, and when the object store is [unavailable](VerifyError::Unavailable):
/// then there is no point in going on. The error says what was [done](PurgeError::done) before,
/// which stays done.
///
/// ```
/// use async_trait::async_trait;
/// use tower_asset_upload::{
///     MemoryStore, ObjectKey, ObjectVerifier, PurgeOptions, StoredObject, VerifyError, purge,
/// };
///
/// /// `s3::S3Verifier`, say.
/// struct Bucket;
///
/// #[async_trait]
/// impl ObjectVerifier for Bucket {
///     async fn inspect(&self, _: &ObjectKey) -> Result<Option<StoredObject>, VerifyError> {
///         Ok(None)
///     }
///
///     async fn remove(&self, _: &ObjectKey) -> Result<(), VerifyError> {
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
    objects: &(impl ObjectVerifier + ?Sized),
    options: &PurgeOptions,
) -> Result<PurgeReport, PurgeError> {
    let mut done = PurgeReport::default();
    let mut step = options.first_step();
    loop {
        let named = match store.purge(&step).await {
            Ok(named) => named,
            Err(source) => return Err(PurgeError::Store { source, done }),
        };
        done.forgotten(&step);
        let Some(last) = named.last().cloned() else {
            return Ok(done);
        };
        done.condemned += count(named.len());
        let removal = remove(objects, named, options.concurrency).await;
        done.objects += count(removal.gone.len());
        done.failed += removal.failed;
        step.gone = removal.gone;
        step.after = Some(last);
        step.now = options.later(step.now);
        if let Some(source) = removal.down {
            match store.purge(&step).await {
                Ok(_) => done.forgotten(&step),
                // They are gone all the same: the next run removes them once more.
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the clean-up could not note which objects are gone"
                ),
            }
            return Err(PurgeError::Objects { source, done });
        }
    }
}

/// How a clean-up is done.
///
/// ```
/// use std::time::Duration;
/// use tower_asset_upload::{Lifetime, PurgeOptions};
///
/// let options = PurgeOptions::new()
///     .pending_for(Duration::from_hours(24))
///     .forms_live(Lifetime::default());
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct PurgeOptions {
    pending_for: Duration,
    forms_live: Lifetime,
    batch: NonZeroU32,
    concurrency: NonZeroUsize,
    clock: Arc<dyn Clock>,
}

impl PurgeOptions {
    const PENDING_FOR: Duration = Duration::from_hours(7 * 24);
    const BATCH: NonZeroU32 = NonZeroU32::MIN.saturating_add(499);
    const CONCURRENCY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pending_for: Self::PENDING_FOR,
            forms_live: Lifetime::MAX,
            batch: Self::BATCH,
            concurrency: Self::CONCURRENCY,
            clock: Arc::new(SystemClock),
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
    /// [`Lifetime::MAX`] by default, which is always right.
    ///
    /// A form outlives the asset it was signed for, and can put the object back after it was
    /// removed. So the row of a deleted asset stays for that long and a day more, for uploads that
    /// take their time; then its object is removed once more, and the row goes. **Danger:** less
    /// than the forms really live leaves objects that nothing knows of.
    #[must_use]
    pub fn forms_live(mut self, longest: Lifetime) -> Self {
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

    /// The clock; the machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn first_step(&self) -> PurgeStep {
        let now = self.clock.now();
        // Databases don't reach back as far as `time` does.
        let before = |ago: time::Duration| now.saturating_sub(ago).max(OffsetDateTime::UNIX_EPOCH);
        let pending_for = self.pending_for.try_into();
        let pending_before = before(pending_for.unwrap_or(time::Duration::MAX));
        let forms_live = time::Duration::seconds(self.forms_live.as_secs().into());
        let forget_before = before(forms_live.saturating_add(SLACK));
        PurgeStep::new(now, pending_before, forget_before, self.batch)
    }

    /// The time, but later than the last: what is given up now has to come behind what was then.
    fn later(&self, last: OffsetDateTime) -> OffsetDateTime {
        let tick = time::Duration::MICROSECOND;
        self.clock.now().max(last.saturating_add(tick))
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
    /// The object store can't be reached, or did not answer in time.
    #[error("the clean-up ended early, as the object store is {source}")]
    Objects {
        /// What it said.
        source: Unavailable,
        /// What was done before.
        done: PurgeReport,
    },
}

impl PurgeError {
    /// What was done before.
    #[must_use]
    pub fn done(&self) -> &PurgeReport {
        match self {
            Self::Store { done, .. } | Self::Objects { done, .. } => done,
        }
    }
}

struct Removal {
    gone: Vec<Condemned>,
    failed: u64,
    down: Option<Unavailable>,
}

/// Removes the objects, a few at a time. Once the store is unavailable no more are begun.
async fn remove(
    objects: &(impl ObjectVerifier + ?Sized),
    condemned: Vec<Condemned>,
    concurrency: NonZeroUsize,
) -> Removal {
    let mut removal = Removal {
        gone: Vec::with_capacity(condemned.len()),
        failed: 0,
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
                let removed = objects.remove(&condemned.key).await;
                (condemned, removed)
            });
        }
        match removing.next().await {
            None => return removal,
            Some((condemned, Ok(()))) => removal.gone.push(condemned),
            Some((_, Err(VerifyError::Unavailable(cause)))) => removal.down = Some(cause),
            Some((condemned, Err(error @ VerifyError::Failed(_)))) => {
                removal.failed += 1;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    workspace = %condemned.workspace,
                    asset = %condemned.id,
                    "an object could not be removed; its row stays"
                );
            }
        }
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
