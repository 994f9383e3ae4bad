//! What becomes of an asset, and what may follow upon what.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::mismatch::Mismatch;
use super::stored_object::StoredObject;
use super::text::text;

/// What has become of an asset since it was made. [`StateChange`] says what may follow upon what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UploadState {
    /// A form was signed; nobody has said yet that the object is there.
    Pending,
    /// The object is there: the object store said so and this is what it has, or, where no
    /// verifier is configured, the client said so and there is nothing to show.
    Uploaded(Option<StoredObject>),
    /// What was uploaded is not what was announced. That is final: the client makes another asset.
    Rejected(Mismatch),
}

impl UploadState {
    /// Whether the upload is complete.
    #[must_use]
    pub fn is_uploaded(&self) -> bool {
        self.kind() == StateKind::Uploaded
    }

    /// Whether the asset waits for its upload. Only then does it count against
    /// [the caps](crate::asset::PendingCaps), and is signed for again.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.kind() == StateKind::Pending
    }

    /// Whether the asset was rejected. Its external pair is free then.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.kind() == StateKind::Rejected
    }

    /// Which of the states it is.
    #[must_use]
    pub fn kind(&self) -> StateKind {
        match self {
            Self::Pending => StateKind::Pending,
            Self::Uploaded(_) => StateKind::Uploaded,
            Self::Rejected(_) => StateKind::Rejected,
        }
    }

    /// Makes a change, if it begins at this state. All that a store of its own has to do, where it
    /// keeps this type as it is and nobody else has it at the same time.
    ///
    /// ```
    /// use tower_asset_upload::asset::{ChangeOutcome, StateChange, UploadState};
    ///
    /// let mut state = UploadState::Pending;
    /// assert_eq!(state.change(StateChange::Complete(None)), ChangeOutcome::Done);
    /// let late = state.change(StateChange::Complete(None));
    /// assert_eq!(late, ChangeOutcome::Is(UploadState::Uploaded(None)));
    /// ```
    pub fn change(&mut self, change: StateChange) -> ChangeOutcome {
        if self.kind() == change.from() {
            *self = change.into_state();
            ChangeOutcome::Done
        } else {
            ChangeOutcome::Is(self.clone())
        }
    }
}

/// An [`UploadState`] without what is known in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StateKind {
    /// See [`UploadState::Pending`].
    Pending,
    /// See [`UploadState::Uploaded`].
    Uploaded,
    /// See [`UploadState::Rejected`].
    Rejected,
}

impl StateKind {
    /// Its name, in lower case: what this crate's own stores keep in a column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Uploaded => "uploaded",
            Self::Rejected => "rejected",
        }
    }
}

/// Why a text is not the name of a [`StateKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a state is pending, uploaded or rejected")]
#[non_exhaustive]
pub struct InvalidStateKind;

impl FromStr for StateKind {
    type Err = InvalidStateKind;

    fn from_str(name: &str) -> Result<Self, InvalidStateKind> {
        let kinds = [Self::Pending, Self::Uploaded, Self::Rejected];
        let found = kinds.into_iter().find(|kind| kind.as_str() == name);
        found.ok_or(InvalidStateKind)
    }
}

impl fmt::Display for StateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text!(StateKind);

/// What may become of an asset. These are all the changes there are, besides the deletion, to which
/// every state leads:
///
/// ```text
///                the object is as announced
///             +------------------------------+
///             |                              v
///   create  +---------+    taken back   +----------+
///  -------> | pending | <-------------- | uploaded |
///           +---------+                 +----------+
///             |     |                        |
///   the object|     | deleted, or given up   | deleted
///   differs   v     +----------+             |
///           +----------+       v             |
///           | rejected | --> deleted <-------+
///           +----------+  deleted, or given up at once
/// ```
///
/// [`docs::life_of_an_asset`](crate::docs::life_of_an_asset) tells the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// From pending to uploaded, with what the object store said.
    Complete(Option<StoredObject>),
    /// From pending to rejected, with what is wrong.
    Reject(Mismatch),
    /// From uploaded back to pending. What was recorded of the object is dropped.
    TakeBack,
}

impl StateChange {
    /// Where it begins. An asset in any other state stays as it is.
    #[must_use]
    pub const fn from(&self) -> StateKind {
        match self {
            Self::Complete(_) | Self::Reject(_) => StateKind::Pending,
            Self::TakeBack => StateKind::Uploaded,
        }
    }

    /// Where it leads.
    #[must_use]
    pub fn into_state(self) -> UploadState {
        match self {
            Self::Complete(object) => UploadState::Uploaded(object),
            Self::Reject(difference) => UploadState::Rejected(difference),
            Self::TakeBack => UploadState::Pending,
        }
    }
}

/// What came of a [`StateChange`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeOutcome {
    /// It was made.
    Done,
    /// It does not begin at the state that the asset is in, which is this: somebody else may have been
    /// faster. Nothing was changed.
    Is(UploadState),
    /// There is no such asset.
    NotFound,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../docs/life-of-an-asset.md");

    fn states() -> [UploadState; 4] {
        [
            UploadState::Pending,
            UploadState::Uploaded(None),
            UploadState::Uploaded(Some(StoredObject::of_size(7))),
            UploadState::Rejected(Mismatch::new("It has 7 bytes.")),
        ]
    }

    fn changes() -> [(&'static str, StateChange); 3] {
        let difference = Mismatch::new("It has 8 bytes.");
        [
            ("Complete", StateChange::Complete(None)),
            ("Reject", StateChange::Reject(difference)),
            ("TakeBack", StateChange::TakeBack),
        ]
    }

    #[test]
    fn a_change_is_made_from_its_own_state_alone() {
        for (name, change) in changes() {
            for before in states() {
                let mut state = before.clone();
                let changed = state.change(change.clone());
                if before.kind() == change.from() {
                    assert_eq!(changed, ChangeOutcome::Done, "{name} {before:?}");
                    assert_eq!(state, change.clone().into_state());
                } else {
                    assert_eq!(changed, ChangeOutcome::Is(before.clone()), "{name}");
                    assert_eq!(state, before);
                }
            }
        }
    }

    #[test]
    fn nothing_leads_out_of_rejected_and_no_change_leads_back_to_itself() {
        for (name, change) in changes() {
            assert_ne!(change.from(), StateKind::Rejected, "{name}");
            let from = change.from();
            assert_ne!(change.into_state().kind(), from, "{name}");
        }
    }

    #[test]
    fn the_page_shows_these_changes() {
        use std::fmt::Write;

        let kinds = [StateKind::Pending, StateKind::Uploaded, StateKind::Rejected];
        let mut table = String::from("| |");
        for kind in kinds {
            write!(table, " {} |", kind.as_str()).unwrap();
        }
        table.push_str("\n|---|---|---|---|\n");
        for (name, change) in changes() {
            write!(table, "| `{name}` |").unwrap();
            let (from, to) = (change.from(), change.into_state().kind());
            for kind in kinds {
                let cell = if kind == from { to.as_str() } else { "" };
                let space = if cell.is_empty() { "" } else { " " };
                write!(table, "{space}{cell} |").unwrap();
            }
            table.push('\n');
        }
        assert!(PAGE.contains(&table), "the page lacks this table:\n{table}");
    }

    #[test]
    fn the_page_and_the_documentation_show_one_drawing() {
        let source = include_str!("state.rs");
        let drawing = |text: &str, prefix: &str| -> Vec<String> {
            let (_, behind) = text.split_once(&format!("{prefix}```text\n")).unwrap();
            let (drawing, _) = behind.split_once(&format!("{prefix}```\n")).unwrap();
            let lines = drawing.lines();
            lines
                .map(|line| line.strip_prefix(prefix).unwrap_or(line).to_owned())
                .collect()
        };
        let shown = drawing(PAGE, "");
        assert!(shown.len() > 10, "{shown:?}");
        assert_eq!(drawing(source, "/// "), shown);
    }
}
