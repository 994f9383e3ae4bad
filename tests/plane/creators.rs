//! Many that create at once, over more than one pool; and creations that must leave nothing.

use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::sync::Barrier;
use tower_asset_upload::asset::{
    AssetId, ExternalLabel, NewAsset, ObjectKey, PendingCaps, UserId, Workspace,
};
use tower_asset_upload::ports::{CreateOutcome, StoreError};
use tower_asset_upload::{AssetStore, PlaneStore};

use crate::fixture::{Plane, add_member, asset, options, plane, slug, with_pair};
use crate::support::{ALICE, BOB, MINE, NOW};

const CREATORS: usize = 64;

async fn enter(store: &PlaneStore) -> Workspace {
    let slug = slug("my-workspace");
    let entered = store.enter(&slug, UserId::new(ALICE)).await;
    entered.unwrap().unwrap()
}

/// Half of them create through one store and half through another, at the same moment.
async fn at_once(
    plane: &Plane,
    caps: PendingCaps,
    new: impl Fn(usize) -> NewAsset,
) -> Vec<(AssetId, CreateOutcome)> {
    let other = options().connect(&plane.url).await.unwrap();
    let stores = [plane.store.clone(), other];
    let workspace = enter(&stores[0]).await;
    let start = Arc::new(Barrier::new(CREATORS));
    let creators: Vec<_> = (0..CREATORS)
        .map(|n| {
            let (store, workspace) = (stores[n % 2].clone(), workspace.clone());
            let (start, new) = (Arc::clone(&start), new(n));
            tokio::spawn(async move {
                start.wait().await;
                let id = new.id;
                (id, store.create(&workspace, new, caps).await.unwrap())
            })
        })
        .collect();
    let mut answers = Vec::new();
    for creator in creators {
        answers.push(creator.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_make_one_pair_once() {
    let Some(plane) = plane("two_stores_make_one_pair_once").await else {
        return;
    };
    for round in 0..5 {
        let id = format!("文/{round}");
        let pair = |_| with_pair(asset(NOW), "github", &id);
        let answers = at_once(&plane, PendingCaps::default(), pair).await;
        let new = |(_, created): &&(_, CreateOutcome)| *created == CreateOutcome::New;
        let winners: Vec<_> = answers.iter().filter(new).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        for (id, created) in &answers {
            match created {
                CreateOutcome::Duplicate(twin) => assert_eq!(twin.made.id, winners[0].0),
                created => assert_eq!((created, *id), (&CreateOutcome::New, winners[0].0)),
            }
        }
        assert_eq!(plane.count("true").await, round + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn caps_hold_over_two_stores() {
    let Some(plane) = plane("caps_hold_over_two_stores").await else {
        return;
    };
    add_member(&plane.admin, MINE, BOB).await;
    let caps = PendingCaps {
        per_workspace: NonZeroU32::new(15),
        per_caller: NonZeroU32::new(10),
        ..PendingCaps::default()
    };
    // Some have a pair, so some take two locks and some one, and nobody waits for ever.
    let answers = at_once(&plane, caps, |n| {
        let mut new = asset(NOW);
        new.created_by = UserId::new([ALICE, BOB][n / 2 % 2]);
        if n % 3 == 0 {
            new = with_pair(new, "github", &(n % 8).to_string());
        }
        new
    })
    .await;
    let new = answers
        .iter()
        .filter(|(_, created)| *created == CreateOutcome::New);
    assert_eq!(new.count(), 15);
    assert_eq!(plane.count("true").await, 15);
    for user in [ALICE, BOB] {
        let made = plane.count(&format!("created_by_id = '{user}'")).await;
        assert!(made <= 10, "{made}");
    }
}

#[tokio::test]
async fn what_is_not_purgeable_is_not_pending() {
    let Some(plane) = plane("what_is_not_purgeable_is_not_pending").await else {
        return;
    };
    let workspace = enter(&plane.store).await;
    let caps = PendingCaps {
        per_workspace: NonZeroU32::new(1),
        per_caller: NonZeroU32::new(1),
        ..PendingCaps::default()
    };
    for _ in 0..2 {
        let created = plane.store.create(&workspace, asset(NOW), caps).await;
        assert_eq!(created.unwrap(), CreateOutcome::New);
        // From now on it is Plane's own.
        plane
            .set("file_assets", "entity_identifier = 'x'", "true")
            .await;
    }
}

#[tokio::test]
async fn a_creation_that_fails_leaves_nothing() {
    let Some(plane) = plane("a_creation_that_fails_leaves_nothing").await else {
        return;
    };
    let workspace = enter(&plane.store).await;
    let capped = PendingCaps {
        per_workspace: NonZeroU32::new(7),
        ..PendingCaps::default()
    };
    let nobody = UserId::new(uuid::Uuid::from_u128(404));
    let long = |letter: &str| format!("{MINE}/{}", letter.repeat(801 - 37));
    let key = |text: String| ObjectKey::new(text).unwrap();
    let fits = asset(NOW).key;
    for (why, maker, key) in [
        ("a maker who isn't there", nobody, fits),
        (
            "a key of 801 characters",
            UserId::new(ALICE),
            key(long("k")),
        ),
        // SQL cuts blanks off in silence.
        (
            "a key of 801 characters, the last ones blank",
            UserId::new(ALICE),
            key(format!("{}     ", &long("k")[..796])),
        ),
    ] {
        for (source, caps) in [
            ("", PendingCaps::default()),
            ("github", PendingCaps::default()),
            ("github", capped),
            ("", capped),
        ] {
            let mut new = asset(NOW);
            new.created_by = maker;
            new.key = key.clone();
            new.external.source = ExternalLabel::new(source).ok();
            new.external.id = ExternalLabel::new("7").ok();
            let refused = plane.store.create(&workspace, new, caps).await;
            let refused = refused.expect_err(why);
            assert!(matches!(refused, StoreError::Failed(_)), "{why}: {refused}");
            assert_eq!(plane.count("true").await, 0, "{why}");
        }
    }
    // 800 characters fit, whatever their bytes.
    let mut new = asset(NOW);
    new.key = ObjectKey::new(format!("{MINE}/{}", "é".repeat(480))).unwrap();
    let id = new.id;
    let created = plane.store.create(&workspace, new.clone(), capped).await;
    assert_eq!(created.unwrap(), CreateOutcome::New);
    let found = plane.store.find(&workspace, id).await.unwrap().unwrap();
    assert_eq!(found.made, new);
}

#[tokio::test]
async fn of_planes_own_twins_the_youngest_counts() {
    let Some(plane) = plane("of_planes_own_twins_the_youngest_counts").await else {
        return;
    };
    let workspace = enter(&plane.store).await;
    let mut ids = Vec::new();
    for day in 1..=3 {
        let new = asset(NOW - time::Duration::days(day));
        ids.push(new.id);
        let created = plane.store.create(&workspace, new, PendingCaps::default());
        created.await.unwrap();
    }
    let twins = "external_source = 'github', external_id = '7'";
    plane.set("file_assets", twins, "true").await;
    let new = with_pair(asset(NOW), "github", "7");
    let created = plane.store.create(&workspace, new, PendingCaps::default());
    match created.await.unwrap() {
        CreateOutcome::Duplicate(twin) => assert_eq!(twin.made.id, ids[0]),
        other => panic!("{other:?}"),
    }
}
