//! `doctor`: tries a bucket and its configuration for real, and says what is wrong with them.
//!
//! Exits with 0 if no check failed, with 1 if one did, and with 2 if the bucket or the credentials
//! can't be used at all.

mod flags;
mod table;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use tower_asset_upload::s3::{CheckStatus, doctor};

use crate::credentials::credentials;
use crate::print::print;
use crate::stop::{FAILED, Stop};
pub(crate) use flags::CommandLine;
use flags::Output;

pub(crate) async fn run(line: &CommandLine) -> Result<ExitCode, Stop> {
    let bucket = line.bucket().map_err(Stop::usage)?;
    let credentials = credentials().map_err(Stop::usage)?;
    let report = doctor(&bucket, &credentials, &line.options()).await;
    let terminal = io::stdout().is_terminal();
    print(&match line.output() {
        Some(Output::Table) => table::table(&report, terminal),
        None if terminal => table::table(&report, true),
        Some(Output::Json) | None => {
            serde_json::to_string_pretty(&report).map_err(|fault| fault.to_string())?
        }
    })?;
    Ok(match report.status() {
        CheckStatus::Failed => FAILED.into(),
        _ => ExitCode::SUCCESS,
    })
}
