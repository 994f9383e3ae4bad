//! What can go wrong with PostgreSQL, and whether a retry helps.

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

/// A failure inside a store. It keeps the driver's errors out of the public API.
#[derive(Debug, thiserror::Error)]
pub(in crate::stores) enum Fault {
    #[error("the database URL can't be used: {0}")]
    Url(String),
    #[error("PostgreSQL can't be connected to: {0}")]
    Connect(Told),
    #[error("PostgreSQL: {0}")]
    Postgres(Told),
    #[error("no connection was free in time")]
    Busy,
    #[error("PostgreSQL did not answer in time")]
    Timeout,
    #[error("another transaction was in the way again and again")]
    Contended,
    #[error("the caller did not wait for the call")]
    HungUp,
    #[error("a store over PostgreSQL has to be connected inside a Tokio runtime")]
    NoRuntime,
    #[error("the runtime that the store was connected in has stopped")]
    Stopped,
    #[error("a call panicked")]
    Panicked,
    #[error(
        "the database has schema version {found}, which a later release made, and this release knows up \
         to version {known}: upgrade this program"
    )]
    Newer { found: i64, known: usize },
    #[error("the column {0} holds what does not parse")]
    Row(&'static str),
    #[cfg(feature = "plane")]
    #[error("the column {0} is of another type than this release reads")]
    Type(&'static str),
    #[cfg(feature = "plane")]
    #[error("the tables are not as this release knows them: {0}")]
    Tables(String),
    #[error("{0} is out of the range that the database can hold")]
    Range(&'static str),
    #[error("{0}")]
    Refused(&'static str),
}

impl Fault {
    /// Whether the same call may succeed later.
    pub(in crate::stores) fn is_passing(&self) -> bool {
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
                Some(answer) => is_passing(answer.code()),
                None => is_transport(error),
            },
            _ => false,
        }
    }

    /// Whether the connection is gone, and with it the answer: what was asked for may have been done.
    pub(in crate::stores) fn is_lost(&self) -> bool {
        match self {
            // What ends a session may come after the commit.
            Self::Postgres(error) => match error.as_db_error() {
                Some(_) => !self.is_answer(),
                None => is_transport(error),
            },
            _ => false,
        }
    }

    /// Whether the server has refused a statement, and is ready for the next one.
    pub(super) fn is_answer(&self) -> bool {
        let Self::Postgres(error) = self else {
            return false;
        };
        error
            .as_db_error()
            .is_some_and(|answer| answer.parsed_severity() == Some(Severity::Error))
    }

    /// Whether a row was not made because another one has what must be unique, by that constraint.
    pub(in crate::stores) fn violates(&self, constraint: &str) -> bool {
        self.violated() == Some(constraint)
    }

    /// The constraint by which another row has what must be unique.
    pub(in crate::stores) fn violated(&self) -> Option<&str> {
        let Self::Postgres(error) = self else {
            return None;
        };
        let answer = error.as_db_error()?;
        let unique = *answer.code() == SqlState::UNIQUE_VIOLATION;
        unique.then(|| answer.constraint().unwrap_or_default())
    }

    /// The code with which the server has refused a statement.
    #[cfg(feature = "plane")]
    pub(in crate::stores) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) => error.code(),
            _ => None,
        }
    }

    /// Whether a migration of the tables may be the cause: a syntax error or access rule violation, an
    /// integrity constraint violation or a cached plan that no longer holds (PostgreSQL, "PostgreSQL
    /// Error Codes").
    pub(in crate::stores) fn may_be_of_schema(&self) -> bool {
        let Self::Postgres(error) = self else {
            return matches!(self, Self::Row(_));
        };
        error
            .code()
            .is_some_and(|code| matches!(class(code), "42" | "23" | "0A"))
    }

    /// When it is worth trying again: soon where others were in the way, later where the database is
    /// down.
    fn wait(&self) -> Option<Duration> {
        let code = match self {
            Self::Connect(error) | Self::Postgres(error) => error.code(),
            _ => None,
        };
        let in_the_way = match code {
            Some(code) => *code == SqlState::QUERY_CANCELED || matches!(class(code), "40" | "55"),
            None => matches!(self, Self::Busy | Self::Contended),
        };
        in_the_way.then_some(Duration::from_secs(1))
    }
}

/// Appendix A of the PostgreSQL documentation, "PostgreSQL Error Codes".
fn is_passing(code: &SqlState) -> bool {
    // Connection exception, insufficient resources.
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
            // A standby that is about to take over.
            SqlState::READ_ONLY_SQL_TRANSACTION,
        ]
        .contains(code)
}

fn class(code: &SqlState) -> &str {
    code.code().get(..2).unwrap_or_default()
}

/// Whether it is the way to the server that failed, not what was said on it.
fn is_transport(error: &Error) -> bool {
    if error.is_closed() {
        return true;
    }
    // rustls reports a certificate that is not trusted as invalid data.
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|fault: &io::Error| {
        !matches!(
            fault.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
        )
    })
}

/// An error of the driver's, told in its words and those of its cause. Of the server's words, the first
/// sentence and the code: its DETAIL repeats whole rows. Neither `Debug` nor a source tells more, as
/// whoever logs an error follows both.
pub(in crate::stores) struct Told(Error);

impl Deref for Told {
    type Target = Error;

    fn deref(&self) -> &Error {
        &self.0
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl fmt::Display for Told {
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
        Self::Postgres(Told(error))
    }
}

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            PoolError::Timeout(_) => Self::Timeout,
            PoolError::Backend(error) => Self::Connect(Told(error)),
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
        if fault.is_passing() {
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
    fn what_may_pass_is_told_by_its_code() {
        for code in [
            "08000", "08006", "08P01", "25006", "40001", "40P01", "53100", "53300", "55P03",
            "57014", "57P01", "57P02", "57P03", "57P05",
        ] {
            assert!(is_passing(&SqlState::from_code(code)), "{code}");
        }
        for code in [
            "", "0A000", "22021", "23505", "25P02", "28P01", "3D000", "40002", "42501", "42601",
            "42P01", "55000", "57P04", "XX000", "XX001",
        ] {
            assert!(!is_passing(&SqlState::from_code(code)), "{code}");
        }
    }

    #[test]
    fn others_in_the_way_are_worth_a_second() {
        let wait = |fault: Fault| Unavailable::from(fault).retry_after();
        for fault in [Fault::Busy, Fault::Contended] {
            assert_eq!(wait(fault), Duration::from_secs(1));
        }
        for fault in [Fault::Timeout, Fault::Stopped] {
            assert_eq!(wait(fault), Duration::from_secs(5));
        }
    }
}
