//! What a whole call costs: in process, under hyper over loopback, and with many assets stored.
//!
//! ```text
//! cargo bench --bench service
//! cargo bench --bench service -- in-process   # or loopback, or stored
//! ```
//!
//! Everything is measured in turns; see `rounds`. The create request has a body of 190 bytes, the
//! clock and the ids are the real ones.
#![allow(
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a bench is no library"
)]
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::Full;
use tower::Service;
use tower_asset_upload::auth::{Credential, CredentialKind, CredentialRecord, Principal};
use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
use tower_asset_upload::service::{AssetUploadBuilder, ResponseBody};
use tower_asset_upload::sigv4::{Credentials, Region};
use tower_asset_upload::{
    AssetStore, AssetUploadService, CredentialStore, HeaderAuthenticator, MemoryStore,
};

use filled::{ALICE, block_on};
use rounds::{Candidate, is_wanted, side_by_side, verdict};

mod filled;
mod loopback;
mod rounds;
mod stored;

const KEY: &str = "plane_api_0123456789abcdef0123456789abcdef";
const COLLECTION: &str = "/api/v1/workspaces/my-workspace/assets/";
const BODY: &str = r#"{"name":"harbour at dawn.png","type":"image/png","size":1048576,"project_id":"33333333-3333-4333-8333-000000000001","external_id":"a-picture-of-the-harbour-00000000000000000000000000000000"}"#;

type Uploads<Store> = AssetUploadService<Store, S3PostSigner>;

fn memory() -> MemoryStore {
    let store = filled::memory(0).store;
    let added = store.add_credential(credential()).now_or_never();
    added.unwrap().unwrap();
    store
}

fn credential() -> CredentialRecord {
    let key = Credential::new(CredentialKind::ApiKey, KEY);
    CredentialRecord::new(&key, Principal::with_all_scopes(ALICE.into()))
}

/// Keys are looked up in memory whatever the assets are in.
fn builder<Store: AssetStore + 'static>(
    store: Store,
    credentials: &MemoryStore,
) -> AssetUploadBuilder<Store, S3PostSigner> {
    let bucket = S3Bucket::aws("uploads", Region::us_east_1()).unwrap();
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let signer = S3PostSigner::new(
        bucket,
        Credentials::new("AKIAIOSFODNN7EXAMPLE", secret).unwrap(),
    );
    let authenticator = HeaderAuthenticator::new(credentials.clone());
    AssetUploadService::builder(store, signer, authenticator).trust_clients()
}

fn request(method: &'static str, path: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("x-api-key", KEY)
        .header("content-type", "application/json")
        .body(Full::from(body))
        .unwrap()
}

fn create() -> Request<Full<Bytes>> {
    request("POST", COLLECTION, BODY)
}

fn call<Store: AssetStore + 'static>(
    service: &Uploads<Store>,
    request: Request<Full<Bytes>>,
) -> Response<ResponseBody> {
    block_on(service.clone().call(request)).unwrap()
}

fn main() {
    assert_eq!(BODY.len(), 190);
    if is_wanted() {
        let parts: [(&str, fn()); 3] = [
            ("in-process", in_process),
            ("loopback", loopback::compare),
            ("stored", stored::flatness),
        ];
        let asked = |name: &str| std::env::args().any(|argument| argument == name);
        let all = !parts.iter().any(|(name, _)| asked(name));
        for (name, measure) in parts {
            if all || asked(name) {
                measure();
            }
        }
    }
}

fn in_process() {
    let world = stored::World::new(filled::memory(1_000), &memory());
    let item = world.path();
    let mut candidates = [
        Candidate::new("create", || world.create()).clearing(|| world.clear()),
        Candidate::new("retrieve", || {
            call(&world.service, request("GET", &item, ""))
        }),
        Candidate::new("complete", || {
            call(&world.service, request("PATCH", &item, "{}"))
        }),
        Candidate::new("making a create request", create),
        Candidate::new("making another", || request("GET", &item, "")),
    ];
    let measured = side_by_side(&mut candidates, 1_500);
    println!(
        "\n| call in process | ns | allocations | ns of making the request, not counted | target |"
    );
    println!("|---|---:|---:|---:|---|");
    for (at, made) in [(0, 3), (1, 4), (2, 4)] {
        let making = measured.nanos(made);
        let nanos = measured.nanos(at) - making;
        let target = match at {
            0 => verdict("≤ 2,000 ns", nanos <= 2_000.0),
            _ => String::new(),
        };
        println!(
            "| {} | {nanos:.0} | {} | {making:.0} | {target} |",
            candidates[at].name,
            candidates[at].allocations - candidates[made].allocations,
        );
    }
}
