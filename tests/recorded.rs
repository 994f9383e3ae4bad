//! Every request that was recorded on a running Plane, sent to this service.
//!
//! An answer is Plane's, or the difference is a row of `vectors/differences.json`. That table is
//! also what `docs/differences-from-plane.md` shows; after a change of it, write the page with
//! `WRITE_PAGE=1 cargo test --test recorded`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;
use support::{ALICE, BOB, Broken, MINE, MY_PROJECT, OTHERS, OTHERS_PROJECT, done};
use time::macros::{datetime, format_description};
use time::{OffsetDateTime, PrimitiveDateTime};
use tower_asset_upload::asset::{
    AssetId, ChangeOutcome, ExpiresIn, ExternalLabel, ExternalRef, FixedClock, IdSource, MediaType,
    NewAsset, ObjectKey, ObjectName, PendingCaps, ProjectId, StateChange, UploadSize, Workspace,
    WorkspaceId, WorkspaceSlug,
};
use tower_asset_upload::auth::{Credential, CredentialKind, CredentialRecord, Principal};
use tower_asset_upload::ports::CreateOutcome;
use tower_asset_upload::s3::{S3Bucket, S3PostSigner};
use tower_asset_upload::sigv4::{Credentials, Region};
use tower_asset_upload::{
    AssetStore, AssetUploadService, CredentialStore, DirectoryStore, HeaderAuthenticator,
    MemoryStore,
};
use uuid::Uuid;

const RECORDED: &str = include_str!("vectors/plane-recorded.jsonl");
const DIFFERENCES: &str = include_str!("vectors/differences.json");
const PAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/docs/differences-from-plane.md"
);

/// When the requests without a time in their answer are sent.
const NOW: OffsetDateTime = datetime!(2026-11-23 21:12:17 UTC);

#[derive(Deserialize)]
struct Case {
    #[serde(rename = "case")]
    name: String,
    request: Sent,
    response: Received,
    /// The asset that the request finds.
    asset: Option<Row>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Sent {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_b64: Option<String>,
    body_len: Option<usize>,
}

#[derive(Deserialize)]
struct Received {
    status: u16,
    body: String,
}

#[derive(Deserialize)]
struct Row {
    id: Uuid,
    workspace_id: Uuid,
    key: String,
    name: Option<Value>,
    r#type: Option<String>,
    size: Option<u64>,
    project_id: Option<Uuid>,
    external_id: Option<String>,
    external_source: Option<String>,
    is_uploaded: bool,
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = RECORDED
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(cases.len(), 377);
    cases
}

// What comes of a request.

/// How it went: with an answer, or not as far as that.
enum Outcome {
    Answered(Answer),
    /// The settings are refused when the signer is built, and why.
    NotStarted(String),
    /// The `http` crate has no such request, and why.
    NotSent(String),
    /// This crate's types have no such asset.
    NotStored,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Outcome {
    /// The word for it in the table.
    fn word(&self) -> String {
        match self {
            Self::Answered(answer) => answer.status.to_string(),
            Self::NotStarted(_) => "not started".to_owned(),
            Self::NotSent(_) => "not sent".to_owned(),
            Self::NotStored => "not stored".to_owned(),
        }
    }
}

async fn replay(case: &Case) -> Outcome {
    let request = match case.request.build() {
        Ok(request) => request,
        Err(why) => return Outcome::NotSent(why),
    };
    let signer = match signer(&case.env) {
        Ok(signer) => signer,
        Err(why) => return Outcome::NotStarted(why),
    };
    let world = world();
    if let Some(row) = &case.asset {
        let Some(asset) = row.asset() else {
            return Outcome::NotStored;
        };
        row.put(asset, &world).await;
    }
    let now = case.response.time();
    let store: Arc<dyn AssetStore> = if case.env.contains_key("DATABASE_URL") {
        Arc::new(Broken::Unreachable)
    } else {
        Arc::new(world.clone())
    };
    let authenticator = HeaderAuthenticator::new(world).clock(FixedClock(now));
    let mut builder = AssetUploadService::builder(store, signer, authenticator)
        .clock(FixedClock(now))
        .ids(Given::by(&case.response))
        .trust_clients();
    if let Some(limit) = case.env.get("FILE_SIZE_LIMIT") {
        builder = builder.max_size(UploadSize::new(limit.parse().unwrap()).unwrap());
    }
    let answer = support::send(&builder.build().unwrap(), request).await;
    Outcome::Answered(Answer {
        status: answer.status.as_u16(),
        headers: answer.headers,
        body: String::from_utf8(answer.body.to_vec()).unwrap(),
    })
}

impl Sent {
    fn build(&self) -> Result<Request<Full<Bytes>>, String> {
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(self.path.as_str());
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_bytes());
        }
        request
            .body(Full::from(self.body()))
            .map_err(|error| error.to_string())
    }

    fn body(&self) -> Vec<u8> {
        match (&self.body, &self.body_b64, self.body_len) {
            (Some(text), _, _) => text.clone().into_bytes(),
            (_, Some(base64), _) => base64_simd::STANDARD.decode_to_vec(base64).unwrap(),
            (_, _, Some(length)) => {
                let start = r#"{"name":"image.jpg","type":"image/jpeg","size":1024000,"x":""#;
                let padding = "x".repeat(length - start.len() - 2);
                format!("{start}{padding}\"}}").into_bytes()
            }
            _ => unreachable!("a request without a body has an empty one"),
        }
    }
}

impl Received {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// When Plane signed what it answered.
    fn time(&self) -> OffsetDateTime {
        let json = self.json();
        let stamp = text(&json, "/upload_data/fields/x-amz-date").or_else(|| {
            let url = text(&json, "/asset_url")?;
            url.split_once("X-Amz-Date=")?.1.split('&').next()
        });
        let basic = format_description!("[year][month][day]T[hour][minute][second]Z");
        stamp.map_or(NOW, |stamp| {
            PrimitiveDateTime::parse(stamp, basic).unwrap().assume_utc()
        })
    }
}

fn text<'v>(json: &'v Value, pointer: &str) -> Option<&'v str> {
    json.pointer(pointer)?.as_str()
}

/// The ids that Plane drew: that of the key, then that of the asset.
#[derive(Debug)]
struct Given(Mutex<Vec<Uuid>>);

impl Given {
    fn by(plane: &Received) -> Self {
        let json = plane.json();
        let asset = text(&json, "/asset_id").and_then(|id| id.parse().ok());
        let key = text(&json, "/upload_data/fields/key")
            .and_then(|key| key.split_once('/')?.1.get(..32)?.parse().ok());
        let or_any = |id: Option<Uuid>| id.unwrap_or(Uuid::from_u128(1));
        Self(Mutex::new(vec![or_any(asset), or_any(key)]))
    }
}

impl IdSource for Given {
    fn next_id(&self) -> Uuid {
        self.0.lock().unwrap().pop().unwrap()
    }
}

// The world in which Plane was recorded.

fn slug(workspace: Uuid) -> WorkspaceSlug {
    let slug = if workspace == MINE {
        "my-workspace"
    } else {
        "other-workspace"
    };
    WorkspaceSlug::new(slug).unwrap()
}

fn world() -> MemoryStore {
    let store = MemoryStore::new();
    for (workspace, member, project) in [(MINE, ALICE, MY_PROJECT), (OTHERS, BOB, OTHERS_PROJECT)] {
        done(store.add_workspace(workspace.into(), slug(workspace)));
        done(store.add_member(workspace.into(), member.into()));
        done(store.add_project(workspace.into(), project.into()));
    }
    let key = |key: &str, user: Uuid, change: fn(&mut CredentialRecord)| {
        let credential = Credential::new(CredentialKind::ApiKey, key);
        let principal = Principal::with_all_scopes(user.into());
        let mut record = CredentialRecord::new(&credential, principal);
        change(&mut record);
        done(store.add_credential(record));
    };
    let disable = |record: &mut CredentialRecord| record.active = false;
    let expire = |record: &mut CredentialRecord| {
        record.expires_at = Some(datetime!(2020-01-01 0:00 UTC));
    };
    let expire_later = |record: &mut CredentialRecord| {
        record.expires_at = Some(datetime!(2099-01-01 0:00 UTC));
    };
    key("plane_api_valid0000000000000000000000000000", ALICE, |_| {});
    key("plane_api_service00000000000000000000000000", ALICE, |_| {});
    key("plane_api_rate60000000000000000000000000000", ALICE, |_| {});
    key("plane_api_svcrate0000000000000000000000000a", ALICE, |_| {});
    key(
        "plane_api_future000000000000000000000000000",
        ALICE,
        expire_later,
    );
    key("plane_api_expired00000000000000000000000000", ALICE, expire);
    key("plane_api_svcexpired0000000000000000000000a", ALICE, expire);
    key(
        "plane_api_deleted00000000000000000000000000",
        ALICE,
        disable,
    );
    // The key of a user who was deactivated.
    key(
        "plane_api_deaduser000000000000000000000000a",
        ALICE,
        disable,
    );
    key("plane_api_bob000000000000000000000000000000", BOB, |_| {});
    store
}

impl Row {
    /// The asset, where one can be like that. A key that none could have is made from the name.
    fn asset(&self) -> Option<NewAsset> {
        let name = self.name.as_ref()?.as_str()?;
        let key = ObjectKey::new(&self.key).unwrap_or_else(|_| {
            let clean = ObjectName::clean(name).unwrap();
            ObjectKey::new(format!("{}-{clean}", &self.key[..69])).unwrap()
        });
        let media_type: MediaType = self.r#type.as_ref()?.parse().unwrap();
        let size = UploadSize::new(self.size?).unwrap();
        let id = AssetId::new(self.id);
        let mut asset = NewAsset::new(id, key, name, media_type, size, ALICE.into(), NOW).ok()?;
        let label = |text: &Option<String>| text.as_ref().map(|t| ExternalLabel::new(t).unwrap());
        asset.project = self.project_id.map(ProjectId::new);
        asset.external = ExternalRef {
            source: label(&self.external_source),
            id: label(&self.external_id),
        };
        Some(asset)
    }

    async fn put(&self, asset: NewAsset, store: &MemoryStore) {
        let id = asset.id;
        let at = Workspace::new(WorkspaceId::new(self.workspace_id), slug(self.workspace_id));
        let made = store.create(&at, asset, PendingCaps::default()).await;
        assert_eq!(made.unwrap(), CreateOutcome::New);
        if self.is_uploaded {
            let set = store.set_state(&at, id, StateChange::Complete(None)).await;
            assert_eq!(set.unwrap(), ChangeOutcome::Done);
        }
    }
}

/// What a host would make of Plane's settings.
///
/// Two of them say less than is needed here: with `USE_MINIO` Plane takes the public address from
/// each request, and an empty region goes into its signatures as it is. A host writes them down.
fn signer(env: &BTreeMap<String, String>) -> Result<S3PostSigner, String> {
    let setting = |name: &str, default: &str| match env.get(name).map(String::as_str) {
        Some("__unset__") => String::new(),
        Some(value) => value.to_owned(),
        None => default.to_owned(),
    };
    let minio = env.contains_key("USE_MINIO");
    let endpoint = env
        .get("AWS_S3_ENDPOINT_URL")
        .or(env.get("MINIO_ENDPOINT_URL"));
    let mut region = setting("AWS_REGION", "us-east-1");
    if region.is_empty() && (minio || endpoint.is_some()) {
        "us-east-1".clone_into(&mut region);
    }
    let region = Region::new(region).map_err(|error| error.to_string())?;
    let name = setting("AWS_S3_BUCKET_NAME", "uploads");
    let bucket = match endpoint {
        _ if minio => {
            let scheme = if env.contains_key("MINIO_ENDPOINT_SSL") {
                "https"
            } else {
                "http"
            };
            S3Bucket::custom(name, region, &format!("{scheme}://plane.example.com"))
        }
        Some(endpoint) => S3Bucket::custom(name, region, endpoint),
        None => S3Bucket::aws(name, region),
    };
    let bucket = bucket.map_err(|error| error.to_string())?;

    let id = setting("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    let secret = setting(
        "AWS_SECRET_ACCESS_KEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    );
    let mut credentials = Credentials::new(id, secret).map_err(|error| error.to_string())?;
    if let Some(token) = env.get("AWS_SESSION_TOKEN") {
        credentials = credentials
            .with_session_token(token)
            .map_err(|error| error.to_string())?;
    }
    let expiry = setting("SIGNED_URL_EXPIRATION", "3600");
    let seconds: u64 = expiry
        .parse()
        .map_err(|_| format!("`{expiry}` is no number of seconds"))?;
    let lifetime =
        ExpiresIn::new(Duration::from_secs(seconds)).map_err(|fault| fault.to_string())?;
    Ok(S3PostSigner::new(bucket, credentials)
        .expires_in(lifetime)
        .downloads_expire_in(lifetime))
}

// What differs.

/// One thing in which an answer differs from Plane's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
enum Aspect {
    /// The status, or the names of the body's members.
    Answer,
    /// What the sentence of a refusal says, where the names around it are the same.
    Words,
    /// Where a form is posted to or a download comes from, up to the key.
    Address,
    /// The credential scope.
    Scope,
    /// The name at the end of the key, and the one for people.
    Name,
    /// Whether a download is shown in place.
    Inline,
    /// What else a download's URL asks for.
    Download,
    /// Anything else: conditions, times, fields, ids.
    Rest,
}

/// What is compared, each with Plane's value and ours.
type Compared = Vec<(Aspect, String, String)>;

/// Members that only our bodies have; the page says so once.
const ADDED: [&str; 2] = ["code", "field"];

fn shape(body: &str) -> String {
    let Ok(Value::Object(members)) = serde_json::from_str(body) else {
        return if body.is_empty() {
            "empty"
        } else {
            "no object"
        }
        .to_owned();
    };
    let names: BTreeSet<_> = members
        .keys()
        .filter(|name| !ADDED.contains(&name.as_str()))
        .collect();
    format!("{names:?}")
}

fn compare(case: &Case, ours: &Outcome) -> Compared {
    let plane = &case.response;
    let Outcome::Answered(answer) = ours else {
        return vec![(Aspect::Answer, plane.status.to_string(), ours.word())];
    };
    let mut compared = vec![(
        Aspect::Answer,
        format!("{} {}", plane.status, shape(&plane.body)),
        format!("{} {}", answer.status, shape(&answer.body)),
    )];
    let (theirs, ours) = (
        plane.json(),
        serde_json::from_str(&answer.body).unwrap_or_default(),
    );
    if compared[0].1 == compared[0].2 && plane.status >= 400 {
        let words = |body: &Value| {
            ["error", "detail", "message"]
                .map(|name| body[name].to_string())
                .join(" ")
        };
        compared.push((Aspect::Words, words(&theirs), words(&ours)));
    }
    if (plane.status, answer.status) == (200, 200) {
        let facts = if theirs.get("upload_data").is_some() {
            form_facts
        } else {
            download_facts
        };
        let both = facts(&theirs).into_iter().zip(facts(&ours));
        compared.extend(both.map(|((aspect, theirs), (_, ours))| (aspect, theirs, ours)));
    }
    compared
}

/// What a create's answer says.
fn form_facts(answer: &Value) -> Vec<(Aspect, String)> {
    let data = &answer["upload_data"];
    assert!(data.get("method").is_none_or(|method| method == "POST"));
    let mut fields = data["fields"].as_object().unwrap().clone();
    fields.remove("x-amz-signature");
    let policy = support::decoded_policy(fields.remove("policy").unwrap().as_str().unwrap());
    let key = fields["key"].as_str().unwrap().to_owned();
    let credential = fields["x-amz-credential"].as_str().unwrap().to_owned();
    // The values that are compared for themselves are hidden here, their conditions not.
    let conditions: BTreeSet<_> = policy["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|condition| !is_botocore_key(condition, &key))
        .map(|condition| {
            condition
                .to_string()
                .replace(&json_text(&key), "KEY")
                .replace(&credential, "CREDENTIAL")
        })
        .collect();
    fields.remove("key");
    fields.remove("x-amz-credential");
    let rest = format!(
        "{fields:?} {} {conditions:?} {} {}",
        policy["expiration"], answer["asset_id"], answer["asset_url"]
    );
    vec![
        (Aspect::Address, data["url"].to_string()),
        (Aspect::Scope, credential),
        (Aspect::Name, key),
        (Aspect::Rest, rest),
    ]
}

/// A text as it stands in JSON, without its quotes.
fn json_text(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// botocore's condition for a key that ends in `${filename}`.
fn is_botocore_key(condition: &Value, key: &str) -> bool {
    key.ends_with("${filename}") && condition[0] == "starts-with" && condition[1] == "$key"
}

/// What a retrieval's answer says.
fn download_facts(answer: &Value) -> Vec<(Aspect, String)> {
    let url = answer["asset_url"].as_str().unwrap();
    let (path, query) = url.split_once('?').unwrap();
    let key_at = path.find("22222222-2222-").unwrap();
    let (address, key) = path.split_at(key_at);
    let mut query: BTreeMap<_, _> = query
        .split('&')
        .map(|p| p.split_once('=').unwrap())
        .collect();
    query.remove("X-Amz-Signature");
    let mut take = |name| {
        query
            .remove(name)
            .map(|value| percent_decode_str(value).decode_utf8_lossy())
    };
    let disposition = take("response-content-disposition").unwrap();
    let media_type = take("response-content-type").unwrap_or_default();
    let credential = take("X-Amz-Credential").unwrap();
    let (kind, file_name) = disposition.split_once("; ").unwrap_or((&disposition, ""));
    vec![
        (Aspect::Address, address.to_owned()),
        (Aspect::Scope, credential.into_owned()),
        (
            Aspect::Name,
            format!("{key} {} {}", answer["asset_name"], answer["asset_type"]),
        ),
        (Aspect::Inline, kind.to_owned()),
        (Aspect::Download, format!("{file_name} {media_type}")),
        (Aspect::Rest, format!("{query:?} {}", answer["asset_id"])),
    ]
}

// The table of the differences that are meant.

#[derive(Deserialize)]
struct Section {
    title: String,
    rows: Vec<Mismatch>,
}

#[derive(Deserialize)]
struct Mismatch {
    /// For people: what is sent, what Plane makes of it, what this service does, and why.
    sent: String,
    plane: String,
    here: String,
    why: String,
    /// The cases it is about; a `*` stands for anything.
    cases: Vec<String>,
    aspect: Aspect,
    /// What Plane answers to them, and this service.
    plane_answers: BTreeSet<String>,
    our_answers: BTreeSet<String>,
}

fn sections() -> Vec<Section> {
    serde_json::from_str(DIFFERENCES).unwrap()
}

impl Mismatch {
    fn is_about(&self, case: &str, aspect: Aspect) -> bool {
        self.aspect == aspect && self.cases.iter().any(|pattern| matches(pattern, case))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|start| name.strip_prefix(start)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, behind)) = rest.split_once(part) else {
            return false;
        };
        rest = behind;
    }
    true
}

/// What has come of a row of the table.
#[derive(Default)]
struct Used {
    patterns: BTreeSet<String>,
    plane: BTreeSet<String>,
    ours: BTreeSet<String>,
}

#[tokio::test]
async fn every_answer_is_plane_s_or_differs_on_purpose() {
    let sections = sections();
    let table: Vec<_> = sections.iter().flat_map(|section| &section.rows).collect();
    let mut used: Vec<Used> = table.iter().map(|_| Used::default()).collect();
    let mut faults = Vec::new();
    for case in cases() {
        let outcome = replay(&case).await;
        for (aspect, theirs, ours) in compare(&case, &outcome) {
            if theirs == ours {
                continue;
            }
            let about: Vec<_> = (0..table.len())
                .filter(|row| table[*row].is_about(&case.name, aspect))
                .collect();
            let [row] = about[..] else {
                let rows: Vec<_> = about.iter().map(|row| &table[*row].sent).collect();
                faults.push(format!(
                    "{} {aspect:?}: {} rows {rows:?}\n  Plane {theirs}\n  ours  {ours}",
                    case.name,
                    rows.len()
                ));
                continue;
            };
            let hit = |pattern: &&String| matches(pattern, &case.name);
            used[row]
                .patterns
                .extend(table[row].cases.iter().filter(hit).cloned());
            used[row].plane.insert(case.response.status.to_string());
            used[row].ours.insert(outcome.word());
        }
    }
    for (row, used) in table.iter().zip(used) {
        for pattern in row
            .cases
            .iter()
            .filter(|pattern| !used.patterns.contains(*pattern))
        {
            faults.push(format!("`{}`: no case of {pattern} differs", row.sent));
        }
        if used.plane != row.plane_answers || used.ours != row.our_answers {
            let (plane, ours) = (used.plane, used.ours);
            faults.push(format!("`{}`: Plane {plane:?}, ours {ours:?}", row.sent));
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[tokio::test]
async fn every_answer_is_whole() {
    let mut faults = Vec::new();
    for case in cases() {
        let Outcome::Answered(answer) = replay(&case).await else {
            continue;
        };
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                faults.push(format!("{}: {} {what}", case.name, answer.status));
            }
        };
        let has = |name: &str| answer.headers.contains_key(name);
        let json: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let down = case.name == "down.db.post";
        expect(
            (answer.status >= 500) == down,
            "is for a database that is down only",
        );
        expect(
            (answer.status == 503) == has("retry-after"),
            "says when to come back",
        );
        expect(
            (answer.status == 401) == has("www-authenticate"),
            "says how to authenticate",
        );
        let says_allow = answer.status == 405 || case.request.method == "OPTIONS";
        expect(
            !says_allow || has("allow") || answer.status == 404,
            "says what is allowed",
        );
        expect(
            answer.status == 204 || json.is_object(),
            "has a JSON object",
        );
        expect(
            answer.status != 204 || answer.body.is_empty(),
            "has no body",
        );
        expect(
            answer.status == 204 || answer.headers["content-type"] == "application/json",
            "is JSON",
        );
        expect(
            answer.status == 204 || answer.headers["cache-control"] == "no-store",
            "isn't stored",
        );
        expect(
            (answer.status >= 400) == json.get("code").is_some_and(Value::is_string),
            "has a code",
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Nothing goes missing in silence: what could not be sent, started or stored, by name.
#[tokio::test]
async fn what_gets_no_answer_is_known() {
    let mut known = BTreeSet::new();
    for case in cases() {
        let outcome = replay(&case).await;
        match &outcome {
            Outcome::Answered(_) => {}
            Outcome::NotStarted(why) | Outcome::NotSent(why) => {
                known.insert(format!("{}: {}: {why}", case.name, outcome.word()));
            }
            Outcome::NotStored => {
                known.insert(format!("{}: {}", case.name, outcome.word()));
            }
        }
    }
    let known: Vec<_> = known.into_iter().collect();
    insta::with_settings!({ snapshot_path => "vectors/snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("recorded-without-answer", known.join("\n"));
    });
}

// The page.

/// The tables of the page, behind its introduction.
fn tables() -> String {
    let mut page = String::new();
    for section in sections() {
        write!(page, "\n## {}\n\n", section.title).unwrap();
        page.push_str("| what you send | Plane | here | why |\n|---|---|---|---|\n");
        for row in section.rows {
            let plane = answered(&row.plane_answers, &row.plane);
            let here = answered(&row.our_answers, &row.here);
            writeln!(page, "| {} | {plane} | {here} | {} |", row.sent, row.why).unwrap();
        }
    }
    page
}

/// The answers and the words behind them.
fn answered(answers: &BTreeSet<String>, words: &str) -> String {
    let answers: Vec<_> = answers.iter().map(String::as_str).collect();
    let (last, first) = answers.split_last().unwrap();
    let answers = match first {
        [] => (*last).to_owned(),
        _ => format!("{} or {last}", first.join(", ")),
    };
    if words.is_empty() {
        answers
    } else {
        format!("{answers}: {words}")
    }
}

#[test]
fn the_page_shows_this_table() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let introduction = page.split("\n## ").next().unwrap();
    let expected = format!("{introduction}{}", tables());
    if std::env::var_os("WRITE_PAGE").is_some() {
        std::fs::write(PAGE, expected).unwrap();
        return;
    }
    assert!(
        page == expected,
        "write the page anew: WRITE_PAGE=1 cargo test --test recorded"
    );
    for added in ADDED {
        assert!(
            introduction.contains(&format!("`{added}`")),
            "{added} is not introduced"
        );
    }
}

#[test]
fn patterns_match_as_they_read() {
    for (pattern, name) in [
        ("a.b", "a.b"),
        ("a.*", "a.b.c"),
        ("*", "x"),
        ("a.*.get", "a.b.get"),
    ] {
        assert!(matches(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in [
        ("a.b", "a.bc"),
        ("a.*", "b.a."),
        ("a.*.get", "a.b.post"),
        ("*.x*y", "a.xz"),
    ] {
        assert!(!matches(pattern, name), "{pattern} {name}");
    }
}
