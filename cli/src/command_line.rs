//! The command line.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use clap_complete::Shell;

use crate::stop::{FAILED, USAGE};
use crate::{complain, doctor, presign, print, serve, sidecar, upload};

const EXIT_STATUS: &str = "\
Exit status: 0 if all went well, 1 if the work or a check failed, 2 if the command line or the
environment is wrong.";

/// Uploads straight to S3-compatible object storage, by Plane's asset upload API.
#[derive(Parser)]
#[command(name = "asset-upload", version, after_help = EXIT_STATUS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    subcommand: Subcommand,
}

#[derive(clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Serves the asset upload API with everything it needs embedded
    Serve(serve::Options),
    /// Tries a bucket for real, and says what is wrong and what to do
    Doctor(doctor::CommandLine),
    /// Uploads files to a server of the asset upload API, several at a time
    Upload(upload::Flags),
    /// Signs a form or a URL for an object store
    Presign(presign::CommandLine),
    /// Serves Plane's asset upload API over Plane's own database and bucket
    Sidecar(sidecar::Flags),
    /// Prints a script that completes this program's command line in a shell
    Completions {
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
}

impl Subcommand {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Serve(_) => "serve",
            Self::Doctor(_) => "doctor",
            Self::Upload(_) => "upload",
            Self::Presign(_) => "presign",
            Self::Sidecar(_) => "sidecar",
            Self::Completions { .. } => "completions",
        }
    }
}

/// Parses the arguments. Prints the help or the error otherwise, and returns the exit status.
pub(crate) fn parse() -> Result<Subcommand, ExitCode> {
    let fault = match Cli::try_parse() {
        Ok(Cli { subcommand }) => return Ok(subcommand),
        Err(fault) => fault,
    };
    let text = fault.render().to_string();
    Err(match fault.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match print::print(&text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                complain("", &failure);
                FAILED.into()
            }
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            eprint!("{text}");
            USAGE.into()
        }
        _ => {
            complain(&named(), &sentence(&text));
            USAGE.into()
        }
    })
}

/// The subcommand that the arguments name, if there is such a one.
fn named() -> String {
    let first = std::env::args_os().nth(1).unwrap_or_default();
    let first = first.to_string_lossy();
    let known = Cli::command();
    let mut known = known.get_subcommands();
    let known = known.any(|subcommand| subcommand.get_name() == first);
    if known {
        first.into_owned()
    } else {
        String::new()
    }
}

/// Makes one line of clap's text: the error and a similar name, without the usage.
fn sentence(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let mut parts = Vec::new();
    for paragraph in text.split("\n\n") {
        let line: Vec<_> = paragraph.split_whitespace().collect();
        let line = line.join(" ");
        if parts.is_empty() {
            parts.push(line);
        } else if line.starts_with("tip: a similar") {
            parts.push(line["tip: ".len()..].to_owned());
        }
    }
    parts.push("--help says more".to_owned());
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(arguments: &[&str]) -> String {
        let arguments = ["asset-upload"].iter().chain(arguments);
        let fault = Cli::try_parse_from(arguments).err().unwrap();
        sentence(&fault.render().to_string())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_error_is_one_sentence() {
        assert_eq!(
            said(&["serve", "--max-siz", "7"]),
            "unexpected argument '--max-siz' found; a similar argument exists: '--max-size'; \
             --help says more"
        );
        assert_eq!(
            said(&["upload", "--server", "http://h", "--workspace", "w"]),
            "the following required arguments were not provided: <FILES>...; --help says more"
        );
        assert_eq!(
            said(&["sever"]),
            "unrecognized subcommand 'sever'; a similar subcommand exists: 'serve'; --help says more"
        );
    }

    #[test]
    fn every_help_fits_a_terminal() {
        let mut cli = Cli::command();
        cli.build();
        for subcommand in cli.get_subcommands_mut() {
            let help = subcommand.render_help().to_string();
            for line in help.lines() {
                assert!(line.chars().count() <= 100, "{line}");
            }
        }
    }
}
