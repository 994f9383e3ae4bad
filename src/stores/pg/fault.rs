//! The errors of the stores over PostgreSQL, and whether a retry helps.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::time::Duration;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::Error;
use tokio_postgres::error::{Severity, SqlState};

use crate::error::Unavailable;
use crate::ports::StoreError;

/// An error inside a store. It keeps the driver's error types out of the public API.
#[derive(Debug, thiserror::Error)]
pub(in crate::stores) enum Fault {
    #[error("the database URL can't be used: {0}")]
    Url(String),
    #[error("can't connect to PostgreSQL: {0}")]
    Connect(RedactedError),
    #[error("PostgreSQL: {0}")]
    Postgres(RedactedError),
    #[error("no connection was free in time")]
    Busy,
    #[error("PostgreSQL did not answer in time")]
    Timeout,
    #[error("concurrent transactions conflicted in every attempt")]
    Contended,
    #[error("the caller stopped waiting before the call began")]
    HungUp,
    #[error("a store over PostgreSQL must be connected inside a Tokio runtime")]
    NoRuntime,
    #[error("the runtime that the store was connected in has stopped")]
    Stopped,
    #[error("a call panicked")]
    Panicked,
    #[error(
        "the database has schema version {found}, which a later release created, and this release knows \
         versions up to {known}: upgrade this program"
    )]
    Newer { found: i64, known: usize },
    #[error("the column {0} holds a value that does not parse")]
    Row(&'static str),
    #[cfg(feature = "plane")]
    #[error("the column {0} has a type that this release can't read")]
    Type(&'static str),
    #[cfg(feature = "plane")]
    #[error("the tables differ from those that this release knows: {0}")]
    Tables(String),
    #[error("{0} is outside the range that the database can store")]
    Range(&'static str),
    #[error("{0}")]
    Refused(&'static str),
}

impl Fault {
    /// Returns whether the same call may succeed later.
    pub(in crate::stores) fn is_transient(&self) -> bool {
        match self {
            Self::Busy
            | Self::Timeout
            | Self::Contended
            | Self::HungUp
            | Self::Stopped
            | Self::Newer { .. } => true,
            #[cfg(feature = "plane")]
            Self::Tables(_) => true,
            Self::Connect(error) | Self::Postgres(error) => match error.as_db_error() {
                Some(answer) => is_transient(answer.code()),
                None => is_transport(error),
            },
            _ => false,
        }
    }

    /// Returns whether the connection broke before the server's answer arrived. The statement may have
    /// been executed.
    pub(in crate::stores) fn is_lost(&self) -> bool {
        match self {
            // The server can end a session after the commit, so the commit may have happened.
            Self::Postgres(error) => match error.as_db_error() {
                Some(_) => !self.is_answer(),
                None => is_transport(error),
            },
            _ => false,
        }
    }

    /// Returns whether the server has refused a statement and is ready for the next one.
    pub(super) fn is_answer(&self) -> bool {
        let Self::Postgres(error) = self else {
            return false;
        };
        error
            .as_db_error()
            .is_some_and(|answer| answer.parsed_severity() == Some(Severity::Error))
    }

    /// Returns whether this unique constraint has refused a row.
    pub(in crate::stores) fn violates(&self, constraint: &str) -> bool {
        self.violated() == Some(constraint)
    }

    /// Returns the unique constraint that has refused a row.
    pub(in crate::stores) fn violated(&self) -> Option<&str> {
        let Self::Postgres(error) = self else {
            return None;
        };
        let answer = error.as_db_error()?;
        let unique = *answer.code() == SqlState::UNIQUE_VIOLATION;
        unique.then(|| answer.constraint().unwrap_or_default())
    }

    /// Returns the SQLSTATE with which the server has refused a statement.
    #[cfg(feature = "plane")]
    pub(in crate::stores) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) => error.code(),
            _ => None,
        }
    }

    /// Returns whether a migration of the tables may be the cause: a syntax error or access rule
    /// violation, an integrity constraint violation, or a cached plan that is no longer valid
    /// (PostgreSQL, "PostgreSQL Error Codes").
    pub(in crate::stores) fn may_be_of_schema(&self) -> bool {
        let Self::Postgres(error) = self else {
            return matches!(self, Self::Row(_));
        };
        error
            .code()
            .is_some_and(|code| matches!(class(code), "42" | "23" | "0A"))
    }

    /// Returns how long a client should wait: a second after a conflict with other transactions. `None`
    /// stands for the default of [`Unavailable`], as when the database is down.
    fn wait(&self) -> Option<Duration> {
        let code = match self {
            Self::Connect(error) | Self::Postgres(error) => error.code(),
            _ => None,
        };
        let conflicted = match code {
            Some(code) => *code == SqlState::QUERY_CANCELED || matches!(class(code), "40" | "55"),
            None => matches!(self, Self::Busy | Self::Contended),
        };
        conflicted.then_some(Duration::from_secs(1))
    }
}

/// Returns whether a retry may succeed after this SQLSTATE (PostgreSQL, appendix A, "PostgreSQL Error
/// Codes").
fn is_transient(code: &SqlState) -> bool {
    // Class 08 is "connection exception", class 53 "insufficient resources".
    matches!(class(code), "08" | "53")
        || [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::IDLE_SESSION_TIMEOUT,
            SqlState::QUERY_CANCELED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            // A standby that is about to become the primary.
            SqlState::READ_ONLY_SQL_TRANSACTION,
        ]
        .contains(code)
}

fn class(code: &SqlState) -> &str {
    code.code().get(..2).unwrap_or_default()
}

/// Returns whether the network connection failed, as opposed to TLS or the protocol.
fn is_transport(error: &Error) -> bool {
    if error.is_closed() {
        return true;
    }
    // rustls reports an untrusted certificate as invalid data.
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|fault: &io::Error| {
        !matches!(
            fault.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
        )
    })
}

/// An error of the driver without the values of rows. It shows the driver's message and its cause. Of a
/// server's answer it shows only the primary message and the SQLSTATE, because the DETAIL field repeats
/// whole rows. `Debug` shows the same text and the error has no source, because loggers print both.
pub(in crate::stores) struct RedactedError(Error);

impl Deref for RedactedError {
    type Target = Error;

    fn deref(&self) -> &Error {
        &self.0
    }
}

impl fmt::Debug for RedactedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl fmt::Display for RedactedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.as_db_error(), self.0.source()) {
            (Some(answer), _) => write!(
                f,
                "{} (SQLSTATE {})",
                answer.message(),
                answer.code().code()
            ),
            (None, Some(cause)) => write!(f, "{}: {cause}", self.0),
            (None, None) => self.0.fmt(f),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Postgres(RedactedError(error))
    }
}

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            PoolError::Timeout(_) => Self::Timeout,
            PoolError::Backend(error) => Self::Connect(RedactedError(error)),
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::Stopped
            }
        }
    }
}

impl From<Fault> for Unavailable {
    fn from(fault: Fault) -> Self {
        match fault.wait() {
            Some(wait) => Self::new(fault).with_retry_after(wait),
            None => Self::new(fault),
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        if fault.is_transient() {
            Self::Unavailable(fault.into())
        } else {
            Self::failed(fault)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sqlstate_says_whether_a_retry_helps() {
        for code in [
            "08000", "08006", "08P01", "25006", "40001", "40P01", "53100", "53300", "55P03",
            "57014", "57P01", "57P02", "57P03", "57P05",
        ] {
            assert!(is_transient(&SqlState::from_code(code)), "{code}");
        }
        for code in [
            "", "0A000", "22021", "23505", "25P02", "28P01", "3D000", "40002", "42501", "42601",
            "42P01", "55000", "57P04", "XX000", "XX001",
        ] {
            assert!(!is_transient(&SqlState::from_code(code)), "{code}");
        }
    }

    #[test]
    fn conflicts_are_retried_after_a_second() {
        let wait = |fault: Fault| Unavailable::from(fault).retry_after();
        for fault in [Fault::Busy, Fault::Contended] {
            assert_eq!(wait(fault), Duration::from_secs(1));
        }
        for fault in [Fault::Timeout, Fault::Stopped] {
            assert_eq!(wait(fault), Duration::from_secs(5));
        }
    }
}
