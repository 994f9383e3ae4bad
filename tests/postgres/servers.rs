//! `asset-upload serve` over PostgreSQL, as processes of their own: two over one database, and one whose
//! server goes away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use crate::cluster::{Cluster, Stop, connect};
use crate::process::{Answer, Api, PATIENCE, Server, Ticket, temp_dir};

const CLIENTS: usize = 8;
const PAIRS: usize = 40;

fn body(pair: Option<usize>) -> String {
    let mut body = json!({"name": "a.txt", "type": "text/plain", "size": 100});
    if let Some(pair) = pair {
        body["external_source"] = "github".into();
        body["external_id"] = pair.to_string().into();
    }
    body.to_string()
}

/// An asset that was made and never uploaded is there, and answers so.
async fn is_there(api: &Api, id: &str) {
    let found = api.call(&format!("GET {id}"), "").await;
    let found = found.expect(400, id).json();
    assert_eq!(found["error"], "Asset not yet uploaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_over_one_database_lose_nothing_and_make_no_pair_twice() {
    let test = "two_servers_over_one_database_lose_nothing_and_make_no_pair_twice";
    let Some(cluster) = Cluster::shared(test) else {
        return;
    };
    let url = cluster.database().await;
    // One demo workspace: what each of them seeds is the same.
    let data = temp_dir();
    let servers = [
        Server::start(data.path(), &["--database", &url], &[]).await,
        Server::start(data.path(), &["--database", &url], &[]).await,
    ];
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let api = servers[client % 2].api.clone();
        clients.spawn(async move {
            let (mut of_pairs, mut others) = (BTreeMap::new(), Vec::new());
            let mut made = 0;
            for n in 0..PAIRS {
                let answer = api.call("POST", body(Some(n))).await;
                match answer.status.as_u16() {
                    200 => made += 1,
                    409 => {}
                    other => panic!("{other}: {}", answer.text()),
                }
                of_pairs.insert(n, Ticket::of(&answer.json()).id);
                let answer = api.call("POST", body(None)).await;
                others.push(Ticket::of(&answer.expect(200, "create").json()).id);
            }
            (made, of_pairs, others)
        });
    }
    let mut made = 0;
    let mut ids = BTreeSet::new();
    let mut of_pairs: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    while let Some(answers) = clients.join_next().await {
        let (own, pairs, others) = answers.unwrap();
        made += own;
        ids.extend(others);
        for (pair, id) in pairs {
            of_pairs.entry(pair).or_default().insert(id);
        }
    }
    assert_eq!((made, of_pairs.len()), (PAIRS, PAIRS));
    for (pair, of_pair) in of_pairs {
        assert_eq!(of_pair.len(), 1, "{pair}: {of_pair:?}");
        ids.extend(of_pair);
    }
    let sql = "SELECT count(*) FROM asset_upload.asset";
    let rows = connect(&url).await.query_typed(sql, &[]).await.unwrap();
    let rows = usize::try_from(rows[0].get::<_, i64>(0)).unwrap();
    assert_eq!(rows, ids.len());
    assert_eq!(rows, PAIRS + CLIENTS * PAIRS);
    for (n, id) in ids.iter().enumerate() {
        is_there(&servers[n % 2].api, id).await;
    }
}

/// What clients saw of a server whose database comes and goes.
#[derive(Default)]
struct Seen {
    stopping: AtomicBool,
    made: Mutex<Vec<String>>,
    unavailable: AtomicUsize,
}

impl Seen {
    fn made(&self) -> usize {
        self.made.lock().unwrap().len()
    }

    fn note(&self, answer: &Answer) {
        match answer.status.as_u16() {
            200 => {
                let id = Ticket::of(&answer.json()).id;
                self.made.lock().unwrap().push(id);
            }
            503 => {
                let wait = answer.headers["retry-after"].to_str().unwrap();
                let wait: u64 = wait.parse().unwrap();
                assert!((1..=10).contains(&wait), "Retry-After: {wait}");
                self.unavailable.fetch_add(1, Ordering::SeqCst);
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_is_503_and_comes_back() {
    let test = "a_database_that_goes_away_is_503_and_comes_back";
    let Some(mut cluster) = Cluster::start(test, &[]) else {
        return;
    };
    let url = cluster.database().await;
    let data = temp_dir();
    let server = Server::start(data.path(), &["--database", &url], &[]).await;
    let seen = Arc::new(Seen::default());
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (api, seen) = (server.api.clone(), Arc::clone(&seen));
        clients.spawn(async move {
            while !seen.stopping.load(Ordering::SeqCst) {
                seen.note(&api.call("POST", body(None)).await);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
    }
    for how in [Stop::Immediate, Stop::Fast, Stop::Immediate] {
        let before = seen.made();
        until("load", || seen.made() > before + 100).await;
        cluster.stop(how);
        let before = seen.unavailable.load(Ordering::SeqCst);
        let refused = || seen.unavailable.load(Ordering::SeqCst) > before + 50;
        until("the outage is told", refused).await;
        cluster.resume();
    }
    let before = seen.made();
    until("recovery", || seen.made() > before + 100).await;
    seen.stopping.store(true, Ordering::SeqCst);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let made = std::mem::take(&mut *seen.made.lock().unwrap());
    for id in made {
        is_there(&server.api, &id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_can_not_be_opened_ends_the_server() {
    let data = temp_dir();
    let url = "postgres://me:s3cret@127.0.0.1:1/x";
    let mut server = Server::spawn(data.path(), &["--database", url], &[]);
    let ended = server.wait();
    assert!(!ended.status.success());
    let said = ended.stderr;
    assert!(said.contains("can't open the database"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}
