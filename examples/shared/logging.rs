//! The log: on standard error, in colours for a terminal and plain for a file or a log collector.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

/// Logs from now on what `RUST_LOG` names; without it, what `default` does.
pub(crate) fn start(default: &str) {
    // https://no-color.org
    let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_ansi(colours && stderr().is_terminal())
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into()))
        .init();
}
