//! What a rule says of a store.

use std::fmt;

use crate::error::Unavailable;
use crate::ports::StoreError;

/// A rule of the kit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The name of its function.
    pub name: &'static str,
    /// What goes wrong where it is broken.
    pub why: &'static str,
}

impl Rule {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, why: &'static str) -> Self {
        Self { name, why }
    }
}

/// What a rule says of a store.
pub type Verdict = Result<(), Broken>;

/// What a store did that it must not do, in one sentence.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

impl Broken {
    /// Longer texts are values of assets.
    const MOST_BYTES: usize = 2_000;

    /// States it.
    pub fn new(what: impl fmt::Display) -> Self {
        let mut what = what.to_string();
        if what.len() > Self::MOST_BYTES {
            what.truncate(what.floor_char_boundary(Self::MOST_BYTES));
            what.push('…');
        }
        Self(what)
    }
}

/// States what must be so.
pub(super) fn demand(holds: bool, otherwise: impl fmt::Display) -> Verdict {
    if holds {
        Ok(())
    } else {
        Err(Broken::new(otherwise))
    }
}

/// States what something must be.
pub(super) fn equal<T: PartialEq + fmt::Debug>(
    found: &T,
    wanted: &T,
    what: impl fmt::Display,
) -> Verdict {
    demand(
        found == wanted,
        format_args!("{what}: {found:?} instead of {wanted:?}"),
    )
}

/// A call that must succeed.
pub(super) fn called<T>(name: &str, answer: Result<T, StoreError>) -> Result<T, Broken> {
    answer.map_err(|error| Broken::new(format_args!("`{name}` failed: {}", Shown(&error))))
}

/// A seeding that must succeed.
pub(super) fn seeded<T, E: fmt::Display>(name: &str, answer: Result<T, E>) -> Result<T, Broken> {
    answer.map_err(|error| Broken::new(format_args!("the seeding `{name}` failed: {error}")))
}

/// A verification that must be answered.
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
