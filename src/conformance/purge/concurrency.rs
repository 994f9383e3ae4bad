//! Rules about concurrent and dropped purge steps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

use super::purge_world::{AFTER_ALL, ALL, BEFORE_ALL, PurgeWorld, ordered};
use crate::asset::{AssetId, ChangeOutcome, NewAsset, ObjectKey, StateChange, UploadState};
use crate::conformance::assets::dropped;
use crate::conformance::together::{CALLERS, ROUNDS, together};
use crate::conformance::verdict::{Broken, Verdict, called, demand, equal};
use crate::ports::AssetStore;
use crate::ports::DirectoryStore;
use crate::ports::purge::{Condemned, PurgeStore};

/// A stand-in for the bucket: the keys of the objects that are still there.
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

/// Runs the purge once. Returns the condemned assets of all steps. The objects for which `fails`
/// returns `true` are not removed.
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
        demand(ends, "the run doesn't end: `purge` keeps returning assets")?;
    }
}

/// Concurrent runs are safe. Each run returns an asset at most once, all runs agree on when it was
/// deleted, together they leave nothing behind, and living assets don't change.
///
/// **Why.** Every replica of a host runs the purge on the same schedule. If a step deletes an asset
/// in two statements, a second run can overwrite the first one's result.
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
            // Each run has another time.
            world.purge_later(Duration::seconds(n.into()));
            // Each run fails to remove other objects.
            let fails = |condemned: &Condemned| condemned.id.as_uuid().as_bytes()[0] % RUNS == n;
            run(&world, &bucket, stale_before, BEFORE_ALL, fails).await
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
                    "two runs disagree on when asset {} was deleted: {first} and {}",
                    condemned.id, condemned.deleted_at
                ),
            )?;
        }
    }
    // Two more runs: one for the failed removals, and one for the rows that waited for their forms.
    for _ in 0..2 {
        run(&world, &bucket, stale_before, AFTER_ALL, |_| false).await?;
    }
    left(&world, &bucket, &going, &staying).await
}

/// If a completion and a purge meet, either the completion succeeds and the asset stays, or the
/// completion fails and the asset goes.
///
/// **Why.** A client discards its copy of the file when its completion succeeds. With a look-up
/// followed by a deletion, a purge destroys a file that was completed in between.
pub async fn completing_and_giving_up_exclude_each_other<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + DirectoryStore + 'static,
{
    const RUNS: usize = 4;
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
        let completed = together(CALLERS + RUNS, |n| {
            let (world, bucket) = (world.clone(), bucket.clone());
            let id = made.get(n).map(|new| new.id);
            // Spreads the completions and the runs over the same few milliseconds.
            let wait = std::time::Duration::from_millis(u64::try_from(n).unwrap_or_default() % 4);
            async move {
                tokio::time::sleep(wait).await;
                let Some(id) = id else {
                    run(&world, &bucket, stale_before, BEFORE_ALL, |_| false).await?;
                    return Ok(false);
                };
                let change = StateChange::Complete(None);
                match world.set_state(id, &change).await? {
                    ChangeOutcome::Done => Ok(true),
                    ChangeOutcome::NotFound => Ok(false),
                    other => Err(Broken::new(format_args!(
                        "`set_state` of a pending asset returns {other:?}"
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
    run(&world, &bucket, BEFORE_ALL, AFTER_ALL, |_| false).await?;
    left(&world, &bucket, &going, &staying).await
}

/// Each transaction of a dropped step has taken effect completely or not at all. The next step
/// returns the assets that the dropped step didn't return.
///
/// **Why.** Hosts stop at any moment. If a step marked assets before it returned them, a dropped
/// step would lose them.
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
    let mut step = world.step(stale_before, BEFORE_ALL, 5);
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
        // Fails if a row was removed before its object.
        if bucket.has(&new.key) {
            let found = world.find(new.id).await?.is_some();
            let named = world.all_deleted().await?;
            demand(
                found || named.iter().any(|condemned| condemned.id == new.id),
                format_args!("the row of asset {} was removed before its object", new.id),
            )?;
        }
    }
    for _ in 0..2 {
        run(&world, &bucket, stale_before, AFTER_ALL, |_| false).await?;
    }
    left(&world, &bucket, &going, &staying).await
}

/// Checks that the runs removed the rows and objects of the assets in `going`, and no other.
async fn left<Store: AssetStore + PurgeStore + DirectoryStore>(
    world: &PurgeWorld<Store>,
    bucket: &Bucket,
    going: &[NewAsset],
    staying: &[NewAsset],
) -> Verdict {
    let rows = world.all_deleted().await?;
    equal(&rows, &Vec::new(), "rows that the purge left")?;
    for new in going {
        world.must_lack(new.id, "the purge removed it").await?;
        demand(
            !bucket.has(&new.key),
            format_args!("the row of asset {} was removed before its object", new.id),
        )?;
    }
    for new in staying {
        world.must_hold(new, &UploadState::Uploaded(None)).await?;
        demand(
            bucket.has(&new.key),
            format_args!("asset {} lives, but its object was condemned", new.id),
        )?;
    }
    Ok(())
}
