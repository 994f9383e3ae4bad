//! The options of a SQLite store, and its constructors.

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

/// The options with which a [`SqliteStore`] is opened.
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

    /// Returns the default options.
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

    /// Sets the clock that stamps since when an asset is pending, and when it was uploaded or deleted;
    /// the machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the number of threads that read, each with its own connection; by default one for each
    /// processor, and at most four. One more thread writes, always.
    #[must_use]
    pub fn readers(mut self, readers: NonZeroUsize) -> Self {
        self.readers = readers;
        self
    }

    /// Sets how many calls may wait for the threads that read, and how many for the thread that writes;
    /// 1,024 by default. A call that finds its queue full is [`StoreError::Unavailable`] at once.
    #[must_use]
    pub fn queue(mut self, calls: NonZeroUsize) -> Self {
        self.limits.queue = calls;
        self
    }

    /// Sets the time limit for a call, waiting in the queue included; 10 seconds by default. A call that
    /// takes longer is [`StoreError::Unavailable`]. If SQLite has begun the call it still runs to its
    /// end, just as when its future is dropped.
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.limits.call_timeout = timeout;
        self
    }

    /// Sets how long to wait for a lock that another process holds; 5 seconds by default. After that,
    /// the waiting calls are [`StoreError::Unavailable`].
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Opens the database in this file. See [`SqliteStore::open`].
    ///
    /// # Errors
    /// See [`SqliteStore::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        Ok(self.connect(path.as_ref())?)
    }

    fn connect(&self, path: &Path) -> Result<SqliteStore, Fault> {
        require_version(rusqlite::version_number())?;
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

/// Returns an error before SQLite 3.37.0, the first version with strict tables.
fn require_version(version: i32) -> Result<(), Fault> {
    if version < 3_037_000 {
        return Err(Fault::Old(version));
    }
    Ok(())
}

impl SqliteStore {
    /// Opens the database in this file with the default [`SqliteOptions`]. Creates the file if it is
    /// missing, and migrates an older database.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the file can't be opened, is locked, or was migrated to a version
    /// that this release can't work with. [`StoreError::Failed`] if the file is not a database or
    /// belongs to another application, or if the linked SQLite is older than 3.37.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        SqliteOptions::new().open(path)
    }

    /// Returns the default options, as [`SqliteOptions::new`] does.
    #[must_use]
    pub fn options() -> SqliteOptions {
        SqliteOptions::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sqlite_is_refused_with_its_version() {
        let refused = require_version(3_036_001).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "SQLite 3.36.1 is linked, but the store needs 3.37.0 or newer: the feature \
             `sqlite-bundled` compiles a newer one in"
        );
        assert!(!refused.is_transient());
        assert!(require_version(3_037_000).is_ok());
    }
}
