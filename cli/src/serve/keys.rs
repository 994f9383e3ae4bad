//! The keys of the embedded object store, for the other subcommands and for other clients of S3.

use std::io::{self, Write};
use std::path::{Path, PathBuf, absolute};

use tempfile::NamedTempFile;

use crate::Failure;

/// Writes the keys as a shell's assignments, and returns the file's absolute path. Only the owner can
/// read the file, from its first byte on: the log and the terminal never show a key.
pub(crate) fn write(file: &Path, id: &str, secret: &str) -> Result<PathBuf, Failure> {
    let written = || -> io::Result<PathBuf> {
        let file = absolute(file)?;
        let directory = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(directory)?;
        // Temporary files have mode 0600, and so has what they replace.
        let mut draft = NamedTempFile::new_in(directory)?;
        for (name, value) in [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)] {
            writeln!(draft, "{name}={}", quoted(value))?;
        }
        draft.as_file().sync_all()?;
        draft.persist(&file)?;
        Ok(file)
    };
    written().map_err(|fault| format!("can't write {}: {fault}", file.display()))
}

/// One word of a POSIX shell.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"+,-./:=@_".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
