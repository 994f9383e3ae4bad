//! `presign`: signs forms and URLs on the command line, for scripts, for trying out a bucket, and for
//! comparing with other signers.
//!
//! With `--stdin` it signs many: a JSON object a line, the same names in `snake_case`. It answers a
//! JSON object a line in the same order.

mod action;
mod flags;
mod output;
mod request;

use std::io::{self, BufRead};
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use tower_asset_upload::sigv4::Credentials;

use crate::Failure;
use crate::credentials::credentials;
use crate::print::print;
use crate::stop::Stop;
pub(crate) use flags::CommandLine;
use flags::Output;
use output::{curl, html};
use request::{Fault, Request, Signed};

pub(crate) fn run(line: CommandLine) -> Result<ExitCode, Stop> {
    let credentials = credentials().map_err(Stop::usage)?;
    if line.stdin {
        sign_lines(&line.request, &credentials)?;
        return Ok(ExitCode::SUCCESS);
    }
    let as_flag = |fault: Fault| Stop::usage(fault.of_a_flag());
    let signed = sign(line.request, &credentials).map_err(as_flag)?;
    print(&match line.output {
        Output::Json => serde_json::to_string_pretty(&signed).map_err(|fault| fault.to_string())?,
        Output::Curl => curl(&signed).map_err(as_flag)?,
        Output::Html => html(&signed).map_err(as_flag)?,
    })?;
    Ok(ExitCode::SUCCESS)
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
