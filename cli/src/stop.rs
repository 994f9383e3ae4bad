//! Why the program ends without success.

use crate::Failure;

/// A sentence for standard error, and the exit status.
#[derive(Debug)]
pub(crate) struct Stop {
    pub code: u8,
    pub sentence: Failure,
}

/// The work was tried and failed.
pub(crate) const FAILED: u8 = 1;
/// The command line or the environment is wrong: nothing was tried.
pub(crate) const USAGE: u8 = 2;

impl Stop {
    pub(crate) fn usage(sentence: impl Into<Failure>) -> Self {
        Self {
            code: USAGE,
            sentence: sentence.into(),
        }
    }
}

impl From<Failure> for Stop {
    fn from(sentence: Failure) -> Self {
        Self {
            code: FAILED,
            sentence,
        }
    }
}
