//! Checks that the object store refuses uploads that differ from the signed request.
//!
//! Each forgery changes one property of the correct upload, which the object store has accepted
//! before. A refusal is therefore due to that property.

use time::Duration;

use Forge::{SignEarlier, Tamper};

use super::answer::Answer;
use super::checkup::Checkup;
use super::report::DoctorCheck;
use super::test_upload::{FILE, SignOptions, TestUpload};
use crate::asset::Checksum;
use crate::ports::UploadMethod;
use crate::s3::rules::Checksums;

/// An upload that differs from the signed request in one property.
struct Forgery {
    check: &'static str,
    /// Completes "The object store refused …" and "The object store accepted …".
    what: &'static str,
    forge: Forge,
}

/// How the forgery is created.
enum Forge {
    /// Change the upload after it was signed.
    Tamper(fn(&mut TestUpload, &Checkup<'_>)),
    /// Sign it so long ago that it has expired.
    SignEarlier(Duration),
}

const FORGERIES: [Forgery; 9] = [
    Forgery {
        check: "size",
        what: "a file with one byte too many",
        forge: Tamper(|upload, _| upload.set_file([FILE.as_bytes(), b"+"].concat())),
    },
    Forgery {
        check: "size",
        what: "an empty file",
        forge: Tamper(|upload, _| upload.set_file([])),
    },
    Forgery {
        check: "type",
        what: "a file of another type",
        forge: Tamper(|upload, _| upload.set_content_type("text/html")),
    },
    Forgery {
        check: "key",
        what: "a file under another key",
        forge: Tamper(|upload, checkup| upload.send_to_key(&checkup.key("of-somebody-else"))),
    },
    Forgery {
        check: "expiry",
        what: "an upload that expired an hour ago",
        forge: SignEarlier(Duration::hours(2)),
    },
    Forgery {
        check: "fields",
        what: "an upload with an unsigned addition",
        forge: Tamper(|upload, _| upload.add("x-amz-meta-doctor", "added")),
    },
    Forgery {
        check: "signature",
        what: "an upload with a false signature",
        forge: Tamper(|upload, _| upload.change_signature()),
    },
    Forgery {
        check: "signature",
        what: "an upload with a later expiry than signed",
        forge: Tamper(|upload, _| upload.extend_expiry()),
    },
    Forgery {
        check: "signature",
        what: "an upload without a signature",
        forge: Tamper(|upload, _| upload.remove_signature()),
    },
];

/// A check that the object store enforces one property of the signed request.
struct Enforced {
    name: &'static str,
    /// The consequence if the object store doesn't enforce the property.
    danger: &'static str,
    /// The MinIO release that fixes this fault of older releases.
    minio: Option<&'static str>,
}

/// Broken by minio/minio#7321, fixed by #7897.
const MINIO_2019: &str = "Upgrade MinIO to RELEASE.2019-07-17T22-54-12Z or newer; releases from 2019-03-06 have this fault.";
/// Fixed by minio/minio#18074.
const MINIO_2023: &str =
    "Upgrade MinIO to RELEASE.2023-09-27T15-22-50Z or newer; older releases have this fault.";

const CHECKS: [Enforced; 6] = [
    Enforced {
        name: "size",
        danger: "Anyone who may upload one file can fill the bucket.",
        minio: None,
    },
    Enforced {
        name: "type",
        danger: "Anyone who may upload a picture can upload a page with scripts.",
        minio: Some(MINIO_2019),
    },
    Enforced {
        name: "key",
        danger: "Anyone who may upload one file can overwrite all others.",
        minio: Some(MINIO_2019),
    },
    Enforced {
        name: "expiry",
        danger: "Anyone who may upload once can upload forever.",
        minio: None,
    },
    Enforced {
        name: "fields",
        danger: "Anyone who may upload one file can choose its metadata, its storage class and its readers.",
        minio: Some(MINIO_2023),
    },
    Enforced {
        name: "signature",
        danger: "Anyone can upload without permission.",
        minio: None,
    },
];

impl Enforced {
    /// Returns the advice if the object store doesn't enforce the property.
    fn remedy(&self, checkup: &Checkup<'_>) -> String {
        let remedy = "Use an object store that enforces signed properties.";
        let may_be_minio =
            checkup.method() == UploadMethod::Post && checkup.bucket.rules().may_be_minio();
        match self.minio.filter(|_| may_be_minio) {
            Some(releases) => format!("{remedy} {releases}"),
            None => remedy.to_owned(),
        }
    }
}

/// The object store's reaction to a forgery.
enum Outcome {
    Refused(Answer),
    Accepted,
    /// The answer was an error, but the object was stored.
    Stored,
    /// The answer was neither a success nor a refusal.
    Unclear(String),
}

pub(super) async fn forgeries(checkup: &mut Checkup<'_>) -> Vec<DoctorCheck> {
    let method = checkup.method();
    let mut outcomes = Vec::new();
    for (number, forgery) in FORGERIES.iter().enumerate() {
        let name = format!("forgery-{number}");
        outcomes.push((forgery, send_forgery(checkup, &name, forgery).await));
    }
    let mut checks: Vec<_> = CHECKS
        .into_iter()
        .map(|check| {
            let of_check = outcomes.iter().filter(|(f, _)| f.check == check.name);
            let remedy = check.remedy(checkup);
            let judged = judge(&check, &remedy, of_check.map(|(f, r)| (f.what, r)));
            // AWS requires a signature over every x-amz- header, but a signer of URLs can't make
            // other object stores do so.
            let is_header = check.name == "fields" && method == UploadMethod::Put;
            if is_header { judged.softened() } else { judged }
        })
        .collect();
    checks.push(checksum(checkup).await);
    checks
}

async fn send_forgery(checkup: &mut Checkup<'_>, name: &str, forgery: &Forgery) -> Outcome {
    let mut options = SignOptions::default();
    if let SignEarlier(ago) = forgery.forge {
        options.ago = ago;
    }
    let mut upload = match TestUpload::sign(checkup, name, &options).await {
        Ok(upload) => upload,
        Err(fault) => return Outcome::Unclear(format!("the upload could not be signed, {fault}")),
    };
    if let Tamper(change) = forgery.forge {
        change(&mut upload, checkup);
    }
    Outcome::of(&upload, checkup).await
}

impl Outcome {
    async fn of(upload: &TestUpload, checkup: &mut Checkup<'_>) -> Self {
        match upload.send(checkup).await {
            Ok(answer) if answer.is_success() => Self::Accepted,
            Ok(answer) if answer.status.is_client_error() => {
                if checkup.holds(upload.sent_to()).await {
                    Self::Stored
                } else {
                    Self::Refused(answer)
                }
            }
            Ok(answer) => Self::Unclear(format!("it answered {}", answer.summary())),
            Err(fault) => Self::Unclear(format!("no answer, {fault}")),
        }
    }
}

fn judge<'a>(
    enforced: &Enforced,
    remedy: &str,
    outcomes: impl Iterator<Item = (&'static str, &'a Outcome)>,
) -> DoctorCheck {
    let Enforced {
        name: check,
        danger,
        ..
    } = enforced;
    let (mut refused, mut accepted, mut unclear) = (Vec::new(), Vec::new(), Vec::new());
    for (what, outcome) in outcomes {
        match outcome {
            Outcome::Refused(answer) => {
                let code = answer.code();
                let (status, code) = (answer.status.as_u16().to_string(), code.to_owned());
                let summary = if code.is_empty() {
                    status
                } else {
                    format!("{status} {code}")
                };
                refused.push(format!("{what} ({summary})"));
            }
            Outcome::Accepted => accepted.push(what.to_owned()),
            Outcome::Stored => accepted.push(format!(
                "{what} (it answered with an error, but stored the file)"
            )),
            Outcome::Unclear(why) => unclear.push(format!("{what} ({why})")),
        }
    }
    if !accepted.is_empty() {
        return DoctorCheck::failed(
            check,
            format!(
                "The object store accepted {}. {danger} {remedy}",
                listed(&accepted)
            ),
        );
    }
    if !unclear.is_empty() {
        return DoctorCheck::warned(
            check,
            format!(
                "The test of {} had no clear result. Try again, and check the object store's log.",
                listed(&unclear)
            ),
        );
    }
    DoctorCheck::passed(
        check,
        format!("The object store refused {}.", listed(&refused)),
    )
}

/// `a`, `a and b`, `a, b and c`
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Checks the SHA-256 separately, as the service works without it.
async fn checksum(checkup: &mut Checkup<'_>) -> DoctorCheck {
    const NAME: &str = "checksum";
    let rules = checkup.bucket.rules();
    if rules.checksums == Checksums::Ignored {
        let says = format!(
            "{} compares no SHA-256, so the signer refuses uploads with a checksum.",
            rules.store
        );
        return DoctorCheck::skipped(NAME, says);
    }
    let options = SignOptions {
        checksum: Some(Checksum::new([7; 32])),
        ..SignOptions::default()
    };
    let outcome = match TestUpload::sign(checkup, "checksum", &options).await {
        Ok(upload) => Outcome::of(&upload, checkup).await,
        Err(fault) => Outcome::Unclear(format!("the upload could not be signed, {fault}")),
    };
    match outcome {
        Outcome::Refused(_) => DoctorCheck::passed(
            NAME,
            "The object store refused a file whose SHA-256 differs from the signed one.",
        ),
        Outcome::Stored => DoctorCheck::warned(
            NAME,
            "The object store answered with an error to a file whose SHA-256 differs from the signed one, \
             but stored the file: don't rely on announced checksums.",
        ),
        Outcome::Accepted => DoctorCheck::warned(
            NAME,
            format!(
                "The object store accepted a file whose SHA-256 differs from the signed one: an announced \
                 checksum of a {} has no effect. If `S3Bucket` has a method for your provider, use it: it \
                 knows the provider's requirements.",
                match checkup.method() {
                    UploadMethod::Post => "form",
                    UploadMethod::Put => "PUT",
                }
            ),
        ),
        Outcome::Unclear(why) => DoctorCheck::warned(
            NAME,
            format!(
                "The test whether the object store compares the SHA-256 had no clear result ({why})."
            ),
        ),
    }
}
