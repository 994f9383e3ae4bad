//! A Python with boto3, and what it answers.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

const TEST: &str = "the comparison with botocore";

pub(crate) struct Python(PathBuf);

impl Python {
    /// `None` where there is none and none was demanded; that is said aloud.
    pub(crate) fn with_boto3() -> Option<Self> {
        let asked = env::var_os("ASSET_UPLOAD_REQUIRE_ALL").is_some()
            || env::var_os("ASSET_UPLOAD_BOTOCORE").is_some_and(|value| value == "1");
        let found = ["python3", "python"]
            .into_iter()
            .find(|python| succeeds(python, ["--version"]).is_ok());
        let missing = match found {
            None => "python3, which is not installed".to_owned(),
            Some(python) if asked => return Some(Self::in_venv(python)),
            Some(python) => match succeeds(python, ["-c", "import boto3"]) {
                Ok(()) => return Some(Self(python.into())),
                Err(_) => format!(
                    "boto3, which {python} can't import; with ASSET_UPLOAD_BOTOCORE=1 it installs its own"
                ),
            },
        };
        assert!(!asked, "{TEST} needs {missing}");
        announce(&format!("!!! SKIPPED: {TEST} needs {missing}."));
        None
    }

    /// The pinned boto3 in a virtual environment of its own, which the next run finds again.
    fn in_venv(python: &str) -> Self {
        let wanted = include_str!("requirements.txt");
        let requirements = here().join("requirements.txt");
        let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("botocore-venv");
        let done = venv.join("installed.txt");
        let bin = if cfg!(windows) { "Scripts" } else { "bin" };
        let own = venv.join(bin).join("python");
        if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
            return Self(own);
        }
        let must = |result: Result<(), String>| {
            result.unwrap_or_else(|fault| panic!("{TEST} can't install boto3: {fault}"));
        };
        must(succeeds(
            python,
            [
                OsStr::new("-m"),
                "venv".as_ref(),
                "--clear".as_ref(),
                venv.as_ref(),
            ],
        ));
        must(succeeds(
            &own,
            [
                OsStr::new("-m"),
                "pip".as_ref(),
                "--disable-pip-version-check".as_ref(),
                "--no-input".as_ref(),
                "install".as_ref(),
                "--quiet".as_ref(),
                "--requirement".as_ref(),
                requirements.as_ref(),
            ],
        ));
        fs::write(done, wanted).unwrap();
        Self(own)
    }

    /// Puts the questions to one process. The versions come first.
    pub(crate) fn answers(&self, questions: &[&Value]) -> (Value, Vec<Value>) {
        let mut child = Command::new(&self.0)
            .arg(here().join("compare.py"))
            // Whatever profile the machine has is none of the test's.
            .env("AWS_CONFIG_FILE", "/nonexistent")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
            .env_remove("AWS_PROFILE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut answers = thread::scope(|scope| {
            // On a thread of its own: neither side waits for the other's pipe to empty.
            scope.spawn(move || {
                for question in questions {
                    if writeln!(stdin, "{question}").is_err() {
                        // It has ended, and says why.
                        return;
                    }
                }
            });
            let lines = stdout.lines().map(Result::unwrap);
            let answers = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
            answers.collect::<Vec<_>>()
        });
        let status = child.wait().unwrap();
        assert!(status.success(), "compare.py failed: {status}");
        assert_eq!(answers.len(), questions.len() + 1, "an answer a question");
        let versions = answers.remove(0);
        (versions, answers)
    }
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/botocore")
}

/// Runs a command to its end; what it said if that is a failure.
fn succeeds<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = A>,
) -> Result<(), String> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|fault| fault.to_string())?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    output.status.success().then_some(()).ok_or(said)
}

/// Writes to standard error past the test harness, which hides what passing tests print.
pub(crate) fn announce(line: &str) {
    // Nobody reads it where this fails.
    let _ = writeln!(std::io::stderr(), "{line}");
}
