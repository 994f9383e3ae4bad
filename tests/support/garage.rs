//! Throw-away object stores: Garage, an S3 server that shares no code with this crate or its
//! embedded store.
//!
//! Its program is run, never linked. It is looked for in the environment variable `GARAGE`, then in
//! the path, then where CI keeps it: `{cache}/tower-asset-upload/garage-2.5.0/bin/garage`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its part of it"
)]

use std::env;
use std::fs;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tower_asset_upload::asset::{Clock, SystemClock};

use crate::process::{Answer, Http, PATIENCE, find, free_ports, skip};

/// The bucket that is there from the beginning.
pub const BUCKET: &str = "uploads";
pub const REGION: &str = "garage";
/// The key that owns it.
pub const ID: &str = "AKIAENDTOEND";
pub const SECRET: &str = "known/to+the/test";

/// Ends the server when the test asks for it, and also when the test was killed or has just ended
/// with the server in a `static`: standard input ends then.
const SHEPHERD: &str = r#"
directory=$1; shift
"$@" </dev/null >"$directory/log" 2>&1 & pid=$!
read -r _
kill -s KILL "$pid"
wait "$pid" 2>/dev/null
rm -rf "$directory"
"#;

/// A server with one bucket on a port of its own.
#[derive(Debug)]
pub struct Garage {
    shepherd: Child,
    program: PathBuf,
    directory: PathBuf,
    port: u16,
}

impl Garage {
    /// The one that all tests of this binary share. `None` where Garage is not installed; then the
    /// test is skipped, and says so.
    pub fn shared(test: &str) -> Option<&'static Self> {
        static SHARED: OnceLock<Garage> = OnceLock::new();
        program(test).map(|program| SHARED.get_or_init(|| Self::make(program)))
    }

    /// One of its own, for a test that changes its bucket.
    pub fn start(test: &str) -> Option<Self> {
        program(test).map(Self::make)
    }

    fn make(program: PathBuf) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("asset-upload-test-")
            .tempdir()
            .unwrap()
            .keep();
        let ports = free_ports();
        fs::write(directory.join("garage.toml"), settings(&directory, ports)).unwrap();
        let mut shepherd = Command::new("/bin/sh");
        shepherd
            .args(["-c", SHEPHERD, "shepherd"])
            .arg(&directory)
            .arg(&program)
            .arg("-c")
            .arg(directory.join("garage.toml"))
            .args(["server", "--single-node", "--default-bucket"])
            // Settings of the developer's own are not the test's.
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("GARAGE_DEFAULT_ACCESS_KEY", ID)
            .env("GARAGE_DEFAULT_SECRET_KEY", SECRET)
            .env("GARAGE_DEFAULT_BUCKET", BUCKET)
            .env("RUST_LOG", "garage=info")
            .env("NO_COLOR", "1")
            // Ctrl-C is for the test.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut garage = Self {
            shepherd: shepherd.spawn().unwrap(),
            program,
            directory,
            port: ports[0],
        };
        garage.wait_until_ready();
        garage
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        // It listens once the bucket is there.
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let gone = ["Error: ", "exited with error: "];
            let gone = gone.iter().any(|word| self.log().contains(word));
            assert!(!gone, "Garage has ended:\n{}", self.log());
            let patient = Instant::now() < deadline;
            assert!(patient, "not within {PATIENCE:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        let log = fs::read(self.directory.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Runs Garage's own command line against this server: `["bucket", "create", "other"]`.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let ran = Command::new(&self.program)
            .arg("-c")
            .arg(self.directory.join("garage.toml"))
            .args(arguments)
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{arguments:?}: {said}");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    /// Makes one more bucket, which the key owns too.
    pub fn create_bucket(&self, bucket: &str) {
        self.cli(&["bucket", "create", bucket]);
        let allow = ["bucket", "allow", "--read", "--write", "--owner", bucket];
        self.cli(&[&allow[..], &["--key", ID]].concat());
    }

    /// Replaces a bucket's CORS configuration by one rule for any header (AWS, "`PutBucketCors`").
    pub async fn put_cors(&self, http: &Http, bucket: &str, origin: &str, methods: &[&str]) {
        let methods = methods
            .iter()
            .map(|m| format!("<AllowedMethod>{m}</AllowedMethod>"));
        let rule = format!(
            "<CORSConfiguration><CORSRule><AllowedOrigin>{origin}</AllowedOrigin>{}\
             <AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader></CORSRule>\
             </CORSConfiguration>",
            methods.collect::<String>()
        );
        let answer = self
            .signed(http, "PUT", &format!("/{bucket}"), "cors=", rule)
            .await;
        answer.expect(200, "PutBucketCors");
    }

    /// Forgets a bucket's CORS configuration.
    pub async fn delete_cors(&self, http: &Http, bucket: &str) {
        let path = format!("/{bucket}");
        let answer = self.signed(http, "DELETE", &path, "cors=", "").await;
        answer.expect(204, "DeleteBucketCors");
    }

    /// Sends a request signed in its headers, by the book and with nothing of this crate (AWS,
    /// "Authenticating Requests: Using the Authorization Header"). Path and query are canonical.
    pub async fn signed(
        &self,
        http: &Http,
        method: &str,
        path: &str,
        query: &str,
        body: impl Into<Bytes>,
    ) -> Answer {
        let account = (ID, SECRET, REGION);
        signed(http, self.port, account, method, path, query, body).await
    }
}

/// Sends a request to a store on that port, signed in its headers as [`Garage::signed`] says.
pub async fn signed(
    http: &Http,
    port: u16,
    (id, secret, region): (&str, &str, &str),
    method: &str,
    path: &str,
    query: &str,
    body: impl Into<Bytes>,
) -> Answer {
    let body = body.into();
    let now = SystemClock.now();
    let (date, time) = (now.date(), now.time());
    let day = format!(
        "{:04}{:02}{:02}",
        date.year(),
        u8::from(date.month()),
        date.day()
    );
    let stamp = format!(
        "{day}T{:02}{:02}{:02}Z",
        time.hour(),
        time.minute(),
        time.second()
    );
    let scope = format!("{day}/{region}/s3/aws4_request");
    let host = format!("127.0.0.1:{port}");
    let sum = const_hex::encode(Sha256::digest(&body));
    let names = "host;x-amz-content-sha256;x-amz-date";
    let canonical = format!(
        "{method}\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{sum}\n\
             x-amz-date:{stamp}\n\n{names}\n{sum}"
    );
    let hash = const_hex::encode(Sha256::digest(canonical));
    let message = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hash}");
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [&day, region, "s3", "aws4_request", &message] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(part.as_bytes());
        key = mac.finalize().into_bytes().to_vec();
    }
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={}",
        const_hex::encode(key)
    );
    let headers = [
        ("authorization", &*authorization),
        ("x-amz-content-sha256", &*sum),
        ("x-amz-date", &*stamp),
    ];
    let line = format!("{method} http://{host}{path}?{query}");
    http.send(&line, &headers, body).await
}

impl Drop for Garage {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let from = log.char_indices().rev().nth(4000).map_or(0, |(at, _)| at);
            eprintln!("--- what Garage said last:\n{}", &log[from..]);
        }
        self.shepherd.stdin.take();
        // It can't fail: it is our child, and nobody else waits for it.
        let _ = self.shepherd.wait();
    }
}

/// Nothing of it is written through to the disk, and nothing is compressed or scrubbed.
fn settings(directory: &Path, [s3, rpc]: [u16; 2]) -> String {
    let directory = directory.display();
    let secret = "0123456789abcdef".repeat(4);
    format!(
        r#"metadata_dir = "{directory}/meta"
data_dir = "{directory}/data"
db_engine = "sqlite"
replication_factor = 1
compression_level = "none"
disable_scrub = true
rpc_bind_addr = "127.0.0.1:{rpc}"
rpc_public_addr = "127.0.0.1:{rpc}"
rpc_secret = "{secret}"

[s3_api]
s3_region = "{REGION}"
api_bind_addr = "127.0.0.1:{s3}"
"#
    )
}

fn program(test: &str) -> Option<PathBuf> {
    let cached = || {
        let own = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = own.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cache")))?;
        Some(cache.join("tower-asset-upload/garage-2.5.0/bin/garage"))
    };
    if let Some(named) = env::var_os("GARAGE").map(PathBuf::from) {
        assert!(named.is_file(), "GARAGE names no file: {}", named.display());
        return Some(named);
    }
    let found = find("garage").or_else(|| cached().filter(|path| path.is_file()));
    if found.is_none() {
        skip(&format!("{test} needs Garage"));
    }
    found
}
