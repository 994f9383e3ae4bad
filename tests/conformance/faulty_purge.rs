//! The clean-up of a store with one fault.

use std::num::NonZeroU32;

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::task::yield_now;
use tower_asset_upload::*;

use crate::faults::Fault;
use crate::faulty::Faulty;

const NEVER: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
const MANY: NonZeroU32 = NonZeroU32::MIN.saturating_add(9_999);

impl Faulty {
    /// What was made before then and waits for its upload at this moment.
    async fn stale(&self, before: OffsetDateTime) -> Vec<(Workspace, Box<NewAsset>)> {
        let made = self.seen().made.clone();
        let mut stale = Vec::new();
        for (workspace, new) in made {
            let found = self.store.find(&workspace, new.id).await.unwrap();
            let waits = found.is_some_and(|found| found.state.is_pending());
            if waits && new.created_at < before {
                stale.push((workspace, new));
            }
        }
        stale
    }

    fn is_unharmed(&self, id: AssetId) -> bool {
        !self.seen().rejected.contains(&id)
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
    async fn purge(&self, asked: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        let mut step = asked.clone();
        let mut given_up = Vec::new();
        match self.fault {
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
                given_up = self.stale(step.pending_before).await;
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            Fault::LooksBeforeItGivesUp => {
                let stale = self.stale(step.pending_before).await;
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                let is_stale = |id| stale.iter().any(|(_, new)| new.id == id);
                self.delete_those(is_stale).await?;
            }
            _ => {}
        }
        let mut named = self.store.purge(&step).await?;
        match self.fault {
            Fault::NamesWithoutDeleting => {
                for (workspace, new) in self.stale(asked.pending_before).await {
                    named.push(Condemned {
                        deleted_at: asked.now,
                        workspace: workspace.id(),
                        id: new.id,
                        key: new.key,
                    });
                }
                named.sort();
            }
            Fault::GivesUpInTwoStatements => {
                // The second overwrites when it was deleted.
                for condemned in &mut named {
                    if given_up.iter().any(|(_, new)| new.id == condemned.id) {
                        condemned.deleted_at = asked.now;
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
