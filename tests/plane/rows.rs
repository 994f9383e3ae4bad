//! Rows: written as Plane writes them, and read as Plane wrote them.

use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use tower_asset_upload::asset::{
    ChangeOutcome, Clock, FixedClock, Mismatch, PendingCaps, SequentialIds, StateChange,
    StoredObject, SystemClock, UploadState, UserId, Workspace,
};
use tower_asset_upload::ports::StoreError;
use tower_asset_upload::purge::PurgeStore;
use tower_asset_upload::{AssetStore, AssetUploadService, HeaderAuthenticator};
use uuid::Uuid;

use crate::fixture::{Plane, asset, plane, slug};
use crate::support::{ALICE, COLLECTION, MINE, NOW, call, signer};

/// What a running Plane answered with success, and the row it made.
#[derive(Deserialize)]
struct Recorded {
    #[serde(rename = "case")]
    name: String,
    /// Of the request that made the row; without it Plane's maintainers have laid hands on the row.
    body: Option<String>,
    row: Value,
}

fn recorded() -> Vec<Recorded> {
    let lines = include_str!("recorded-rows.jsonl").lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn enter(plane: &Plane) -> Workspace {
    let slug = slug("my-workspace");
    let entered = plane.store.enter(&slug, UserId::new(ALICE)).await;
    entered.unwrap().unwrap()
}

#[tokio::test]
async fn a_row_is_what_plane_writes_for_the_same_request() {
    let Some(plane) = plane("a_row_is_what_plane_writes_for_the_same_request").await else {
        return;
    };
    // The server's, give or take.
    let now = SystemClock.now();
    let authenticator = HeaderAuthenticator::new(plane.store.clone()).clock(FixedClock(now));
    let service = AssetUploadService::builder(plane.store.clone(), signer(), authenticator)
        .clock(FixedClock(now))
        .ids(SequentialIds::starting_at(1))
        .trust_clients()
        .build()
        .unwrap();
    let mut compared = 0;
    for Recorded { name, body, row } in recorded() {
        let Some(body) = body else { continue };
        let answer = call(&service, &format!("POST {COLLECTION}"), body.clone()).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.shown());
        let mut ours = plane.row(answer.asset_id().parse().unwrap()).await;

        // More is there only where people see another name than object stores do.
        let sent: Value = serde_json::from_str(&body).unwrap();
        let shown = ours["attributes"]
            .as_object_mut()
            .unwrap()
            .remove("display_name");
        let sent = sent["name"].as_str().unwrap().replace('\0', "");
        let different = row["attributes"]["name"] != *sent;
        assert_eq!(shown, different.then(|| json!(sent)), "{name}");

        let mut theirs = row;
        let made = now.replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap();
        for (row, at) in [
            (&ours, made.trim_end_matches('Z')),
            (&theirs, "2026-11-23T21:1"),
        ] {
            for column in ["created_at", "updated_at"] {
                assert!(
                    row[column].as_str().unwrap().starts_with(at),
                    "{name}: {row}"
                );
            }
        }
        for row in [&mut ours, &mut theirs] {
            let row = row.as_object_mut().unwrap();
            let asset = row["asset"].as_str().unwrap().to_owned();
            let (workspace, rest) = asset.split_once('/').unwrap();
            let (random, file) = rest.split_once('-').unwrap();
            assert_eq!(
                (workspace, random.len()),
                (&*MINE.to_string(), 32),
                "{name}"
            );
            row.insert("asset".into(), file.into());
            // The column is a float; JSON has more ways to write one.
            row.insert("size".into(), row["size"].as_f64().into());
            for column in ["id", "created_at", "updated_at"] {
                row.remove(column);
            }
        }
        assert_eq!(ours, theirs, "{name}");
        compared += 1;
    }
    assert!(compared > 10, "only {compared} rows were compared");
}

#[tokio::test]
async fn completing_and_deleting_change_what_plane_changes() {
    let Some(plane) = plane("completing_and_deleting_change_what_plane_changes").await else {
        return;
    };
    let workspace = enter(&plane).await;
    let new = asset(SystemClock.now());
    let id = *new.id.as_uuid();
    let created = plane
        .store
        .create(&workspace, new.clone(), PendingCaps::default());
    created.await.unwrap();
    let made = plane.row(id).await;
    assert_eq!(made["storage_metadata"], json!({}));

    let mut object = StoredObject::of_size(1024);
    object.content_type = Some("image/png".into());
    object.etag = Some("\"9b2cf535f27731c974343645a3985328\"".into());
    let complete = StateChange::Complete(Some(object));
    let set = plane.store.set_state(&workspace, new.id, complete);
    assert_eq!(set.await.unwrap(), ChangeOutcome::Done);
    let mut expected = made.clone();
    expected["is_uploaded"] = json!(true);
    expected["storage_metadata"] = json!({
        "ContentLength": 1024,
        "Key": new.key.as_str(),
        "ContentType": "image/png",
        "ETag": "\"9b2cf535f27731c974343645a3985328\"",
    });
    assert_eq!(plane.row(id).await, expected);

    let back = StateChange::TakeBack;
    let set = plane.store.set_state(&workspace, new.id, back);
    assert_eq!(set.await.unwrap(), ChangeOutcome::Done);
    let mut taken_back = plane.row(id).await;
    let metadata = taken_back["storage_metadata"].take();
    let now = plane.store.time().await.unwrap().now;
    let since = metadata["PendingSince"].as_f64().unwrap();
    let since = OffsetDateTime::UNIX_EPOCH + Duration::seconds_f64(since);
    assert!((now - since).abs() < Duration::MINUTE, "{metadata}");
    assert_eq!(metadata["Key"], made["asset"]);
    taken_back["storage_metadata"] = json!({});
    assert_eq!(taken_back, made);

    let reject = StateChange::Reject(Mismatch::new("The object has 5 bytes."));
    let set = plane.store.set_state(&workspace, new.id, reject);
    assert_eq!(set.await.unwrap(), ChangeOutcome::Done);
    let mut made = made;
    made["storage_metadata"] =
        json!({"Rejected": "The object has 5 bytes.", "Key": new.key.as_str()});
    assert_eq!(plane.row(id).await, made);

    assert!(plane.store.delete(&workspace, new.id).await.unwrap());
    let mut expected = made;
    expected["is_deleted"] = json!(true);
    let mut deleted = plane.row(id).await;
    let deleted_at = deleted["deleted_at"].take();
    let deleted_at = OffsetDateTime::parse(deleted_at.as_str().unwrap(), &Rfc3339).unwrap();
    assert!((deleted_at - now).abs() < Duration::MINUTE, "{deleted_at}");
    assert_eq!(deleted, expected);
}

#[tokio::test]
async fn what_plane_wrote_is_read() {
    let Some(plane) = plane("what_plane_wrote_is_read").await else {
        return;
    };
    let workspace = enter(&plane).await;
    let mut read = 0;
    for Recorded { name, row, .. } in recorded() {
        plane.insert(&row).await;
        let id: Uuid = row["id"].as_str().unwrap().parse().unwrap();
        let found = plane.store.find(&workspace, id.into()).await;
        // Keys that mean something else in a form than in a URL.
        if ["name.newline", "get.name_filename_var"].contains(&&*name) {
            let fault = found.unwrap_err();
            assert!(matches!(fault, StoreError::Failed(_)), "{name}: {fault}");
            assert!(
                fault.to_string().contains("column asset"),
                "{name}: {fault}"
            );
            continue;
        }
        let found = found.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let found = found.unwrap_or_else(|| panic!("{name}: none"));
        assert_eq!(found.made.key.as_str(), row["asset"], "{name}");
        let attributes = &row["attributes"];
        let (shown, file, kind, size) = match &*name {
            "name.rtl" => (
                "\u{202e}gnp.exe".into(),
                "gnp.exe".into(),
                "image/jpeg",
                1_024_000,
            ),
            "name.len_730" => ("a".repeat(730), "a".repeat(255), "image/jpeg", 1_024_000),
            // What is missing is taken from the key, or from nowhere.
            _ if name.starts_with("get.attrs") => {
                let name = "image.jpg".to_owned();
                (name.clone(), name, "application/octet-stream", 1_024_000)
            }
            _ => {
                let shown = attributes["name"].as_str().unwrap().to_owned();
                let kind = attributes["type"].as_str().unwrap();
                (
                    shown.clone(),
                    shown,
                    kind,
                    attributes["size"].as_u64().unwrap(),
                )
            }
        };
        assert_eq!(found.made.display_name.as_str(), shown, "{name}");
        assert_eq!(found.made.object_name.as_str(), file, "{name}");
        assert_eq!(found.made.media_type.as_str(), kind, "{name}");
        assert_eq!(found.made.size.bytes(), size, "{name}");
        assert_eq!(found.made.created_by, UserId::new(ALICE), "{name}");
        // An ETag alone, as was once written by hand, doesn't say what the object is.
        let state = if row["is_uploaded"] == true {
            UploadState::Uploaded(None)
        } else {
            UploadState::Pending
        };
        assert_eq!(found.state, state, "{name}");
        read += 1;
    }
    assert!(read > 20, "only {read} rows were read");
}

#[tokio::test]
async fn odd_rows_are_read_or_name_their_column() {
    let Some(plane) = plane("odd_rows_are_read_or_name_their_column").await else {
        return;
    };
    let workspace = enter(&plane).await;
    let new = asset(NOW);
    let (id, row) = (new.id, format!("id = '{}'", new.id));
    let created = plane.store.create(&workspace, new, PendingCaps::default());
    created.await.unwrap();
    let original = plane.row(*id.as_uuid()).await;
    for (change, fault) in [
        ("size = 12.7", None),
        ("size = 0.5, attributes = '{\"size\": 7}'", None),
        (
            "size = 0, attributes = '{}', storage_metadata = '{\"ContentLength\": 7}'",
            None,
        ),
        ("attributes = '[]'", None),
        ("attributes = 'null'", None),
        ("attributes = '{\"type\": \"none\"}'", None),
        (
            "attributes = '{\"type\": \"image/*\", \"name\": {\"a\": []}}'",
            None,
        ),
        ("storage_metadata = NULL, is_uploaded = true", None),
        ("storage_metadata = '[1]', is_uploaded = true", None),
        (
            "storage_metadata = '{\"ContentLength\": 1e30}', is_uploaded = true",
            None,
        ),
        ("created_by_id = NULL, updated_by_id = NULL", None),
        ("external_id = '', external_source = 'github'", None),
        ("is_archived = true, entity_type = NULL", None),
        (
            "entity_type = 'PAGE_DESCRIPTION', entity_identifier = 'x'",
            None,
        ),
        ("size = 0, attributes = '{\"size\": 0}'", None),
        ("size = -5", None),
        ("size = -5, attributes = '{\"size\": -5}'", Some("size")),
        ("size = 'NaN', attributes = '{}'", Some("size")),
        ("size = 'Infinity', attributes = '{}'", Some("size")),
        (
            "attributes = '{\"checksum_sha256\": \"abc\"}'",
            Some("attributes"),
        ),
        ("external_id = E'a\\nb'", Some("external_id")),
        ("external_source = E'a\\x01'", Some("external_source")),
        ("asset = '/a'", Some("asset")),
        ("asset = ''", Some("asset")),
        ("asset = 'a/../b'", Some("asset")),
        ("asset = repeat('文', 800)", Some("asset")),
        ("asset = 'x/..', attributes = '{}'", Some("attributes")),
    ] {
        plane.set("file_assets", change, &row).await;
        let found = plane.store.find(&workspace, id).await;
        match fault {
            None => assert!(found.unwrap().is_some(), "{change}"),
            Some(column) => {
                let fault = found.unwrap_err();
                assert!(matches!(fault, StoreError::Failed(_)), "{change}: {fault}");
                let said = format!("the column {column} ");
                assert!(fault.to_string().contains(&said), "{change}: {fault}");
                // Nothing has to be understood to be deleted or completed.
                let complete = StateChange::Complete(None);
                let set = plane.store.set_state(&workspace, id, complete);
                assert_eq!(set.await.unwrap(), ChangeOutcome::Done, "{change}");
            }
        }
        plane
            .admin
            .execute("DELETE FROM file_assets", &[])
            .await
            .unwrap();
        plane.insert(&original).await;
    }
}

/// Plane's "duplicate" makes a row with a key of its own and the original's metadata.
#[tokio::test]
async fn what_was_recorded_counts_for_its_key_alone() {
    let Some(plane) = plane("what_was_recorded_counts_for_its_key_alone").await else {
        return;
    };
    let workspace = enter(&plane).await;
    let new = asset(NOW);
    let id = new.id;
    let none = PendingCaps::default();
    plane.store.create(&workspace, new, none).await.unwrap();
    let mut object = StoredObject::of_size(1024);
    object.etag = Some("\"9b2cf535f27731c974343645a3985328\"".into());
    object.version = Some("3/L4kqtJ".into());
    let complete = StateChange::Complete(Some(object.clone()));
    let set = plane.store.set_state(&workspace, id, complete).await;
    assert_eq!(set.unwrap(), ChangeOutcome::Done);
    let state = async |id| {
        let found = plane.store.find(&workspace, id).await;
        found.unwrap().unwrap().state
    };
    assert_eq!(state(id).await, UploadState::Uploaded(Some(object.clone())));

    let mut copy = plane.row(*id.as_uuid()).await;
    let copied = Uuid::from_u128(7);
    copy["id"] = json!(copied);
    copy["asset"] = json!(format!("{MINE}/7-photo.png"));
    plane.insert(&copy).await;
    assert_eq!(state(copied.into()).await, UploadState::Uploaded(None));

    // Rows of before the key was written, and of Plane's own: a version of it may be another object's.
    let change = "storage_metadata = storage_metadata - 'Key'";
    plane.set("file_assets", change, "true").await;
    object.version = None;
    for id in [id, copied.into()] {
        let known = UploadState::Uploaded(Some(object.clone()));
        assert_eq!(state(id).await, known);
    }

    // So it is with what was rejected.
    let pending = "is_uploaded = false, storage_metadata = \
                   jsonb_build_object('Rejected', 'It differs.', 'Key', 'another')";
    plane.set("file_assets", pending, "true").await;
    assert_eq!(state(id).await, UploadState::Pending);
    let set = plane
        .store
        .set_state(&workspace, id, StateChange::Complete(None))
        .await;
    assert_eq!(set.unwrap(), ChangeOutcome::Done);
    assert_eq!(
        plane.row(*id.as_uuid()).await["storage_metadata"],
        json!({})
    );
    let untold = "storage_metadata = storage_metadata - 'Key'";
    let other = format!("id = '{copied}'");
    plane.set("file_assets", untold, &other).await;
    let set = plane
        .store
        .set_state(&workspace, copied.into(), StateChange::Complete(None))
        .await;
    assert!(matches!(
        set.unwrap(),
        ChangeOutcome::Is(UploadState::Rejected(_))
    ));
}

#[tokio::test]
async fn a_maker_that_is_gone_is_nobody() {
    let Some(plane) = plane("a_maker_that_is_gone_is_nobody").await else {
        return;
    };
    let workspace = enter(&plane).await;
    let new = asset(NOW);
    let id = new.id;
    let created = plane.store.create(&workspace, new, PendingCaps::default());
    created.await.unwrap();
    plane
        .set("file_assets", "created_by_id = NULL", "true")
        .await;
    let found = plane.store.find(&workspace, id).await.unwrap().unwrap();
    assert_eq!(found.made.created_by, UserId::new(Uuid::nil()));
}
