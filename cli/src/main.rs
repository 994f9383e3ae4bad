//! The program `asset-upload`: a server to try or to run, and tools around it.
//!
//! Each subcommand is a folder. `--help` lists the subcommands, and `asset-upload SUBCOMMAND --help`
//! lists the flags of one.

mod command_line;
mod credentials;
mod doctor;
mod logging;
mod presign;
mod print;
mod serve;
mod shutdown;
mod sidecar;
mod size;
mod stop;
mod upload;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;

use command_line::{Cli, Subcommand};
use stop::Stop;

/// One sentence that says what went wrong.
type Failure = String;

#[tokio::main]
async fn main() -> ExitCode {
    let subcommand = match command_line::parse() {
        Ok(subcommand) => subcommand,
        Err(ended) => return ended,
    };
    let name = subcommand.name();
    match run(subcommand).await {
        Ok(code) => code,
        Err(stop) => {
            complain(name, &stop.sentence);
            stop.code.into()
        }
    }
}

async fn run(subcommand: Subcommand) -> Result<ExitCode, Stop> {
    match subcommand {
        Subcommand::Serve(options) => serve::run(options).await,
        Subcommand::Doctor(line) => doctor::run(&line).await,
        Subcommand::Upload(flags) => upload::run(flags).await,
        Subcommand::Presign(line) => presign::run(line),
        Subcommand::Sidecar(flags) => sidecar::run(&flags).await,
        Subcommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "asset-upload", &mut script);
            print::print(&String::from_utf8_lossy(&script))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Writes the sentence to standard error.
fn complain(subcommand: &str, sentence: &str) {
    let space = if subcommand.is_empty() { "" } else { " " };
    // Nobody reads the sentence if this write fails.
    let _ = writeln!(io::stderr(), "asset-upload{space}{subcommand}: {sentence}");
}
