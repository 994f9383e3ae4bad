//! Why a call of the client's failed, and whether another may not.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;

use crate::asset::UploadSize;
use crate::error::BoxError;

/// The two that a client talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peer {
    /// The server of the API.
    Server,
    /// The object store that the server sends its clients to.
    ObjectStore,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "the server",
            Self::ObjectStore => "the object store",
        })
    }
}

/// An answer that says no.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// Who said so.
    pub peer: Peer,
    /// The status.
    pub status: StatusCode,
    /// The word for programs: the server's `code`, such as `size_too_large`, or the object store's,
    /// such as `EntityTooLarge`.
    pub code: Option<String>,
    /// The member of the request that is at fault, if one is.
    pub field: Option<String>,
    /// The sentence for people, free of control characters.
    pub message: String,
    /// How long to wait before the next attempt, if it was said.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.peer, self.status.as_u16())?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

/// Why a call of the client's failed. Shows no key, no form and no signed URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The answer was no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// No connection could be made: nothing has happened.
    #[error("{peer} can't be reached: {}", chain(source.as_ref()))]
    Unreachable {
        /// Who was called.
        peer: Peer,
        /// What went wrong.
        source: BoxError,
    },
    /// The connection failed before the answer was there: what was asked for may have happened.
    #[error("the connection to {peer} was lost: {}", chain(source.as_ref()))]
    Lost {
        /// Who was called.
        peer: Peer,
        /// What went wrong.
        source: BoxError,
    },
    /// Nothing came or went for so long: what was asked for may have happened.
    #[error("nothing came from {peer} for {wait:?}")]
    Stalled {
        /// Who was called.
        peer: Peer,
        /// For how long.
        wait: Duration,
    },
    /// What was to be sent could not be read to its end, or has another size than it said.
    #[error("what is to be sent can't be read: {}", chain(&**.0))]
    Source(#[source] BoxError),
    /// A file could not be opened, written or renamed.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// A size that can't be uploaded at once.
    #[error("a file to be uploaded has 1 to {} bytes, not {bytes}", UploadSize::MAX.bytes())]
    Size {
        /// What was asked for.
        bytes: u64,
    },
    /// What there is isn't what was expected: a size, a checksum.
    #[error("{0}")]
    Different(String),
    /// A download whose end can't be told from a lost connection, with nothing to compare it with.
    #[error(
        "the object store's answer has neither `Content-Length` nor chunked framing, so a part of the \
         file would look like all of it; say which size or checksum to expect"
    )]
    Unbounded,
    /// The answer is none that the API gives.
    #[error("the answer is not understood: {0}")]
    Answer(String),
}

/// What another attempt may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// No good.
    Never,
    /// Nothing but good: the first has done nothing.
    Always,
    /// Some good, and what the first has done once more.
    IfRepeatable,
}

impl ClientError {
    /// Whether the same call may succeed later. Those of the kinds that can be
    /// [repeated](crate::client#what-is-tried-again) have been, as often as the policy says.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.again() != Again::Never
    }

    /// The peer's word for programs, where it has answered with one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.refusal()?.code.as_deref()
    }

    /// The status, where the peer has answered.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        Some(self.refusal()?.status)
    }

    /// How long to wait before the next attempt, where the peer has said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.refusal()?.retry_after
    }

    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    pub(super) fn again(&self) -> Again {
        match self {
            Self::Refused(refusal) => refusal.again(),
            Self::Unreachable { .. } => Again::Always,
            Self::Lost { .. } | Self::Stalled { .. } => Again::IfRepeatable,
            _ => Again::Never,
        }
    }
}

impl Refusal {
    fn again(&self) -> Again {
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => Again::Always,
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Again::IfRepeatable,
            // The server means that trying again won't help; S3 means that it may (AWS, "Error
            // responses", `InternalError`), and so it does with some that look like the caller's fault.
            StatusCode::INTERNAL_SERVER_ERROR if self.peer == Peer::ObjectStore => {
                Again::IfRepeatable
            }
            _ if matches!(
                (self.peer, self.code.as_deref()),
                (
                    Peer::ObjectStore,
                    Some("RequestTimeout" | "OperationAborted" | "ConditionalRequestConflict")
                )
            ) =>
            {
                Again::IfRepeatable
            }
            _ => Again::Never,
        }
    }
}

/// An error and all that caused it: that of a connection says little by itself.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(peer: Peer, status: u16, code: Option<&str>) -> ClientError {
        ClientError::Refused(Box::new(Refusal {
            peer,
            status: StatusCode::from_u16(status).unwrap(),
            code: code.map(str::to_owned),
            field: None,
            message: String::new(),
            retry_after: None,
        }))
    }

    #[test]
    fn which_answers_may_change() {
        use Again::{Always, IfRepeatable, Never};
        for (status, server, store) in [
            (400, Never, Never),
            (403, Never, Never),
            (404, Never, Never),
            (408, IfRepeatable, IfRepeatable),
            (409, Never, Never),
            (412, Never, Never),
            (429, Always, Always),
            (500, Never, IfRepeatable),
            (501, Never, Never),
            (502, IfRepeatable, IfRepeatable),
            (503, IfRepeatable, IfRepeatable),
            (504, IfRepeatable, IfRepeatable),
        ] {
            assert_eq!(refused(Peer::Server, status, None).again(), server);
            assert_eq!(refused(Peer::ObjectStore, status, None).again(), store);
        }
        let slow = Some("RequestTimeout");
        assert_eq!(refused(Peer::ObjectStore, 400, slow).again(), IfRepeatable);
        assert_eq!(refused(Peer::Server, 400, slow).again(), Never);
        let conflict = Some("ConditionalRequestConflict");
        assert_eq!(
            refused(Peer::ObjectStore, 409, conflict).again(),
            IfRepeatable
        );
    }
}
