//! Servers of several processes, watched over by one shell.
//!
//! The shell ends them, the newest first, and removes their files: when the test asks for that, and
//! also when the test was killed or has just ended with the servers in a `static`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its part of it"
)]

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::PATIENCE;

/// Starts what each line of standard input says.
const SHEPHERD: &str = r#"
directory=$1
pids=
while read -r line; do
    sh -c "exec $line" </dev/null >>"$directory/log" 2>&1 &
    pids="$! $pids"
done
for pid in $pids; do kill -s KILL "$pid"; wait "$pid" 2>/dev/null; done
rm -rf "$directory"
"#;

/// Some processes, and the directory that holds their files.
#[derive(Debug)]
pub struct Flock {
    shepherd: Child,
    directory: PathBuf,
}

impl Flock {
    /// None yet, in a new directory.
    pub fn new() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("asset-upload-test-")
            .tempdir()
            .unwrap()
            .keep();
        let shepherd = Command::new("/bin/sh")
            .args(["-c", SHEPHERD, "shepherd"])
            .arg(&directory)
            // Ctrl-C is for the test.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            shepherd,
            directory,
        }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes a file into the directory.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Starts one more process: words for a shell.
    pub fn start(&self, line: &str) {
        assert!(!line.contains('\n'), "{line}");
        let mut orders = self.shepherd.stdin.as_ref().unwrap();
        writeln!(orders, "{line}").unwrap();
    }

    /// Runs a command to its end; what it printed.
    pub fn run(&self, command: &mut Command) -> String {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{command:?}: {said}\n{}",
            self.log()
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until somebody listens on the port.
    pub fn wait_for_port(&self, port: u16) {
        self.wait_until(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    pub fn wait_until(&self, ready: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !ready() {
            let patient = Instant::now() < deadline;
            assert!(patient, "not within {PATIENCE:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// What all of them have said so far; the end of it.
    pub fn log(&self) -> String {
        let log = fs::read(self.directory.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let from = log.char_indices().rev().nth(4000).map_or(0, |(at, _)| at);
        log[from..].to_owned()
    }
}

impl Drop for Flock {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- what the servers said last:\n{}", self.log());
        }
        self.shepherd.stdin.take();
        // It can't fail: it is our child, and nobody else waits for it.
        let _ = self.shepherd.wait();
    }
}
