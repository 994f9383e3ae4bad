//! The clean-up touches nothing that is Plane's.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use tower_asset_upload::AssetStore;
use tower_asset_upload::asset::{ChangeOutcome, PendingCaps, StateChange, UserId};
use tower_asset_upload::ports::CreateOutcome;
use tower_asset_upload::purge::{Condemned, PurgeStep, PurgeStore};
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
    // As it is where the clock of its maker is the server's.
    plane
        .set(
            "file_assets",
            "storage_metadata = '{}'",
            &format!("id = '{id}'"),
        )
        .await;
    plane.row(id).await
}

/// Since when a row is pending is noted where it is not since the row was made.
#[tokio::test]
async fn what_is_taken_back_has_its_time_anew() {
    let Some(plane) = plane("what_is_taken_back_has_its_time_anew").await else {
        return;
    };
    let home = slug("my-workspace");
    let entered = plane.store.enter(&home, UserId::new(ALICE)).await;
    let workspace = entered.unwrap().unwrap();
    let condemned = async || {
        let now = plane.store.time().await.unwrap().now;
        let step = PurgeStep::new(now, now - Duration::WEEK, now - Duration::HOUR, MOST);
        plane.store.purge(&step).await.unwrap().len()
    };
    // Of the sidecar's, months old: it was complete, and is taken back.
    let id = uuid_of(&row(&plane, NOW).await).into();
    for change in [StateChange::Complete(None), StateChange::TakeBack] {
        let set = plane.store.set_state(&workspace, id, change);
        assert_eq!(set.await.unwrap(), ChangeOutcome::Done);
    }
    // Of a sidecar whose clock is months behind, and of one whose clock is months ahead.
    for made in [NOW, NOW + Duration::days(3_650)] {
        let created = plane
            .store
            .create(&workspace, asset(made), PendingCaps::default());
        assert_eq!(created.await.unwrap(), CreateOutcome::New);
    }
    // Of Plane's, taken back by Plane, which tells nobody when.
    let theirs = uuid_of(&row(&plane, NOW).await);
    let recorded = json!({"ContentLength": 1024, "ETag": "\"x\""}).to_string();
    plane
        .set(
            "file_assets",
            &format!("storage_metadata = '{recorded}'"),
            &format!("id = '{theirs}'"),
        )
        .await;
    assert_eq!(condemned().await, 0);

    // A week later.
    let week = "storage_metadata = storage_metadata || jsonb_build_object('PendingSince', \
                (storage_metadata ->> 'PendingSince')::float8 - 604801)";
    plane
        .set("file_assets", week, "storage_metadata ? 'PendingSince'")
        .await;
    assert_eq!(condemned().await, 3);
    let left = plane.row(theirs).await;
    assert_eq!(left["is_deleted"], false, "left to Plane");
}

/// What Plane duplicates has a key of its own, and copies what was noted of another.
#[tokio::test]
async fn a_copy_is_pending_since_it_was_made() {
    let Some(plane) = plane("a_copy_is_pending_since_it_was_made").await else {
        return;
    };
    let mut copy = row(&plane, NOW).await;
    copy["id"] = json!(<Uuid as Random>::random());
    copy["storage_metadata"] = json!({"PendingSince": 0, "Key": "another/key"});
    plane.insert(&copy).await;
    let mut before = step();
    before.pending_before = NOW;
    assert_eq!(plane.store.purge(&before).await.unwrap(), []);
    before.pending_before = NOW + Duration::MICROSECOND;
    assert_eq!(plane.store.purge(&before).await.unwrap().len(), 2);
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
    let [only] = &condemned[..] else {
        panic!("{condemned:?}");
    };
    assert_eq!(*only.id.as_uuid(), uuid_of(&template));
    assert_eq!(only.deleted_at, NOW);
    let deleted = plane
        .count("is_deleted AND deleted_at = '2026-05-19 10:11:12 UTC'")
        .await;
    assert_eq!(deleted, 1);
    assert_eq!(plane.count("deleted_at IS NOT NULL").await, 1);
    let given_up = plane.row(uuid_of(&template)).await;
    assert_eq!(given_up["is_deleted"], true);
}

/// An asset that was uploaded, and deleted by Plane at that time.
fn deleted_by_plane(template: &Value, at: &str) -> Value {
    let mut row = template.clone();
    row["id"] = json!(<Uuid as Random>::random());
    row["is_uploaded"] = json!(true);
    row["deleted_at"] = json!(at);
    row["storage_metadata"] = json!({"ETag": "\"x\"", "ContentLength": 1024});
    row
}

#[tokio::test]
async fn only_what_nobody_has_attached_is_condemned_and_goes() {
    let Some(plane) = plane("only_what_nobody_has_attached_is_condemned_and_goes").await else {
        return;
    };
    with_targets(&plane).await;
    let template = row(&plane, NOW).await;
    let old = deleted_by_plane(&template, "2026-05-19T09:11:11.999999Z");
    // An hour ago: a form that was signed the moment before is alive for this one.
    let young = deleted_by_plane(&template, "2026-05-19T09:11:12Z");
    let mut others = vec![uuid_of(&template)];
    let mut unnamed = Vec::new();
    for row in [&old, &young] {
        plane.insert(row).await;
        for change in attachments().iter().chain([&json!({"deleted_at": null})]) {
            let mut other = row.clone();
            other["id"] = json!(<Uuid as Random>::random());
            for (column, value) in change.as_object().unwrap() {
                other[column] = value.clone();
            }
            plane.insert(&other).await;
            others.push(uuid_of(&other));
        }
        // This one was Plane's, and Plane can keep it: the key is no key here.
        let mut other = row.clone();
        other["id"] = json!(<Uuid as Random>::random());
        other["asset"] = json!("a\nb");
        plane.insert(&other).await;
        unnamed.push(uuid_of(&other));
    }
    let (old, young) = (uuid_of(&old), uuid_of(&young));

    let condemned = plane.store.purge(&step()).await.unwrap();
    let [first, second] = &condemned[..] else {
        panic!("{condemned:?}");
    };
    for (named, id, at) in [
        (first, old, datetime!(2026-05-19 09:11:11.999999 UTC)),
        (second, young, datetime!(2026-05-19 09:11:12 UTC)),
    ] {
        assert_eq!(*named.id.as_uuid(), id);
        assert_eq!(*named.workspace.as_uuid(), MINE);
        assert_eq!(named.key.as_str(), template["asset"]);
        assert_eq!(named.deleted_at, at);
    }

    // Whoever says that the others are gone, too, is not believed.
    let mut before = Vec::new();
    for id in &others {
        before.push(plane.row(*id).await);
    }
    let mut kept = plane.row(young).await;
    let mut next = step();
    next.gone = others
        .iter()
        .chain(&unnamed)
        .chain([&old, &young])
        .map(|id| Condemned {
            id: (*id).into(),
            ..first.clone()
        })
        .collect();
    assert_eq!(plane.store.purge(&next).await.unwrap(), []);
    for (id, before) in others.iter().zip(before) {
        assert_eq!(plane.row(*id).await, before);
    }
    // But for those whose keys can't be named, of which somebody has said so.
    let [old_unnamed, young_unnamed] = unnamed[..] else {
        panic!("{unnamed:?}");
    };
    let gone = format!("id IN ('{old}', '{old_unnamed}')");
    assert_eq!(plane.count(&gone).await, 0, "no form for it is alive");
    kept["storage_metadata"]["ObjectRemoved"] = json!(true);
    assert_eq!(plane.row(young).await, kept, "noted, and nothing else");
    let unnamed = plane.row(young_unnamed).await;
    assert_eq!(unnamed["storage_metadata"], kept["storage_metadata"]);

    // Once no form is alive any more it is named again.
    let mut later = step();
    later.forget_before += Duration::MICROSECOND;
    let again = plane.store.purge(&later).await.unwrap();
    assert_eq!(again, std::slice::from_ref(second));
    later.gone = again;
    assert_eq!(plane.store.purge(&later).await.unwrap(), []);
    assert_eq!(plane.count(&format!("id = '{young}'")).await, 0);
}

#[tokio::test]
async fn the_note_takes_nothing_from_the_metadata() {
    let Some(plane) = plane("the_note_takes_nothing_from_the_metadata").await else {
        return;
    };
    let template = row(&plane, NOW).await;
    let noted = json!({"ObjectRemoved": true});
    for (metadata, expected) in [
        ("'{}'", noted.clone()),
        ("NULL", noted.clone()),
        ("'null'", noted.clone()),
        (
            r#"'{"ETag": "\"x\"", "of Plane": [null, 1.50]}'"#,
            json!({"ETag": "\"x\"", "of Plane": [null, 1.5], "ObjectRemoved": true}),
        ),
        (r#"'{"ObjectRemoved": false}'"#, noted.clone()),
        (r#"'{"ObjectRemoved": "true"}'"#, noted.clone()),
        (r#"'{"ObjectRemoved": null}'"#, noted.clone()),
        (
            r#"'{"of Plane": {"ObjectRemoved": true}}'"#,
            json!({"of Plane": {"ObjectRemoved": true}, "ObjectRemoved": true}),
        ),
        // Plane writes none of these.
        ("'[1, {}]'", json!([1, {}, {"ObjectRemoved": true}])),
        (r#"'"text"'"#, json!(["text", {"ObjectRemoved": true}])),
        ("'7'", json!([7, {"ObjectRemoved": true}])),
    ] {
        let row = deleted_by_plane(&template, "2026-05-19T10:00:00Z");
        let id = uuid_of(&row);
        plane.insert(&row).await;
        let this = format!("id = '{id}'");
        let change = format!("storage_metadata = {metadata}");
        plane.set("file_assets", &change, &this).await;
        let mut step = step();
        step.gone = plane.store.purge(&step).await.unwrap();
        assert_eq!(step.gone.len(), 1, "{metadata} is no note");
        for _ in 0..2 {
            let named = plane.store.purge(&step).await.unwrap();
            assert_eq!(named, [], "{metadata}: it is noted");
            let found = plane.row(id).await;
            assert_eq!(found["storage_metadata"], expected, "{metadata}");
        }
        step.forget_before = NOW;
        let named = plane.store.purge(&step).await.unwrap();
        assert_eq!(named, [], "{metadata}: its row went");
        assert_eq!(plane.count(&this).await, 0, "{metadata}");
    }
}

#[tokio::test]
async fn a_row_in_other_hands_is_noted_by_the_next_run() {
    let Some(plane) = plane("a_row_in_other_hands_is_noted_by_the_next_run").await else {
        return;
    };
    let template = row(&plane, NOW).await;
    for _ in 0..2 {
        let row = deleted_by_plane(&template, "2026-05-19T10:00:00Z");
        plane.insert(&row).await;
    }
    let mut step = step();
    step.gone = plane.store.purge(&step).await.unwrap();
    assert_eq!(step.gone.len(), 2);
    let locked = step.gone[0].clone();
    let lock = format!(
        "BEGIN; SELECT FROM file_assets WHERE id = '{}' FOR UPDATE",
        locked.id
    );
    plane.admin.batch_execute(&lock).await.unwrap();
    // The other one is noted, and nobody waits.
    let left = plane.store.purge(&step).await.unwrap();
    assert_eq!(left, std::slice::from_ref(&locked));
    plane.admin.batch_execute("COMMIT").await.unwrap();
    step.gone = left;
    assert_eq!(plane.store.purge(&step).await.unwrap(), []);
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
        assert_eq!(plane.store.purge(&step).await.unwrap().len(), 10);
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
    // What was given up behind the cursors is left to the next run.
    let mut step = step();
    loop {
        step.gone = plane.store.purge(&step).await.unwrap();
        if step.gone.is_empty() {
            break;
        }
    }
    let noted = "is_deleted AND storage_metadata = '{\"ObjectRemoved\": true}'";
    assert_eq!(plane.count(noted).await, 101);
}

trait Random {
    fn random() -> Self;
}

impl Random for Uuid {
    fn random() -> Self {
        use tower_asset_upload::asset::{IdSource, RandomIds};
        RandomIds.next_id()
    }
}
