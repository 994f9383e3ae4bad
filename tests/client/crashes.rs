//! The client killed in mid-upload, and the object store.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tempfile::TempDir;
use tower_asset_upload::asset::{AssetId, ExternalLabel};
use tower_asset_upload::client::{ClientError, NewUpload, Outcome, RetryPolicy};

use crate::example::{lines, start};
use crate::garage::{self, Garage};
use crate::process::{PATIENCE, Server, noise, temp_dir};
use crate::proxy::Proxy;
use crate::round_trip::client_of;

const ENVIRONMENT: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", garage::ID),
    ("AWS_SECRET_ACCESS_KEY", garage::SECRET),
];
const SIZE: usize = 1_000_000;

/// An object store in a process of its own.
enum Store {
    /// That of another server, of which nothing else is used. What it has is in the directory.
    Embedded(Server, TempDir),
    /// With its end goes what it has.
    Garage(Garage),
}

impl Store {
    async fn embedded(data: TempDir) -> Self {
        Self::Embedded(Server::start(data.path(), &[], ENVIRONMENT).await, data)
    }

    fn region(&self) -> &'static str {
        match self {
            Self::Embedded(..) => "us-east-1",
            Self::Garage(_) => garage::REGION,
        }
    }

    async fn address(&self) -> SocketAddr {
        let url = match self {
            Self::Embedded(server, _) => server.api.create("a.png", "image/png", 1).await.url,
            Self::Garage(garage) => garage.endpoint(),
        };
        let authority = url.strip_prefix("http://").unwrap();
        authority.split('/').next().unwrap().parse().unwrap()
    }

    fn kill(self) -> Option<TempDir> {
        match self {
            // Dropping either kills it.
            Self::Embedded(_, data) => Some(data),
            Self::Garage(_) => None,
        }
    }
}

/// A server whose object store is another process, behind one door for clients and another for the
/// server itself.
struct World {
    server: Server,
    door: Proxy,
    back_door: Proxy,
    _data: TempDir,
}

impl World {
    async fn new(signer: &str, store: &Store) -> Self {
        let address = store.address().await;
        let (door, back_door) = (Proxy::to(address).await, Proxy::to(address).await);
        let flags = [
            "--signer",
            signer,
            "--s3-endpoint",
            &back_door.url,
            "--s3-public-endpoint",
            &door.url,
            "--s3-region",
            store.region(),
        ];
        let data = temp_dir();
        let server = Server::start(data.path(), &flags, ENVIRONMENT).await;
        Self {
            server,
            door,
            back_door,
            _data: data,
        }
    }

    async fn turn_to(&self, store: &Store) {
        let address = store.address().await;
        self.door.turn(address);
        self.back_door.turn(address);
    }

    /// What the server says of an asset: its status, and its code.
    async fn says(&self, method: &str, id: &str) -> (u16, String) {
        let answer = self.server.api.call(&format!("{method} {id}"), "").await;
        let code = if answer.body.is_empty() {
            String::new()
        } else {
            answer.json()["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        (answer.status.as_u16(), code)
    }

    async fn until_passed(&self, bytes: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.door.passed() < bytes {
            assert!(Instant::now() < deadline, "nothing gets through");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn paired(name: &str) -> NewUpload {
    let label = |text: &str| ExternalLabel::new(text).unwrap();
    NewUpload::new(name).external(label("crashes"), label(name))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_killed_in_mid_post_resumes() {
    a_killed_client_resumes("post").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_killed_in_mid_put_resumes() {
    a_killed_client_resumes("put").await;
}

async fn a_killed_client_resumes(signer: &str) {
    let store = Store::embedded(temp_dir()).await;
    let world = World::new(signer, &store).await;
    let files = temp_dir();
    let names = ["small.png", "a.png", "b.png", "c.png"];
    for (name, size) in names.into_iter().zip([100, SIZE, SIZE, SIZE]) {
        fs::write(files.path().join(name), noise(size)).unwrap();
    }
    // One file through, before the door is made narrow.
    let whole = start(&world.server, files.path(), &names[..1]).wait();
    assert!(whole.status.success(), "{}", whole.stderr);
    let (_, _, small) = lines(&whole).remove(0);

    world.door.pace(200_000);
    let before = world.door.passed();
    let mut killed = start(&world.server, files.path(), &names);
    world.until_passed(before + 300_000).await;
    killed.kill();
    assert!(world.door.passed() < before + 3 * SIZE as u64, "too late");
    assert_eq!(killed.stdout(), "", "it had not ended");

    // The pairs are taken, so that these three are known to the server, and nothing else.
    let mut pending = BTreeSet::new();
    world.door.pace(0);
    let resumed = start(&world.server, files.path(), &names).wait();
    assert!(resumed.status.success(), "{}", resumed.stderr);
    for (name, how, id) in lines(&resumed) {
        if name == "small.png" {
            assert_eq!((how.as_str(), &id), ("was there already", &small));
        } else {
            assert_eq!(how, "uploaded, announced by an earlier run", "{name}");
            pending.insert(id.clone());
        }
        let get = world.server.api.call(&format!("GET {id}"), "").await;
        let found = get.expect(200, &name).json();
        let line = format!("GET {}", found["asset_url"].as_str().unwrap());
        let download = world.server.api.http.send(&line, &[], "").await;
        let sent = fs::read(files.path().join(&name)).unwrap();
        assert!(download.body == sent, "{name} came back as something else");
    }
    assert_eq!(pending.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_killed_in_mid_post_leaves_a_pending_asset() {
    let store = Store::embedded(temp_dir()).await;
    a_killed_store_leaves_a_pending_asset("post", store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_killed_in_mid_put_leaves_a_pending_asset() {
    let store = Store::embedded(temp_dir()).await;
    a_killed_store_leaves_a_pending_asset("put", store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garage_killed_in_mid_post_leaves_a_pending_asset() {
    if let Some(garage) = Garage::start("garage_killed_in_mid_post_leaves_a_pending_asset") {
        a_killed_store_leaves_a_pending_asset("post", Store::Garage(garage)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garage_killed_in_mid_put_leaves_a_pending_asset() {
    if let Some(garage) = Garage::start("garage_killed_in_mid_put_leaves_a_pending_asset") {
        a_killed_store_leaves_a_pending_asset("put", Store::Garage(garage)).await;
    }
}

async fn a_killed_store_leaves_a_pending_asset(signer: &str, store: Store) {
    let world = World::new(signer, &store).await;
    let hasty = RetryPolicy::new()
        .attempts(NonZeroU32::new(3).unwrap())
        .first(Duration::from_millis(20));
    let client = client_of(&world.server).retry(hasty);
    let content = Bytes::from(noise(SIZE));
    world.door.pace(500_000);
    let upload = {
        let (client, content) = (client.clone(), content.clone());
        tokio::spawn(async move { client.upload(&paired("a.png"), &content).await })
    };
    world.until_passed(SIZE as u64 / 3).await;
    let data = store.kill();
    let error = upload.await.unwrap().unwrap_err();
    assert!(
        matches!(
            error,
            ClientError::Lost { .. } | ClientError::Unreachable { .. }
        ),
        "{error}"
    );

    let id = id_of(&world).await;
    let pending = (400, "asset_not_uploaded".to_owned());
    let (status, code) = world.says("PATCH", &id).await;
    assert_eq!((status, code.as_str()), (503, "object_store_unavailable"));
    assert_eq!(world.says("GET", &id).await, pending);
    // Nor does it become one with the store's return: what it has is no object.
    let store = match data {
        Some(data) => Store::embedded(data).await,
        None => Store::Garage(Garage::start("the second one").unwrap()),
    };
    world.turn_to(&store).await;
    let (status, code) = world.says("PATCH", &id).await;
    assert_eq!((status, code.as_str()), (409, "object_missing"));
    assert_eq!(world.says("GET", &id).await, pending);

    world.door.pace(0);
    let uploaded = client.upload(&paired("a.png"), &content).await.unwrap();
    assert_eq!(uploaded.outcome, Outcome::Resumed);
    assert_eq!(uploaded.asset_id.to_string(), id);
    let directory = temp_dir();
    let copy = directory.path().join("copy");
    client.download(uploaded.asset_id, &copy).await.unwrap();
    assert!(fs::read(&copy).unwrap() == content);
}

/// The store comes back while the client still tries: the upload it was in the middle of succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_comes_back_in_time_is_found() {
    let store = Store::embedded(temp_dir()).await;
    let world = World::new("post", &store).await;
    let patient = RetryPolicy::new()
        .attempts(NonZeroU32::new(60).unwrap())
        .first(Duration::from_millis(50))
        .longest(Duration::from_secs(1));
    let client = client_of(&world.server).retry(patient);
    let content = Bytes::from(noise(SIZE));
    world.door.pace(500_000);
    let upload = tokio::spawn(async move { client.upload(&paired("a.png"), &content).await });
    world.until_passed(SIZE as u64 / 3).await;
    let data = store.kill().unwrap();
    world.door.pace(0);
    let store = Store::embedded(data).await;
    world.turn_to(&store).await;
    let uploaded = upload.await.unwrap().unwrap();
    assert_eq!(uploaded.outcome, Outcome::New);
    let id = uploaded.asset_id.to_string();
    assert_eq!(world.says("GET", &id).await.0, 200);
}

/// The asset of the pair, asked for by announcing it once more.
async fn id_of(world: &World) -> String {
    let body = serde_json::json!({"name": "a.png", "size": SIZE, "external_source": "crashes",
        "external_id": "a.png"});
    let answer = world.server.api.call("POST", body.to_string()).await;
    let id = answer.expect_code(409, "asset_exists", "announced").json()["asset_id"].clone();
    let id = id.as_str().unwrap().to_owned();
    assert!(id.parse::<AssetId>().is_ok());
    id
}
