//! How a database is opened.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::fault::Fault;
use super::schema;
use super::store::{Inner, SqliteStore};
use super::worker::{Limits, Workers};
use crate::asset::{Clock, SystemClock};
use crate::ports::StoreError;

/// How a [`SqliteStore`] is opened.
///
/// ```
/// use std::time::Duration;
/// use tower_asset_upload::SqliteStore;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("assets.sqlite3");
/// let store = SqliteStore::options().busy_timeout(Duration::from_secs(1)).open(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    clock: Arc<dyn Clock>,
    readers: NonZeroUsize,
    limits: Limits,
    busy_timeout: Duration,
}

impl SqliteOptions {
    const MOST_READERS: usize = 4;
    const QUEUE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);
    const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
    const CALL_TIMEOUT: Duration = Duration::from_secs(10);

    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        let processors = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            clock: Arc::new(SystemClock),
            readers: NonZeroUsize::new(Self::MOST_READERS)
                .map_or(processors, |most| most.min(processors)),
            limits: Limits {
                queue: Self::QUEUE,
                call_timeout: Self::CALL_TIMEOUT,
            },
            busy_timeout: Self::BUSY_TIMEOUT,
        }
    }

    /// The clock that stamps since when an asset is pending, and when it was uploaded or deleted; the
    /// machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How many threads read, each with a connection of its own. One for each processor by default,
    /// four at most. (There is always one that writes.)
    #[must_use]
    pub fn readers(mut self, readers: NonZeroUsize) -> Self {
        self.readers = readers;
        self
    }

    /// How many calls may wait for the threads that read, and how many for the one that writes; 1,024
    /// by default. One more is [`StoreError::Unavailable`] at once.
    #[must_use]
    pub fn queue(mut self, calls: NonZeroUsize) -> Self {
        self.limits.queue = calls;
        self
    }

    /// How long a call may take, waiting in the queue included; 10 seconds by default. Then it is
    /// [`StoreError::Unavailable`]. If SQLite was at work on it already it goes on to its end, as it does
    /// when the call's future is dropped.
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.limits.call_timeout = timeout;
        self
    }

    /// How long to wait for a lock that another process holds; 5 seconds by default. Then the calls
    /// that wait are [`StoreError::Unavailable`].
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Opens the database in that file.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        Ok(self.connect(path.as_ref())?)
    }

    fn connect(&self, path: &Path) -> Result<SqliteStore, Fault> {
        recent_enough(rusqlite::version_number())?;
        let writer = schema::open_writer(path, self.busy_timeout)?;
        let readers = (0..self.readers.get())
            .map(|_| schema::open_reader(path, self.busy_timeout))
            .collect::<Result<_, _>>()?;
        let inner = Inner {
            path: path.to_owned(),
            clock: Arc::clone(&self.clock),
            readers: Workers::of_readers(readers, self.limits)?,
            writer: Workers::of_writer(writer, self.limits)?,
        };
        Ok(SqliteStore {
            inner: Arc::new(inner),
        })
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Strict tables came with SQLite 3.37.0.
fn recent_enough(version: i32) -> Result<(), Fault> {
    if version < 3_037_000 {
        return Err(Fault::Old(version));
    }
    Ok(())
}

impl SqliteStore {
    /// Opens the database in that file, with the defaults of [`SqliteOptions`]. Makes the file when
    /// there is none, and brings an older one up to date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file can't be opened, is locked, or was migrated to a
    /// version that this release can't work with, and [`StoreError::Failed`] when it is no database or
    /// another application's, and when the SQLite that is linked is older than 3.37.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        SqliteOptions::new().open(path)
    }

    /// Options to open a database with; short for [`SqliteOptions::new`].
    #[must_use]
    pub fn options() -> SqliteOptions {
        SqliteOptions::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_too_old_is_named() {
        let refused = recent_enough(3_036_001).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "SQLite 3.36.1 is linked, and the store needs 3.37.0 or newer: the feature \
             `sqlite-bundled` compiles one in"
        );
        assert!(!refused.is_passing());
        assert!(recent_enough(3_037_000).is_ok());
    }
}
