//! Checks how long the bucket keeps objects: versioning, and lifecycle rules that expire objects.

use http::StatusCode;
use roxmltree::{Document, Node};
use serde_json::json;

use super::answer::Answer;
use super::checkup::Checkup;
use super::report::DoctorCheck;

const VERSIONING: &str = "versioning";
const LIFECYCLE: &str = "lifecycle";

/// Checks versioning and lifecycle rules. `single_use` says that no upload can overwrite an object,
/// as an earlier check has shown.
pub(super) async fn retention(checkup: &Checkup<'_>, single_use: bool) -> [DoctorCheck; 2] {
    let rules = rules(checkup.ask_bucket(&[("lifecycle", "")]).await);
    let answer = checkup.ask_bucket(&[("versioning", "")]).await;
    let versioning = Versioning::read(answer);
    let is_versioned = matches!(versioning, Ok(Versioning::Enabled));
    let old_versions = if is_versioned && !single_use {
        OldVersions::MayBeInUse
    } else {
        OldVersions::OfDeleted
    };
    [
        versions(versioning, rules.as_ref().ok(), old_versions),
        lifecycle(rules, old_versions),
    ]
}

/// Whether the bucket keeps old versions of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Versioning {
    Enabled,
    Disabled,
}

impl Versioning {
    /// Parses the setting. The error says why it isn't known.
    fn read(answer: Result<Answer, String>) -> Result<Self, String> {
        let answer = answer.map_err(|fault| format!("no answer, {fault}"))?;
        let document = answer.xml().filter(|_| answer.status.is_success());
        let document = document.ok_or_else(|| answer.summary())?;
        Ok(match text(&document.root_element(), "Status") {
            Some("Enabled" | "Suspended") => Self::Enabled,
            _ => Self::Disabled,
        })
    }
}

/// Whether old versions may be in use. If a form was used again, the version that an asset has
/// recorded is an old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OldVersions {
    MayBeInUse,
    OfDeleted,
}

/// The relevant lifecycle rules of a bucket (AWS, "Lifecycle configuration elements").
#[derive(Debug, Default, PartialEq, Eq)]
struct LifecycleRules {
    /// When rules expire current objects: `after 30 days`.
    expirations: Vec<String>,
    /// Whether a rule expires old versions.
    expires_old_versions: bool,
}

impl LifecycleRules {
    fn read(document: &Document<'_>) -> Self {
        let mut rules = Self::default();
        let elements = document.descendants();
        for rule in elements.filter(|node| node.tag_name().name() == "Rule") {
            if text(&rule, "Status") != Some("Enabled") {
                continue;
            }
            for element in rule.children() {
                match element.tag_name().name() {
                    "NoncurrentVersionExpiration" => rules.expires_old_versions = true,
                    "Expiration" => {
                        let when = text(&element, "Days")
                            .map(|days| format!("after {days} days"))
                            .or_else(|| text(&element, "Date").map(|date| format!("on {date}")));
                        rules
                            .expirations
                            .extend(when.map(|when| super::answer::plain(&when)));
                    }
                    _ => {}
                }
            }
        }
        rules
    }
}

fn text<'a>(parent: &Node<'a, '_>, name: &str) -> Option<&'a str> {
    let mut children = parent.children();
    let child = children.find(|child| child.tag_name().name() == name)?;
    child.text().map(str::trim)
}

/// Parses the rules. The error says why they aren't known.
fn rules(answer: Result<Answer, String>) -> Result<LifecycleRules, String> {
    let answer = answer.map_err(|fault| format!("no answer, {fault}"))?;
    if matches!(
        answer.code(),
        "NoSuchLifecycleConfiguration" | "NoSuchLifecycle"
    ) || answer.status == StatusCode::NO_CONTENT
    {
        return Ok(LifecycleRules::default());
    }
    let document = answer.xml().filter(|_| answer.status.is_success());
    document
        .map(|document| LifecycleRules::read(&document))
        .ok_or_else(|| answer.summary())
}

fn lifecycle(rules: Result<LifecycleRules, String>, old_versions: OldVersions) -> DoctorCheck {
    match rules {
        Err(why) => DoctorCheck::skipped(
            LIFECYCLE,
            format!(
                "The lifecycle rules can't be read ({why}). Reading them needs \
                 s3:GetLifecycleConfiguration. Make sure that no rule expires objects that are in use."
            ),
        ),
        Ok(rules) if !rules.expirations.is_empty() => DoctorCheck::warned(
            LIFECYCLE,
            format!(
                "A lifecycle rule expires objects {}, even if their assets are still in use. Leave \
                 this to the purge, or make sure that the rule's prefix holds no uploads.",
                rules.expirations.join(" and ")
            ),
        ),
        Ok(rules) if rules.expires_old_versions && old_versions == OldVersions::MayBeInUse => {
            DoctorCheck::warned(
                LIFECYCLE,
                "A lifecycle rule expires noncurrent versions. Downloads name the version that was compared \
                 with the announcement. This version is noncurrent if its form or URL was used again, so \
                 the rule would delete a file that is in use. Remove NoncurrentVersionExpiration from the rule, \
                 or use single-use PUT URLs.",
            )
        }
        Ok(_) => DoctorCheck::passed(
            LIFECYCLE,
            "No lifecycle rule expires objects that are in use. The objects of deleted assets and of \
             uploads that were never completed stay until the purge removes them.",
        ),
    }
}

fn versions(
    versioning: Result<Versioning, String>,
    rules: Option<&LifecycleRules>,
    old_versions: OldVersions,
) -> DoctorCheck {
    let expires = rules.is_some_and(|rules| rules.expires_old_versions);
    match (versioning, old_versions) {
        (Err(why), _) => DoctorCheck::skipped(
            VERSIONING,
            format!(
                "The versioning setting can't be read ({why}). Reading it needs s3:GetBucketVersioning."
            ),
        ),
        (Ok(Versioning::Disabled), _) => DoctorCheck::passed(
            VERSIONING,
            "Versioning is off: a deleted object is gone.",
        ),
        (Ok(Versioning::Enabled), OldVersions::MayBeInUse) => DoctorCheck::warned(
            VERSIONING,
            "Versioning is on: a download returns the file that was compared with the announcement, \
             even if its form or URL was used again. A deleted file stays as an old version, and no \
             lifecycle rule can tell it from a version in use. Delete the versions behind delete markers with \
             a job of your own (docs/object-stores.md, \"Versions\"). The rule below removes leftover delete \
             markers and unfinished multipart uploads: add it to the existing rules \
             (`aws s3api put-bucket-lifecycle-configuration`).",
        )
        .with_remedy(leftovers_rule(None)),
        (Ok(Versioning::Enabled), OldVersions::OfDeleted) if expires => DoctorCheck::passed(
            VERSIONING,
            "Versioning is on, and a lifecycle rule expires old versions. Because no upload replaces \
             another, these are versions of deleted files.",
        ),
        (Ok(Versioning::Enabled), OldVersions::OfDeleted) => DoctorCheck::warned(
            VERSIONING,
            "Versioning is on: a deleted file stays as an old version, which costs storage and keeps \
             content that users wanted deleted. Because no upload replaces another, a lifecycle rule may expire \
             old versions: add the rule below to the existing ones (`aws s3api put-bucket-lifecycle-configuration`) \
             once all reusable forms and URLs have expired.",
        )
        .with_remedy(leftovers_rule(Some(7))),
    }
}

/// Returns the value of the AWS CLI's `--lifecycle-configuration`. With `days` the rule also
/// expires old versions, that many days after they became noncurrent.
fn leftovers_rule(days: Option<u32>) -> String {
    let mut rule = json!({
        "ID": "end-leftovers",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": { "ExpiredObjectDeleteMarker": true },
        "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 },
    });
    if let Some(days) = days {
        rule["NoncurrentVersionExpiration"] = json!({ "NoncurrentDays": days });
    }
    json!({ "Rules": [rule] }).to_string()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::s3::doctor::report::CheckStatus::{Passed, Skipped, Warned};

    fn answer(status: u16, body: &'static str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer::new(status, HeaderMap::new(), body.into())
    }

    #[test]
    fn rules_that_expire_objects_are_found() {
        let body = "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Rule><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule>\
            <Rule><Status>Disabled</Status><Expiration><Days>1</Days></Expiration></Rule>\
            <Rule><Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true\
            </ExpiredObjectDeleteMarker></Expiration><NoncurrentVersionExpiration>\
            <NoncurrentDays>7</NoncurrentDays></NoncurrentVersionExpiration></Rule>\
            </LifecycleConfiguration>";
        let found = rules(Ok(answer(200, body))).unwrap();
        assert_eq!(found.expirations, ["after 30 days"]);
        assert!(found.expires_old_versions);
        assert_eq!(lifecycle(Ok(found), OldVersions::OfDeleted).status, Warned);

        let none = "<Error><Code>NoSuchLifecycleConfiguration</Code></Error>";
        assert_eq!(rules(Ok(answer(404, none))), Ok(LifecycleRules::default()));
        let denied = "<Error><Code>AccessDenied</Code></Error>";
        let unknown = rules(Ok(answer(403, denied)));
        assert_eq!(lifecycle(unknown, OldVersions::OfDeleted).status, Skipped);
    }

    fn versioning(status: u16, body: &'static str) -> Result<Versioning, String> {
        Versioning::read(Ok(answer(status, body)))
    }

    #[test]
    fn the_versioning_setting_is_parsed() {
        let enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        assert_eq!(versioning(200, enabled), Ok(Versioning::Enabled));
        let none = versioning(200, "<VersioningConfiguration/>");
        assert_eq!(none, Ok(Versioning::Disabled));
        assert_eq!(versions(none, None, OldVersions::OfDeleted).status, Passed);
        let unknown = versioning(501, "");
        assert_eq!(
            versions(unknown, None, OldVersions::OfDeleted).status,
            Skipped
        );
    }

    /// If forms can be used again, an old version may be the recorded one, which must stay.
    #[test]
    fn the_advised_rule_never_expires_a_recorded_version() {
        let ending = || LifecycleRules {
            expires_old_versions: true,
            ..LifecycleRules::default()
        };
        for (old_versions, rules, versioning, lifecycle_, advised) in [
            (
                OldVersions::MayBeInUse,
                LifecycleRules::default(),
                Warned,
                Passed,
                Some(false),
            ),
            (
                OldVersions::MayBeInUse,
                ending(),
                Warned,
                Warned,
                Some(false),
            ),
            (
                OldVersions::OfDeleted,
                LifecycleRules::default(),
                Warned,
                Passed,
                Some(true),
            ),
            (OldVersions::OfDeleted, ending(), Passed, Passed, None),
        ] {
            let said = versions(Ok(Versioning::Enabled), Some(&rules), old_versions);
            assert_eq!(said.status, versioning, "{said:?}");
            let remedy: Option<serde_json::Value> = said
                .remedy
                .map(|remedy| serde_json::from_str(&remedy).unwrap());
            let ends = remedy.map(|remedy| {
                remedy["Rules"][0]
                    .get("NoncurrentVersionExpiration")
                    .is_some()
            });
            assert_eq!(ends, advised, "{old_versions:?}");
            let said = lifecycle(Ok(rules), old_versions);
            assert_eq!(said.status, lifecycle_, "{said:?}");
        }
    }
}
