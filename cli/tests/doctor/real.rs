//! Stores that others have written and people run: Ceph, MiniStack, OpenStack Swift.

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_asset_upload::asset::{UploadSize, UserId, WorkspaceId, WorkspaceSlug};
use tower_asset_upload::auth::{Credential, CredentialKind, CredentialRecord, Principal};
use tower_asset_upload::client::{Announced, AssetClient, NewUpload, Ticket};
use tower_asset_upload::ports::UploadMethod;
use tower_asset_upload::s3::{CheckStatus, S3Bucket, S3Objects, S3PutSigner};
use tower_asset_upload::sigv4::{Credentials, Region};
use tower_asset_upload::{
    AssetUploadService, CredentialStore, DirectoryStore, HeaderAuthenticator, MemoryStore,
};
use uuid::Uuid;

use crate::ceph::{self, Ceph};
use crate::garage::signed;
use crate::ministack::{self, MiniStack};
use crate::process::{Answer, Http};
use crate::swift::{self, Swift};
use crate::{ENFORCED, ORIGIN, Setup, all, expect};
use CheckStatus::{Failed, Passed, Skipped, Warned};
use UploadMethod::{Post, Put};

const BUCKET: &str = "uploads";

/// Who may do everything in a store, and how that is signed for.
pub(crate) struct Account {
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) region: &'static str,
}

/// A store with an empty bucket.
struct Store {
    endpoint: String,
    account: Account,
    http: Http,
}

impl Store {
    async fn new(endpoint: String, account: Account) -> Self {
        let http = Http::new();
        let store = Self {
            endpoint,
            account,
            http,
        };
        store.ask("PUT", "", "").await.expect(200, "a bucket");
        store
    }

    /// Asks for something of the bucket.
    async fn ask(&self, method: &str, query: &str, body: &str) -> Answer {
        let path = format!("/{BUCKET}?{query}");
        self.signed(method, &path, body).await
    }

    async fn signed(&self, method: &str, path: &str, body: &str) -> Answer {
        let (_, port) = self.endpoint.rsplit_once(':').unwrap();
        let Account { id, secret, region } = self.account;
        let (port, account) = (port.parse().unwrap(), (id, secret, region));
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let body = body.to_owned();
        signed(&self.http, port, account, method, path, query, body).await
    }

    /// Takes what the AWS CLI takes (AWS, "`PutBucketCors`").
    async fn put_cors(&self, configuration: &str) {
        let configuration: Value = serde_json::from_str(configuration).unwrap();
        let rule = configuration["CORSRules"][0].as_object().unwrap();
        let mut body = String::new();
        for (name, values) in rule {
            let name = name.strip_suffix('s').unwrap_or(name);
            for value in values.as_array().into_iter().flatten() {
                let value = value.as_str().unwrap();
                body.extend(["<", name, ">", value, "</", name, ">"]);
            }
        }
        let body = format!("<CORSConfiguration><CORSRule>{body}</CORSRule></CORSConfiguration>");
        self.ask("PUT", "cors=", &body).await.expect(200, "CORS");
    }

    fn setup(&self, method: UploadMethod) -> Setup {
        let Account { id, secret, region } = self.account;
        let setup = Setup::new(&self.endpoint, BUCKET, region, (id, secret));
        setup.with(|options| options.method(method))
    }

    /// A bucket whose URLs are good for one upload.
    fn single_use(&self) -> Setup {
        let mut setup = self.setup(Put);
        setup.bucket = setup.bucket.single_use_puts().unwrap();
        setup
    }

    async fn is_empty(&self) {
        let list = self
            .ask("GET", "list-type=2", "")
            .await
            .expect(200, "a list");
        assert!(!list.text().contains("<Key>"), "{}", list.text());
    }

    /// A bucket whose URLs are good for one upload, as the service and its clients use it.
    async fn takes_one_upload(&self, bucket: &S3Bucket) {
        let (client, _server) = self.serve(bucket).await;
        // The longer one is far from sent when the refusal arrives.
        for size in [1000, 20_000_000] {
            let ticket = announced(&client, size).await;
            assert_eq!(ticket.upload.headers().get("If-None-Match"), Some("*"));
            client.send(&ticket, &file(1, size)).await.unwrap();
            // As after an answer that was lost.
            client.send(&ticket, &file(1, size)).await.unwrap();
            client.complete(ticket.asset_id).await.unwrap();
            self.remove(&client, &ticket).await;
        }

        let size = 1000;
        let ticket = announced(&client, size).await;
        client.send(&ticket, &file(1, size)).await.unwrap();
        client.complete(ticket.asset_id).await.unwrap();
        let put = async |file: Bytes, left_out: &str| {
            let headers = ticket.upload.headers().iter();
            let sent = headers.filter(|(name, _)| !["Content-Length", left_out].contains(name));
            let (line, sent) = (
                format!("PUT {}", ticket.upload.url()),
                sent.collect::<Vec<_>>(),
            );
            self.http.send(&line, &sent, file).await
        };
        let refused = put(file(2, size), "").await.expect(412, "a second file");
        let code = "<Code>PreconditionFailed</Code>";
        assert!(refused.text().contains(code), "{}", refused.text());
        let bare = put(file(3, size), "If-None-Match").await;
        bare.expect(403, "a second file without the header");

        let located = client.locate(ticket.asset_id).await.unwrap();
        let line = format!("GET {}", located.url);
        let object = self
            .http
            .send(&line, &[], "")
            .await
            .expect(200, "the object");
        assert!(object.body == file(1, size), "replaced");
        self.remove(&client, &ticket).await;
    }

    async fn remove(&self, client: &AssetClient, ticket: &Ticket) {
        let located = client.locate(ticket.asset_id).await.unwrap();
        let path = format!("/{BUCKET}/{}", key_of(&located.url));
        let removed = self.signed("DELETE", &path, "").await;
        removed.expect(204, "removed");
    }

    /// The service over this store, and a client of it.
    async fn serve(&self, bucket: &S3Bucket) -> (AssetClient, JoinHandle<()>) {
        let credentials = Credentials::new(self.account.id, self.account.secret).unwrap();
        let id = |number| Uuid::from_u128(number);
        let (workspace, user) = (WorkspaceId::new(id(1)), UserId::new(id(2)));
        let slug = WorkspaceSlug::new("w").unwrap();
        let store = MemoryStore::new();
        store.add_workspace(workspace, slug.clone()).await.unwrap();
        store.add_member(workspace, user).await.unwrap();
        let key = Credential::new(CredentialKind::ApiKey, "a-key-of-the-test");
        let record = CredentialRecord::new(&key, Principal::with_all_scopes(user));
        store.add_credential(record).await.unwrap();
        let signer = S3PutSigner::new(bucket.clone(), credentials.clone());
        let authenticator = HeaderAuthenticator::new(store.clone());
        let service = AssetUploadService::builder(store, signer, authenticator)
            .verify_with(S3Objects::new(bucket.clone(), credentials))
            .max_size(UploadSize::MAX)
            .build()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback_service(service);
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (AssetClient::new(&address, &slug, &key).unwrap(), server)
    }
}

async fn announced(client: &AssetClient, size: usize) -> Ticket {
    let size = UploadSize::new(size as u64).unwrap();
    match client.announce(&NewUpload::new("once.png"), size).await {
        Ok(Announced::New(ticket)) => ticket,
        other => panic!("{other:?}"),
    }
}

fn file(byte: u8, size: usize) -> Bytes {
    vec![byte; size].into()
}

/// The key in a download URL of path style.
fn key_of(url: &str) -> &str {
    let (path, _) = url.split_once('?').unwrap();
    path.split_once(&format!("/{BUCKET}/")).unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn ceph_enforces_what_was_signed_and_takes_one_upload_a_url() {
    let Some(ceph) = Ceph::start("ceph_enforces_what_was_signed_and_takes_one_upload_a_url") else {
        return;
    };
    let store = Store::new(ceph.endpoint(), ceph::ACCOUNT).await;
    let region = Region::new(store.account.region).unwrap();
    let bucket = S3Bucket::ceph(BUCKET, region, &store.endpoint).unwrap();
    for method in [Post, Put] {
        let mut setup = store.setup(method).with(|options| options.origin(ORIGIN));
        setup.bucket = bucket.clone();
        let report = setup.report().await;
        let enforced = ENFORCED.into_iter();
        for name in enforced.filter(|name| (*name, method) != ("fields", Put)) {
            expect(&report, name, Passed, &["refused"]);
        }
        let cors = expect(&report, "cors", Failed, &["PutBucketCors"]);
        assert_eq!(all(&report, Failed), ["cors"], "{report:#?}");
        if method == Put {
            expect(&report, "single_use", Passed, &["(412)"]);
        } else {
            expect(&report, "single_use", Skipped, &["PUT"]);
        }

        // What it advises is taken, and does.
        let remedy = cors.remedy.as_ref().unwrap();
        store.put_cors(remedy).await;
        let report = setup.report().await;
        expect(&report, "cors", Passed, &[ORIGIN]);
        assert_eq!(all(&report, Failed), [""; 0], "{report:#?}");
        store
            .ask("DELETE", "cors=", "")
            .await
            .expect(204, "no CORS");
        store.is_empty().await;
    }

    // A page may send the header only where it is allowed.
    store
        .put_cors(
            &json!({"CORSRules": [{
                "AllowedOrigins": [ORIGIN],
                "AllowedMethods": ["PUT"],
                "AllowedHeaders": ["content-type"],
            }]})
            .to_string(),
        )
        .await;
    let mut setup = store.setup(Put).with(|options| options.origin(ORIGIN));
    setup.bucket = bucket.clone();
    let report = setup.report().await;
    expect(&report, "cors", Failed, &["PutBucketCors"]);

    store.takes_one_upload(&bucket).await;
    store.is_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ministack_enforces_what_was_signed_and_takes_one_upload_a_url() {
    let test = "ministack_enforces_what_was_signed_and_takes_one_upload_a_url";
    let Some(ministack) = MiniStack::start(test) else {
        return;
    };
    let store = Store::new(ministack.endpoint(), ministack::ACCOUNT).await;
    for (setup, method, single_use) in [
        (store.setup(Post), Post, Skipped),
        // A store that nobody has described.
        (store.setup(Put), Put, Warned),
        (store.single_use(), Put, Passed),
    ] {
        let report = setup.report().await;
        assert_eq!(all(&report, Failed), [""; 0], "{report:#?}");
        let enforced = ENFORCED.into_iter();
        for name in enforced.filter(|name| (*name, method) != ("fields", Put)) {
            expect(&report, name, Passed, &["refused"]);
        }
        let check = expect(&report, "single_use", single_use, &[]);
        let advised = check.says.contains("`single_use_puts`");
        assert_eq!(advised, single_use == Warned, "{check:?}");
        store.is_empty().await;
    }
    store.takes_one_upload(&store.single_use().bucket).await;
    store.is_empty().await;

    // No upload replaces another, so an old version is one that was deleted.
    ministack.botocore(
        "s3.put_bucket_versioning(Bucket='uploads', VersioningConfiguration={'Status': 'Enabled'})",
    );
    let report = store.single_use().report().await;
    let warned = expect(&report, "versioning", Warned, &["no upload replaces"]);
    let rule = warned.remedy.as_ref().unwrap();
    assert!(rule.contains("NoncurrentVersionExpiration"), "{rule}");
    ministack.botocore(&format!(
        "s3.put_bucket_lifecycle_configuration(Bucket='uploads', \
         LifecycleConfiguration=json.loads('{rule}'))"
    ));
    let report = store.single_use().report().await;
    expect(&report, "versioning", Passed, &["expires old versions"]);
    expect(&report, "lifecycle", Passed, &["in use"]);
    // The same rule, where forms are signed.
    let report = store.setup(Post).report().await;
    let advice = ["NoncurrentVersionExpiration"];
    expect(&report, "lifecycle", Warned, &advice);
}

#[tokio::test(flavor = "multi_thread")]
async fn swift_speaks_s3_and_has_neither_forms_nor_conditions() {
    let Some(swift) = Swift::start("swift_speaks_s3_and_has_neither_forms_nor_conditions") else {
        return;
    };
    let store = Store::new(swift.endpoint(), swift::ACCOUNT).await;
    let report = store.setup(Post).report().await;
    for name in ["endpoint", "region", "credentials", "bucket"] {
        expect(&report, name, Passed, &[]);
    }
    expect(&report, "upload", Failed, &["412", "sign with PUT"]);
    assert_eq!(all(&report, Failed), ["upload"]);

    let report = store.setup(Put).report().await;
    assert_eq!(all(&report, Failed), [""; 0], "{report:#?}");
    for name in ENFORCED {
        expect(&report, name, Passed, &["refused"]);
    }
    let advice = ["501", "keep lifetimes short"];
    expect(&report, "single_use", Warned, &advice);
    store.is_empty().await;

    let report = store.single_use().report().await;
    let advice = ["501", "without `single_use_puts`"];
    expect(&report, "upload", Failed, &advice);
    assert_eq!(all(&report, Failed), ["upload"]);
}
