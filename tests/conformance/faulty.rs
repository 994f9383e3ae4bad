//! A memory store with one fault.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::task::yield_now;
use tokio::time::sleep;
use tower_asset_upload::asset::{
    Asset, AssetId, ChangeOutcome, Clock, ExternalLabel, ExternalRef, IdSource, Mismatch, NewAsset,
    ObjectKey, PendingCaps, ProjectId, RandomIds, StateChange, SystemClock, UploadState, UserId,
    Workspace, WorkspaceId, WorkspaceSlug,
};
use tower_asset_upload::auth::{
    Credential, CredentialDigest, CredentialKind, CredentialRecord, CredentialVerifier, Principal,
    Scopes,
};
use tower_asset_upload::conformance::SeedCredentials;
use tower_asset_upload::ports::{CreateOutcome, StoreError};
use tower_asset_upload::{
    AssetStore, BoxError, CredentialStore, DirectoryStore, MemoryStore, Unavailable,
};

use crate::faults::Fault;

pub(crate) struct Faulty {
    pub(crate) store: MemoryStore,
    pub(crate) fault: Fault,
    pub(crate) seen: Mutex<Seen>,
}

/// What a store notes beside its tables, to do wrong with it.
#[derive(Default)]
pub(crate) struct Seen {
    workspaces: BTreeMap<WorkspaceSlug, WorkspaceId>,
    members: BTreeSet<(WorkspaceId, UserId)>,
    pairs: BTreeMap<(WorkspaceId, String, String), AssetId>,
    /// Of rejected assets.
    kept: BTreeMap<(WorkspaceId, String, String), AssetId>,
    /// Of rejected assets that were deleted.
    freed: BTreeSet<(WorkspaceId, String, String)>,
    pub(crate) rejected: BTreeSet<AssetId>,
    pub(crate) removed: BTreeSet<WorkspaceId>,
    pub(crate) made: Vec<(Workspace, NewAsset)>,
    pub(crate) made_at: BTreeMap<AssetId, OffsetDateTime>,
    pub(crate) given_up_at: BTreeMap<AssetId, OffsetDateTime>,
    pub(crate) hidden: BTreeSet<AssetId>,
    pub(crate) named: BTreeSet<AssetId>,
    owners: BTreeSet<CredentialDigest>,
}

/// Between a look and what is done by it: long enough for everyone else to have looked, too, on a
/// machine that runs the callers one after the other.
async fn others_look() {
    sleep(Duration::from_millis(5)).await;
}

impl Faulty {
    pub(crate) fn new(fault: Fault) -> Self {
        Self {
            store: MemoryStore::new(),
            fault,
            seen: Mutex::default(),
        }
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// The workspace in which an asset of that id was made first.
    fn home_of(&self, id: AssetId) -> Option<Workspace> {
        let seen = self.seen();
        let made = seen.made.iter().find(|(_, new)| new.id == id);
        made.map(|(workspace, _)| workspace.clone())
    }

    /// Whether one more would get past the caps, at this moment.
    async fn fits(&self, to: &Workspace, new: &NewAsset, caps: PendingCaps) -> bool {
        let mut probe = new.clone();
        probe.id = RandomIds.next_id().into();
        probe.external = ExternalRef::default();
        probe.project = None;
        let id = probe.id;
        let fits = self.store.create(to, probe, caps).await.unwrap() == CreateOutcome::New;
        if fits {
            self.store.delete(to, id).await.unwrap();
        }
        fits
    }

    /// What becomes of a create that takes discarded assets for something else.
    async fn by_the_discarded(
        &self,
        to: &Workspace,
        new: &mut NewAsset,
        caps: &mut PendingCaps,
    ) -> Result<Option<CreateOutcome>, StoreError> {
        let pair = pair_of(to, new);
        match self.fault {
            Fault::KeepsThePairsOfTheRejected => {
                let kept = pair.and_then(|pair| self.seen().kept.get(&pair).copied());
                if let Some(twin) = kept
                    && let Some(twin) = self.store.find(to, twin).await?
                {
                    return Ok(Some(CreateOutcome::Duplicate(Box::new(twin))));
                }
            }
            Fault::FreesPairsTwice
                if pair.is_some_and(|pair| self.seen().freed.contains(&pair)) =>
            {
                new.external = ExternalRef::default();
            }
            Fault::CountsTheRejected => {
                let rejected = u32::try_from(self.seen().rejected.len()).unwrap();
                for cap in [&mut caps.per_workspace, &mut caps.per_caller] {
                    if let Some(some) = *cap {
                        *cap = NonZeroU32::new(some.get() - rejected);
                        if cap.is_none() {
                            return Ok(Some(CreateOutcome::TooManyPending));
                        }
                    }
                }
            }
            Fault::CountsTheLivingOnly => {
                caps.discarded_per_workspace = None;
                caps.discarded_per_caller = None;
            }
            Fault::NeverForgetsWhatItCounted => {
                let named = self.seen().named.len();
                let cap = caps.discarded_per_caller;
                if cap.is_some_and(|cap| named >= cap.get() as usize) {
                    return Ok(Some(CreateOutcome::TooManyDiscarded));
                }
            }
            _ => {}
        }
        Ok(None)
    }
}

#[async_trait]
impl AssetStore for Faulty {
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError> {
        match self.fault {
            Fault::LetsStrangersIn => {
                let id = self.seen().workspaces.get(slug).copied();
                Ok(id.map(|id| Workspace::new(id, slug.clone())))
            }
            Fault::FoldsTheCaseOfSlugs => {
                let folded = WorkspaceSlug::new(slug.as_str().to_lowercase()).unwrap();
                self.store.enter(&folded, caller).await
            }
            _ => self.store.enter(slug, caller).await,
        }
    }

    async fn create(
        &self,
        to: &Workspace,
        mut new: NewAsset,
        mut caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError> {
        let asked = new.clone();
        if let Some(wrong) = self.by_the_discarded(to, &mut new, &mut caps).await? {
            return Ok(wrong);
        }
        let label = |text: String| ExternalLabel::new(text).ok();
        match self.fault {
            Fault::Panics if caps != PendingCaps::default() => panic!("on purpose"),
            Fault::TakesAnyProject => {
                if let Some(project) = new.project {
                    self.store.add_project(to.id(), project).await?;
                }
            }
            Fault::FoldsTheCaseOfPairs => {
                for label in [&mut new.external.source, &mut new.external.id] {
                    let folded = label.as_ref().map(|label| label.as_str().to_lowercase());
                    *label = folded.map(|folded| ExternalLabel::new(folded).unwrap());
                }
            }
            Fault::TakesHalfAPairForOne => match (&new.external.source, &new.external.id) {
                (Some(_), None) => new.external.id = label("-".to_owned()),
                (None, Some(_)) => new.external.source = label("-".to_owned()),
                _ => {}
            },
            Fault::ReplacesATakenId => {
                self.store.delete(to, new.id).await?;
            }
            Fault::LooksAtCapsFirst if !self.fits(to, &new, caps).await => {
                return Ok(CreateOutcome::TooManyPending);
            }
            Fault::LooksForThePairFirst => {
                if let Some((source, id)) = new.external.pair() {
                    let pair = (to.id(), source.to_owned(), id.to_owned());
                    let twin = self.seen().pairs.get(&pair).copied();
                    others_look().await;
                    if let Some(twin) = twin {
                        let twin = self.find(to, twin).await?.unwrap();
                        return Ok(CreateOutcome::Duplicate(Box::new(twin)));
                    }
                    self.seen().pairs.insert(pair, new.id);
                    new.external = ExternalRef::default();
                }
            }
            Fault::CountsNothing => caps = PendingCaps::default(),
            Fault::CountsBeforeItInserts => {
                let fits = self.fits(to, &new, caps).await;
                others_look().await;
                if !fits {
                    return Ok(CreateOutcome::TooManyPending);
                }
                caps = PendingCaps::default();
            }
            Fault::DropsTheProject => {
                new.project = None;
            }
            Fault::DropsTheTime => {
                new.created_at = new.created_at.replace_time(time::Time::MIDNIGHT);
            }
            Fault::HasShortColumns if new.display_name.as_str().chars().count() > 731 => {
                return Err(StoreError::failed("value too long for a column"));
            }
            Fault::CutsLongKeys => {
                let key: String = new.key.as_str().chars().take(500).collect();
                new.key = ObjectKey::new(key).unwrap();
            }
            Fault::DropsTheChecksum => new.checksum = None,
            Fault::CreatesInTwoSteps => {
                let mut bare = new.clone();
                bare.external = ExternalRef::default();
                if self.store.create(to, bare, caps).await? == CreateOutcome::New {
                    yield_now().await;
                    self.store.delete(to, new.id).await?;
                }
            }
            _ => {}
        }
        self.seen().made.push((to.clone(), new.clone()));
        self.seen().made_at.insert(new.id, SystemClock.now());
        let again = new.clone();
        let created = match self.store.create(to, new, caps).await {
            Err(StoreError::Failed(cause)) if self.has(Fault::CallsATakenIdUnavailable) => {
                return Err(StoreError::unavailable(cause));
            }
            created => created?,
        };
        match created {
            CreateOutcome::Duplicate(twin)
                if self.has(Fault::ForgetsThePairsOfUploads) && twin.state.is_uploaded() =>
            {
                let mut bare = again;
                bare.external = ExternalRef::default();
                self.store.create(to, bare, caps).await
            }
            CreateOutcome::Duplicate(mut twin) if self.has(Fault::AnswersWithTheNewRequest) => {
                twin.made = asked;
                Ok(CreateOutcome::Duplicate(twin))
            }
            created => Ok(created),
        }
    }

    async fn find(&self, from: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError> {
        if self.seen().hidden.contains(&id) {
            return Ok(None);
        }
        if self.has(Fault::FindsByIdAlone)
            && let Some(home) = self.home_of(id)
        {
            return self.store.find(&home, id).await;
        }
        let mut found = self.store.find(from, id).await?;
        if self.has(Fault::KeepsAsciiOnly)
            && let Some(label) = found
                .as_mut()
                .and_then(|found| found.made.external.id.as_mut())
        {
            let ascii = label.as_str().replace(|c: char| !c.is_ascii(), "?");
            *label = ExternalLabel::new(ascii).unwrap();
        }
        Ok(found)
    }

    async fn set_state(
        &self,
        of: &Workspace,
        id: AssetId,
        mut change: StateChange,
    ) -> Result<ChangeOutcome, StoreError> {
        if self.seen().hidden.contains(&id) {
            return Ok(ChangeOutcome::NotFound);
        }
        let looked_at = self.store.find(of, id).await?;
        match (self.fault, &mut change) {
            (Fault::DropsTheEntityTag, StateChange::Complete(Some(object))) => object.etag = None,
            (Fault::DropsTheDifference, StateChange::Reject(difference)) => {
                *difference = Mismatch::new("");
            }
            (Fault::ChangesByIdAlone, _) => {
                if let Some(home) = self.home_of(id) {
                    return self.store.set_state(&home, id, change).await;
                }
            }
            (Fault::LooksBeforeItDecides | Fault::TellsTheStateItLookedAt, _) => {
                others_look().await;
            }
            _ => {}
        }
        let rejects = matches!(change, StateChange::Reject(_));
        let set = self.store.set_state(of, id, change.clone()).await?;
        if rejects && set == ChangeOutcome::Done {
            let mut seen = self.seen();
            seen.rejected.insert(id);
            if let Some(pair) = looked_at
                .as_ref()
                .and_then(|asset| pair_of(of, &asset.made))
            {
                seen.kept.insert(pair, id);
            }
        }
        match (self.fault, set) {
            (Fault::SaysYesToAnything, ChangeOutcome::NotFound) => Ok(ChangeOutcome::Done),
            (Fault::ChangesFromAnyState, ChangeOutcome::Is(UploadState::Uploaded(_))) => {
                let back = StateChange::TakeBack;
                self.store.set_state(of, id, back).await?;
                self.store.set_state(of, id, change).await
            }
            (Fault::LooksBeforeItDecides, ChangeOutcome::Is(_))
                if looked_at
                    .as_ref()
                    .is_some_and(|asset| asset.state.kind() == change.from()) =>
            {
                Ok(ChangeOutcome::Done)
            }
            (Fault::TellsTheStateItLookedAt, ChangeOutcome::Is(state)) => Ok(ChangeOutcome::Is(
                looked_at.map_or(state, |asset| asset.state),
            )),
            (_, set) => Ok(set),
        }
    }

    async fn delete(&self, from: &Workspace, id: AssetId) -> Result<bool, StoreError> {
        match self.fault {
            Fault::KeepsThePairsOfTheDead | Fault::CountsDeletedOnes => {
                let found = self.find(from, id).await?;
                if self.has(Fault::CountsDeletedOnes)
                    && found
                        .as_ref()
                        .is_some_and(|found| found.state.is_uploaded())
                {
                    return self.store.delete(from, id).await;
                }
                self.seen().hidden.insert(id);
                Ok(found.is_some())
            }
            Fault::LooksBeforeItDeletes => {
                let found = self.store.find(from, id).await?;
                others_look().await;
                self.store.delete(from, id).await?;
                Ok(found.is_some())
            }
            Fault::DeletesInTwoSteps => {
                if self.find(from, id).await?.is_none() {
                    return Ok(false);
                }
                self.seen().hidden.insert(id);
                yield_now().await;
                self.store.delete(from, id).await
            }
            Fault::FreesPairsTwice => {
                let found = self.store.find(from, id).await?;
                if let Some(found) = found
                    && found.state.is_rejected()
                    && let Some(pair) = pair_of(from, &found.made)
                {
                    self.seen().freed.insert(pair);
                }
                self.store.delete(from, id).await
            }
            _ => self.store.delete(from, id).await,
        }
    }
}

fn pair_of(workspace: &Workspace, new: &NewAsset) -> Option<(WorkspaceId, String, String)> {
    let (source, id) = new.external.pair()?;
    Some((workspace.id(), source.to_owned(), id.to_owned()))
}

#[async_trait]
impl CredentialVerifier for Faulty {
    async fn verify(
        &self,
        credential: &Credential<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, Unavailable> {
        let folded = credential.expose_secret().to_lowercase();
        let (kind, secret) = (credential.kind(), credential.expose_secret());
        let verified = match self.fault {
            Fault::FoldsTheCaseOfKeys => {
                let folded = Credential::new(kind, &folded);
                self.store.verify(&folded, now).await?
            }
            Fault::TakesAKeyForAToken => {
                let key = Credential::new(CredentialKind::ApiKey, secret);
                let as_key = self.store.verify(&key, now).await?;
                match as_key {
                    None => self.store.verify(credential, now).await?,
                    known => known,
                }
            }
            Fault::KnowsNoEnd => {
                let earlier = now - time::Duration::days(365);
                self.store.verify(credential, earlier).await?
            }
            _ => self.store.verify(credential, now).await?,
        };
        Ok(verified.map(|mut principal| {
            if self.has(Fault::GrantsEverything) {
                principal.scopes = Scopes::all();
            }
            principal
        }))
    }
}

#[async_trait]
impl SeedCredentials for Faulty {
    async fn seed_credential(
        &self,
        _: &Credential<'_>,
        mut record: CredentialRecord,
    ) -> Result<bool, BoxError> {
        if self.has(Fault::KnowsNoSwitch) {
            record.active = true;
        }
        let is_new = self.seen().owners.insert(record.digest);
        if is_new || !self.has(Fault::KeepsTheFirstOwner) {
            CredentialStore::add_credential(&self.store, record).await?;
        }
        Ok(true)
    }
}

#[async_trait]
impl DirectoryStore for Faulty {
    async fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) -> Result<(), StoreError> {
        self.seen().workspaces.insert(slug.clone(), id);
        self.store.add_workspace(id, slug).await
    }

    async fn add_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        let is_new = self.seen().members.insert((workspace, user));
        if is_new || !self.has(Fault::SeedsMembersOnce) {
            self.store.add_member(workspace, user).await?;
        }
        Ok(())
    }

    async fn add_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        self.store.add_project(workspace, project).await
    }

    async fn remove_workspace(&self, id: WorkspaceId) -> Result<(), StoreError> {
        self.seen().removed.insert(id);
        self.store.remove_workspace(id).await
    }

    async fn remove_member(&self, workspace: WorkspaceId, user: UserId) -> Result<(), StoreError> {
        self.store.remove_member(workspace, user).await
    }

    async fn remove_project(
        &self,
        workspace: WorkspaceId,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        self.store.remove_project(workspace, project).await
    }
}
