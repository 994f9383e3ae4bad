//! A throw-away OpenStack Swift with its S3 API, from Debian's packages `swift-proxy`,
//! `swift-account`, `swift-container` and `swift-object`: its four servers in one process of
//! Python's, one device, one replica.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Stdio};

use crate::flock::Flock;
use crate::process::{free_ports, skip};
use crate::real::Account;

pub(crate) const ACCOUNT: Account = Account {
    id: "test:tester",
    secret: "known/to+the/test",
    region: "us-east-1",
};

/// Debian's packages are for Debian's Python, whichever comes first in the path.
const PYTHON: &str = "/usr/bin/python3";

/// A proxy server on a port of its own.
pub(crate) struct Swift {
    _flock: Flock,
    port: u16,
}

impl Swift {
    /// `None` where Swift is not installed; then the test is skipped, and says so.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let modules = "import eventlet, swift.account.server, swift.container.server, \
                       swift.obj.server, swift.proxy.server";
        let found = Path::new(PYTHON).is_file()
            && Command::new(PYTHON)
                .args(["-c", modules])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
        if !found {
            skip(&format!("{test} needs Swift"));
        }
        found.then(Self::make)
    }

    fn make() -> Self {
        let flock = Flock::new();
        let [proxy, object, container, account] = free_ports();
        let program = flock.write("servers.py", include_str!("swift.py"));
        flock.start(&format!(
            "{PYTHON} {} {} {} {proxy} {object} {container} {account}",
            program.display(),
            flock.directory().display(),
            ACCOUNT.secret,
        ));
        flock.wait_for_port(proxy);
        Self {
            _flock: flock,
            port: proxy,
        }
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
