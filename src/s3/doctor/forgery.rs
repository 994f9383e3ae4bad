//! Whether the store refuses what wasn't signed, found out by sending it.
//!
//! Each forgery is the honest upload, which the store has taken, with one thing changed: if it is
//! refused, then for that.

use time::Duration;

use Forge::{SignEarlier, Tamper};

use super::answer::Answer;
use super::checkup::Checkup;
use super::report::DoctorCheck;
use super::sending::{FILE, Sending, Wanted};
use crate::asset::Checksum;
use crate::ports::UploadMethod;
use crate::s3::rules::Checksums;

/// One thing that isn't as it was signed.
struct Forgery {
    check: &'static str,
    /// Completes "The store refused …" and "The store took …".
    what: &'static str,
    forge: Forge,
}

/// How a forgery is made.
enum Forge {
    /// Something is changed once it was signed.
    Tamper(fn(&mut Sending, &Checkup<'_>)),
    /// It was signed so long ago that it has ended.
    SignEarlier(Duration),
}

const FORGERIES: [Forgery; 9] = [
    Forgery {
        check: "size",
        what: "a file of one byte too many",
        forge: Tamper(|sending, _| sending.file([FILE.as_bytes(), b"+"].concat())),
    },
    Forgery {
        check: "size",
        what: "an empty file",
        forge: Tamper(|sending, _| sending.file([])),
    },
    Forgery {
        check: "type",
        what: "a file of another type",
        forge: Tamper(|sending, _| sending.content_type("text/html")),
    },
    Forgery {
        check: "key",
        what: "a file under another key",
        forge: Tamper(|sending, checkup| sending.other_key(&checkup.key("of-somebody-else"))),
    },
    Forgery {
        check: "expiry",
        what: "one that had ended an hour ago",
        forge: SignEarlier(Duration::hours(2)),
    },
    Forgery {
        check: "fields",
        what: "one with something added",
        forge: Tamper(|sending, _| sending.extra("x-amz-meta-doctor", "added")),
    },
    Forgery {
        check: "signature",
        what: "one with a false signature",
        forge: Tamper(|sending, _| sending.spoil_signature()),
    },
    Forgery {
        check: "signature",
        what: "one whose end had been put off",
        forge: Tamper(|sending, _| sending.longer_life()),
    },
    Forgery {
        check: "signature",
        what: "one without any signature",
        forge: Tamper(|sending, _| sending.unsigned()),
    },
];

/// A check of what was signed.
struct Enforced {
    name: &'static str,
    /// What happens where the store doesn't enforce it.
    danger: &'static str,
    /// The release of MinIO that fixes a fault of older ones with it.
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
        danger: "Whoever may upload one file can fill the bucket.",
        minio: None,
    },
    Enforced {
        name: "type",
        danger: "Whoever may upload a picture can upload a page with scripts.",
        minio: Some(MINIO_2019),
    },
    Enforced {
        name: "key",
        danger: "Whoever may upload one file can overwrite all others.",
        minio: Some(MINIO_2019),
    },
    Enforced {
        name: "expiry",
        danger: "Whoever may upload once can do so for ever.",
        minio: None,
    },
    Enforced {
        name: "fields",
        danger: "Whoever may upload one file can choose its metadata, its storage class and its readers.",
        minio: Some(MINIO_2023),
    },
    Enforced {
        name: "signature",
        danger: "Anyone can upload, and nobody has to be asked.",
        minio: None,
    },
];

impl Enforced {
    /// What to do where the store doesn't enforce it.
    fn remedy(&self, checkup: &Checkup<'_>) -> String {
        let remedy = "Use a store that enforces what was signed.";
        let may_be_minio =
            checkup.method() == UploadMethod::Post && checkup.bucket.rules().may_be_minio();
        match self.minio.filter(|_| may_be_minio) {
            Some(releases) => format!("{remedy} {releases}"),
            None => remedy.to_owned(),
        }
    }
}

/// How a forgery was received.
enum Reception {
    Refused(Answer),
    Taken,
    /// Refused in words, and there all the same.
    Kept,
    /// Neither, or nothing to be sure of.
    Unclear(String),
}

pub(super) async fn forgeries(checkup: &mut Checkup<'_>) -> Vec<DoctorCheck> {
    let method = checkup.method();
    let mut received = Vec::new();
    for (number, forgery) in FORGERIES.iter().enumerate() {
        let name = format!("forgery-{number}");
        received.push((forgery, receive(checkup, &name, forgery).await));
    }
    let mut checks: Vec<_> = CHECKS
        .into_iter()
        .map(|check| {
            let of_check = received.iter().filter(|(f, _)| f.check == check.name);
            let remedy = check.remedy(checkup);
            let judged = judge(&check, &remedy, of_check.map(|(f, r)| (f.what, r)));
            // AWS wants every x-amz- header to be signed, but a signer of URLs can't have others do so.
            let is_header = check.name == "fields" && method == UploadMethod::Put;
            if is_header { judged.softened() } else { judged }
        })
        .collect();
    checks.push(checksum(checkup).await);
    checks
}

async fn receive(checkup: &mut Checkup<'_>, name: &str, forgery: &Forgery) -> Reception {
    let mut wanted = Wanted::default();
    if let SignEarlier(ago) = forgery.forge {
        wanted.ago = ago;
    }
    let mut sending = match Sending::sign(checkup, name, &wanted).await {
        Ok(sending) => sending,
        Err(fault) => return Reception::Unclear(format!("nothing could be signed, {fault}")),
    };
    if let Tamper(change) = forgery.forge {
        change(&mut sending, checkup);
    }
    Reception::of(&sending, checkup).await
}

impl Reception {
    async fn of(sending: &Sending, checkup: &mut Checkup<'_>) -> Self {
        match sending.send(checkup).await {
            Ok(answer) if answer.is_yes() => Self::Taken,
            Ok(answer) if answer.status.is_client_error() => {
                if checkup.holds(sending.sent_to()).await {
                    Self::Kept
                } else {
                    Self::Refused(answer)
                }
            }
            Ok(answer) => Self::Unclear(format!("it answered {}", answer.told())),
            Err(fault) => Self::Unclear(format!("no answer, {fault}")),
        }
    }
}

fn judge<'a>(
    enforced: &Enforced,
    remedy: &str,
    received: impl Iterator<Item = (&'static str, &'a Reception)>,
) -> DoctorCheck {
    let Enforced {
        name: check,
        danger,
        ..
    } = enforced;
    let (mut refused, mut taken, mut unclear) = (Vec::new(), Vec::new(), Vec::new());
    for (what, reception) in received {
        match reception {
            Reception::Refused(answer) => {
                let code = answer.code();
                let (status, code) = (answer.status.as_u16().to_string(), code.to_owned());
                let told = if code.is_empty() {
                    status
                } else {
                    format!("{status} {code}")
                };
                refused.push(format!("{what} ({told})"));
            }
            Reception::Taken => taken.push(what.to_owned()),
            Reception::Kept => taken.push(format!("{what} (it said no, and kept it)")),
            Reception::Unclear(why) => unclear.push(format!("{what} ({why})")),
        }
    }
    if !taken.is_empty() {
        return DoctorCheck::failed(
            check,
            format!("The store took {}. {danger} {remedy}", listed(&taken)),
        );
    }
    if !unclear.is_empty() {
        return DoctorCheck::warned(
            check,
            format!(
                "Whether the store takes {} isn't clear. Try again, and look at its log.",
                listed(&unclear)
            ),
        );
    }
    DoctorCheck::passed(check, format!("The store refused {}.", listed(&refused)))
}

/// `a`, `a and b`, `a, b and c`
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Apart from the others, as the service works without it.
async fn checksum(checkup: &mut Checkup<'_>) -> DoctorCheck {
    const NAME: &str = "checksum";
    let rules = checkup.bucket.rules();
    if rules.checksums == Checksums::Ignored {
        let says = format!(
            "{} compares no SHA-256, and the signer refuses to promise it.",
            rules.store
        );
        return DoctorCheck::skipped(NAME, says);
    }
    let wanted = Wanted {
        checksum: Some(Checksum::new([7; 32])),
        ..Wanted::default()
    };
    let received = match Sending::sign(checkup, "checksum", &wanted).await {
        Ok(sending) => Reception::of(&sending, checkup).await,
        Err(fault) => Reception::Unclear(format!("nothing could be signed, {fault}")),
    };
    match received {
        Reception::Refused(_) => DoctorCheck::passed(
            NAME,
            "The store refused a file that doesn't hash to the SHA-256 that was signed.",
        ),
        Reception::Kept => DoctorCheck::warned(
            NAME,
            "The store said no to a file that doesn't hash to the SHA-256 that was signed, and kept it: \
             with this store an announced checksum promises little.",
        ),
        Reception::Taken => DoctorCheck::warned(
            NAME,
            format!(
                "The store took a file that doesn't hash to the SHA-256 that was signed: with this store an \
                 announced checksum of a {} promises nothing. Where `S3Bucket` has a method for the store, \
                 use that: it knows what the store needs.",
                match checkup.method() {
                    UploadMethod::Post => "form",
                    UploadMethod::Put => "PUT",
                }
            ),
        ),
        Reception::Unclear(why) => DoctorCheck::warned(
            NAME,
            format!(
                "Whether the store compares a file with the SHA-256 that was signed isn't clear ({why})."
            ),
        ),
    }
}
