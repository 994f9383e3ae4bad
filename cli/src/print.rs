//! Standard output, for programs whose output others read: what can't be written is a failure.

use std::io::{self, Write};

use crate::Failure;

/// Writes a text, and ends its line if it doesn't.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}{end}")
        .and_then(|()| stdout.flush())
        .map_err(|fault| format!("can't write to standard output: {fault}"))
}
