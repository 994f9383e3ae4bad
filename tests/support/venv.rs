//! Python programs from `PyPI`, each in a virtual environment that the next run finds again.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::process::{find, skip};

/// A program, and where it comes from.
pub(crate) struct Venv {
    /// Its name.
    pub(crate) what: &'static str,
    /// Its directory below the target's.
    pub(crate) folder: &'static str,
    /// The file of its pinned packages.
    pub(crate) requirements: &'static str,
    /// What stands in it.
    pub(crate) wanted: &'static str,
    /// Set to 1 this has it installed; so does `ASSET_UPLOAD_REQUIRE_ALL`.
    pub(crate) variable: &'static str,
    /// What has to be there to do without.
    pub(crate) modules: &'static str,
}

impl Venv {
    /// A Python that has the program. `None` where there is none and none is to be installed; then
    /// the test is skipped, and says so.
    pub(crate) fn python(&self, test: &str) -> Option<PathBuf> {
        // One at a time installs.
        static INSTALLING: Mutex<()> = Mutex::new(());
        let _turn = INSTALLING.lock().unwrap();
        let asked = env::var_os("ASSET_UPLOAD_REQUIRE_ALL").is_some()
            || env::var_os(self.variable).is_some_and(|value| value == "1");
        let Some(python) = find("python3") else {
            skip(&format!("{test} needs python3"));
            return None;
        };
        if asked {
            return Some(self.install(&python));
        }
        let import = format!("import {}", self.modules);
        if succeeds(Command::new(&python).args(["-c", &import])).is_ok() {
            return Some(python);
        }
        skip(&format!(
            "{test} needs {}; with {}=1 it installs its own",
            self.what, self.variable
        ));
        None
    }

    fn install(&self, python: &Path) -> PathBuf {
        let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join(self.folder);
        let (done, own) = (venv.join("installed.txt"), venv.join("bin/python"));
        if fs::read_to_string(&done).is_ok_and(|installed| installed == self.wanted) {
            return own;
        }
        let must = |result: Result<(), String>| {
            result.unwrap_or_else(|fault| panic!("can't install {}: {fault}", self.what));
        };
        must(succeeds(
            Command::new(python)
                .args(["-m", "venv", "--clear"])
                .arg(&venv),
        ));
        let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join(self.requirements);
        must(succeeds(
            Command::new(&own)
                .args(["-m", "pip", "--disable-pip-version-check", "--no-input"])
                .args(["install", "--quiet", "--requirement"])
                .arg(requirements),
        ));
        fs::write(done, self.wanted).unwrap();
        own
    }
}

/// Runs a command to its end; what it said if that is a failure.
fn succeeds(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|fault| fault.to_string())?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    output.status.success().then_some(()).ok_or(said)
}
