//! What every [`AssetStore`] and [`CredentialVerifier`] has to do, one function for each promise.
//! Written so that it can be published: it knows no store but through the ports and [`Seed`].

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::task::{Context, Poll, Waker};

use time::OffsetDateTime;
use time::macros::datetime;
use tower_asset_upload::{
    Asset, AssetId, AssetStore, Created, Credential, CredentialKind, CredentialRecord,
    CredentialVerifier, ExternalLabel, ExternalRef, IdSource, NewAsset, ObjectKey, PendingCaps,
    Principal, ProjectId, RandomIds, Scope, Scopes, StoredObject, UploadSize, UploadState, UserId,
    Workspace, WorkspaceId, WorkspaceSlug,
};

const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const NOW: OffsetDateTime = datetime!(2026-05-04 03:02:01.123456789 UTC);

/// How the store under test is filled.
pub(crate) trait Seed {
    fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug);
    fn add_member(&self, workspace: WorkspaceId, user: UserId);
    fn add_project(&self, workspace: WorkspaceId, project: ProjectId);
    fn add_credential(&self, record: CredentialRecord);
    fn remove_workspace(&self, id: WorkspaceId);
    fn remove_member(&self, workspace: WorkspaceId, user: UserId);
    fn remove_project(&self, workspace: WorkspaceId, project: ProjectId);
}

/// Two workspaces that live and one that doesn't, and who may enter them.
pub(crate) struct World {
    pub(crate) home: WorkspaceSlug,
    pub(crate) abroad: WorkspaceSlug,
    pub(crate) deleted: WorkspaceSlug,
    /// Of all three.
    pub(crate) member: UserId,
    /// Of `home` and `abroad`.
    pub(crate) colleague: UserId,
    /// Was a member of `home` once.
    pub(crate) former: UserId,
    pub(crate) project: ProjectId,
    pub(crate) deleted_project: ProjectId,
    pub(crate) project_abroad: ProjectId,
}

impl World {
    pub(crate) fn seed(store: &impl Seed) -> Self {
        let ids: [WorkspaceId; 3] = std::array::from_fn(|_| RandomIds.next_id().into());
        let slug = |name: &str, id: &WorkspaceId| WorkspaceSlug::new(format!("{name}-{id}"));
        let world = Self {
            home: slug("home", &ids[0]).unwrap(),
            abroad: slug("外国", &ids[1]).unwrap(),
            deleted: slug("deleted", &ids[2]).unwrap(),
            member: RandomIds.next_id().into(),
            colleague: RandomIds.next_id().into(),
            former: RandomIds.next_id().into(),
            project: RandomIds.next_id().into(),
            deleted_project: RandomIds.next_id().into(),
            project_abroad: RandomIds.next_id().into(),
        };
        for (id, slug) in ids.iter().zip([&world.home, &world.abroad, &world.deleted]) {
            store.add_workspace(*id, slug.clone());
            store.add_member(*id, world.member);
        }
        store.add_member(ids[0], world.colleague);
        store.add_member(ids[1], world.colleague);
        store.add_member(ids[0], world.former);
        store.remove_member(ids[0], world.former);
        store.add_project(ids[0], world.project);
        store.add_project(ids[0], world.deleted_project);
        store.remove_project(ids[0], world.deleted_project);
        store.add_project(ids[1], world.project_abroad);
        store.remove_workspace(ids[2]);
        world
    }

    async fn enter(&self, store: &impl AssetStore) -> (Workspace, Workspace) {
        let home = store.enter(&self.home, self.member).await.unwrap();
        let abroad = store.enter(&self.abroad, self.member).await.unwrap();
        (home.unwrap(), abroad.unwrap())
    }
}

fn asset(created_by: UserId) -> NewAsset {
    let id = AssetId::from(RandomIds.next_id());
    NewAsset::new(
        id,
        ObjectKey::new(format!("workspace/{id}-photo.png")).unwrap(),
        "photo.png",
        "image/png".parse().unwrap(),
        UploadSize::new(1024).unwrap(),
        created_by,
        NOW,
    )
    .unwrap()
}

fn label(text: &str) -> Option<ExternalLabel> {
    ExternalLabel::new(text).ok()
}

fn with_pair(mut asset: NewAsset, source: &str, id: &str) -> NewAsset {
    asset.external = ExternalRef {
        source: label(source),
        id: label(id),
    };
    asset
}

fn caps(per_workspace: u32, per_caller: u32) -> PendingCaps {
    PendingCaps {
        per_workspace: NonZeroU32::new(per_workspace),
        per_caller: NonZeroU32::new(per_caller),
    }
}

const NO_CAPS: PendingCaps = PendingCaps {
    per_workspace: None,
    per_caller: None,
};

async fn create(store: &impl AssetStore, workspace: &Workspace, asset: NewAsset) -> Created {
    store.create(workspace, asset, NO_CAPS).await.unwrap()
}

async fn make(store: &impl AssetStore, workspace: &Workspace, asset: &NewAsset) {
    assert_eq!(create(store, workspace, asset.clone()).await, Created::New);
}

fn duplicate_of(asset: &NewAsset) -> Created {
    Created::Duplicate(Box::new(pending(asset)))
}

fn pending(asset: &NewAsset) -> Asset {
    Asset {
        made: asset.clone(),
        state: UploadState::Pending,
    }
}

/// Runs `call` in that many threads at once.
fn at_once<T: Send>(threads: usize, call: impl AsyncFn(usize) -> T + Sync) -> Vec<T> {
    let start = std::sync::Barrier::new(threads);
    let run = |n| {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.unwrap();
        start.wait();
        runtime.block_on(call(n))
    };
    std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..threads).map(|n| scope.spawn(move || run(n))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

pub(crate) async fn only_active_members_enter<S: AssetStore>(store: S, world: World) {
    let entered = store.enter(&world.home, world.member).await.unwrap();
    assert_eq!(entered.unwrap().slug(), &world.home);
    let nowhere = WorkspaceSlug::new("nowhere").unwrap();
    let shouted = WorkspaceSlug::new(world.home.as_str().to_uppercase()).unwrap();
    let nobody = UserId::from(RandomIds.next_id());
    for (slug, caller, why) in [
        (&nowhere, world.member, "no such workspace"),
        (&shouted, world.member, "slugs are case-sensitive"),
        (&world.deleted, world.member, "a deleted workspace"),
        (&world.home, nobody, "no member"),
        (&world.home, world.former, "no member any more"),
    ] {
        let entered = store.enter(slug, caller).await.unwrap();
        assert_eq!(entered, None, "{why}");
    }
}

pub(crate) async fn nothing_crosses_workspaces<S: AssetStore>(store: S, world: World) {
    let (home, abroad) = world.enter(&store).await;
    let here = with_pair(asset(world.member), "github", "7");
    make(&store, &home, &here).await;

    assert_eq!(store.find(&abroad, here.id).await.unwrap(), None);
    let uploaded = UploadState::Uploaded(None);
    assert!(!store.set_state(&abroad, here.id, uploaded).await.unwrap());
    assert!(!store.delete(&abroad, here.id).await.unwrap());
    let found = store.find(&home, here.id).await.unwrap();
    assert_eq!(found, Some(pending(&here)));

    let there = with_pair(asset(world.member), "github", "7");
    make(&store, &abroad, &there).await;
    let mut same_id = asset(world.member);
    same_id.id = here.id;
    make(&store, &abroad, &same_id).await;
    let capped = store.create(&abroad, asset(world.member), caps(3, 3)).await;
    assert_eq!(capped.unwrap(), Created::New, "another workspace's pending");
}

pub(crate) async fn projects_are_of_the_workspace_and_alive<S: AssetStore>(store: S, world: World) {
    let (home, _) = world.enter(&store).await;
    for (project, why) in [
        (ProjectId::from(RandomIds.next_id()), "no such project"),
        (world.project_abroad, "another workspace's"),
        (world.deleted_project, "a deleted one"),
    ] {
        let mut stray = asset(world.member);
        stray.project = Some(project);
        let id = stray.id;
        let created = create(&store, &home, stray).await;
        assert_eq!(created, Created::ProjectNotFound, "{why}");
        assert_eq!(store.find(&home, id).await.unwrap(), None, "{why}");
    }
    let mut good = asset(world.member);
    good.project = Some(world.project);
    make(&store, &home, &good).await;
}

pub(crate) async fn project_then_pair_then_caps<S: AssetStore>(store: S, world: World) {
    let (home, _) = world.enter(&store).await;
    let first = with_pair(asset(world.member), "github", "7");
    make(&store, &home, &first).await;
    let mut wrong = with_pair(asset(world.member), "github", "7");
    let tight = caps(1, 1);

    wrong.project = Some(world.project_abroad);
    let created = store.create(&home, wrong.clone(), tight).await.unwrap();
    assert_eq!(created, Created::ProjectNotFound);
    wrong.project = Some(world.project);
    let created = store.create(&home, wrong.clone(), tight).await.unwrap();
    assert_eq!(created, duplicate_of(&first));
    wrong.external.id = None;
    let created = store.create(&home, wrong, tight).await.unwrap();
    assert_eq!(created, Created::TooManyPending);
}

pub(crate) async fn a_pair_is_unique_while_it_lives<S: AssetStore>(store: S, world: World) {
    let (home, _) = world.enter(&store).await;
    let first = with_pair(asset(world.member), "git hub", "文/7");
    make(&store, &home, &first).await;
    let again = with_pair(asset(world.colleague), "git hub", "文/7");
    let created = create(&store, &home, again.clone()).await;
    assert_eq!(created, duplicate_of(&first));
    assert_eq!(store.find(&home, again.id).await.unwrap(), None);
    let uploaded = UploadState::Uploaded(Some(StoredObject::of_size(1024)));
    assert!(
        store
            .set_state(&home, first.id, uploaded.clone())
            .await
            .unwrap()
    );
    match create(&store, &home, again.clone()).await {
        Created::Duplicate(twin) => assert_eq!(twin.state, uploaded),
        other => panic!("{other:?}"),
    }

    for (source, id) in [
        ("git hub", "文/8"),
        ("git hu", "b文/7"),
        ("Git hub", "文/7"),
    ] {
        make(&store, &home, &with_pair(asset(world.member), source, id)).await;
    }
    for _ in 0..2 {
        let mut half = asset(world.member);
        half.external.source = label("git hub");
        make(&store, &home, &half).await;
        let mut half = asset(world.member);
        half.external.id = label("文/7");
        make(&store, &home, &half).await;
    }

    assert!(store.delete(&home, first.id).await.unwrap());
    make(&store, &home, &again).await;
}

pub(crate) async fn an_id_is_taken_once<S: AssetStore>(store: S, world: World) {
    let (home, _) = world.enter(&store).await;
    let first = asset(world.member);
    make(&store, &home, &first).await;
    let mut second = with_pair(asset(world.member), "github", "7");
    second.id = first.id;
    assert!(store.create(&home, second.clone(), NO_CAPS).await.is_err());
    let found = store.find(&home, first.id).await.unwrap();
    assert_eq!(found, Some(pending(&first)));
    second.id = RandomIds.next_id().into();
    make(&store, &home, &second).await;
}

pub(crate) async fn of_many_that_create_one_pair_one_wins<S: AssetStore>(store: S, world: World) {
    let (home, _) = world.enter(&store).await;
    let answers = at_once(100, async |_| {
        let asset = with_pair(asset(world.member), "github", "7");
        let id = asset.id;
        (id, create(&store, &home, asset).await)
    });
    let (winners, others): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|(_, created)| *created == Created::New);
    assert_eq!((winners.len(), others.len()), (1, 99));
    let winner = winners[0].0;
    let living = store.find(&home, winner).await.unwrap().unwrap();
    for (id, created) in others {
        assert_eq!(created, Created::Duplicate(Box::new(living.clone())));
        assert_eq!(store.find(&home, id).await.unwrap(), None);
    }
    // One row counts as pending, not a hundred.
    let second = store.create(&home, asset(world.member), caps(2, 2)).await;
    assert_eq!(second.unwrap(), Created::New);
}

pub(crate) async fn caps_count_what_is_pending<S: AssetStore>(store: S, world: World) {
    let (home, _) = world.enter(&store).await;
    let mine = [asset(world.member), asset(world.member)];
    let theirs = asset(world.colleague);
    for new in mine.iter().chain([&theirs]) {
        make(&store, &home, new).await;
    }
    let try_one = async |caller, caps| {
        let new = asset(caller);
        let id = new.id;
        let created = store.create(&home, new, caps).await.unwrap();
        if created == Created::New {
            assert!(store.delete(&home, id).await.unwrap());
            return true;
        }
        assert_eq!(created, Created::TooManyPending);
        assert_eq!(store.find(&home, id).await.unwrap(), None);
        false
    };
    let (member, colleague) = (world.member, world.colleague);
    assert!(!try_one(member, caps(3, 0)).await);
    assert!(try_one(member, caps(4, 0)).await);
    assert!(!try_one(member, caps(0, 2)).await);
    assert!(try_one(member, caps(0, 3)).await);
    assert!(try_one(colleague, caps(0, 2)).await);
    assert!(!try_one(colleague, caps(3, 2)).await);
    assert!(!try_one(member, caps(4, 2)).await);

    // Neither an upload that is complete nor a deleted asset is pending; one taken back is.
    let uploaded = UploadState::Uploaded(None);
    for _ in 0..2 {
        let set = store.set_state(&home, mine[0].id, uploaded.clone()).await;
        assert!(set.unwrap());
    }
    assert!(try_one(member, caps(3, 2)).await);
    for _ in 0..2 {
        let set = store
            .set_state(&home, mine[0].id, UploadState::Pending)
            .await;
        assert!(set.unwrap());
    }
    assert!(!try_one(member, caps(3, 0)).await);
    assert!(!try_one(member, caps(0, 2)).await);
    assert!(store.delete(&home, mine[1].id).await.unwrap());
    assert!(!store.delete(&home, mine[1].id).await.unwrap());
    assert!(try_one(member, caps(3, 2)).await);
    assert!(!try_one(member, caps(2, 1)).await);
}

pub(crate) async fn caps_hold_when_many_create<S: AssetStore>(store: S, world: World) {
    let (home, _) = world.enter(&store).await;
    let answers = at_once(60, async |n| {
        let caller = [world.member, world.colleague][n % 2];
        let created = store.create(&home, asset(caller), caps(15, 10)).await;
        (caller, created.unwrap())
    });
    let made = |caller: Option<UserId>| {
        let of_caller = |who| caller.is_none_or(|caller| caller == who);
        answers
            .iter()
            .filter(|(who, created)| of_caller(*who) && *created == Created::New)
            .count()
    };
    assert_eq!(made(None), 15);
    assert!(made(Some(world.member)) <= 10 && made(Some(world.colleague)) <= 10);
}

pub(crate) async fn states_are_kept_and_taken_back<S: AssetStore>(store: S, world: World) {
    let (home, _) = world.enter(&store).await;
    let new = asset(world.member);
    make(&store, &home, &new).await;
    let mut object = StoredObject::of_size(1024);
    object.content_type = Some("image/png; x=\"ü\"".to_owned());
    object.etag = Some("\"9b2cf535f27731c974343645a3985328\"".to_owned());
    object.version = Some("3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY".to_owned());
    object.checksum = SHA256.parse().ok();
    for state in [
        UploadState::Uploaded(Some(object)),
        UploadState::Uploaded(Some(StoredObject::of_size(0))),
        UploadState::Uploaded(None),
        UploadState::Pending,
    ] {
        let set = store.set_state(&home, new.id, state.clone()).await;
        assert!(set.unwrap());
        let found = store.find(&home, new.id).await.unwrap().unwrap();
        assert_eq!(found.state, state);
        assert_eq!(found.made, new);
    }
}

pub(crate) async fn what_is_not_there_is_not_changed<S: AssetStore>(store: S, world: World) {
    let (home, _) = world.enter(&store).await;
    let deleted = asset(world.member);
    make(&store, &home, &deleted).await;
    assert!(store.delete(&home, deleted.id).await.unwrap());
    for id in [deleted.id, RandomIds.next_id().into()] {
        let uploaded = UploadState::Uploaded(None);
        assert!(!store.set_state(&home, id, uploaded).await.unwrap());
        assert!(!store.delete(&home, id).await.unwrap());
        assert_eq!(store.find(&home, id).await.unwrap(), None);
    }
}

pub(crate) async fn every_field_reads_back<S: AssetStore>(store: S, world: World) {
    let (home, _) = world.enter(&store).await;
    let id = AssetId::from(RandomIds.next_id());
    let mut new = NewAsset::new(
        id,
        ObjectKey::new(format!("workspace/{id}-e\u{301}té 文件 🦀'\"%;--.png")).unwrap(),
        "../e\u{301}té 文件 🦀 \u{202e}'\"%;--.png",
        "application/vnd.oasis.opendocument.text".parse().unwrap(),
        UploadSize::MAX,
        world.member,
        datetime!(2026-05-04 03:02:01.123456789 +02:00),
    )
    .unwrap();
    new.checksum = SHA256.parse().ok();
    new.project = Some(world.project);
    new.external = ExternalRef {
        source: label(&"文".repeat(255)),
        id: label("ﷺ%_'; DROP TABLE asset; --"),
    };
    make(&store, &home, &new).await;
    let found = store.find(&home, id).await.unwrap();
    assert_eq!(found, Some(pending(&new)));
    let again = create(&store, &home, new.clone()).await;
    assert_eq!(again, duplicate_of(&new));
}

/// A caller that hangs up has done all of its call or nothing, and doesn't hinder others.
pub(crate) async fn a_dropped_call_is_whole_or_nothing<S: AssetStore>(store: S, world: World) {
    let (home, _) = world.enter(&store).await;
    let mut context = Context::from_waker(Waker::noop());
    let mut news = Vec::new();
    for n in 0..200 {
        let new = with_pair(asset(world.member), "github", &n.to_string());
        let mut call = store.create(&home, new.clone(), NO_CAPS);
        for _ in 0..n % 3 {
            if let Poll::Ready(created) = call.as_mut().poll(&mut context) {
                assert_eq!(created.unwrap(), Created::New);
                break;
            }
        }
        drop(call);
        news.push((n, new));
    }
    // Writes go in order: once this one is done, so is what was begun before.
    make(&store, &home, &asset(world.member)).await;
    let mut living = HashSet::new();
    for (n, new) in news {
        if let Some(found) = store.find(&home, new.id).await.unwrap() {
            assert_eq!(found, pending(&new));
            living.insert(n);
        }
        let again = with_pair(asset(world.member), "github", &n.to_string());
        let created = create(&store, &home, again).await;
        if living.contains(&n) {
            assert_eq!(created, duplicate_of(&new));
        } else {
            assert_eq!(created, Created::New);
        }
    }
    assert!(living.iter().all(|n| n % 3 != 0), "done without a poll");
}

pub(crate) async fn only_valid_credentials_verify<S: CredentialVerifier + Seed>(store: S) {
    let user = UserId::from(RandomIds.next_id());
    let key = Credential::new(CredentialKind::ApiKey, "plane_api_0123456789abcdef");
    let all = Principal::with_all_scopes(user);
    store.add_credential(CredentialRecord::new(&key, all.clone()));
    assert_eq!(store.verify(&key, NOW).await.unwrap(), Some(all));

    for (kind, secret, why) in [
        (
            CredentialKind::ApiKey,
            "plane_api_0123456789abcdeg",
            "unknown",
        ),
        (CredentialKind::ApiKey, "", "empty"),
        (
            CredentialKind::Bearer,
            key.expose_secret(),
            "of another kind",
        ),
    ] {
        let wrong = Credential::new(kind, secret);
        assert_eq!(store.verify(&wrong, NOW).await.unwrap(), None, "{why}");
    }

    let token = Credential::new(CredentialKind::Bearer, "token");
    let reads = Principal::new(user, Scopes::none().with(Scope::AssetsRead));
    let mut record = CredentialRecord::new(&token, reads.clone());
    record.expires_at = Some(NOW);
    store.add_credential(record.clone());
    let before = NOW - time::Duration::NANOSECOND;
    assert_eq!(
        store.verify(&token, before).await.unwrap(),
        Some(reads.clone())
    );
    assert_eq!(store.verify(&token, NOW).await.unwrap(), None, "expired");
    record.expires_at = Some(datetime!(9999-12-31 23:59 UTC));
    store.add_credential(record.clone());
    assert_eq!(store.verify(&token, NOW).await.unwrap(), Some(reads));
    record.active = false;
    store.add_credential(record);
    assert_eq!(store.verify(&token, NOW).await.unwrap(), None, "disabled");
}

pub(crate) async fn seeding_again_changes_nothing<S: AssetStore + Seed>(store: S, world: World) {
    let (home, _) = world.enter(&store).await;
    let mut kept = asset(world.member);
    kept.project = Some(world.project);
    make(&store, &home, &kept).await;
    store.add_workspace(home.id(), world.home.clone());
    store.add_member(home.id(), world.member);
    store.add_project(home.id(), world.project);
    let (home, _) = world.enter(&store).await;
    let found = store.find(&home, kept.id).await.unwrap();
    assert_eq!(found, Some(pending(&kept)));

    store.remove_workspace(home.id());
    assert_eq!(store.enter(&world.home, world.member).await.unwrap(), None);
    let renamed = WorkspaceSlug::new(format!("new-{}", home.id())).unwrap();
    store.add_workspace(home.id(), renamed.clone());
    assert_eq!(store.enter(&world.home, world.member).await.unwrap(), None);
    let back = store.enter(&renamed, world.member).await.unwrap().unwrap();
    assert!(store.find(&back, kept.id).await.unwrap().is_some());
}
