//! A Python with packages of its own.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::process;

/// Packages pinned in `tests/foreign_clients/{name}/requirements.txt`, in a virtual environment that
/// the next run finds again; and the directory its programs are in.
///
/// `None`, said aloud, where nobody asked for an installation and none is there. Asked is with
/// `ASSET_UPLOAD_REQUIRE_ALL`, which fails where it can't be, or `ASSET_UPLOAD_FOREIGN_CLIENTS=1`.
pub(crate) fn programs(name: &str) -> Option<PathBuf> {
    let requirements = here().join(name).join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).unwrap();
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-venv"));
    let done = venv.join("installed.txt");
    let programs = venv.join(if cfg!(windows) { "Scripts" } else { "bin" });
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Some(programs);
    }
    if !asked() {
        process::skip(&format!(
            "the test with {name} needs an installation; with ASSET_UPLOAD_FOREIGN_CLIENTS=1 it makes one"
        ));
        return None;
    }
    let made = succeeds(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&venv),
    );
    let installed = made.and_then(|()| {
        succeeds(
            Command::new(programs.join("python"))
                .args(["-m", "pip", "--disable-pip-version-check", "--no-input"])
                .args(["install", "--quiet", "--requirement"])
                .arg(&requirements),
        )
    });
    match installed {
        Ok(()) => {
            fs::write(done, wanted).unwrap();
            Some(programs)
        }
        Err(fault) => {
            process::skip(&format!("{name} can't be installed: {fault}"));
            None
        }
    }
}

/// Whether packages may be fetched.
pub(crate) fn asked() -> bool {
    env::var_os("ASSET_UPLOAD_REQUIRE_ALL").is_some()
        || env::var_os("ASSET_UPLOAD_FOREIGN_CLIENTS").is_some_and(|value| value == OsStr::new("1"))
}

pub(crate) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign_clients")
}

/// Runs a command to its end; what it said if that is a failure.
pub(crate) fn succeeds(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|fault| format!("{command:?}: {fault}"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    output.status.success().then_some(()).ok_or(said)
}
