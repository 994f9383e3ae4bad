//! Moto: an object store for tests that enforces nothing of what was signed, but keeps versions.
//!
//! With `ASSET_UPLOAD_MOTO=1` or `ASSET_UPLOAD_REQUIRE_ALL` set it is installed into a virtual
//! environment of its own; otherwise one that Python finds will do.

use std::env;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::Setup;
use crate::process::{PATIENCE, Process, find, free_port, skip};

/// A server with the bucket `uploads`.
pub(crate) struct Moto {
    python: PathBuf,
    pub(crate) endpoint: String,
    _server: Process,
}

impl Moto {
    /// `None` where Moto is not installed; then the test is skipped, and says so.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let python = python(test)?;
        let port = free_port();
        let mut command = Command::new(&python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1"]);
        command.args(["-p", &port.to_string()]);
        let server = Process::start(&mut command);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let patient = Instant::now() < deadline;
            assert!(patient, "not within {PATIENCE:?}:\n{}", server.stderr());
            thread::sleep(Duration::from_millis(50));
        }
        let moto = Self {
            python,
            endpoint: format!("http://127.0.0.1:{port}"),
            _server: server,
        };
        moto.boto("s3.create_bucket(Bucket='uploads')");
        Some(moto)
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup::new(&self.endpoint, "uploads", "us-east-1", ("AKIAMOTO", "any"))
    }

    /// Runs a line of Python with a client of boto3, `s3`; what it prints.
    pub(crate) fn boto(&self, line: &str) -> String {
        let program = format!(
            "import boto3\ns3 = boto3.client('s3', endpoint_url='{}', region_name='us-east-1', \
             aws_access_key_id='AKIAMOTO', aws_secret_access_key='any')\n{line}",
            self.endpoint
        );
        let mut command = Command::new(&self.python);
        command.args(["-c", &program]);
        // Whatever profile the machine has is none of the test's.
        command.env("AWS_CONFIG_FILE", "/nonexistent");
        command.env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
        let ended = Process::start(command.env_remove("AWS_PROFILE")).wait();
        assert!(ended.status.success(), "{line}: {}", ended.stderr);
        ended.stdout.trim().to_owned()
    }
}

/// A Python that has Moto.
fn python(test: &str) -> Option<PathBuf> {
    // One at a time installs it.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _turn = INSTALLING.lock().unwrap();
    let asked = env::var_os("ASSET_UPLOAD_REQUIRE_ALL").is_some()
        || env::var_os("ASSET_UPLOAD_MOTO").is_some_and(|value| value == "1");
    let Some(python) = find("python3") else {
        skip(&format!("{test} needs python3"));
        return None;
    };
    if asked {
        return Some(in_venv(&python));
    }
    if succeeds(Command::new(&python).args(["-c", "import moto.server, boto3"])).is_ok() {
        return Some(python);
    }
    skip(&format!(
        "{test} needs Moto; with ASSET_UPLOAD_MOTO=1 it installs its own"
    ));
    None
}

/// The pinned Moto in a virtual environment of its own, which the next run finds again.
fn in_venv(python: &Path) -> PathBuf {
    let wanted = include_str!("requirements.txt");
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto-venv");
    let (done, own) = (venv.join("installed.txt"), venv.join("bin/python"));
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return own;
    }
    let must = |result: Result<(), String>| {
        result.unwrap_or_else(|fault| panic!("can't install Moto: {fault}"));
    };
    must(succeeds(
        Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(&venv),
    ));
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doctor/requirements.txt");
    must(succeeds(
        Command::new(&own)
            .args(["-m", "pip", "--disable-pip-version-check", "--no-input"])
            .args(["install", "--quiet", "--requirement"])
            .arg(requirements),
    ));
    fs::write(done, wanted).unwrap();
    own
}

/// Runs a command to its end; what it said if that is a failure.
fn succeeds(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|fault| fault.to_string())?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    output.status.success().then_some(()).ok_or(said)
}
