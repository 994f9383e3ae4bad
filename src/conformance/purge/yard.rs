//! The world of a clean-up: what is asked of it, and what it may have named.

use std::num::NonZeroU32;
use std::ops::Deref;

use time::{Duration, OffsetDateTime};

use crate::asset::NewAsset;
use crate::conformance::seed::Seed;
use crate::conformance::verdict::{Broken, Verdict, called, demand, equal};
use crate::conformance::world::{NOW, TICK, World};
use crate::id::WorkspaceId;
use crate::purge::{Condemned, PurgeStep, PurgeStore};
use crate::state::StateChange;
use crate::store::AssetStore;

/// The moment at which things become stale. Whole microseconds, so that no store has to round it.
pub(super) const STALE_BEFORE: OffsetDateTime =
    OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::new(1_777_863_721, 123_456_000));

/// Before anything that happens here, and after it. Well within what databases can hold.
pub(super) const NEVER: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
pub(super) const ALWAYS: OffsetDateTime = NOW.saturating_add(Duration::days(36_500));

/// When the clean-up runs.
pub(super) const PURGED_AT: OffsetDateTime = STALE_BEFORE.saturating_add(Duration::days(8));

/// As many as there are.
pub(super) const ALL: u32 = 10_000;

pub(super) struct Yard<Store>(World<Store>);

impl<Store> Clone for Yard<Store> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Store> Deref for Yard<Store> {
    type Target = World<Store>;

    fn deref(&self) -> &World<Store> {
        &self.0
    }
}

impl<Store: AssetStore + PurgeStore + Seed> Yard<Store> {
    pub(super) async fn new(store: Store) -> Result<Self, Broken> {
        let yard = Self(World::new(store).await?);
        let before = yard.graves().await?;
        demand(
            before.is_empty(),
            "the rules for the clean-up need a store with nothing in it, and to themselves",
        )?;
        Ok(yard)
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
        self.purge(&step(pending_before, forget_before, ALL)).await
    }

    /// What is deleted and whose object is not noted as gone.
    pub(super) async fn due(&self) -> Result<Vec<Condemned>, Broken> {
        self.condemned(NEVER, NEVER).await
    }

    /// All rows of deleted assets.
    pub(super) async fn graves(&self) -> Result<Vec<Condemned>, Broken> {
        self.condemned(NEVER, ALWAYS).await
    }

    /// Says that these objects are gone.
    pub(super) async fn report(
        &self,
        gone: &[Condemned],
        forget_before: OffsetDateTime,
    ) -> Result<Vec<Condemned>, Broken> {
        let mut step = step(NEVER, forget_before, ALL);
        step.gone = gone.to_vec();
        self.purge(&step).await
    }

    /// An asset that waits for its upload, made that long after it would be stale.
    pub(super) async fn pending(&self, after: Duration) -> Result<NewAsset, Broken> {
        let mut new = self.asset()?;
        new.created_at = STALE_BEFORE + after;
        self.make(&new).await?;
        Ok(new)
    }

    pub(super) async fn uploaded(&self, after: Duration) -> Result<NewAsset, Broken> {
        let new = self.pending(after).await?;
        self.change(new.id, StateChange::Complete(None)).await?;
        Ok(new)
    }

    pub(super) async fn deleted(&self) -> Result<NewAsset, Broken> {
        let new = self.uploaded(Duration::ZERO).await?;
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

pub(super) fn step(
    pending_before: OffsetDateTime,
    forget_before: OffsetDateTime,
    most: u32,
) -> PurgeStep {
    let most = NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN);
    PurgeStep::new(PURGED_AT, pending_before, forget_before, most)
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
