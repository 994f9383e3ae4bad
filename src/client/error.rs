//! Errors of the client, and whether a retry may help.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;

use crate::asset::UploadSize;
use crate::error::BoxError;

/// The peer of a call: the API's server or the object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peer {
    /// The server of the API.
    Server,
    /// The object store that files are uploaded to and downloaded from.
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

/// An answer with an error status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The peer that sent the answer.
    pub peer: Peer,
    /// The HTTP status.
    pub status: StatusCode,
    /// The error code: the server's `code`, such as `size_too_large`, or the object store's, such
    /// as `EntityTooLarge`.
    pub code: Option<String>,
    /// The member of the request body that is invalid, if the server named one.
    pub field: Option<String>,
    /// The error message, without control characters. Empty if the answer has none.
    pub message: String,
    /// The time until the next attempt, if the answer had a `Retry-After`.
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

/// Error of a call. Neither `Debug` nor `Display` shows an API key, a form field or a signed URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server or the object store answered with an error.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The connection could not be opened, so the call had no effect.
    #[error("{peer} can't be reached: {}", chain(source.as_ref()))]
    Unreachable {
        /// The peer that was called.
        peer: Peer,
        /// The cause.
        source: BoxError,
    },
    /// The connection failed before the answer was complete. The call may have had its effect.
    #[error("the connection to {peer} was lost: {}", chain(source.as_ref()))]
    Lost {
        /// The peer that was called.
        peer: Peer,
        /// The cause.
        source: BoxError,
    },
    /// No data was sent or received within the timeout. The call may have had its effect.
    #[error("no progress for {wait:?} while waiting for {peer}")]
    Stalled {
        /// The peer that was called.
        peer: Peer,
        /// The timeout.
        wait: Duration,
    },
    /// The source of an upload could not be read to its end, or has another size than it announced.
    #[error("the source of the upload can't be read: {}", chain(&**.0))]
    Source(#[source] BoxError),
    /// A file could not be opened, written or renamed.
    #[error("{}: {source}", path.display())]
    File {
        /// The file's path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is empty, or too large for one upload.
    #[error(
        "a file of {bytes} bytes can't be uploaded: it must have 1 to {} bytes",
        UploadSize::MAX.bytes()
    )]
    Size {
        /// The file's size in bytes.
        bytes: u64,
    },
    /// A size or checksum differs from the expected one.
    #[error("{0}")]
    Different(String),
    /// The answer to a download doesn't show where the file ends, and no size or checksum was
    /// expected.
    #[error(
        "the object store's answer has neither `Content-Length` nor chunked framing, so a truncated \
         file would look complete: pass the expected size or checksum"
    )]
    Unbounded,
    /// The answer differs from the API's description.
    #[error("the answer can't be used: {0}")]
    Answer(String),
}

/// Whether a failed call may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// Never: another attempt would fail in the same way.
    Never,
    /// Always: the failed call had no effect.
    Always,
    /// Only if the call is idempotent: the failed call may have had its effect.
    IfRepeatable,
}

impl ClientError {
    /// Returns whether the same call may succeed later.
    ///
    /// The client has already retried calls that can be
    /// [repeated](crate::client#retries), as often as its
    /// [`RetryPolicy`](super::RetryPolicy) allows.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.again() != Again::Never
    }

    /// Returns the error code of the answer, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.refusal()?.code.as_deref()
    }

    /// Returns the HTTP status, if an answer was received.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        Some(self.refusal()?.status)
    }

    /// Returns the time until the next attempt, if the answer had a `Retry-After`.
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
            // A 500 of this API's server is permanent. S3's is not (AWS, "Error responses",
            // `InternalError`), and neither are some of S3's errors with status 400 and 409.
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

/// Formats an error with its chain of causes. A connection error says little by itself.
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
    fn statuses_that_may_be_retried() {
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
