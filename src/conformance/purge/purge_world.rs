//! The world of a clean-up: what is asked of it, and what it may have named.

use std::num::NonZeroU32;
use std::ops::Deref;

use time::{Duration, OffsetDateTime};

use crate::asset::{NewAsset, StateChange, WorkspaceId};
use crate::conformance::verdict::{Broken, Verdict, called, demand, equal};
use crate::conformance::world::{NOW, TICK, World};
use crate::ports::AssetStore;
use crate::ports::DirectoryStore;
use crate::ports::purge::{Condemned, PurgeStep, PurgeStore, StoreTime};

/// Before anything that happens here, and after it. Well within what databases can hold.
pub(super) const NEVER: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
pub(super) const ALWAYS: OffsetDateTime = NOW.saturating_add(Duration::days(36_500));

/// As many as there are.
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
    /// Without a run of the clean-up, by which a store may note a moment.
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
        let before = world.graves().await?;
        demand(
            before.is_empty(),
            "the rules for the clean-up need a store with nothing in it, and to themselves",
        )?;
        Ok(world)
    }

    /// When the clean-up runs: after all that a rule does before it.
    pub(super) fn purged_at(&self) -> OffsetDateTime {
        self.purged_at
    }

    pub(super) fn purge_later(&mut self, by: Duration) {
        self.purged_at += by;
    }

    pub(super) async fn time(&self) -> Result<StoreTime, Broken> {
        called("time", self.store.time().await)
    }

    /// A moment by the store's clock that lies between all that was done so far and all that is done
    /// later.
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
            "by `time` it was {moment} five seconds ago, and still is"
        )))
    }

    /// A step at [`purged_at`](Self::purged_at).
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

    /// What a run names first.
    pub(super) async fn condemned(
        &self,
        pending_before: OffsetDateTime,
        forget_before: OffsetDateTime,
    ) -> Result<Vec<Condemned>, Broken> {
        let step = self.step(pending_before, forget_before, ALL);
        self.purge(&step).await
    }

    /// What is deleted and whose object is not noted as gone.
    pub(super) async fn due(&self) -> Result<Vec<Condemned>, Broken> {
        self.condemned(NEVER, NEVER).await
    }

    /// All rows of deleted assets, those included that are put off.
    pub(super) async fn graves(&self) -> Result<Vec<Condemned>, Broken> {
        let mut step = self.step(NEVER, ALWAYS, ALL);
        step.now = ALWAYS;
        self.purge(&step).await
    }

    /// Says that these objects are gone.
    pub(super) async fn report(
        &self,
        gone: &[Condemned],
        forget_before: OffsetDateTime,
    ) -> Result<Vec<Condemned>, Broken> {
        let mut step = self.step(NEVER, forget_before, ALL);
        step.gone = gone.to_vec();
        self.purge(&step).await
    }

    /// An asset that is pending since now. Its maker's clock says that it is a year old, which is not what
    /// the clean-up goes by.
    pub(super) async fn pending(&self) -> Result<NewAsset, Broken> {
        let mut new = self.asset()?;
        new.created_at = NOW - Duration::days(365);
        self.make(&new).await?;
        Ok(new)
    }

    pub(super) async fn uploaded(&self) -> Result<NewAsset, Broken> {
        let new = self.pending().await?;
        self.change(new.id, StateChange::Complete(None)).await?;
        Ok(new)
    }

    pub(super) async fn deleted(&self) -> Result<NewAsset, Broken> {
        let new = self.uploaded().await?;
        equal(&self.delete(new.id).await?, &true, "`delete`")?;
        Ok(new)
    }

    /// That just these assets of `home` are named, whenever they were deleted.
    pub(super) fn are(&self, named: &[Condemned], wanted: &[&NewAsset], what: &str) -> Verdict {
        let home = self.home.id();
        let wanted: Vec<_> = wanted.iter().map(|new| (home, *new)).collect();
        exactly(named, &wanted, what)
    }
}

/// In whole microseconds, so that no store has to round it.
fn whole(instant: OffsetDateTime) -> OffsetDateTime {
    let rest = i64::from(instant.nanosecond() % 1_000);
    instant - Duration::nanoseconds(rest)
}

/// That just these assets are named, each once and in order.
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
            format_args!("{what}: `purge` names {condemned:?}"),
        )?;
    }
    for wanted in wanted {
        demand(
            named.iter().any(|condemned| is(condemned, wanted)),
            format_args!("{what}: `purge` doesn't name {}", wanted.1.id),
        )?;
    }
    Ok(())
}

/// That each comes after the one before.
pub(super) fn ordered(named: &[Condemned]) -> Verdict {
    for pair in named.windows(2) {
        demand(
            pair[0] < pair[1],
            format_args!("`purge` names {:?} and then {:?}", pair[0], pair[1]),
        )?;
    }
    Ok(())
}

pub(super) fn near(a: OffsetDateTime, b: OffsetDateTime) -> bool {
    (a - b).abs() < TICK
}
