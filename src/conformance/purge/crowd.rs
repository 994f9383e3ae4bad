//! Clean-ups that meet each other, and callers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

use super::purge_world::{ALL, ALWAYS, NEVER, PurgeWorld, ordered};
use crate::asset::{AssetId, ChangeOutcome, NewAsset, ObjectKey, StateChange, UploadState};
use crate::conformance::assets::dropped;
use crate::conformance::together::{CALLERS, ROUNDS, together};
use crate::conformance::verdict::{Broken, Verdict, called, demand, equal};
use crate::ports::AssetStore;
use crate::ports::DirectoryStore;
use crate::ports::purge::{Condemned, PurgeStore};

/// What stands in for the bucket.
#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<BTreeSet<String>>>);

impl Bucket {
    fn put(&self, key: &ObjectKey) {
        let mut objects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        objects.insert(key.as_str().to_owned());
    }

    fn remove(&self, key: &ObjectKey) {
        let mut objects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        objects.remove(key.as_str());
    }

    fn has(&self, key: &ObjectKey) -> bool {
        let objects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        objects.contains(key.as_str())
    }
}

/// One whole run; what it named.
async fn run<Store: AssetStore + PurgeStore + DirectoryStore>(
    world: &PurgeWorld<Store>,
    bucket: &Bucket,
    stale_before: OffsetDateTime,
    forget_before: OffsetDateTime,
    fails: impl Fn(&Condemned) -> bool,
) -> Result<Vec<Condemned>, Broken> {
    let mut named = Vec::new();
    let mut step = world.step(stale_before, forget_before, 7);
    loop {
        let condemned = world.purge(&step).await?;
        let Some(last) = condemned.last() else {
            return Ok(named);
        };
        step.after = Some(last.clone());
        step.gone.clear();
        for condemned in condemned {
            if !fails(&condemned) {
                bucket.remove(&condemned.key);
                step.gone.push(condemned.clone());
            }
            named.push(condemned);
        }
        let ends = named.len() <= ALL as usize;
        demand(ends, "`purge` names things for ever: a run doesn't end")?;
    }
}

/// Several clean-ups at once name the same things, each of them everything once, and agree on when
/// each was deleted; what they leave behind when all have finished is nothing, and what lives is as
/// it was.
///
/// **Why.** Every replica of a host runs it by the same schedule. Giving up in two statements lets
/// the second overwrite what the first has done.
pub async fn many_clean_ups_at_once_do_nothing_wrong<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore + 'static,
{
    const RUNS: u8 = 8;
    let world = PurgeWorld::new(store).await?;
    let bucket = Bucket::default();
    let (mut going, mut staying) = (Vec::new(), Vec::new());
    for n in 0..60 {
        match n % 4 {
            0 => going.push(world.deleted().await?),
            1 => staying.push(world.uploaded().await?),
            _ => going.push(world.pending().await?),
        }
    }
    for new in going.iter().chain(&staying) {
        bucket.put(&new.key);
    }
    let stale_before = world.moment().await?;
    let runs = together(RUNS.into(), |n| {
        let (mut world, bucket) = (world.clone(), bucket.clone());
        let n = u8::try_from(n).unwrap_or_default();
        async move {
            // Not all at the same moment.
            world.purge_later(Duration::seconds(n.into()));
            // An object that can't be removed by one of them.
            let fails = |condemned: &Condemned| condemned.id.as_uuid().as_bytes()[0] % RUNS == n;
            run(&world, &bucket, stale_before, NEVER, fails).await
        }
    })
    .await?;
    let mut deleted_at: BTreeMap<AssetId, OffsetDateTime> = BTreeMap::new();
    for named in &runs {
        ordered(named)?;
        for condemned in named {
            let first = *deleted_at
                .entry(condemned.id)
                .or_insert(condemned.deleted_at);
            demand(
                first == condemned.deleted_at,
                format_args!(
                    "{} was deleted at {first} and at {}",
                    condemned.id, condemned.deleted_at
                ),
            )?;
        }
    }
    // Then once more, for what failed and for the forms' sake.
    for _ in 0..2 {
        run(&world, &bucket, stale_before, ALWAYS, |_| false).await?;
    }
    left(&world, &bucket, &going, &staying).await
}

/// However a completion and a clean-up meet, either the upload counts and stays, or it is refused
/// and goes.
///
/// **Why.** A client that is told yes has thrown its copy away. Deciding in one statement and
/// deleting in the next destroys what was completed in between.
pub async fn completing_and_giving_up_exclude_each_other<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore + 'static,
{
    const CLEAN_UPS: usize = 4;
    let world = PurgeWorld::new(store).await?;
    let bucket = Bucket::default();
    let (mut going, mut staying) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut made = Vec::new();
        for _ in 0..CALLERS {
            let new = world.pending().await?;
            bucket.put(&new.key);
            made.push(new);
        }
        let stale_before = world.moment().await?;
        let completed = together(CALLERS + CLEAN_UPS, |n| {
            let (world, bucket) = (world.clone(), bucket.clone());
            let id = made.get(n).map(|new| new.id);
            // Completions are spread over the time that the clean-ups take, and these over the
            // completions.
            let wait = std::time::Duration::from_millis(u64::try_from(n).unwrap_or_default() % 4);
            async move {
                tokio::time::sleep(wait).await;
                let Some(id) = id else {
                    run(&world, &bucket, stale_before, NEVER, |_| false).await?;
                    return Ok(false);
                };
                let change = StateChange::Complete(None);
                match world.set_state(id, &change).await? {
                    ChangeOutcome::Done => Ok(true),
                    ChangeOutcome::NotFound => Ok(false),
                    other => Err(Broken::new(format_args!(
                        "`set_state` of a pending asset answers {other:?}"
                    ))),
                }
            }
        })
        .await?;
        for (new, completed) in made.into_iter().zip(completed) {
            if completed {
                staying.push(new);
            } else {
                going.push(new);
            }
        }
    }
    run(&world, &bucket, NEVER, ALWAYS, |_| false).await?;
    left(&world, &bucket, &going, &staying).await
}

/// A step that is dropped at any moment has done what it did as a whole; what it should have named
/// is named by the next.
///
/// **Why.** Hosts stop. A step that had marked what it was about to name would leave that to
/// nobody.
pub async fn a_dropped_step_loses_nothing<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore,
{
    let world = PurgeWorld::new(store).await?;
    let bucket = Bucket::default();
    let (mut going, mut staying) = (Vec::new(), Vec::new());
    for n in 0..48 {
        match n % 3 {
            0 => going.push(world.deleted().await?),
            1 => staying.push(world.uploaded().await?),
            _ => going.push(world.pending().await?),
        }
    }
    for new in going.iter().chain(&staying) {
        bucket.put(&new.key);
    }
    let stale_before = world.moment().await?;
    let mut step = world.step(stale_before, NEVER, 5);
    for n in 0..64 {
        if let Some(named) = dropped(n, world.store.purge(&step)).await {
            let named = called("purge", named)?;
            for condemned in &named {
                bucket.remove(&condemned.key);
            }
            step.after = named.last().cloned();
            step.gone = named;
        }
    }
    for new in &going {
        // A row that went without its object would be missed here.
        if bucket.has(&new.key) {
            let found = world.find(new.id).await?.is_some();
            let named = world.graves().await?;
            demand(
                found || named.iter().any(|condemned| condemned.id == new.id),
                format_args!("{} is gone and its object isn't", new.id),
            )?;
        }
    }
    for _ in 0..2 {
        run(&world, &bucket, stale_before, ALWAYS, |_| false).await?;
    }
    left(&world, &bucket, &going, &staying).await
}

/// That the clean-up has left nothing of these, and all of those.
async fn left<Store: AssetStore + PurgeStore + DirectoryStore>(
    world: &PurgeWorld<Store>,
    bucket: &Bucket,
    going: &[NewAsset],
    staying: &[NewAsset],
) -> Verdict {
    let graves = world.graves().await?;
    equal(&graves, &Vec::new(), "rows that are left")?;
    for new in going {
        world.lacks(new.id, "gone").await?;
        demand(
            !bucket.has(&new.key),
            format_args!("the row of {} went before its object", new.id),
        )?;
    }
    for new in staying {
        world.holds(new, &UploadState::Uploaded(None)).await?;
        demand(
            bucket.has(&new.key),
            format_args!("the object of {}, which lives, was condemned", new.id),
        )?;
    }
    Ok(())
}
