//! Progress of uploads and downloads.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Progress of one transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The bytes of the file that this attempt has moved so far. An upload counts bytes handed to
    /// the connection, a download bytes written to the file. Each attempt starts at 0.
    pub bytes: u64,
    /// The file's size in bytes, if it is known.
    pub total: Option<u64>,
    /// The number of the attempt, from 1.
    pub attempt: u32,
}

/// The host's function for progress, if one is set.
#[derive(Clone, Default)]
pub(super) struct Listener(Option<Arc<dyn Fn(Progress) + Send + Sync>>);

impl Listener {
    pub(super) fn new(listener: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

/// Counts the bytes of one attempt and reports them.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    moved: Arc<AtomicU64>,
    total: Option<u64>,
    attempt: u32,
    listener: Listener,
}

impl Meter {
    pub(super) fn new(total: Option<u64>, attempt: u32, listener: Listener) -> Self {
        let meter = Self {
            moved: Arc::default(),
            total,
            attempt,
            listener,
        };
        meter.report(0);
        meter
    }

    pub(super) fn add(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let before = self.moved.fetch_add(bytes, Ordering::Relaxed);
        self.report(before.saturating_add(bytes));
    }

    pub(super) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    fn report(&self, bytes: u64) {
        if let Listener(Some(listener)) = &self.listener {
            listener(Progress {
                bytes,
                total: self.total,
                attempt: self.attempt,
            });
        }
    }
}
