//! Who is let in: API keys, members, and what was deleted under their feet.

use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;
use tower_asset_upload::AssetStore;
use tower_asset_upload::asset::{
    ChangeOutcome, Deletion, PendingCaps, StateChange, UserId, Workspace,
};
use tower_asset_upload::auth::{Credential, CredentialKind, CredentialVerifier, Principal};
use tower_asset_upload::ports::CreateOutcome;

use crate::cluster::connect;
use crate::fixture::{
    ADMIN, GUEST, MEMBER, Plane, add_member, asset, plane, run, slug, text, wait_for, with_pair,
};
use crate::support::{ALICE, KEY, MINE, MY_PROJECT, NOW, OTHERS_PROJECT};

fn alices_key() -> Credential<'static> {
    Credential::new(CredentialKind::ApiKey, KEY)
}

async fn enter(plane: &Plane) -> Option<Workspace> {
    let slug = slug("my-workspace");
    plane.store.enter(&slug, UserId::new(ALICE)).await.unwrap()
}

#[tokio::test]
async fn a_key_is_valid_as_in_plane() {
    let Some(plane) = plane("a_key_is_valid_as_in_plane").await else {
        return;
    };
    let alice = Some(Principal::with_all_scopes(UserId::new(ALICE)));
    let verify = async || plane.store.verify(&alices_key(), NOW).await.unwrap();
    assert_eq!(verify().await, alice);

    let key = format!("token = '{KEY}'");
    let owner = format!("id = '{ALICE}'");
    for (table, row, change, back, why) in [
        (
            "api_tokens",
            &key,
            "is_active = false",
            "is_active = true",
            "disabled",
        ),
        (
            "api_tokens",
            &key,
            "deleted_at = now()",
            "deleted_at = NULL",
            "deleted",
        ),
        (
            "api_tokens",
            &key,
            "expired_at = '2026-05-19 10:11:12 UTC'",
            "expired_at = '2026-05-19 10:11:12.000001 UTC'",
            "expired this very moment",
        ),
        (
            "users",
            &owner,
            "is_active = false",
            "is_active = true",
            "of somebody shut out",
        ),
    ] {
        plane.set(table, change, row).await;
        assert_eq!(verify().await, None, "{why}");
        plane.set(table, back, row).await;
        assert_eq!(verify().await, alice, "not {why} any more");
    }
    // Plane doesn't hold a key's workspace against it.
    plane
        .set(
            "api_tokens",
            &format!("workspace_id = '{MINE}', is_service = true"),
            &key,
        )
        .await;
    assert_eq!(verify().await, alice);

    for (kind, secret) in [
        (CredentialKind::Bearer, KEY),
        (CredentialKind::ApiKey, ""),
        (CredentialKind::ApiKey, "plane_api_valid\0"),
        (CredentialKind::ApiKey, &*KEY.to_uppercase()),
        (CredentialKind::ApiKey, &*"k".repeat(100_000)),
    ] {
        let wrong = Credential::new(kind, secret);
        assert_eq!(plane.store.verify(&wrong, NOW).await.unwrap(), None);
    }
}

async fn last_used(plane: &Plane) -> Option<OffsetDateTime> {
    let sql = "SELECT last_used FROM api_tokens WHERE token = $1";
    run(&plane.admin, sql, &[text(&KEY)]).await[0].get(0)
}

#[tokio::test]
async fn a_key_is_stamped_once_a_minute() {
    let Some(plane) = plane("a_key_is_stamped_once_a_minute").await else {
        return;
    };
    let stamped = async |at| {
        wait_for("the stamp", async || {
            (last_used(&plane).await == Some(at)).then_some(())
        })
        .await;
    };
    let seconds = |n| NOW + time::Duration::seconds(n);
    for at in [0, 1, 59] {
        plane
            .store
            .verify(&alices_key(), seconds(at))
            .await
            .unwrap();
        stamped(NOW).await;
    }
    plane
        .store
        .verify(&alices_key(), seconds(60))
        .await
        .unwrap();
    stamped(seconds(60)).await;

    // Another replica has stamped it since, which this one has not heard of.
    plane
        .set(
            "api_tokens",
            "last_used = '2026-05-19 10:13:30 UTC'",
            "true",
        )
        .await;
    plane
        .store
        .verify(&alices_key(), seconds(150))
        .await
        .unwrap();
    // What follows on the same connection comes after what would have been wrong.
    plane
        .set(
            "api_tokens",
            "last_used = '2026-05-19 10:00:00 UTC'",
            &format!("token <> '{KEY}'"),
        )
        .await;
    let bobs = Credential::new(CredentialKind::ApiKey, "key-of-bob");
    plane.store.verify(&bobs, seconds(150)).await.unwrap();
    wait_for("Bob's stamp", async || {
        let sql =
            "SELECT 1 FROM api_tokens WHERE token = $1 AND last_used > '2026-05-19 10:13:00 UTC'";
        (!run(&plane.admin, sql, &[text(&"key-of-bob")])
            .await
            .is_empty())
        .then_some(())
    })
    .await;
    assert_eq!(
        last_used(&plane).await,
        Some(datetime!(2026-05-19 10:13:30 UTC))
    );
}

#[tokio::test]
async fn nobody_waits_for_a_stamp() {
    let Some(plane) = plane("nobody_waits_for_a_stamp").await else {
        return;
    };
    // Whoever locks the row keeps stamps from being written, and nothing else.
    let meddler = connect(&plane.admin_url).await;
    let lock = format!("BEGIN; SELECT FROM api_tokens WHERE token = '{KEY}' FOR UPDATE");
    meddler.batch_execute(&lock).await.unwrap();
    for n in 0..5 {
        let at = NOW + time::Duration::minutes(n);
        let key = alices_key();
        let verified = plane.store.verify(&key, at);
        let verified = tokio::time::timeout(Duration::from_secs(5), verified).await;
        assert!(verified.expect("an answer").unwrap().is_some());
    }
    assert_eq!(last_used(&plane).await, None);
    meddler.batch_execute("ROLLBACK").await.unwrap();
    wait_for("the stamp", async || last_used(&plane).await.map(drop)).await;
}

#[tokio::test]
async fn a_role_that_may_not_stamp_verifies_all_the_same() {
    let Some(plane) = plane("a_role_that_may_not_stamp_verifies_all_the_same").await else {
        return;
    };
    let role = plane
        .url
        .split("//")
        .nth(1)
        .unwrap()
        .split('@')
        .next()
        .unwrap();
    let revoke = format!("REVOKE UPDATE (last_used) ON api_tokens FROM {role}");
    plane.admin.batch_execute(&revoke).await.unwrap();
    for _ in 0..3 {
        let verified = plane.store.verify(&alices_key(), NOW).await.unwrap();
        assert!(verified.is_some());
    }
}

#[tokio::test]
async fn a_role_says_what_its_member_may_delete() {
    let Some(plane) = plane("a_role_says_what_its_member_may_delete").await else {
        return;
    };
    for (role, deletion) in [
        (ADMIN, Deletion::Any),
        (MEMBER, Deletion::Own),
        (GUEST, Deletion::Nothing),
        // Of an older Plane, and of no known one.
        (10, Deletion::Nothing),
        (0, Deletion::Nothing),
        (25, Deletion::Nothing),
    ] {
        let change = format!("role = {role}");
        plane.set("workspace_members", &change, "true").await;
        let workspace = enter(&plane).await.unwrap();
        assert_eq!(workspace.deletion(), deletion, "role {role}");
    }
}

#[tokio::test]
async fn what_plane_deleted_is_gone() {
    let Some(plane) = plane("what_plane_deleted_is_gone").await else {
        return;
    };
    let member = format!("member_id = '{ALICE}'");
    let mine = format!("id = '{MINE}'");
    assert!(enter(&plane).await.is_some());
    for (table, row, change, back) in [
        (
            "workspaces",
            &mine,
            "deleted_at = now()",
            "deleted_at = NULL",
        ),
        (
            "workspace_members",
            &member,
            "deleted_at = now()",
            "deleted_at = NULL",
        ),
        (
            "workspace_members",
            &member,
            "is_active = false",
            "is_active = true",
        ),
    ] {
        plane.set(table, change, row).await;
        assert!(enter(&plane).await.is_none(), "{table} {change}");
        plane.set(table, back, row).await;
        assert!(enter(&plane).await.is_some(), "{table} {back}");
    }
    // Whoever left and came back has two rows.
    plane
        .set("workspace_members", "deleted_at = now()", &member)
        .await;
    add_member(&plane.admin, MINE, ALICE).await;
    let workspace = enter(&plane).await.unwrap();

    let in_project = |project: uuid::Uuid| {
        let mut new = asset(NOW);
        new.project = Some(project.into());
        plane.store.create(&workspace, new, PendingCaps::default())
    };
    assert_eq!(in_project(MY_PROJECT).await.unwrap(), CreateOutcome::New);
    assert_eq!(
        in_project(OTHERS_PROJECT).await.unwrap(),
        CreateOutcome::ProjectNotFound
    );
    plane.set("projects", "deleted_at = now()", "true").await;
    assert_eq!(
        in_project(MY_PROJECT).await.unwrap(),
        CreateOutcome::ProjectNotFound
    );

    // Plane sets both columns; one is enough to say so.
    for change in ["deleted_at = now()", "is_deleted = true"] {
        let new = with_pair(asset(NOW), "github", "7");
        let id = new.id;
        let created = plane.store.create(&workspace, new, PendingCaps::default());
        assert_eq!(created.await.unwrap(), CreateOutcome::New, "{change}");
        plane
            .set("file_assets", change, &format!("id = '{id}'"))
            .await;
        assert_eq!(plane.store.find(&workspace, id).await.unwrap(), None);
        assert!(!plane.store.delete(&workspace, id).await.unwrap());
        let complete = StateChange::Complete(None);
        let set = plane.store.set_state(&workspace, id, complete);
        assert_eq!(set.await.unwrap(), ChangeOutcome::NotFound);
    }
}
