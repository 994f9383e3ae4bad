//! Moto: an object store for tests that enforces nothing of what was signed, but keeps versions.
//!
//! With `ASSET_UPLOAD_MOTO=1` or `ASSET_UPLOAD_REQUIRE_ALL` set it is installed into a virtual
//! environment of its own; otherwise one that Python finds will do.

use std::path::PathBuf;
use std::process::Command;

use crate::Setup;
use crate::process::Process;
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
        let mut command = Command::new(&python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
        let mut server = Process::start(&mut command);
        let endpoint = server.wait_for_complaint(|line| {
            let (_, url) = line.split_once("Running on ")?;
            Some(url.to_owned())
        });
        let moto = Self {
            python,
            endpoint,
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
