//! MiniStack: an imitation of AWS in Python, of which the object store checks signatures and forms.
//!
//! It is installed from `PyPI` into a virtual environment of its own, with `ASSET_UPLOAD_MINISTACK=1`
//! or `ASSET_UPLOAD_REQUIRE_ALL`; otherwise one that Python finds will do.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::flock::Flock;
use crate::process::free_port;
use crate::real::Account;
use crate::venv::Venv;

pub(crate) const ACCOUNT: Account = Account {
    id: "test",
    secret: "test",
    region: "us-east-1",
};

const VENV: Venv = Venv {
    what: "MiniStack",
    folder: "ministack-venv",
    requirements: "../tests/support/ministack.txt",
    wanted: include_str!("ministack.txt"),
    variable: "ASSET_UPLOAD_MINISTACK",
    modules: "ministack",
};

/// A server on a port of its own.
pub(crate) struct MiniStack {
    python: PathBuf,
    flock: Flock,
    port: u16,
}

impl MiniStack {
    /// `None` where MiniStack is not installed; then the test is skipped, and says so.
    pub(crate) fn start(test: &str) -> Option<Self> {
        VENV.python(test).map(Self::make)
    }

    fn make(python: PathBuf) -> Self {
        let flock = Flock::new();
        let port = free_port();
        let directory = flock.directory().display();
        fs::create_dir(flock.directory().join("tmp")).unwrap();
        flock.start(&format!(
            "env BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 GATEWAY_PORT={port} AUTH=true \
             TMPDIR={directory}/tmp DOCKER_HOST=unix:///nonexistent {} -m ministack",
            python.display(),
        ));
        flock.wait_for_port(port);
        Self {
            python,
            flock,
            port,
        }
    }

    /// Runs lines of Python with a client of botocore, `s3`.
    pub(crate) fn botocore(&self, lines: &str) {
        let program = format!(
            "import botocore.session, json\n\
             s3 = botocore.session.Session().create_client('s3', region_name='us-east-1', \
             endpoint_url='{}', aws_access_key_id='test', aws_secret_access_key='test')\n{lines}",
            self.endpoint()
        );
        let mut command = Command::new(&self.python);
        command.args(["-c", &program]);
        // Whatever profile the machine has is none of the test's.
        command.env("AWS_CONFIG_FILE", "/nonexistent");
        command.env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
        self.flock.run(command.env_remove("AWS_PROFILE"));
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
