//! The errors that every port shares.

use std::time::Duration;

/// Any error, boxed: what ports wrap the causes of their failures in.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Something the service depends on did not answer; trying again later may help.
///
/// The cause is for the log of the host. It is never sent to a client.
#[derive(Debug, thiserror::Error)]
#[error("unavailable: {cause}")]
pub struct Unavailable {
    #[source]
    cause: BoxError,
    retry_after: Duration,
}

impl Unavailable {
    /// Wraps a cause. A retry may succeed in five seconds.
    pub fn new(cause: impl Into<BoxError>) -> Self {
        Self {
            cause: cause.into(),
            retry_after: Duration::from_secs(5),
        }
    }

    /// Sets when a retry may succeed. Clients get it as `Retry-After`, in whole seconds, 1 at least.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = wait;
        self
    }

    /// When a retry may succeed.
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
    fn a_wait_is_a_second_at_least() {
        assert_eq!(
            Unavailable::new("down")
                .with_retry_after(Duration::ZERO)
                .retry_after_secs(),
            1
        );
    }
}
