//! Checks that a PUT URL is valid for one upload only, by using it again.

use http::StatusCode;

use super::answer::Answer;
use super::checkup::Checkup;
use super::report::DoctorCheck;
use super::test_upload::{FILE, SignOptions, TestUpload};
use crate::ports::UploadMethod;
use crate::s3::rules::{ProviderRules, SingleUse};
use crate::sigv4::Method;

const NAME: &str = "single_use";

/// The danger of a reusable URL, and the advice.
const DANGER: &str = "Anyone who has a URL can replace the file until the URL expires: keep lifetimes short, \
                     and enable versioning.";

const IGNORES: &str = "The object store accepted a second file at the same URL: it ignores If-None-Match for uploads.";

/// The object store's reaction to the second use of a URL.
enum Reuse {
    /// The first upload was refused.
    FirstRefused(Answer),
    /// The second upload was refused, and the object stayed as it was.
    Refused(Answer),
    /// The second upload replaced the object.
    Replaced,
    /// An upload without the signed header replaced it.
    ReplacedUnsigned,
}

pub(super) async fn single_use(checkup: &mut Checkup<'_>) -> DoctorCheck {
    let rules = checkup.bucket.rules();
    match (checkup.method(), rules.single_use) {
        (UploadMethod::Post, SingleUse::By(_)) => DoctorCheck::skipped(
            NAME,
            "A form can be used again until it expires: S3 has no condition against that. This object \
             store's PUT URLs are valid for one upload.",
        ),
        (UploadMethod::Post, _) => DoctorCheck::skipped(
            NAME,
            "A form can be used again until it expires: S3 has no condition against that.",
        ),
        (UploadMethod::Put, SingleUse::No) => DoctorCheck::skipped(
            NAME,
            format!(
                "{} documents no If-None-Match for uploads. {DANGER}",
                rules.store
            ),
        ),
        (UploadMethod::Put, SingleUse::By(_)) if !checkup.bucket.has_single_use_puts() => {
            DoctorCheck::warned(
                NAME,
                format!(
                    "URLs can be used again until they expire, because the bucket is described with \
                     `reusable_puts`. {DANGER}"
                ),
            )
        }
        (UploadMethod::Put, SingleUse::By(_)) => match try_reuse(checkup).await {
            Ok(reuse) => enforced(reuse, rules),
            Err(why) => unclear(&why),
        },
        (UploadMethod::Put, SingleUse::Unknown) => match try_reuse(checkup).await {
            Ok(reuse) => offered(reuse),
            Err(why) => unclear(&why),
        },
    }
}

/// Sends a file, then a second one to the same URL, and a third one without the signed header.
async fn try_reuse(checkup: &mut Checkup<'_>) -> Result<Reuse, String> {
    let options = SignOptions {
        single_use: true,
        ..SignOptions::default()
    };
    let mut upload = TestUpload::sign(checkup, "single-use", &options).await?;
    let first = upload.send(checkup).await?;
    if !first.is_success() {
        return Ok(Reuse::FirstRefused(first));
    }
    // The second file has the signed length.
    upload.set_file(FILE.to_ascii_uppercase());
    let second = upload.send(checkup).await?;
    if !still_first_file(checkup, &upload).await? {
        return Ok(Reuse::Replaced);
    }
    upload.remove_condition();
    upload.send(checkup).await?;
    if !still_first_file(checkup, &upload).await? {
        return Ok(Reuse::ReplacedUnsigned);
    }
    Ok(Reuse::Refused(second))
}

async fn still_first_file(checkup: &Checkup<'_>, upload: &TestUpload) -> Result<bool, String> {
    let url = checkup.object_url(Method::Get, upload.sent_to(), None)?;
    let answer = checkup.get(&url).await?;
    if answer.is_success() {
        return Ok(answer.body == FILE);
    }
    Err(format!("a download was answered {}", answer.summary()))
}

/// Judges an object store whose URLs are signed with the condition.
fn enforced(reuse: Reuse, rules: &ProviderRules) -> DoctorCheck {
    match reuse {
        Reuse::Refused(answer) if answer.status == StatusCode::PRECONDITION_FAILED => {
            DoctorCheck::passed(
                NAME,
                "The object store refused a second file at the same URL (412): each URL is valid for one upload.",
            )
        }
        Reuse::Refused(answer) => DoctorCheck::warned(
            NAME,
            format!(
                "The object store refused a second file at the same URL, but not with 412 ({}): a client \
                 that tries again can't tell that its file was stored.",
                answer.summary()
            ),
        ),
        // minio/minio#19682.
        Reuse::Replaced if rules.may_be_minio() => DoctorCheck::failed(
            NAME,
            format!(
                "{IGNORES} {DANGER} Upgrade MinIO to RELEASE.2024-05-07T06-41-25Z or newer; older releases \
                 have this fault."
            ),
        ),
        Reuse::Replaced => DoctorCheck::failed(NAME, format!("{IGNORES} {DANGER}")),
        Reuse::ReplacedUnsigned => DoctorCheck::failed(
            NAME,
            format!(
                "The object store accepted a second file without the signed If-None-Match. {DANGER}"
            ),
        ),
        Reuse::FirstRefused(answer) => unclear(&format!("it answered {}", answer.summary())),
    }
}

/// Judges an object store for which the condition is not known to work.
fn offered(reuse: Reuse) -> DoctorCheck {
    match reuse {
        Reuse::Refused(answer) if answer.status == StatusCode::PRECONDITION_FAILED => {
            DoctorCheck::warned(
                NAME,
                "URLs are signed without If-None-Match and can be used again until they expire. But the \
                 object store supports that header, and refuses a second file with 412: describe the bucket \
                 with `single_use_puts`.",
            )
        }
        Reuse::Refused(answer) | Reuse::FirstRefused(answer) => DoctorCheck::warned(
            NAME,
            format!(
                "The object store doesn't support If-None-Match for uploads ({}). {DANGER}",
                answer.summary()
            ),
        ),
        Reuse::Replaced | Reuse::ReplacedUnsigned => {
            DoctorCheck::warned(NAME, format!("{IGNORES} {DANGER}"))
        }
    }
}

fn unclear(why: &str) -> DoctorCheck {
    DoctorCheck::warned(
        NAME,
        format!(
            "The test whether a URL can be used again had no clear result ({why}). Try again, and check the object store's log."
        ),
    )
}
