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

#[path = "shared/credentials.rs"]
mod credentials;
#[path = "doctor/flags.rs"]
mod flags;
#[path = "shared/print.rs"]
mod print;
#[path = "doctor/table.rs"]
mod table;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use tower_asset_upload::s3::{CheckStatus, doctor};

use credentials::credentials;
use flags::{CommandLine, Output};
use print::print;

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
