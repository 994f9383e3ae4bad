//! The test data of the purge rules, and checks of condemned assets.

use std::num::NonZeroU32;
use std::ops::Deref;

use time::{Duration, OffsetDateTime};

use crate::asset::{NewAsset, StateChange, WorkspaceId};
use crate::conformance::verdict::{Broken, Verdict, called, demand, equal};
use crate::conformance::world::{NOW, TICK, World};
use crate::ports::AssetStore;
use crate::ports::DirectoryStore;
use crate::ports::purge::{Condemned, PurgeStep, PurgeStore, StoreTime};

/// Moments before and after every event of a rule, within the range of databases.
pub(super) const BEFORE_ALL: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
pub(super) const AFTER_ALL: OffsetDateTime = NOW.saturating_add(Duration::days(36_500));

/// A limit on a step that no rule reaches.
pub(super) const ALL: u32 = 10_000;

pub(super) struct PurgeWorld<Store> {
    world: World<Store>,
    purged_at: OffsetDateTime,
}

impl<Store> Clone for PurgeWorld<Store> {
    fn clone(&self) -> Self {
        Self {
            world: self.world.clone(),
            purged_at: self.purged_at,
        }
    }
}

impl<Store> Deref for PurgeWorld<Store> {
    type Target = World<Store>;

    fn deref(&self) -> &World<Store> {
        &self.world
    }
}

impl<Store: AssetStore + PurgeStore + DirectoryStore> PurgeWorld<Store> {
    /// Creates the data without a purge run: a store may record the moment of a run.
    pub(super) async fn before_any_run(store: Store) -> Result<Self, Broken> {
        let world = World::new(store).await?;
        let now = called("time", world.store.time().await)?.now;
        Ok(Self {
            world,
            purged_at: whole(now) + Duration::days(8),
        })
    }

    pub(super) async fn new(store: Store) -> Result<Self, Broken> {
        let world = Self::before_any_run(store).await?;
        let before = world.all_deleted().await?;
        demand(
            before.is_empty(),
            "the purge rules need an empty store that nobody else uses",
        )?;
        Ok(world)
    }

    /// The time of the purge: after everything that a rule does before it.
    pub(super) fn purged_at(&self) -> OffsetDateTime {
        self.purged_at
    }

    pub(super) fn purge_later(&mut self, by: Duration) {
        self.purged_at += by;
    }

    pub(super) async fn time(&self) -> Result<StoreTime, Broken> {
        called("time", self.store.time().await)
    }

    /// Returns a moment of the store's clock that lies after everything done so far and before
    /// everything done later. Waits until the clock has passed it.
    pub(super) async fn moment(&self) -> Result<OffsetDateTime, Broken> {
        const MILLISECOND: std::time::Duration = std::time::Duration::from_millis(1);
        let moment = whole(self.time().await?.now) + TICK;
        for _ in 0..5_000 {
            if self.time().await?.now > moment {
                return Ok(moment);
            }
            tokio::time::sleep(MILLISECOND).await;
        }
        Err(Broken::new(format_args!(
            "`time` has returned {moment} or earlier for five seconds",
        )))
    }

    /// Creates a step at the time [`purged_at`](Self::purged_at).
    pub(super) fn step(
        &self,
        pending_before: OffsetDateTime,
        forget_before: OffsetDateTime,
        most: u32,
    ) -> PurgeStep {
        let most = NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN);
        PurgeStep::new(self.purged_at, pending_before, forget_before, most)
    }

    pub(super) async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, Broken> {
        called("purge", self.store.purge(step).await)
    }

    /// Returns the assets that the first step of a run condemns.
    pub(super) async fn condemned(
        &self,
        pending_before: OffsetDateTime,
        forget_before: OffsetDateTime,
    ) -> Result<Vec<Condemned>, Broken> {
        let step = self.step(pending_before, forget_before, ALL);
        self.purge(&step).await
    }

    /// Returns the deleted assets whose objects are not recorded as removed.
    pub(super) async fn due(&self) -> Result<Vec<Condemned>, Broken> {
        self.condemned(BEFORE_ALL, BEFORE_ALL).await
    }

    /// Returns all deleted assets that still have a row, including those with a postponed removal.
    pub(super) async fn all_deleted(&self) -> Result<Vec<Condemned>, Broken> {
        let mut step = self.step(BEFORE_ALL, AFTER_ALL, ALL);
        step.now = AFTER_ALL;
        self.purge(&step).await
    }

    /// Reports these objects as removed.
    pub(super) async fn report(
        &self,
        gone: &[Condemned],
        forget_before: OffsetDateTime,
    ) -> Result<Vec<Condemned>, Broken> {
        let mut step = self.step(BEFORE_ALL, forget_before, ALL);
        step.gone = gone.to_vec();
        self.purge(&step).await
    }

    /// Creates a pending asset. Its `created_at` is a year ago, to prove that the store doesn't
    /// measure ages by it.
    pub(super) async fn pending(&self) -> Result<NewAsset, Broken> {
        let mut new = self.asset()?;
        new.created_at = NOW - Duration::days(365);
        self.must_create(&new).await?;
        Ok(new)
    }

    pub(super) async fn uploaded(&self) -> Result<NewAsset, Broken> {
        let new = self.pending().await?;
        self.must_change(new.id, StateChange::Complete(None))
            .await?;
        Ok(new)
    }

    pub(super) async fn deleted(&self) -> Result<NewAsset, Broken> {
        let new = self.uploaded().await?;
        equal(&self.delete(new.id).await?, &true, "`delete`")?;
        Ok(new)
    }

    /// Checks that `named` holds exactly these assets of `home`, in order of deletion.
    pub(super) fn must_name(
        &self,
        named: &[Condemned],
        wanted: &[&NewAsset],
        what: &str,
    ) -> Verdict {
        let home = self.home.id();
        let wanted: Vec<_> = wanted.iter().map(|new| (home, *new)).collect();
        exactly(named, &wanted, what)
    }
}

/// Truncates to whole microseconds, so that no store has to round.
fn whole(instant: OffsetDateTime) -> OffsetDateTime {
    let rest = i64::from(instant.nanosecond() % 1_000);
    instant - Duration::nanoseconds(rest)
}

/// Checks that `named` holds exactly these assets, each once and in order.
pub(super) fn exactly(
    named: &[Condemned],
    wanted: &[(WorkspaceId, &NewAsset)],
    what: &str,
) -> Verdict {
    ordered(named)?;
    let is = |condemned: &Condemned, (workspace, new): &(WorkspaceId, &NewAsset)| {
        (condemned.workspace, condemned.id, &condemned.key) == (*workspace, new.id, &new.key)
    };
    for condemned in named {
        demand(
            wanted.iter().any(|wanted| is(condemned, wanted)),
            format_args!("{what}, but `purge` returns {condemned:?}"),
        )?;
    }
    for wanted in wanted {
        demand(
            named.iter().any(|condemned| is(condemned, wanted)),
            format_args!("{what}, but `purge` doesn't return asset {}", wanted.1.id),
        )?;
    }
    Ok(())
}

/// Checks that the condemned assets are in ascending order.
pub(super) fn ordered(named: &[Condemned]) -> Verdict {
    for pair in named.windows(2) {
        demand(
            pair[0] < pair[1],
            format_args!("`purge` returns {:?} before {:?}", pair[0], pair[1]),
        )?;
    }
    Ok(())
}

pub(super) fn near(a: OffsetDateTime, b: OffsetDateTime) -> bool {
    (a - b).abs() < TICK
}
