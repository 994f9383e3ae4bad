//! Runs the program and the examples as their users do: processes that answer over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its part of it"
)]

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::io::Read;
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};
use tower_asset_upload::asset::{IdSource, RandomIds};

/// What anything may take at most; a slow machine needs a part of it.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Ports of the loopback interface that nobody listens on, one after another. They are below those
/// that systems give out by themselves (Linux from 32768, others from 49152), so that no connection
/// and no listener on port 0 takes one before its server does. A test binary names none twice, and
/// no other port between two of them: Ceph takes any port of a range.
pub fn free_ports<const N: usize>() -> [u16; N] {
    const PORTS: Range<u32> = 10_000..32_768;
    static NAMED: AtomicU32 = AtomicU32::new(0);
    let count = u32::try_from(N).unwrap();
    for _ in PORTS {
        let named = NAMED.fetch_add(count, Ordering::Relaxed);
        let nth = process::id().wrapping_mul(127).wrapping_add(named);
        let first = PORTS.start + nth % (PORTS.end - PORTS.start - count);
        let mut next = first..;
        let ports = [(); N].map(|()| u16::try_from(next.next().unwrap()).unwrap());
        if ports
            .iter()
            .all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        {
            return ports;
        }
    }
    panic!("no {N} ports of {PORTS:?} in a row are free")
}

/// One such port.
pub fn free_port() -> u16 {
    let [port] = free_ports();
    port
}

// ---------------------------------------------------------------- Building

/// The program `asset-upload`. Cargo has built it for the tests of its own package; for others it is
/// built here.
pub fn program() -> PathBuf {
    match option_env!("CARGO_BIN_EXE_asset-upload") {
        Some(program) => program.into(),
        None => built("asset-upload", &["--package", "asset-upload"]),
    }
}

/// A run of the program, with a subcommand.
pub fn subcommand(name: &str) -> Command {
    let mut command = Command::new(program());
    command.arg(name);
    command
}

/// The executable of an example.
fn example(name: &'static str) -> PathBuf {
    built(name, &["--all-features", "--example", name])
}

/// The executable of a target, built once in this test's own profile and target directory.
fn built(name: &'static str, arguments: &[&str]) -> PathBuf {
    static BUILT: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let built = built.entry(name);
    built.or_insert_with(|| build(name, arguments)).clone()
}

fn build(name: &str, arguments: &[&str]) -> PathBuf {
    // `{target}/{profile}/deps/{test}`
    let this = env::current_exe().unwrap();
    let target = this.ancestors().nth(3).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--message-format=json"])
        .args(arguments)
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // What cargo tells the tests about this package would look like a change to build scripts.
    for (variable, _) in env::vars_os() {
        let text = variable.to_string_lossy();
        if [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_CRATE_",
            "CARGO_BIN_",
        ]
        .iter()
        .any(|prefix| text.starts_with(prefix))
        {
            cargo.env_remove(variable);
        }
    }
    let output = cargo.stdin(Stdio::null()).output().unwrap();
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    executable
        .filter(|_| output.status.success())
        .unwrap_or_else(|| {
            let rendered: String = messages
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                .filter_map(|message| message["message"]["rendered"].as_str().map(str::to_owned))
                .collect();
            let said = String::from_utf8_lossy(&output.stderr);
            panic!("{name} doesn't build:\n{rendered}{said}")
        })
}

// ---------------------------------------------------------------- Running

/// A process that this test started. Dropping it kills it, and nothing else.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdout: Captured,
    stderr: Captured,
}

/// What a stream brought so far.
#[derive(Clone, Debug, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn from(mut stream: impl Read + Send + 'static) -> Self {
        let captured = Self::default();
        let kept = captured.clone();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut chunk) {
                kept.0.lock().unwrap().extend_from_slice(&chunk[..length]);
            }
        });
        captured
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Process {
    /// Starts a command with its output captured.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|fault| panic!("can't start {command:?}: {fault}"));
        let stdout = Captured::from(child.stdout.take().unwrap());
        let stderr = Captured::from(child.stderr.take().unwrap());
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Starts a subcommand of the program with a clean environment: no credentials, no log settings.
    pub fn of_program<A: AsRef<OsStr>>(
        name: &str,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::of(subcommand(name), arguments, environment)
    }

    /// Starts an example with a clean environment.
    pub fn of_example<A: AsRef<OsStr>>(
        name: &'static str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self::of(Command::new(example(name)), arguments, &[])
    }

    fn of<A: AsRef<OsStr>>(
        mut command: Command,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &str)],
    ) -> Self {
        for variable in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_CREDENTIAL_EXPIRATION",
            "RUST_LOG",
        ] {
            command.env_remove(variable);
        }
        Self::start(
            command
                .args(arguments)
                .envs(environment.iter().copied())
                .current_dir(env::temp_dir()),
        )
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits for a line on standard output that `find` makes something of.
    pub fn wait_for_line<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        let stdout = self.stdout.clone();
        self.wait_for_line_of(&stdout, find)
    }

    /// Waits for a line on standard error that `find` makes something of.
    pub fn wait_for_complaint<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        let stderr = self.stderr.clone();
        self.wait_for_line_of(&stderr, find)
    }

    fn wait_for_line_of<T>(&mut self, stream: &Captured, find: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = self.child.try_wait().unwrap();
            let text = stream.text();
            let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
            if let Some(found) = whole.lines().find_map(&find) {
                return found;
            }
            let said = || format!("{}\n{}", self.stdout(), self.stderr());
            if let Some(status) = ended {
                panic!("the process ended ({status}):\n{}", said());
            }
            let patient = Instant::now() < deadline;
            assert!(patient, "no such line within {PATIENCE:?}:\n{}", said());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the line that says where a server listens.
    pub fn wait_for_url(&mut self) -> String {
        self.wait_for_line(|line| {
            line.strip_prefix("listening on ")
                .filter(|url| url.starts_with("http://127.0.0.1:"))
                .map(str::to_owned)
        })
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> Ended {
        self.wait_for(PATIENCE)
    }

    /// Waits for its end, with a patience of one's own.
    pub fn wait_for(&mut self, patience: Duration) -> Ended {
        let deadline = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "still running after {patience:?}:\n{}\n{}",
                self.stdout(),
                self.stderr()
            );
            thread::sleep(Duration::from_millis(5));
        };
        // The streams end with the process; what is left in them is read by then or shortly after.
        while Arc::strong_count(&self.stdout.0) > 1 || Arc::strong_count(&self.stderr.0) > 1 {
            assert!(
                Instant::now() < deadline,
                "its output stays open after its end"
            );
            thread::sleep(Duration::from_millis(5));
        }
        Ended {
            status,
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }

    /// Sends a signal by its name: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status()
            .unwrap();
        assert!(sent.success(), "{name} was not delivered");
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("--- what the process said:\n{}", self.stderr());
        }
    }
}

// ---------------------------------------------------------------- HTTP

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|fault| panic!("{fault}: {} {:?}", self.status, self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The answer, when it has that status.
    #[track_caller]
    pub fn expect(self, status: u16, what: &str) -> Self {
        assert_eq!(self.status, status, "{what}: {}", self.text());
        self
    }

    #[track_caller]
    pub fn expect_code(self, status: u16, code: &str, what: &str) -> Self {
        let answer = self.expect(status, what);
        assert_eq!(answer.json()["code"], code, "{what}: {}", answer.text());
        answer
    }
}

/// A client with its own connections.
#[derive(Clone, Debug)]
pub struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    pub fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// Sends `METHOD url`, or says why that didn't work.
    pub async fn try_send(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, tower_asset_upload::BoxError> {
        let (method, url) = line.split_once(' ').expect("METHOD url");
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(
                name.parse::<HeaderName>()?,
                HeaderValue::from_bytes(value.as_bytes())?,
            );
        }
        let request = request.body(Full::new(body.into()))?;
        let answer = async {
            let (head, body) = self.0.request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                body,
            })
        };
        tokio::time::timeout(PATIENCE, answer).await?
    }

    /// Sends `METHOD url`.
    pub async fn send(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let answer = self.try_send(line, headers, body).await;
        answer.unwrap_or_else(|fault| panic!("{line}: {fault:?}"))
    }
}

/// The fields of a form, in order.
pub type Fields = Vec<(String, String)>;

/// The type and the body of a `multipart/form-data` request: the fields in order, the file last.
pub fn multipart(fields: &[(String, String)], file_name: &str, file: &[u8]) -> (String, Bytes) {
    let boundary = format!("boundary-{}", RandomIds.next_id().simple());
    // As browsers do (WHATWG, "Multipart form data").
    let escaped = |name: &str| {
        name.replace('"', "%22")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let mut body = Vec::new();
    for (name, value) in fields {
        let name = escaped(name);
        body.extend_from_slice(
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
            .as_bytes(),
        );
    }
    let file_name = escaped(file_name);
    body.extend_from_slice(
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )
        .as_bytes(),
    );
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (
        format!("multipart/form-data; boundary={boundary}"),
        body.into(),
    )
}

/// The pairs of a JSON object of strings.
pub fn pairs(object: &Value) -> Fields {
    let object = object.as_object().expect("an object");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    object
        .iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

// ---------------------------------------------------------------- The server

/// A run of `asset-upload serve`, with its demo workspace unless it was given a seed.
#[derive(Debug)]
pub struct Server {
    pub process: Process,
    pub api: Api,
}

/// How to call it.
#[derive(Clone, Debug)]
pub struct Api {
    pub http: Http,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    pub key: String,
    pub slug: String,
}

impl Server {
    /// Starts it on a free port.
    pub async fn start(data: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::ready(Self::spawn(data, arguments, environment)).await
    }

    /// Waits for a server that was started in another way.
    pub async fn ready(mut process: Process) -> Self {
        let url = process.wait_for_url();
        let http = Http::new();
        let demo = http.send(&format!("GET {url}/demo.json"), &[], "").await;
        let demo = demo.expect(200, "demo.json").json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let api = Api {
            http,
            url,
            key: text(&demo["api_key"]),
            slug: text(&demo["slug"]),
        };
        Self { process, api }
    }

    /// Starts it and doesn't wait for it to be ready.
    pub fn spawn(data: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Process {
        let fixed = [
            OsStr::new("--listen"),
            OsStr::new("127.0.0.1:0"),
            OsStr::new("--data-dir"),
            data.as_os_str(),
        ];
        let arguments = arguments.iter().map(OsStr::new);
        Process::of_program("serve", fixed.into_iter().chain(arguments), environment)
    }
}

impl Api {
    /// Calls the API: `METHOD` on the collection, or `METHOD id` on one asset.
    pub async fn call(&self, line: &str, body: impl Into<Bytes>) -> Answer {
        let headers = [("x-api-key", &*self.key)];
        self.http.send(&self.line(line), &headers, body).await
    }

    /// Like [`call`](Self::call), while the server may be going down.
    pub async fn try_call(&self, line: &str, body: impl Into<Bytes>) -> Option<Answer> {
        let headers = [("x-api-key", &*self.key)];
        let answer = self.http.try_send(&self.line(line), &headers, body).await;
        answer.ok()
    }

    /// `METHOD url`
    pub fn line(&self, line: &str) -> String {
        let (method, id) = line.split_once(' ').unwrap_or((line, ""));
        let Self { url, slug, .. } = self;
        let slash = if id.is_empty() { "" } else { "/" };
        format!("{method} {url}/api/v1/workspaces/{slug}/assets/{id}{slash}")
    }

    /// Makes an asset.
    pub async fn create(&self, name: &str, media_type: &str, size: usize) -> Ticket {
        let body = json!({"name": name, "type": media_type, "size": size}).to_string();
        Ticket::of(&self.call("POST", body).await.expect(200, name).json())
    }
}

/// What a create was answered with.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub id: String,
    pub method: String,
    pub url: String,
    pub fields: Fields,
    pub headers: Fields,
}

impl Ticket {
    pub fn of(created: &Value) -> Self {
        let data = &created["upload_data"];
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        Self {
            id: text(&created["asset_id"]),
            method: text(&data["method"]),
            url: text(&data["url"]),
            fields: pairs(&data["fields"]),
            headers: data.get("headers").map(pairs).unwrap_or_default(),
        }
    }

    pub fn field(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(other, _)| other == name);
        &field.unwrap_or_else(|| panic!("no field {name}")).1
    }

    /// Replaces the value of a field.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let field = self.fields.iter_mut().find(|(other, _)| other == name);
        field.unwrap_or_else(|| panic!("no field {name}")).1 = value.into();
    }

    /// How long it is good for, from the moment that it was signed at.
    pub fn life(&self) -> time::Duration {
        if self.method == "PUT" {
            let (_, rest) = self
                .url
                .split_once("&X-Amz-Expires=")
                .expect("a signed URL");
            let seconds = rest.split('&').next().unwrap().parse().unwrap();
            return time::Duration::seconds(seconds);
        }
        let policy = base64_simd::STANDARD
            .decode_to_vec(self.field("policy"))
            .unwrap();
        let policy: Value = serde_json::from_slice(&policy).unwrap();
        let end = policy["expiration"].as_str().unwrap();
        let end = OffsetDateTime::parse(end, &Rfc3339).unwrap();
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let signed = PrimitiveDateTime::parse(self.field("x-amz-date"), format).unwrap();
        end - signed.assume_utc()
    }

    /// Uploads as it says.
    pub async fn upload(&self, http: &Http, file: impl Into<Bytes>) -> Answer {
        let answer = self.try_upload(http, file).await;
        answer.unwrap_or_else(|fault| panic!("{} {}: {fault:?}", self.method, self.url))
    }

    /// Like [`upload`](Self::upload), while the store may be going down.
    pub async fn try_upload(
        &self,
        http: &Http,
        file: impl Into<Bytes>,
    ) -> Result<Answer, tower_asset_upload::BoxError> {
        let file = file.into();
        let line = format!("{} {}", self.method, self.url);
        if self.method == "POST" {
            let (content_type, body) = multipart(&self.fields, "whatever \"it\" is.exe", &file);
            let headers = [("content-type", &*content_type)];
            return http.try_send(&line, &headers, body).await;
        }
        // The client sends the length by itself: the one that the file has.
        let headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"))
            .map(|(name, value)| (&**name, &**value))
            .collect();
        http.try_send(&line, &headers, file).await
    }
}

// ---------------------------------------------------------------- Odds and ends

/// A directory that goes when it is dropped.
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new()
        .prefix("asset-upload-test-")
        .tempdir()
        .unwrap()
}

/// Whether these programs are there. Where one is missing the test is skipped, and says so; where
/// `ASSET_UPLOAD_REQUIRE_ALL` is set it fails instead.
pub fn available(programs: &[&str], test: &str) -> bool {
    let missing: Vec<_> = programs
        .iter()
        .copied()
        .filter(|program| find(program).is_none())
        .collect();
    if missing.is_empty() {
        return true;
    }
    skip(&format!(
        "{test} needs what is not installed: {}",
        missing.join(", ")
    ));
    false
}

/// Says that a test is skipped, and why; fails it where `ASSET_UPLOAD_REQUIRE_ALL` is set.
pub fn skip(line: &str) {
    let required = env::var_os("ASSET_UPLOAD_REQUIRE_ALL").is_some();
    assert!(!required, "{line}");
    announce(&format!("!!! SKIPPED: {line}"));
}

/// Where a program is.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
}

/// Writes to standard error past the test harness, which hides what passing tests print.
fn announce(line: &str) {
    use std::io::Write;
    // Nobody reads it where this fails.
    let _ = writeln!(std::io::stderr(), "\n{line}");
}

/// Bytes that repeat at no power of two and hold line ends and dashes, as boundaries do.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let random = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    });
    let mut bytes: Vec<u8> = random.take(length).collect();
    for line in bytes.chunks_exact_mut(997) {
        line[..6].copy_from_slice(b"\r\n--\r\n");
    }
    bytes
}
