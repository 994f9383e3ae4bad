//! Tries a bucket and its configuration for real, and says what is wrong with them.
//!
//! ```text
//! export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…
//! cargo run --example doctor -- --bucket uploads --region eu-central-1 --origin https://app.example.com
//! cargo run --example doctor -- --bucket uploads --store garage --region garage --endpoint http://127.0.0.1:3900
//! ```
//!
//! `--help` lists the flags. Exits with 0 when nothing failed, with 1 when a check did, and with 2
//! when it wasn't told what to look at.

#[path = "doctor/flags.rs"]
mod flags;
#[path = "doctor/table.rs"]
mod table;

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use tower_asset_upload::s3::{CheckStatus, EnvironmentCredentials, doctor};
use tower_asset_upload::sigv4::Credentials;

use flags::{CommandLine, Output};

/// One sentence about what went wrong.
type Failure = String;

/// A check failed.
const UNWELL: u8 = 1;
/// Nothing was looked at.
const NOT_ASKED: u8 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(CheckStatus::Failed) => UNWELL.into(),
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody reads it where this fails.
            let _ = writeln!(io::stderr(), "doctor: {failure}");
            NOT_ASKED.into()
        }
    }
}

async fn run() -> Result<CheckStatus, Failure> {
    let Some(line) = CommandLine::from_args()? else {
        print(flags::HELP)?;
        return Ok(CheckStatus::Passed);
    };
    let bucket = line.bucket()?;
    let credentials = credentials()?;
    let report = doctor(&bucket, &credentials, &line.options).await;
    let terminal = io::stdout().is_terminal();
    print(&match line.output {
        Some(Output::Table) => table::table(&report, terminal),
        None if terminal => table::table(&report, true),
        Some(Output::Json) | None => {
            serde_json::to_string_pretty(&report).map_err(|fault| fault.to_string())?
        }
    })?;
    Ok(report.status())
}

/// From the environment only: flags show in process lists and shell histories.
fn credentials() -> Result<Credentials, Failure> {
    EnvironmentCredentials.load().map_err(|fault| {
        let reason = fault.source().map(ToString::to_string).unwrap_or_default();
        format!(
            "{reason}; credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if they are \
             temporary, AWS_SESSION_TOKEN"
        )
    })
}

fn print(text: &str) -> Result<(), Failure> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}{end}")
        .and_then(|()| stdout.flush())
        .map_err(|fault| format!("can't write to standard output: {fault}"))
}
