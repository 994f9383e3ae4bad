//! The progress of the uploads: bars on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tower_asset_upload::client::Progress;

use super::shown;
use crate::Failure;

const BAR: &str =
    "{msg:30!} {wide_bar} {bytes:>11} of {total_bytes:<11} {bytes_per_sec:>12} {eta:>4}";
const TOTAL: &str = "{msg:30!} {wide_bar} {pos:>11} of {len:<11} {elapsed:>12} {eta:>4}";

/// Writes to standard error only: standard output has nothing but the results.
#[derive(Clone)]
pub(crate) struct Board(Option<Bars>);

#[derive(Clone)]
struct Bars {
    all: MultiProgress,
    /// Counts files.
    total: ProgressBar,
}

/// One file that is being sent.
#[derive(Clone)]
pub(crate) enum Place {
    Bar(ProgressBar),
    Line(String),
}

impl Board {
    pub(crate) fn new(files: usize) -> Self {
        Self(io::stderr().is_terminal().then(|| {
            let all = MultiProgress::new();
            let total = bar(TOTAL, files as u64).with_message("all files");
            let total = all.add(total);
            Bars { all, total }
        }))
    }

    /// Adds a bar for a file of `size` bytes, or a line where there are no bars.
    pub(crate) fn add(&self, path: &Path, size: u64) -> Place {
        let name = shown(path);
        let Some(Bars { all, total }) = &self.0 else {
            line(&format!("{name}: {size} bytes to send"));
            return Place::Line(name);
        };
        // The end of a path says more than its beginning, and the column has no room for both.
        let name = shown(path.file_name().map_or(path, Path::new));
        let bar = bar(BAR, size).with_message(name);
        Place::Bar(all.insert_before(total, bar))
    }

    /// Counts a file, and shows at once why it was not uploaded.
    pub(crate) fn ended(&self, path: &Path, failure: Option<&Failure>) {
        let failure = failure.map(|failure| format!("{}: FAILED: {failure}", shown(path)));
        match (&self.0, failure) {
            (None, Some(failure)) => line(&failure),
            (None, None) => line(&format!("{}: done", shown(path))),
            (Some(Bars { all, total }), failure) => {
                if let Some(failure) = failure {
                    // The line is only lost if the terminal is.
                    let _ = all.println(failure);
                }
                total.inc(1);
            }
        }
    }

    /// Removes the bars.
    pub(crate) fn close(&self) {
        if let Some(Bars { all, .. }) = &self.0 {
            // The bars only stay if the terminal is gone.
            let _ = all.clear();
        }
    }
}

impl Place {
    pub(crate) fn show(&self, progress: Progress) {
        match self {
            Self::Bar(bar) => bar.set_position(progress.bytes),
            Self::Line(name) if progress.bytes == 0 && progress.attempt > 1 => {
                line(&format!("{name}: attempt {}", progress.attempt));
            }
            Self::Line(_) => {}
        }
    }

    /// Makes room for the next file.
    pub(crate) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn bar(template: &str, length: u64) -> ProgressBar {
    // The templates are constants; a bar of the default style shows the same.
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}

fn line(text: &str) {
    // Nobody reads the line if this write fails.
    let _ = writeln!(io::stderr(), "{text}");
}
