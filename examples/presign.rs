//! Signs forms and URLs on the command line: for scripts, for trying out a bucket, for comparing
//! with other signers.
//!
//! ```text
//! export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…
//! cargo run --example presign -- form --bucket uploads --region eu-central-1 \
//!     --key photo.png --content-type image/png --max-size 5242880 --curl
//! ```
//!
//! `--help` lists the flags. With `--stdin` it signs many: a JSON object a line, the same names in
//! `snake_case`, and answers a JSON object a line in the same order.

#[path = "shared/credentials.rs"]
mod credentials;
#[path = "presign/flags.rs"]
mod flags;
#[path = "presign/output.rs"]
mod output;
#[path = "shared/print.rs"]
mod print;
#[path = "presign/request.rs"]
mod request;

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use tower_asset_upload::sigv4::Credentials;

use credentials::credentials;
use flags::{CommandLine, Output};
use output::{curl, html};
use print::print;
use request::{Fault, Request, Signed};

/// One sentence about what went wrong.
type Failure = String;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody reads it where this fails.
            let _ = writeln!(io::stderr(), "presign: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let Some(line) = CommandLine::from_args()? else {
        return print(&flags::help());
    };
    let credentials = credentials()?;
    if line.stdin {
        return sign_lines(&line.request, &credentials);
    }
    let as_flag = |fault: Fault| fault.of_a_flag();
    let signed = sign(line.request, &credentials).map_err(as_flag)?;
    print(&match line.output {
        Output::Json => serde_json::to_string_pretty(&signed).map_err(|fault| fault.to_string())?,
        Output::Curl => curl(&signed).map_err(as_flag)?,
        Output::Html => html(&signed).map_err(as_flag)?,
    })
}

fn sign(request: Map<String, Value>, credentials: &Credentials) -> Result<Signed, Fault> {
    Request::read(request)?.sign(credentials)
}

/// Answers each line of standard input with one line. A bad one doesn't keep the others from being
/// signed.
fn sign_lines(defaults: &Map<String, Value>, credentials: &Credentials) -> Result<(), Failure> {
    let (mut all, mut bad) = (0, 0);
    for line in io::stdin().lock().split(b'\n') {
        let line = line.map_err(|fault| format!("can't read standard input: {fault}"))?;
        let answer = match sign_line(&line, defaults, credentials) {
            Ok(signed) => serde_json::to_string(&signed).map_err(|fault| fault.to_string())?,
            Err(fault) => {
                bad += 1;
                json!({ "error": fault.of_a_member() }).to_string()
            }
        };
        all += 1;
        print(&answer)?;
    }
    if bad == 0 {
        Ok(())
    } else {
        Err(format!("{bad} of {all} requests were not signed"))
    }
}

/// What stands in the line wins over the flags.
fn sign_line(
    line: &[u8],
    defaults: &Map<String, Value>,
    credentials: &Credentials,
) -> Result<Signed, Fault> {
    let own: Map<String, Value> = serde_json::from_slice(line)
        .map_err(|fault| Fault::general(format!("the line is no JSON object: {fault}")))?;
    let mut request = defaults.clone();
    request.extend(own);
    sign(request, credentials)
}
