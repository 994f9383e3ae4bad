//! Ten thousand random forms and URLs, signed here and by botocore: the same to the byte, or, for
//! policies, in all they say.
//!
//! Runs where Python has boto3. With `ASSET_UPLOAD_BOTOCORE=1` or `ASSET_UPLOAD_REQUIRE_ALL` it
//! installs the pinned one of `botocore/requirements.txt` into the target directory, and fails where
//! it can't. `ASSET_UPLOAD_BOTOCORE_SEED` picks other cases.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "botocore/cases.rs"]
mod cases;
#[path = "botocore/python.rs"]
mod python;
#[path = "botocore/random.rs"]
mod random;
#[path = "botocore/refusals.rs"]
mod refusals;

use std::collections::BTreeSet;
use std::env;

use serde_json::{Value, json};

use cases::{Case, Ours, Worlds};
use python::Python;
use random::Random;

const FORMS: usize = 5_000;
const URLS: usize = 5_000;
const REFUSALS: usize = 1_000;

/// Chosen once, so that a failure is the change's and not the day's.
const SEED: u64 = 20_260_519;

fn seed() -> u64 {
    match env::var("ASSET_UPLOAD_BOTOCORE_SEED") {
        Ok(seed) => seed.parse().expect("a whole number as seed"),
        Err(_) => SEED,
    }
}

#[test]
fn ten_thousand_signatures_are_botocore_s() {
    let Some(python) = Python::with_boto3() else {
        return;
    };
    let seed = seed();
    let mut random = Random::new(seed);
    let worlds = Worlds::new(&mut random);
    let cases: Vec<Case> = (0..FORMS + URLS)
        .map(|number| match number {
            ..FORMS => Case::form(&worlds, &mut random),
            _ => Case::url(&worlds, &mut random),
        })
        .collect();
    let questions: Vec<&Value> = cases.iter().map(|case| &case.question).collect();
    let (versions, answers) = python.answers(&questions);

    let mut faults = Vec::new();
    for (case, theirs) in cases.iter().zip(&answers) {
        if let Err(fault) = compare(&case.ours, theirs) {
            let question: String = case.question.to_string().chars().take(2_000).collect();
            faults.push(format!("{fault}\n  case    {question}"));
        }
    }
    let some: Vec<_> = faults.iter().take(10).map(String::as_str).collect();
    assert!(
        faults.is_empty(),
        "{} of {} cases differ from botocore (seed {seed}, {versions}):\n{}",
        faults.len(),
        cases.len(),
        some.join("\n")
    );
    python::announce(&format!(
        "{FORMS} forms and {URLS} URLs are botocore's (seed {seed}, {versions})."
    ));
}

/// Says how an answer differs.
fn compare(ours: &Ours, theirs: &Value) -> Result<(), String> {
    let same = |what: &str, ours: &Value, theirs: &Value| {
        let differ = || format!("{what}\n  ours    {ours}\n  theirs  {theirs}");
        (ours == theirs).then_some(()).ok_or_else(differ)
    };
    if let Some(error) = theirs.get("error") {
        return Err(format!("refused by botocore: {error}"));
    }
    match ours {
        Ours::Url(url) => same("URL", &json!(url), &theirs["url"]),
        Ours::Form {
            url,
            fields,
            document,
            key_is_chosen,
        } => {
            // Below a path with the bucket in the host's name botocore leaves the last slash away.
            let address = |url: &str| json!(url.trim_end_matches('/'));
            same(
                "address",
                &address(url),
                &address(theirs["url"].as_str().unwrap_or_default()),
            )?;
            let theirs_in_order: Vec<(String, String)> =
                serde_json::from_value(theirs["fields"].clone()).unwrap();
            // botocore puts a placeholder there, this crate leaves the field to the sender.
            let theirs_in_order: Vec<_> = theirs_in_order
                .into_iter()
                .filter(|(name, _)| !(*key_is_chosen && name == "key"))
                .collect();
            let names = |fields: &[(String, String)]| json!(pick(fields, |_| true, |f| &f.0));
            same("order of fields", &names(fields), &names(&theirs_in_order))?;
            let plain = |name: &str| name != "policy" && name != "x-amz-signature";
            let values = |fields: &[(String, String)]| json!(pick(fields, plain, |f| &f.1));
            same("fields", &values(fields), &values(&theirs_in_order))?;
            same(
                "expiration",
                &document["expiration"],
                &theirs["document"]["expiration"],
            )?;
            same(
                "conditions",
                &conditions(document),
                &conditions(&theirs["document"]),
            )?;
            let signature = fields.last().map(|(_, signature)| signature);
            same("signature", &json!(signature), &theirs["signature_of_ours"])
        }
    }
}

fn pick<'f>(
    fields: &'f [(String, String)],
    wanted: fn(&str) -> bool,
    part: fn(&'f (String, String)) -> &'f String,
) -> Vec<&'f String> {
    let wanted = fields.iter().filter(|(name, _)| wanted(name));
    wanted.map(part).collect()
}

/// What a document demands, in no order.
fn conditions(document: &Value) -> Value {
    let conditions = document["conditions"].as_array().unwrap();
    let set: BTreeSet<String> = conditions.iter().map(ToString::to_string).collect();
    json!(set)
}

#[test]
fn what_is_refused_on_purpose_is_refused_by_name() {
    let mut random = Random::new(seed());
    let mut met = BTreeSet::new();
    for _ in 0..REFUSALS {
        let refusal = random.pick(&refusals::ALL);
        let error = (refusal.attempt)(&mut random).expect_err(refusal.what);
        assert_eq!(error, refusal.error, "{}", refusal.what);
        met.insert(refusal.what);
    }
    assert_eq!(met.len(), refusals::ALL.len());
}
