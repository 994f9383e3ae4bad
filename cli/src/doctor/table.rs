//! The report as one reads it.

use std::env;
use std::fmt::Write;

use tower_asset_upload::s3::{CheckStatus, DoctorReport};

/// Columns, where the terminal doesn't say how many it has.
const WIDTH: usize = 100;
/// What stands before the sentences: the status and the name.
const INDENT: usize = 22;

/// The table, in colours where they can be seen and are wanted (no-color.org).
pub(crate) fn table(report: &DoctorReport, terminal: bool) -> String {
    let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let coloured = terminal && !unwanted;
    let width = env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    let width: usize = width.unwrap_or(WIDTH).max(INDENT + 20) - INDENT;
    let mut table = String::new();
    for check in report.checks() {
        let status = painted(check.status, coloured);
        let mut lines = wrapped(&check.says, width).into_iter();
        let first = lines.next().unwrap_or_default();
        // Writing to a string can't fail.
        let _ = writeln!(table, "{status}  {:<11}  {first}", check.name);
        for line in lines {
            let _ = writeln!(table, "{:INDENT$}{line}", "");
        }
        // On a line of its own and whole, to be copied.
        if let Some(remedy) = &check.remedy {
            let _ = writeln!(table, "\n{remedy}\n");
        }
    }
    let count = |status| {
        let checks = report.checks().iter();
        checks.filter(|check| check.status == status).count()
    };
    let _ = writeln!(
        table,
        "\n{} passed, {} warned, {} failed, {} skipped.",
        count(CheckStatus::Passed),
        count(CheckStatus::Warned),
        count(CheckStatus::Failed),
        count(CheckStatus::Skipped),
    );
    table
}

fn painted(status: CheckStatus, coloured: bool) -> String {
    let colour = match status {
        CheckStatus::Passed => 32,
        CheckStatus::Warned => 33,
        CheckStatus::Failed => 31,
        _ => 2,
    };
    if coloured {
        format!("\u{1b}[{colour}m{status:<7}\u{1b}[0m")
    } else {
        format!("{status:<7}")
    }
}

/// Breaks a text into lines between its words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
