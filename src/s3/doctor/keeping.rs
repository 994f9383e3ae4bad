//! What the bucket does with objects once they are there: versions, and rules that end them.

use http::StatusCode;
use roxmltree::{Document, Node};
use serde_json::json;

use super::answer::Answer;
use super::checkup::Checkup;
use super::report::DoctorCheck;

const VERSIONING: &str = "versioning";
const LIFECYCLE: &str = "lifecycle";

/// `single_use` says whether uploads can't overwrite objects, as the store has shown.
pub(super) async fn keeping(checkup: &Checkup<'_>, single_use: bool) -> [DoctorCheck; 2] {
    let rules = rules(checkup.ask_bucket(&[("lifecycle", "")]).await);
    let answer = checkup.ask_bucket(&[("versioning", "")]).await;
    let versioning = Versioning::read(answer);
    let kept = matches!(versioning, Ok(Versioning::Kept));
    let overwritten = if kept && !single_use {
        Overwritten::Kept
    } else {
        Overwritten::Never
    };
    [
        versions(versioning, rules.as_ref().ok(), overwritten),
        lifecycle(rules, overwritten),
    ]
}

/// Whether the bucket keeps the old versions of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Versioning {
    Kept,
    Dropped,
}

impl Versioning {
    /// The setting, or why it isn't known.
    fn read(answer: Result<Answer, String>) -> Result<Self, String> {
        let answer = answer.map_err(|fault| format!("no answer, {fault}"))?;
        let document = answer.xml().filter(|_| answer.status.is_success());
        let document = document.ok_or_else(|| answer.told())?;
        Ok(match text(&document.root_element(), "Status") {
            Some("Enabled" | "Suspended") => Self::Kept,
            _ => Self::Dropped,
        })
    }
}

/// Whether an old version may be the one that an asset has recorded, as it is where a form was used
/// again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overwritten {
    Kept,
    Never,
}

/// What matters of the rules of a bucket (AWS, "Lifecycle configuration elements").
#[derive(Debug, Default, PartialEq, Eq)]
struct LifecycleRules {
    /// Rules that end objects, with when and where: `after 30 days`.
    ending: Vec<String>,
    /// Whether some rule ends old versions.
    old_versions: bool,
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
        .ok_or_else(|| answer.told())
}

fn lifecycle(rules: Result<LifecycleRules, String>, overwritten: Overwritten) -> DoctorCheck {
    match rules {
        Err(why) => DoctorCheck::skipped(
            LIFECYCLE,
            format!(
                "The store doesn't tell its lifecycle rules ({why}). They need \
                 s3:GetLifecycleConfiguration; make sure that none ends objects that are in use."
            ),
        ),
        Ok(rules) if !rules.ending.is_empty() => DoctorCheck::warned(
            LIFECYCLE,
            format!(
                "A lifecycle rule ends objects {}, whether or not their assets are still in use. Leave \
                 that to `purge`, or make sure that the rule's prefix holds no uploads.",
                rules.ending.join(" and ")
            ),
        ),
        Ok(rules) if rules.old_versions && overwritten == Overwritten::Kept => DoctorCheck::warned(
            LIFECYCLE,
            "A lifecycle rule ends noncurrent versions. Downloads name the version that was compared \
             with the announcement, and this version is noncurrent once its form or URL was used again: \
             the rule then ends a file that is in use. Take NoncurrentVersionExpiration out of the rule, or \
             sign PUT URLs for one upload.",
        ),
        Ok(_) => DoctorCheck::passed(
            LIFECYCLE,
            "No lifecycle rule ends objects that are in use: what was never completed or was deleted stays \
             until `purge` removes it.",
        ),
    }
}

fn versions(
    versioning: Result<Versioning, String>,
    rules: Option<&LifecycleRules>,
    overwritten: Overwritten,
) -> DoctorCheck {
    let ended = rules.is_some_and(|rules| rules.old_versions);
    match (versioning, overwritten) {
        (Err(why), _) => DoctorCheck::skipped(
            VERSIONING,
            format!(
                "The store doesn't tell whether it keeps versions ({why}). That needs s3:GetBucketVersioning."
            ),
        ),
        (Ok(Versioning::Dropped), _) => DoctorCheck::passed(
            VERSIONING,
            "The bucket keeps no versions: deleted is deleted.",
        ),
        (Ok(Versioning::Kept), Overwritten::Kept) => DoctorCheck::warned(
            VERSIONING,
            "The bucket keeps versions: downloads are of the file that was compared with the announcement, \
             even if its form or URL is used again. A deleted file stays as an old version, and no \
             lifecycle rule can tell it from one that is in use: end the versions behind delete markers by \
             a job of your own (docs/object-stores.md, \"Versions\"). The rule below ends the markers left \
             over, and unfinished multipart uploads \
             (`aws s3api put-bucket-lifecycle-configuration`, with the rules that are there).",
        )
        .with_remedy(ending_leftovers(None)),
        (Ok(Versioning::Kept), Overwritten::Never) if ended => DoctorCheck::passed(
            VERSIONING,
            "The bucket keeps versions, and a lifecycle rule ends the old ones. As no upload replaces \
             another, those are of deleted files.",
        ),
        (Ok(Versioning::Kept), Overwritten::Never) => DoctorCheck::warned(
            VERSIONING,
            "The bucket keeps versions: a deleted file stays as an old version that costs storage and holds \
             what users wanted gone. As no upload replaces another, a lifecycle rule may end old versions: \
             add the one below to those that are there (`aws s3api put-bucket-lifecycle-configuration`), \
             once all forms and URLs that can be used again have ended.",
        )
        .with_remedy(ending_leftovers(Some(7))),
    }
}

/// What the AWS CLI takes as `--lifecycle-configuration`. With `days` it ends old versions too, so
/// many days after they became noncurrent.
fn ending_leftovers(days: Option<u32>) -> String {
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
        assert_eq!(lifecycle(Ok(found), Overwritten::Never).status, Warned);

        let none = "<Error><Code>NoSuchLifecycleConfiguration</Code></Error>";
        assert_eq!(rules(Ok(answer(404, none))), Ok(LifecycleRules::default()));
        let denied = "<Error><Code>AccessDenied</Code></Error>";
        let unknown = rules(Ok(answer(403, denied)));
        assert_eq!(lifecycle(unknown, Overwritten::Never).status, Skipped);
    }

    fn versioning(status: u16, body: &'static str) -> Result<Versioning, String> {
        Versioning::read(Ok(answer(status, body)))
    }

    #[test]
    fn the_setting_is_read() {
        let enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        assert_eq!(versioning(200, enabled), Ok(Versioning::Kept));
        let none = versioning(200, "<VersioningConfiguration/>");
        assert_eq!(none, Ok(Versioning::Dropped));
        assert_eq!(versions(none, None, Overwritten::Never).status, Passed);
        let unknown = versioning(501, "");
        assert_eq!(versions(unknown, None, Overwritten::Never).status, Skipped);
    }

    /// Forms can be used again: then an old version may be the recorded one, and must stay.
    #[test]
    fn no_rule_is_advised_that_ends_a_recorded_version() {
        let ending = || LifecycleRules {
            old_versions: true,
            ..LifecycleRules::default()
        };
        for (overwritten, rules, versioning, lifecycle_, advised) in [
            (
                Overwritten::Kept,
                LifecycleRules::default(),
                Warned,
                Passed,
                Some(false),
            ),
            (Overwritten::Kept, ending(), Warned, Warned, Some(false)),
            (
                Overwritten::Never,
                LifecycleRules::default(),
                Warned,
                Passed,
                Some(true),
            ),
            (Overwritten::Never, ending(), Passed, Passed, None),
        ] {
            let said = versions(Ok(Versioning::Kept), Some(&rules), overwritten);
            assert_eq!(said.status, versioning, "{said:?}");
            let remedy: Option<serde_json::Value> = said
                .remedy
                .map(|remedy| serde_json::from_str(&remedy).unwrap());
            let ends = remedy.map(|remedy| {
                remedy["Rules"][0]
                    .get("NoncurrentVersionExpiration")
                    .is_some()
            });
            assert_eq!(ends, advised, "{overwritten:?}");
            let said = lifecycle(Ok(rules), overwritten);
            assert_eq!(said.status, lifecycle_, "{said:?}");
        }
    }
}
