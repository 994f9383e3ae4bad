//! The errors of the SQLite store, and whether a retry helps.

use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::ports::StoreError;

/// An error inside the store. It keeps rusqlite's error types out of the public API.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("the file is not a database of this crate: its {0}")]
    Foreign(String),
    #[error(
        "the database has schema version {found}, which a later release created, and this release knows \
         versions up to {known}: upgrade this program"
    )]
    Newer { found: i64, known: usize },
    #[error(
        "the database can't use a write-ahead log, only the journal mode {0:?}: use a file on a local disk"
    )]
    NoWal(String),
    #[error(
        "SQLite {}.{}.{} is linked, but the store needs 3.37.0 or newer: the feature `sqlite-bundled` \
         compiles a newer one in",
        .0 / 1_000_000, .0 / 1000 % 1000, .0 % 1000
    )]
    Old(i32),
    #[error("the column {0} holds a value that does not parse")]
    Row(&'static str),
    #[error("{0} is outside the range that the database can store")]
    Range(&'static str),
    #[error("SQLite rolled the whole transaction back")]
    RolledBack,
    #[error("a thread of the store could not be started: {0}")]
    Thread(#[source] std::io::Error),
    #[error("a call to SQLite panicked")]
    Panicked,
}

impl Fault {
    /// Returns whether the same call may succeed later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::RolledBack | Self::Thread(_) | Self::Newer { .. } => true,
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::DiskFull
                        | ErrorCode::CannotOpen
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::OutOfMemory
                        | ErrorCode::FileLockingProtocolFailed
                        | ErrorCode::OperationInterrupted
                )
            ),
            _ => false,
        }
    }

    /// Returns whether a migration of the tables may be the cause.
    pub(super) fn may_be_of_schema(&self) -> bool {
        let Self::Sqlite(error) = self else {
            return matches!(self, Self::Row(_));
        };
        let reads_another_type = matches!(
            error,
            rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..)
        );
        reads_another_type
            || matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::Unknown
                        | ErrorCode::ConstraintViolation
                        | ErrorCode::SchemaChanged
                        | ErrorCode::TypeMismatch
                )
            )
    }

    /// Returns whether another connection held a lock.
    pub(super) fn is_busy(&self) -> bool {
        matches!(
            self,
            Self::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
        )
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        if fault.is_transient() {
            Self::unavailable(fault)
        } else {
            Self::failed(fault)
        }
    }
}

/// Several callers of one transaction share the fault.
impl From<&Arc<Fault>> for StoreError {
    fn from(fault: &Arc<Fault>) -> Self {
        if fault.is_transient() {
            Self::unavailable(Arc::clone(fault))
        } else {
            Self::failed(Arc::clone(fault))
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn transient_faults_are_unavailable_and_the_others_failed() {
        let of = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            StoreError::from(Fault::from(error))
        };
        for code in [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_BUSY_SNAPSHOT,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_FULL,
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_IOERR_FSYNC,
        ] {
            assert!(matches!(of(code), StoreError::Unavailable(_)), "{code}");
        }
        for code in [
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_NOTADB,
            ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
            ffi::SQLITE_ERROR,
        ] {
            assert!(matches!(of(code), StoreError::Failed(_)), "{code}");
        }
    }
}
