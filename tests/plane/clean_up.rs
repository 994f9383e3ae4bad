//! The clean-up touches nothing that is Plane's.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use tower_asset_upload::{AssetStore, Condemned, PendingCaps, PurgeStep, PurgeStore, UserId};
use uuid::Uuid;

use crate::fixture::{Plane, asset, plane, slug};
use crate::support::{ALICE, MINE, NOW, OTHERS};

const MOST: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// A step at noon of 19 May: pending for a week is too long, and forms live for an hour.
fn step() -> PurgeStep {
    PurgeStep::new(NOW, NOW - Duration::WEEK, NOW - Duration::HOUR, MOST)
}

/// A row of this endpoint's, as JSON, made at that time.
async fn row(plane: &Plane, made: OffsetDateTime) -> Value {
    let slug = slug("my-workspace");
    let workspace = plane.store.enter(&slug, UserId::new(ALICE)).await;
    let workspace = workspace.unwrap().unwrap();
    let new = asset(made);
    let id = *new.id.as_uuid();
    let created = plane.store.create(&workspace, new, PendingCaps::default());
    created.await.unwrap();
    plane.row(id).await
}

fn uuid_of(row: &Value) -> Uuid {
    row["id"].as_str().unwrap().parse().unwrap()
}

/// What makes a row somebody's: none of these is touched.
fn attachments() -> Vec<Value> {
    let id = Uuid::from_u128(7);
    vec![
        json!({"issue_id": id}),
        json!({"comment_id": id}),
        json!({"page_id": id}),
        json!({"draft_issue_id": id}),
        json!({"user_id": ALICE}),
        json!({"entity_identifier": "something"}),
        json!({"entity_type": "ISSUE_DESCRIPTION"}),
        json!({"entity_type": "PAGE_DESCRIPTION"}),
        json!({"entity_type": "WORKSPACE_LOGO"}),
        json!({"entity_type": null}),
        json!({"is_archived": true}),
        json!({"workspace_id": null}),
    ]
}

async fn with_targets(plane: &Plane) {
    for table in ["issues", "issue_comments", "pages", "draft_issues"] {
        let sql = format!("INSERT INTO {table} VALUES ('{}')", Uuid::from_u128(7));
        plane.admin.execute(&sql, &[]).await.unwrap();
    }
}

#[tokio::test]
async fn only_what_nobody_has_attached_is_given_up() {
    let Some(plane) = plane("only_what_nobody_has_attached_is_given_up").await else {
        return;
    };
    with_targets(&plane).await;
    let old = NOW - Duration::WEEK - Duration::MICROSECOND;
    let template = row(&plane, old).await;
    let mut others = attachments();
    others.push(json!({"is_uploaded": true}));
    let young = NOW - Duration::WEEK;
    let young = young
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    others.push(json!({"created_at": young}));
    for change in &others {
        let mut other = template.clone();
        other["id"] = json!(<Uuid as Random>::random());
        for (column, value) in change.as_object().unwrap() {
            other[column] = value.clone();
        }
        plane.insert(&other).await;
    }
    let condemned = plane.store.purge(&step()).await.unwrap();
    assert_eq!(condemned, [], "its form may still be alive");
    let deleted = plane
        .count("is_deleted AND deleted_at = '2026-05-19 10:11:12 UTC'")
        .await;
    assert_eq!(deleted, 1);
    assert_eq!(plane.count("deleted_at IS NOT NULL").await, 1);
    let given_up = plane.row(uuid_of(&template)).await;
    assert_eq!(given_up["is_deleted"], true);
}

#[tokio::test]
async fn only_what_nobody_has_attached_is_condemned_and_goes() {
    let Some(plane) = plane("only_what_nobody_has_attached_is_condemned_and_goes").await else {
        return;
    };
    with_targets(&plane).await;
    let mut template = row(&plane, datetime!(2026-01-01 0:00 UTC)).await;
    template["is_uploaded"] = json!(true);
    template["is_deleted"] = json!(true);
    template["deleted_at"] = json!("2026-05-19T09:11:11.999999Z");
    let mut others = attachments();
    // An hour ago: a form that was signed the moment before is alive for this last one.
    others.push(json!({"deleted_at": "2026-05-19T09:11:12Z"}));
    others.push(json!({"deleted_at": null}));
    // This one was Plane's, and Plane can keep it: the key is no key here.
    others.push(json!({"asset": "a\nb"}));
    let mut all = Vec::new();
    for change in &others {
        let mut other = template.clone();
        other["id"] = json!(<Uuid as Random>::random());
        for (column, value) in change.as_object().unwrap() {
            other[column] = value.clone();
        }
        plane.insert(&other).await;
        all.push(uuid_of(&other));
    }
    plane.set("file_assets", "is_uploaded = true", "true").await;
    let deleted_by_plane = "is_deleted = false, deleted_at = '2026-05-19 09:11:11.999999 UTC'";
    let own = uuid_of(&template);
    plane
        .set("file_assets", deleted_by_plane, &format!("id = '{own}'"))
        .await;

    let condemned = plane.store.purge(&step()).await.unwrap();
    let [only] = &condemned[..] else {
        panic!("{condemned:?}");
    };
    assert_eq!(*only.id.as_uuid(), own);
    assert_eq!(*only.workspace.as_uuid(), MINE);
    assert_eq!(only.key.as_str(), template["asset"]);
    assert_eq!(only.deleted_at, datetime!(2026-05-19 09:11:11.999999 UTC));

    // Whoever says that the others are gone, too, is not believed.
    let mut next = step();
    next.gone = all
        .iter()
        .chain([&own])
        .map(|id| Condemned {
            id: (*id).into(),
            ..only.clone()
        })
        .collect();
    let before = plane.count("true").await;
    assert_eq!(plane.store.purge(&next).await.unwrap(), []);
    // But for the one whose key can't be named, of which somebody has said so.
    assert_eq!(plane.count("true").await, before - 2);
    assert_eq!(plane.count(&format!("id = '{own}'")).await, 0);
}

#[tokio::test]
async fn a_row_that_plane_refers_to_stays_and_holds_nobody_up() {
    let Some(plane) = plane("a_row_that_plane_refers_to_stays_and_holds_nobody_up").await else {
        return;
    };
    let mut rows = Vec::new();
    for _ in 0..3 {
        rows.push(uuid_of(&row(&plane, datetime!(2026-01-01 0:00 UTC)).await));
    }
    plane
        .set(
            "file_assets",
            "is_deleted = true, deleted_at = '2026-05-01 UTC'",
            "true",
        )
        .await;
    let refer = format!(
        "CREATE TABLE elsewhere (asset uuid REFERENCES file_assets (id) DEFERRABLE INITIALLY DEFERRED); \
         INSERT INTO elsewhere VALUES ('{}')",
        rows[1]
    );
    plane.admin.batch_execute(&refer).await.unwrap();
    let mut step = step();
    step.gone = plane.store.purge(&step).await.unwrap();
    assert_eq!(step.gone.len(), 3);
    let left = plane.store.purge(&step).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(*left[0].id.as_uuid(), rows[1]);
    // It doesn't come up again in the same run.
    step.gone.clear();
    step.after = left.last().cloned();
    assert_eq!(plane.store.purge(&step).await.unwrap(), []);
}

#[tokio::test]
async fn steps_are_bounded_and_go_on_where_the_last_one_ended() {
    let Some(plane) = plane("steps_are_bounded_and_go_on_where_the_last_one_ended").await else {
        return;
    };
    let template = row(&plane, datetime!(2026-01-01 0:00 UTC)).await;
    for n in 1..25 {
        let mut other = template.clone();
        other["id"] = json!(<Uuid as Random>::random());
        other["created_at"] = json!(format!("2026-02-{n:02}T00:00:00Z"));
        other["workspace_id"] = json!([MINE, OTHERS][n % 2]);
        plane.insert(&other).await;
    }
    let mut step = step();
    step.most = NonZeroU32::new(10).unwrap();
    for given_up in [10, 20, 25] {
        assert_eq!(plane.store.purge(&step).await.unwrap(), []);
        assert_eq!(plane.count("is_deleted").await, given_up);
        let oldest = plane
            .count("is_deleted AND created_at < '2026-02-10 UTC'")
            .await;
        assert_eq!(oldest, 10, "the oldest first");
    }

    // Ten of them can't be named: they are passed over, and don't end the run.
    plane
        .set(
            "file_assets",
            "asset = E'a\\nb', deleted_at = '2026-05-01 UTC'",
            "created_at < '2026-02-10 UTC'",
        )
        .await;
    plane
        .set(
            "file_assets",
            "deleted_at = '2026-05-02 UTC'",
            "asset <> E'a\\nb'",
        )
        .await;
    let mut seen = Vec::new();
    loop {
        let condemned = plane.store.purge(&step).await.unwrap();
        let Some(last) = condemned.last() else { break };
        assert!(condemned.len() <= 10);
        step.after = Some(last.clone());
        seen.extend(condemned);
    }
    assert_eq!(seen.len(), 15);
    assert!(seen.is_sorted(), "in the order of `Condemned`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_replica_may_clean_up_at_once() {
    let Some(plane) = plane("every_replica_may_clean_up_at_once").await else {
        return;
    };
    let template = row(&plane, datetime!(2026-01-01 0:00 UTC)).await;
    for n in 0..200 {
        let mut other = template.clone();
        other["id"] = json!(<Uuid as Random>::random());
        if n % 2 == 0 {
            other["is_deleted"] = json!(true);
            other["deleted_at"] = json!("2026-05-01T00:00:00Z");
        }
        plane.insert(&other).await;
    }
    let replicas: Vec<_> = (0..8)
        .map(|_| {
            let store = plane.store.clone();
            tokio::spawn(async move {
                let mut step = step();
                step.most = NonZeroU32::new(7).unwrap();
                loop {
                    let condemned = store.purge(&step).await.unwrap();
                    step.after = condemned.last().cloned().or(step.after);
                    let done = condemned.is_empty() && step.gone.is_empty();
                    step.gone = condemned;
                    if done {
                        break;
                    }
                }
            })
        })
        .collect();
    for replica in replicas {
        replica.await.unwrap();
    }
    assert_eq!(plane.count("deleted_at < '2026-05-19 UTC'").await, 0);
    assert_eq!(plane.count("true").await, 101);
    assert!(plane.count("is_deleted").await >= 80, "given up meanwhile");
}

trait Random {
    fn random() -> Self;
}

impl Random for Uuid {
    fn random() -> Self {
        use tower_asset_upload::{IdSource, RandomIds};
        RandomIds.next_id()
    }
}
