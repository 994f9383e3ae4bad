//! Uploads many files side by side to a server of the asset upload API.
//!
//! ```text
//! export ASSET_UPLOAD_API_KEY=…
//! cargo run --example upload -- --server http://127.0.0.1:8080 --workspace my-workspace *.png
//! ```
//!
//! `--help` lists the flags. A run that was cut off is taken up by the next with the same files: what
//! is there already is not sent again.

#[path = "upload/board.rs"]
mod board;
#[path = "upload/flags.rs"]
mod flags;
#[path = "upload/one_file.rs"]
mod one_file;
#[path = "shared/print.rs"]
mod print;

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower_asset_upload::auth::{Credential, CredentialKind};
use tower_asset_upload::client::{AssetClient, Outcome, Uploaded};

use board::Board;
use flags::Flags;
use print::print;

/// One sentence about what went wrong.
type Failure = String;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Flags::from_args() {
        Ok(Some(flags)) => run(flags).await,
        Ok(None) => print(flags::HELP),
        Err(failure) => Err(failure),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody reads it where this fails.
            let _ = writeln!(io::stderr(), "upload: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<(), Failure> {
    let client = client(&flags)?;
    let board = Board::new();
    let room = Arc::new(Semaphore::new(flags.parallel.get()));
    let options = Arc::new(flags.options);
    let mut uploads = JoinSet::new();
    let all = flags.files.len();
    for (turn, path) in flags.files.into_iter().enumerate() {
        let (client, board) = (client.clone(), board.clone());
        let (room, options) = (Arc::clone(&room), Arc::clone(&options));
        uploads.spawn(async move {
            // Nobody closes it.
            let _place = room.acquire_owned().await;
            let uploaded = one_file::upload(&client, &board, &path, &options).await;
            (turn, path, uploaded)
        });
    }
    let mut ended = Vec::with_capacity(all);
    while let Some(upload) = uploads.join_next().await {
        ended.push(upload.map_err(|fault| format!("an upload broke off: {fault}"))?);
    }
    board.close();
    ended.sort_by_key(|(turn, ..)| *turn);
    report(&ended)
}

fn client(flags: &Flags) -> Result<AssetClient, Failure> {
    let variable = &flags.api_key_env;
    // From the environment only: flags show in process lists and shell histories.
    let key = env::var(variable).map_err(|_| {
        format!("set {variable} to your API key, or name another variable with --api-key-env")
    })?;
    let key = Credential::new(CredentialKind::ApiKey, &key);
    AssetClient::new(&flags.server, &flags.workspace, &key).map_err(|fault| fault.to_string())
}

/// Says what went where, in the order of the files.
fn report(ended: &[(usize, PathBuf, Result<Uploaded, Failure>)]) -> Result<(), Failure> {
    let mut failed = 0;
    for (_, path, uploaded) in ended {
        let path = shown(path);
        match uploaded {
            Ok(uploaded) => {
                let how = match uploaded.outcome {
                    Outcome::AlreadyThere => "was there already",
                    Outcome::Resumed => "uploaded, announced by an earlier run",
                    _ => "uploaded",
                };
                print(&format!("{path}: {how}: {}", uploaded.asset_id))?;
            }
            Err(failure) => {
                failed += 1;
                print(&format!("{path}: FAILED: {failure}"))?;
            }
        }
    }
    if failed == 0 {
        Ok(())
    } else {
        Err(format!(
            "{failed} of {} files were not uploaded",
            ended.len()
        ))
    }
}

/// A path, fit for a terminal.
fn shown(path: &Path) -> String {
    let path = path.to_string_lossy();
    path.chars().filter(|c| !c.is_control()).collect()
}
