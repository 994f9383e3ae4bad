//! The clean-up of a store with one fault.

use std::num::NonZeroU32;

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::task::yield_now;
use tower_asset_upload::AssetStore;
use tower_asset_upload::asset::{AssetId, NewAsset, StateChange, Workspace};
use tower_asset_upload::ports::StoreError;
use tower_asset_upload::purge::{Condemned, PurgeStep, PurgeStore, StoreTime};

use crate::faults::Fault;
use crate::faulty::Faulty;

const NEVER: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
const MANY: NonZeroU32 = NonZeroU32::MIN.saturating_add(9_999);

impl Faulty {
    /// What was made before then and waits for its upload at this moment.
    async fn stale(&self, before: OffsetDateTime) -> Vec<(Workspace, NewAsset)> {
        let made_at = self.seen().made_at.clone();
        self.pending(|new| made_at[&new.id] < before).await
    }

    async fn pending(&self, which: impl Fn(&NewAsset) -> bool) -> Vec<(Workspace, NewAsset)> {
        let made = self.seen().made.clone();
        let mut pending = Vec::new();
        for (workspace, new) in made {
            let found = self.store.find(&workspace, new.id).await.unwrap();
            let waits = found.is_some_and(|found| found.state.is_pending());
            if waits && which(&new) {
                pending.push((workspace, new));
            }
        }
        pending
    }

    fn is_unharmed(&self, id: AssetId) -> bool {
        !self.seen().rejected.contains(&id)
    }

    /// What it does wrong before it begins.
    async fn spoil(&self, asked: &PurgeStep, step: &mut PurgeStep) -> Result<(), StoreError> {
        match self.fault {
            Fault::GoesByTheMakersClock | Fault::MeasuresSinceItWasMade => {
                let before = step.pending_before;
                let old = if self.has(Fault::GoesByTheMakersClock) {
                    self.pending(|new| new.created_at < before).await
                } else {
                    self.stale(before).await
                };
                let is_old = |id| old.iter().any(|(_, new)| new.id == id);
                self.delete_those(is_old).await?;
            }
            Fault::TriesAgainAtOnce => step.failed.clear(),
            Fault::CondemnsTheFresh => step.pending_before += Duration::HOUR,
            Fault::NamesWithoutDeleting => step.pending_before = NEVER,
            Fault::ForgetsThatItIsUploaded => {
                let made = self.seen().made.clone();
                for (workspace, new) in made {
                    if new.created_at < step.pending_before {
                        let back = StateChange::TakeBack;
                        self.store.set_state(&workspace, new.id, back).await?;
                    }
                }
            }
            Fault::GivesUpAllTheRejected => {
                let rejected = self.seen().rejected.clone();
                self.delete_those(|id| rejected.contains(&id)).await?;
            }
            Fault::KnowsNoBounds => step.most = MANY,
            Fault::KnowsNoCursor => step.after = None,
            Fault::ForgetsRowsAtOnce if !step.gone.is_empty() => {
                step.forget_before = OffsetDateTime::UNIX_EPOCH + Duration::days(60_000);
            }
            Fault::NeverLooksAgain if step.gone.is_empty() => step.forget_before = NEVER,
            Fault::ForgetsByIdAlone => {
                let is_gone = |id| step.gone.iter().any(|gone| gone.id == id);
                self.delete_those(is_gone).await?;
            }
            Fault::GivesUpInTwoStatements => {
                let stale = self.stale(step.pending_before).await;
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                // The second overwrites when it was deleted.
                let given_up = stale.iter().map(|(_, new)| (new.id, asked.now));
                self.seen().given_up_at.extend(given_up);
            }
            Fault::LooksBeforeItGivesUp => {
                let stale = self.stale(step.pending_before).await;
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                let is_stale = |id| stale.iter().any(|(_, new)| new.id == id);
                self.delete_those(is_stale).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn delete_those(&self, which: impl Fn(AssetId) -> bool) -> Result<(), StoreError> {
        let made = self.seen().made.clone();
        for (workspace, new) in made {
            if which(new.id) {
                self.store.delete(&workspace, new.id).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl PurgeStore for Faulty {
    async fn time(&self) -> Result<StoreTime, StoreError> {
        if self.has(Fault::ItsClockStandsStill) {
            return Ok(StoreTime::of_server(NEVER));
        }
        self.store.time().await
    }

    async fn purge(&self, asked: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        let mut step = asked.clone();
        self.spoil(asked, &mut step).await?;
        let mut named = self.store.purge(&step).await?;
        match self.fault {
            Fault::NamesWithoutDeleting => {
                for (workspace, new) in self.stale(asked.pending_before).await {
                    named.push(Condemned {
                        deleted_at: asked.now,
                        workspace: workspace.id(),
                        id: new.id,
                        key: new.key,
                        failures: 0,
                    });
                }
                named.sort();
            }
            Fault::GivesUpInTwoStatements => {
                let seen = self.seen();
                for condemned in &mut named {
                    if let Some(at) = seen.given_up_at.get(&condemned.id) {
                        condemned.deleted_at = *at;
                    }
                }
                named.sort();
            }
            Fault::SparesTheWorkspacesThatAreGone => {
                let seen = self.seen();
                named.retain(|condemned| !seen.removed.contains(&condemned.workspace));
            }
            Fault::SparesTheRejected => named.retain(|condemned| self.is_unharmed(condemned.id)),
            Fault::ForgetsRowsBeforeObjects => {
                let mut forget = step.clone();
                forget.gone.clone_from(&named);
                self.store.purge(&forget).await?;
            }
            Fault::NamesOneSortAfterTheOther => {
                let mut due = step.clone();
                due.gone.clear();
                due.forget_before = NEVER;
                let due = self.store.purge(&due).await?;
                named.retain(|condemned| !due.contains(condemned));
                named.splice(0..0, due);
                named.truncate(step.most.get() as usize);
            }
            Fault::NeverForgetsWhatItCounted => {
                let mut seen = self.seen();
                seen.named
                    .extend(named.iter().map(|condemned| condemned.id));
            }
            Fault::NamesNothingTwice => {
                let mut seen = self.seen();
                named.retain(|condemned| seen.named.insert(condemned.id));
            }
            Fault::MarksWhatItWillName => {
                {
                    let mut seen = self.seen();
                    named.retain(|condemned| seen.named.insert(condemned.id));
                }
                yield_now().await;
                let mut seen = self.seen();
                for condemned in &named {
                    seen.named.remove(&condemned.id);
                }
            }
            _ => {}
        }
        Ok(named)
    }
}
