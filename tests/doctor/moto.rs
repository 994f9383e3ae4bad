//! Moto: an object store for tests that enforces nothing of what was signed, but keeps versions.
//!
//! With `ASSET_UPLOAD_MOTO=1` or `ASSET_UPLOAD_REQUIRE_ALL` set it is installed into a virtual
//! environment of its own; otherwise one that Python finds will do.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::Setup;
use crate::process::{PATIENCE, Process, free_port};
use crate::venv::Venv;

const VENV: Venv = Venv {
    what: "Moto",
    folder: "moto-venv",
    requirements: "tests/doctor/requirements.txt",
    wanted: include_str!("requirements.txt"),
    variable: "ASSET_UPLOAD_MOTO",
    modules: "moto.server, boto3",
};

/// A server with the bucket `uploads`.
pub(crate) struct Moto {
    python: PathBuf,
    pub(crate) endpoint: String,
    _server: Process,
}

impl Moto {
    /// `None` where Moto is not installed; then the test is skipped, and says so.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let python = VENV.python(test)?;
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
