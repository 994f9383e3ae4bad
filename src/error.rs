//! Error types that every port shares.

use std::time::Duration;

/// A boxed error of any type. Ports wrap the causes of their failures in it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Error of a port whose backend did not answer. The same call may succeed later.
///
/// The cause is for the host's log. The service never sends it to a client.
#[derive(Debug, thiserror::Error)]
#[error("unavailable: {cause}")]
pub struct Unavailable {
    #[source]
    cause: BoxError,
    retry_after: Duration,
}

impl Unavailable {
    /// Wraps the cause of the failure. Clients are told to retry after five seconds, unless
    /// [`with_retry_after`](Self::with_retry_after) sets another time.
    pub fn new(cause: impl Into<BoxError>) -> Self {
        Self {
            cause: cause.into(),
            retry_after: Duration::from_secs(5),
        }
    }

    /// Sets how long clients should wait before they retry.
    ///
    /// The service sends the time as `Retry-After`, in whole seconds and at least 1.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = wait;
        self
    }

    /// Returns how long clients should wait before they retry.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }

    pub(crate) fn retry_after_secs(&self) -> u64 {
        self.retry_after.as_secs().max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_at_least_one_second() {
        assert_eq!(
            Unavailable::new("down")
                .with_retry_after(Duration::ZERO)
                .retry_after_secs(),
            1
        );
    }
}
