//! How far a transfer is.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The bytes of the file that this attempt has moved: handed to the connection, when uploading;
    /// written, when downloading. An attempt begins anew at 0.
    pub bytes: u64,
    /// The bytes that there are, if that is known.
    pub total: Option<u64>,
    /// Which attempt it is, from 1.
    pub attempt: u32,
}

/// Is told how far a transfer is.
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

/// What one attempt has moved.
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
        meter.tell(0);
        meter
    }

    pub(super) fn add(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let before = self.moved.fetch_add(bytes, Ordering::Relaxed);
        self.tell(before.saturating_add(bytes));
    }

    pub(super) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    fn tell(&self, bytes: u64) {
        if let Listener(Some(listener)) = &self.listener {
            listener(Progress {
                bytes,
                total: self.total,
                attempt: self.attempt,
            });
        }
    }
}
