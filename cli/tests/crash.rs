//! What was acknowledged is there after a crash, and one pair makes one asset however many ask.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../../tests/support/process.rs"]
mod process;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use process::{Api, PATIENCE, Server, Ticket, noise, temp_dir};
use serde_json::json;
use tokio::task::JoinSet;

const ROUNDS: usize = 4;
const CLIENTS: usize = 6;
const UPLOADED: &str = r#"{"is_uploaded":true}"#;

/// What an asset is, as far as its client can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Made. Whether it is complete may depend on a call that was never answered.
    CreateOutcome,
    Completed,
    /// A deletion was asked for and not answered.
    MaybeDeleted,
    Deleted,
}

type Ledger = Arc<Mutex<BTreeMap<String, Known>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    let data = temp_dir();
    let ledger = Ledger::default();
    for round in 1..=ROUNDS {
        let mut server = Server::start(data.path(), &[], &[]).await;
        check(&server.api, &ledger).await;
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            clients.spawn(work(server.api.clone(), Arc::clone(&ledger), client));
        }
        let deadline = Instant::now() + PATIENCE;
        while !enough(&ledger, round) {
            assert!(Instant::now() < deadline, "too slow: {ledger:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.process.kill();
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
    }
    let server = Server::start(data.path(), &[], &[]).await;
    check(&server.api, &ledger).await;
}

fn enough(ledger: &Ledger, round: usize) -> bool {
    let ledger = ledger.lock().unwrap();
    let count = |wanted| ledger.values().filter(|known| **known == wanted).count();
    ledger.len() >= 60 * round
        && count(Known::Completed) >= 12 * round
        && count(Known::Deleted) >= 12 * round
}

/// Makes assets until the server is gone; completes one in three and deletes another.
async fn work(api: Api, ledger: Ledger, client: usize) {
    let note = |id: &str, known| ledger.lock().unwrap().insert(id.to_owned(), known);
    let body = json!({"name": "a.txt", "type": "text/plain", "size": 100}).to_string();
    for turn in client.. {
        let Some(created) = api.try_call("POST", body.clone()).await else {
            return;
        };
        let ticket = Ticket::of(&created.expect(200, "create").json());
        note(&ticket.id, Known::CreateOutcome);
        match turn % 3 {
            0 => {
                let Ok(stored) = ticket.try_upload(&api.http, noise(100)).await else {
                    return;
                };
                assert!(stored.status.is_success(), "{}", stored.text());
                let patch = format!("PATCH {}", ticket.id);
                let Some(answer) = api.try_call(&patch, UPLOADED).await else {
                    return;
                };
                // 503: the store went down before the rest did.
                if answer.status == 204 {
                    note(&ticket.id, Known::Completed);
                }
            }
            1 => {
                note(&ticket.id, Known::MaybeDeleted);
                let delete = format!("DELETE {}", ticket.id);
                let Some(answer) = api.try_call(&delete, "").await else {
                    return;
                };
                answer.expect(204, "delete");
                note(&ticket.id, Known::Deleted);
            }
            _ => {}
        }
    }
}

async fn check(api: &Api, ledger: &Ledger) {
    let known = ledger.lock().unwrap().clone();
    for (id, known) in known {
        let status = api.call(&format!("GET {id}"), "").await.status.as_u16();
        let accepted: &[u16] = match known {
            Known::CreateOutcome => &[200, 400],
            Known::Completed => &[200],
            Known::MaybeDeleted => &[400, 404],
            Known::Deleted => &[404],
        };
        assert!(
            accepted.contains(&status),
            "{id} is {known:?} and answers {status}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_creates_of_one_pair_make_one_asset() {
    let data = temp_dir();
    let server = Server::start(data.path(), &[], &[]).await;
    let body = json!({
        "name": "a.png", "size": 10, "external_source": "github", "external_id": "7",
    })
    .to_string();
    let mut creates = JoinSet::new();
    for _ in 0..100 {
        let (api, body) = (server.api.clone(), body.clone());
        creates.spawn(async move { api.call("POST", body).await });
    }
    let mut ids = Vec::new();
    let mut made = 0;
    while let Some(answer) = creates.join_next().await {
        let answer = answer.unwrap();
        match answer.status.as_u16() {
            200 => made += 1,
            409 => assert_eq!(
                answer.json()["message"],
                "Asset with same external id and source already exists"
            ),
            other => panic!("{other}: {}", answer.text()),
        }
        // Each gets the means to go on with the upload.
        ids.push(Ticket::of(&answer.json()).id);
    }
    assert_eq!((made, ids.len()), (1, 100));
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}
