//! What is shown while files travel: a bar for each on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tower_asset_upload::client::Progress;

use crate::shown;

const BAR: &str = "{msg:30!} {wide_bar} {bytes:>11} of {total_bytes:<11} {bytes_per_sec:>12}";

/// All of it goes to standard error, so that standard output has the result alone.
#[derive(Clone)]
pub(crate) struct Board(Option<MultiProgress>);

/// The place of one file.
#[derive(Clone)]
pub(crate) enum Place {
    Bar(ProgressBar),
    Line(String),
}

impl Board {
    pub(crate) fn new() -> Self {
        Self(io::stderr().is_terminal().then(MultiProgress::new))
    }

    /// A file of so many bytes is about to be sent.
    pub(crate) fn add(&self, path: &Path, size: u64) -> Place {
        let name = shown(path);
        let Some(bars) = &self.0 else {
            line(&format!("{name}: {size} bytes to send"));
            return Place::Line(name);
        };
        // The template is a constant; a bar of the default style shows the same.
        let style = ProgressStyle::with_template(BAR);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        // The end of a path tells more than its beginning, and there is no room for both.
        let name = shown(path.file_name().map_or(path, Path::new));
        let bar = bars.add(ProgressBar::new(size).with_style(style).with_message(name));
        Place::Bar(bar)
    }

    /// Nothing more is shown.
    pub(crate) fn close(&self) {
        if let Some(bars) = &self.0 {
            // It is only gone if the terminal is.
            let _ = bars.clear();
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

    pub(crate) fn end(&self, well: bool) {
        match self {
            Self::Bar(bar) if well => bar.finish(),
            Self::Bar(bar) => bar.abandon(),
            Self::Line(name) if well => line(&format!("{name}: done")),
            // The end says why.
            Self::Line(_) => {}
        }
    }
}

fn line(text: &str) {
    // Nobody reads it where this fails.
    let _ = writeln!(io::stderr(), "{text}");
}
