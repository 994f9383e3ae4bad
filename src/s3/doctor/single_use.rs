//! Whether a PUT URL is good for one upload only, found out by using it again.

use http::StatusCode;

use super::answer::Answer;
use super::checkup::Checkup;
use super::report::DoctorCheck;
use super::sending::{FILE, Sending, Wanted};
use crate::ports::UploadMethod;
use crate::s3::rules::{ProviderRules, SingleUse};
use crate::sigv4::Method;

const NAME: &str = "single_use";

/// What a URL that can be used again is worth, and what to do.
const AGAIN: &str = "Whoever has a URL can replace the file until the URL ends: keep lifetimes short, \
                     and versions.";

const IGNORES: &str =
    "The store took a second file at the same URL: it ignores If-None-Match with uploads.";

/// How the store received an upload, and the same URL once more.
enum Received {
    /// The first upload was refused.
    Nothing(Answer),
    /// The second upload was refused, and the object stayed as it was.
    Once(Answer),
    /// The second upload replaced the object.
    Again,
    /// An upload without the signed header replaced it.
    AgainUnsigned,
}

pub(super) async fn single_use(checkup: &mut Checkup<'_>) -> DoctorCheck {
    let rules = checkup.bucket.rules();
    match (checkup.method(), rules.single_use) {
        (UploadMethod::Post, SingleUse::By(_)) => DoctorCheck::skipped(
            NAME,
            "A form can be used again until it ends: S3 has no condition for that. PUT URLs of this \
             store are good for one upload.",
        ),
        (UploadMethod::Post, _) => DoctorCheck::skipped(
            NAME,
            "A form can be used again until it ends: S3 has no condition for that.",
        ),
        (UploadMethod::Put, SingleUse::No) => DoctorCheck::skipped(
            NAME,
            format!(
                "{} documents no If-None-Match for uploads. {AGAIN}",
                rules.store
            ),
        ),
        (UploadMethod::Put, SingleUse::By(_)) if !checkup.bucket.has_single_use_puts() => {
            DoctorCheck::warned(
                NAME,
                format!(
                    "URLs can be used again until they end, because the bucket is described with \
                     `reusable_puts`. {AGAIN}"
                ),
            )
        }
        (UploadMethod::Put, SingleUse::By(_)) => match receive(checkup).await {
            Ok(received) => enforced(received, rules),
            Err(why) => unclear(&why),
        },
        (UploadMethod::Put, SingleUse::Unknown) => match receive(checkup).await {
            Ok(received) => offered(received),
            Err(why) => unclear(&why),
        },
    }
}

/// Sends a file, another to the same URL, and one more without the header that forbids it.
async fn receive(checkup: &mut Checkup<'_>) -> Result<Received, String> {
    let wanted = Wanted {
        single_use: true,
        ..Wanted::default()
    };
    let mut sending = Sending::sign(checkup, "single-use", &wanted).await?;
    let first = sending.send(checkup).await?;
    if !first.is_yes() {
        return Ok(Received::Nothing(first));
    }
    // As long as was signed.
    sending.file(FILE.to_ascii_uppercase());
    let second = sending.send(checkup).await?;
    if !holds_the_first(checkup, &sending).await? {
        return Ok(Received::Again);
    }
    sending.without_condition();
    sending.send(checkup).await?;
    if !holds_the_first(checkup, &sending).await? {
        return Ok(Received::AgainUnsigned);
    }
    Ok(Received::Once(second))
}

async fn holds_the_first(checkup: &Checkup<'_>, sending: &Sending) -> Result<bool, String> {
    let url = checkup.object_url(Method::Get, sending.sent_to(), None)?;
    let answer = checkup.get(&url).await?;
    if answer.is_yes() {
        return Ok(answer.body == FILE);
    }
    Err(format!("a download was answered {}", answer.told()))
}

/// Of a store whose URLs are signed so.
fn enforced(received: Received, rules: &ProviderRules) -> DoctorCheck {
    match received {
        Received::Once(answer) if answer.status == StatusCode::PRECONDITION_FAILED => {
            DoctorCheck::passed(
                NAME,
                "The store refused a second file at the same URL (412): each URL is good for one upload.",
            )
        }
        Received::Once(answer) => DoctorCheck::warned(
            NAME,
            format!(
                "The store refused a second file at the same URL, but not with 412 ({}): a client that \
                 tries again can't tell that its file has arrived.",
                answer.told()
            ),
        ),
        // minio/minio#19682.
        Received::Again if rules.may_be_minio() => DoctorCheck::failed(
            NAME,
            format!(
                "{IGNORES} {AGAIN} Upgrade MinIO to RELEASE.2024-05-07T06-41-25Z or newer; older releases \
                 have this fault."
            ),
        ),
        Received::Again => DoctorCheck::failed(NAME, format!("{IGNORES} {AGAIN}")),
        Received::AgainUnsigned => DoctorCheck::failed(
            NAME,
            format!("The store took a second file without the signed If-None-Match. {AGAIN}"),
        ),
        Received::Nothing(answer) => unclear(&format!("it answered {}", answer.told())),
    }
}

/// Of a store that nobody has described.
fn offered(received: Received) -> DoctorCheck {
    match received {
        Received::Once(answer) if answer.status == StatusCode::PRECONDITION_FAILED => {
            DoctorCheck::warned(
                NAME,
                "URLs are signed without If-None-Match, and can be used again until they end; but the \
                 store knows that header, and refuses a second file with 412. Describe the bucket with \
                 `single_use_puts`.",
            )
        }
        Received::Once(answer) | Received::Nothing(answer) => DoctorCheck::warned(
            NAME,
            format!(
                "The store doesn't know If-None-Match with uploads ({}). {AGAIN}",
                answer.told()
            ),
        ),
        Received::Again | Received::AgainUnsigned => {
            DoctorCheck::warned(NAME, format!("{IGNORES} {AGAIN}"))
        }
    }
}

fn unclear(why: &str) -> DoctorCheck {
    DoctorCheck::warned(
        NAME,
        format!(
            "Whether a URL can be used again isn't clear ({why}). Try again, and look at the store's log."
        ),
    )
}
