//! `upload`: sends many files side by side to a server of the asset upload API.
//!
//! After a crash, the same command sends again only what the object store doesn't have.

mod board;
mod flags;
mod one_file;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower_asset_upload::auth::{Credential, CredentialKind};
use tower_asset_upload::client::{AssetClient, Outcome, Uploaded};

use crate::Failure;
use crate::print::print;
use crate::stop::Stop;
use board::Board;
pub(crate) use flags::Flags;

pub(crate) async fn run(flags: Flags) -> Result<ExitCode, Stop> {
    let client = client(&flags).map_err(Stop::usage)?;
    let board = Board::new(flags.files.len());
    let room = Arc::new(Semaphore::new(flags.parallel.get()));
    let options = Arc::new(flags.options);
    let mut uploads = JoinSet::new();
    let all = flags.files.len();
    for (turn, path) in flags.files.into_iter().enumerate() {
        let (client, board) = (client.clone(), board.clone());
        let (room, options) = (Arc::clone(&room), Arc::clone(&options));
        uploads.spawn(async move {
            // Nobody closes the semaphore.
            let _place = room.acquire_owned().await;
            let uploaded = one_file::upload(&client, &board, &path, &options).await;
            board.ended(&path, uploaded.as_ref().err());
            (turn, path, uploaded)
        });
    }
    let mut ended = Vec::with_capacity(all);
    while let Some(upload) = uploads.join_next().await {
        ended.push(upload.map_err(|fault| format!("an upload broke off: {fault}"))?);
    }
    board.close();
    ended.sort_by_key(|(turn, ..)| *turn);
    report(&ended)?;
    Ok(ExitCode::SUCCESS)
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

/// Prints the result of each file, in the order of the command line.
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

/// A path without control characters.
fn shown(path: &Path) -> String {
    let path = path.to_string_lossy();
    path.chars().filter(|c| !c.is_control()).collect()
}
