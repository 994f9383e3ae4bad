//! What the bucket does with objects once they are there: versions, and rules that end them.

use http::StatusCode;
use roxmltree::{Document, Node};
use serde_json::json;

use super::answer::Answer;
use super::exam::Exam;
use super::report::DoctorCheck;

const VERSIONING: &str = "versioning";
const LIFECYCLE: &str = "lifecycle";

pub(super) async fn keeping(exam: &Exam<'_>) -> [DoctorCheck; 2] {
    let rules = rules(exam.ask_bucket(&[("lifecycle", "")]).await);
    let versioning = exam.ask_bucket(&[("versioning", "")]).await;
    let versioning = versions(versioning, rules.as_ref().ok());
    [versioning, lifecycle(rules)]
}

/// What matters of the rules of a bucket (AWS, "Lifecycle configuration elements").
#[derive(Debug, Default, PartialEq, Eq)]
struct Rules {
    /// Rules that end objects, with when and where: `after 30 days`.
    ending: Vec<String>,
    /// Whether some rule ends old versions.
    old_versions: bool,
}

impl Rules {
    fn read(document: &Document<'_>) -> Self {
        let mut rules = Self::default();
        let elements = document.descendants();
        for rule in elements.filter(|node| node.tag_name().name() == "Rule") {
            if text(&rule, "Status") != Some("Enabled") {
                continue;
            }
            for element in rule.children() {
                match element.tag_name().name() {
                    "NoncurrentVersionExpiration" => rules.old_versions = true,
                    "Expiration" => {
                        let when = text(&element, "Days")
                            .map(|days| format!("after {days} days"))
                            .or_else(|| text(&element, "Date").map(|date| format!("on {date}")));
                        rules
                            .ending
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

/// The rules, or why they aren't known.
fn rules(answer: Result<Answer, String>) -> Result<Rules, String> {
    let answer = answer.map_err(|fault| format!("no answer, {fault}"))?;
    if matches!(
        answer.code(),
        "NoSuchLifecycleConfiguration" | "NoSuchLifecycle"
    ) || answer.status == StatusCode::NO_CONTENT
    {
        return Ok(Rules::default());
    }
    let document = answer.xml().filter(|_| answer.status.is_success());
    document
        .map(|document| Rules::read(&document))
        .ok_or_else(|| answer.told())
}

fn lifecycle(rules: Result<Rules, String>) -> DoctorCheck {
    match rules {
        Err(why) => DoctorCheck::skipped(
            LIFECYCLE,
            format!(
                "The store doesn't tell its lifecycle rules ({why}). They need \
                 s3:GetLifecycleConfiguration; make sure that none ends objects that are in use."
            ),
        ),
        Ok(rules) if rules.ending.is_empty() => DoctorCheck::passed(
            LIFECYCLE,
            "No lifecycle rule ends objects: what was never completed or was deleted stays until `purge` \
             removes it.",
        ),
        Ok(rules) => DoctorCheck::warned(
            LIFECYCLE,
            format!(
                "A lifecycle rule ends objects {}, whether or not their assets are still in use. Leave \
                 that to `purge`, or make sure that the rule's prefix holds no uploads.",
                rules.ending.join(" and ")
            ),
        ),
    }
}

fn versions(answer: Result<Answer, String>, rules: Option<&Rules>) -> DoctorCheck {
    let skipped = |why: &str| {
        DoctorCheck::skipped(
            VERSIONING,
            format!(
                "The store doesn't tell whether it keeps versions ({why}). That needs s3:GetBucketVersioning."
            ),
        )
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => return skipped(&format!("no answer, {fault}")),
    };
    let Some(document) = answer.xml().filter(|_| answer.status.is_success()) else {
        return skipped(&answer.told());
    };
    let status = text(&document.root_element(), "Status");
    let ended = rules.is_some_and(|rules| rules.old_versions);
    match status {
        Some("Enabled" | "Suspended") if ended => DoctorCheck::passed(
            VERSIONING,
            "The bucket keeps versions, and a lifecycle rule ends the old ones.",
        ),
        Some("Enabled" | "Suspended") => DoctorCheck::warned(
            VERSIONING,
            "The bucket keeps versions: what is deleted, and what a form overwrites, stays as an old \
             version that costs storage and holds what users wanted gone. Add the lifecycle rule below \
             to those that are there (`aws s3api put-bucket-lifecycle-configuration`).",
        )
        .with_remedy(ending_old_versions()),
        _ => DoctorCheck::passed(
            VERSIONING,
            "The bucket keeps no versions: deleted is deleted.",
        ),
    }
}

/// What the AWS CLI takes as `--lifecycle-configuration`.
fn ending_old_versions() -> String {
    let rule = json!({
        "ID": "end-old-versions",
        "Status": "Enabled",
        "Filter": {},
        "NoncurrentVersionExpiration": { "NoncurrentDays": 7 },
        "Expiration": { "ExpiredObjectDeleteMarker": true },
    });
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
    fn rules_that_end_objects_are_found() {
        let body = "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Rule><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule>\
            <Rule><Status>Disabled</Status><Expiration><Days>1</Days></Expiration></Rule>\
            <Rule><Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true\
            </ExpiredObjectDeleteMarker></Expiration><NoncurrentVersionExpiration>\
            <NoncurrentDays>7</NoncurrentDays></NoncurrentVersionExpiration></Rule>\
            </LifecycleConfiguration>";
        let found = rules(Ok(answer(200, body))).unwrap();
        assert_eq!(found.ending, ["after 30 days"]);
        assert!(found.old_versions);
        assert_eq!(lifecycle(Ok(found)).status, Warned);

        let none = "<Error><Code>NoSuchLifecycleConfiguration</Code></Error>";
        assert_eq!(rules(Ok(answer(404, none))), Ok(Rules::default()));
        let denied = "<Error><Code>AccessDenied</Code></Error>";
        let unknown = rules(Ok(answer(403, denied)));
        assert_eq!(lifecycle(unknown).status, Skipped);
    }

    #[test]
    fn old_versions_want_a_rule() {
        let status = |status| {
            Ok(match status {
                "" => answer(200, "<VersioningConfiguration/>"),
                "Enabled" => answer(
                    200,
                    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
                ),
                _ => answer(501, ""),
            })
        };
        let rules = Rules {
            old_versions: true,
            ..Rules::default()
        };
        assert_eq!(versions(status(""), None).status, Passed);
        assert_eq!(versions(status("Enabled"), Some(&rules)).status, Passed);
        let warned = versions(status("Enabled"), Some(&Rules::default()));
        assert_eq!(warned.status, Warned);
        let remedy: serde_json::Value = serde_json::from_str(&warned.remedy.unwrap()).unwrap();
        assert_eq!(remedy["Rules"][0]["Status"], "Enabled");
        assert_eq!(versions(status("501"), None).status, Skipped);
    }
}
