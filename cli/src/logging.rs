//! The log: on standard error, in colours for a terminal and plain for a file or a log collector.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Logs the targets and levels of `RUST_LOG`, as in `info,tower_http=debug`. Without `RUST_LOG`, or if
/// it can't be parsed, logs those of `default`.
pub(crate) fn start(default: &str) {
    // https://no-color.org
    let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let wanted = std::env::var("RUST_LOG").ok().filter(|it| !it.is_empty());
    let wanted: Option<Targets> = wanted.and_then(|it| it.parse().ok());
    let targets = wanted.unwrap_or_else(|| default.parse().unwrap_or_default());
    let lines = layer()
        .with_writer(stderr)
        .with_ansi(colours && stderr().is_terminal());
    tracing_subscriber::registry()
        .with(lines.with_filter(targets))
        .init();
}
