//! Rules, their verdicts, and helpers that create verdicts.

use std::fmt;

use crate::error::Unavailable;
use crate::ports::StoreError;

/// A rule of a conformance suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The name of the rule's function.
    pub name: &'static str,
    /// The consequence of breaking the rule.
    pub why: &'static str,
}

impl Rule {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, why: &'static str) -> Self {
        Self { name, why }
    }
}

/// The result of a rule.
pub type Verdict = Result<(), Broken>;

/// A store's fault, in one sentence.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

impl Broken {
    /// Longer sentences contain values of assets; they are cut.
    const MOST_BYTES: usize = 2_000;

    /// Creates a fault from a sentence.
    pub fn new(what: impl fmt::Display) -> Self {
        let mut what = what.to_string();
        if what.len() > Self::MOST_BYTES {
            what.truncate(what.floor_char_boundary(Self::MOST_BYTES));
            what.push('…');
        }
        Self(what)
    }
}

/// Returns an error with the sentence `otherwise` unless `holds`.
pub(super) fn demand(holds: bool, otherwise: impl fmt::Display) -> Verdict {
    if holds {
        Ok(())
    } else {
        Err(Broken::new(otherwise))
    }
}

/// Returns an error unless `found` equals `wanted`. `what` names the compared value.
pub(super) fn equal<T: PartialEq + fmt::Debug>(
    found: &T,
    wanted: &T,
    what: impl fmt::Display,
) -> Verdict {
    demand(
        found == wanted,
        format_args!("{what}: got {found:?}, expected {wanted:?}"),
    )
}

/// Returns the result of a store's method, which must succeed.
pub(super) fn called<T>(name: &str, answer: Result<T, StoreError>) -> Result<T, Broken> {
    answer.map_err(|error| Broken::new(format_args!("`{name}` failed: {}", Shown(&error))))
}

/// Returns the result of a seeding method, which must succeed.
pub(super) fn seeded<T, E: fmt::Display>(name: &str, answer: Result<T, E>) -> Result<T, Broken> {
    answer.map_err(|error| Broken::new(format_args!("the seeding call `{name}` failed: {error}")))
}

/// Returns the result of `verify`, which must succeed.
pub(super) fn answered<T>(answer: Result<T, Unavailable>) -> Result<T, Broken> {
    answer.map_err(|error| Broken::new(format_args!("`verify` failed: {error}")))
}

struct Shown<'a>(&'a StoreError);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            StoreError::Unavailable(_) => "Unavailable",
            StoreError::Failed(_) => "Failed",
        };
        write!(f, "{kind} ({})", self.0)
    }
}
