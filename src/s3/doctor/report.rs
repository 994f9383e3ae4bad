//! The doctor's report.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CheckStatus {
    /// The check found no problem.
    Passed,
    /// The bucket works, but not as well or as safely as it could.
    Warned,
    /// The bucket doesn't work, or is not safe.
    Failed,
    /// The check has no result: an earlier check failed, there was nothing to test, or the object
    /// store doesn't give the information.
    Skipped,
}

impl CheckStatus {
    /// Returns the status as a word: `passed`, `warned`, `failed` or `skipped`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for CheckStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One check and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DoctorCheck {
    /// The check's name, one of [`DoctorReport::NAMES`]. Names are stable.
    pub name: &'static str,
    /// The check's result.
    pub status: CheckStatus,
    /// One or two sentences: the finding and, for a problem, its solution. They have no secrets and
    /// no control characters, even where they quote the object store.
    pub says: String,
    /// Text to paste, such as JSON for the bucket's configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl DoctorCheck {
    fn new(name: &'static str, status: CheckStatus, says: impl Into<String>) -> Self {
        Self {
            name,
            status,
            says: says.into(),
            remedy: None,
        }
    }

    pub(super) fn passed(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, CheckStatus::Passed, says)
    }

    pub(super) fn warned(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, CheckStatus::Warned, says)
    }

    pub(super) fn failed(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, CheckStatus::Failed, says)
    }

    pub(super) fn skipped(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, CheckStatus::Skipped, says)
    }

    pub(super) fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Turns a failure into a warning.
    pub(super) fn softened(mut self) -> Self {
        if self.has_failed() {
            self.status = CheckStatus::Warned;
        }
        self
    }

    pub(super) fn has_failed(&self) -> bool {
        self.status == CheckStatus::Failed
    }
}

/// All checks, always the same ones in the same order.
///
/// As JSON: `{"status":"failed","checks":[{"name","status","says","remedy"},…]}`. `remedy` is
/// omitted if there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoctorReport {
    checks: Vec<DoctorCheck>,
}

/// The names of the checks, and whether the later checks are skipped if this one fails.
const CHECKS: [(&str, bool); 21] = [
    ("endpoint", true),
    ("clock", false),
    ("public", true),
    ("region", true),
    ("credentials", true),
    ("bucket", true),
    ("upload", true),
    ("verify", false),
    ("download", false),
    ("private", false),
    ("size", false),
    ("type", false),
    ("key", false),
    ("expiry", false),
    ("fields", false),
    ("signature", false),
    ("checksum", false),
    ("single_use", false),
    ("cors", false),
    ("versioning", false),
    ("lifecycle", false),
];

/// The last check, which always runs.
const CLEANUP: &str = "cleanup";

impl DoctorReport {
    /// The names of all checks, in order.
    pub const NAMES: [&'static str; CHECKS.len() + 1] = {
        let mut names = [CLEANUP; CHECKS.len() + 1];
        let mut at = 0;
        while at < CHECKS.len() {
            names[at] = CHECKS[at].0;
            at += 1;
        }
        names
    };

    /// Creates the report: puts the checks in order, and adds the missing ones as skipped because
    /// of an earlier failure.
    pub(super) fn of(mut found: Vec<DoctorCheck>) -> Self {
        let mut checks = Vec::with_capacity(Self::NAMES.len());
        let mut failed = None;
        let gates = CHECKS.into_iter().chain([(CLEANUP, false)]);
        for (name, is_gate) in gates {
            let check = match found.iter().position(|check| check.name == name) {
                Some(at) => found.swap_remove(at),
                None => DoctorCheck::skipped(name, because(failed)),
            };
            if is_gate && check.has_failed() {
                failed.get_or_insert(name);
            }
            checks.push(check);
        }
        Self { checks }
    }

    /// Returns the checks, in order.
    #[must_use]
    pub fn checks(&self) -> &[DoctorCheck] {
        &self.checks
    }

    /// Returns the check with that name.
    #[must_use]
    pub fn check(&self, name: &str) -> Option<&DoctorCheck> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// Returns the worst result: failed if a check failed, otherwise warned if one warned,
    /// otherwise passed.
    #[must_use]
    pub fn status(&self) -> CheckStatus {
        let has = |status| self.checks.iter().any(|check| check.status == status);
        [CheckStatus::Failed, CheckStatus::Warned]
            .into_iter()
            .find(|status| has(*status))
            .unwrap_or(CheckStatus::Passed)
    }
}

fn because(failed: Option<&str>) -> Cow<'static, str> {
    match failed {
        Some(name) => format!("Not checked, because the check `{name}` failed.").into(),
        None => "Not checked.".into(),
    }
}

impl Serialize for DoctorReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let mut report = serializer.serialize_struct("DoctorReport", 2)?;
        report.serialize_field("status", &self.status())?;
        report.serialize_field("checks", &self.checks)?;
        report.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_checks_name_the_failed_one() {
        let found = vec![
            DoctorCheck::passed("cleanup", "Nothing was created."),
            DoctorCheck::failed("region", "Wrong."),
            DoctorCheck::warned("clock", "Slow."),
            DoctorCheck::passed("endpoint", "There."),
        ];
        let report = DoctorReport::of(found);
        let names: Vec<_> = report.checks().iter().map(|check| check.name).collect();
        assert_eq!(names, DoctorReport::NAMES);
        assert_eq!(report.status(), CheckStatus::Failed);
        let upload = report.check("upload").unwrap();
        assert_eq!(upload.status, CheckStatus::Skipped);
        assert!(upload.says.contains("`region`"), "{}", upload.says);

        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["status"], "failed");
        assert_eq!(
            json["checks"][1],
            serde_json::json!({"name": "clock", "status": "warned", "says": "Slow."})
        );
    }
}
