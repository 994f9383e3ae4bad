//! The states of an asset, and the changes between them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::mismatch::Mismatch;
use super::stored_object::StoredObject;
use super::text::text;

/// The state of an asset. [`StateChange`] lists the allowed changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UploadState {
    /// Upload data was signed. No client has completed the upload.
    Pending,
    /// The upload is complete. Holds the object store's description of the object, or `None` if the
    /// service trusted the client and didn't ask the object store.
    Uploaded(Option<StoredObject>),
    /// The object differs from the announcement. This state is final: the client creates another
    /// asset.
    Rejected(Mismatch),
}

impl UploadState {
    /// Whether the upload is complete.
    #[must_use]
    pub fn is_uploaded(&self) -> bool {
        self.kind() == StateKind::Uploaded
    }

    /// Whether the asset waits for its upload. Only pending assets count against the [caps on
    /// pending assets](crate::asset::PendingCaps), and only they get new upload data when a client
    /// creates the same external pair again.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.kind() == StateKind::Pending
    }

    /// Whether the asset was rejected. A rejected asset no longer holds its external pair.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.kind() == StateKind::Rejected
    }

    /// Returns the kind of this state.
    #[must_use]
    pub fn kind(&self) -> StateKind {
        match self {
            Self::Pending => StateKind::Pending,
            Self::Uploaded(_) => StateKind::Uploaded,
            Self::Rejected(_) => StateKind::Rejected,
        }
    }

    /// Applies a change if the state is of the kind that the change starts
    /// [from](StateChange::from). Otherwise leaves the state as it is and returns
    /// [`ChangeOutcome::Is`].
    ///
    /// A store can use this method for [`AssetStore::set_state`](crate::AssetStore::set_state) if
    /// it holds an exclusive lock on the asset meanwhile.
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

/// The kind of an [`UploadState`], without its data.
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
    /// Returns the state's name in lower case, as this crate's stores write it to a column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Uploaded => "uploaded",
            Self::Rejected => "rejected",
        }
    }
}

/// The error for text that isn't the name of a [`StateKind`].
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

/// A change of an asset's state. These are all the changes besides deletion, which is possible in
/// every state:
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
/// The [purge](crate::purge::purge) gives an asset up by deleting it: a pending asset after some
/// days, a rejected asset at once. See [`docs::life_of_an_asset`](crate::docs::life_of_an_asset) for
/// the requests that cause each change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// From pending to uploaded. Holds the object store's description of the object, if the service
    /// asked for it.
    Complete(Option<StoredObject>),
    /// From pending to rejected. Holds the reason.
    Reject(Mismatch),
    /// From uploaded back to pending. The recorded description of the object is dropped.
    TakeBack,
}

impl StateChange {
    /// Returns the kind of state that the change starts from. The change doesn't apply to an asset
    /// in another state.
    #[must_use]
    pub const fn from(&self) -> StateKind {
        match self {
            Self::Complete(_) | Self::Reject(_) => StateKind::Pending,
            Self::TakeBack => StateKind::Uploaded,
        }
    }

    /// Returns the state after the change.
    #[must_use]
    pub fn into_state(self) -> UploadState {
        match self {
            Self::Complete(object) => UploadState::Uploaded(object),
            Self::Reject(difference) => UploadState::Rejected(difference),
            Self::TakeBack => UploadState::Pending,
        }
    }
}

/// The result of a [`StateChange`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeOutcome {
    /// The change was made.
    Done,
    /// No change was made: the change doesn't start from the asset's current state, which is given
    /// here. A concurrent call may have changed the state first.
    Is(UploadState),
    /// The workspace has no such asset.
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
    fn a_change_applies_only_to_the_state_it_starts_from() {
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
    fn rejected_is_final_and_every_change_changes_the_kind() {
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
