//! Checks that the object store can be reached by this machine and by clients, and compares the
//! clocks.

use time::format_description::well_known::Rfc2822;
use time::{Duration, OffsetDateTime};

use super::answer::{Answer, plain};
use super::checkup::Checkup;
use super::report::DoctorCheck;
use crate::s3::bucket::Address;

/// A difference that affects no signature. `Date` has whole seconds, and the answer took time.
const TOLERATED: Duration = Duration::minutes(1);
/// The largest difference that S3 accepts (AWS, "Error responses": `RequestTimeTooSkewed`).
const ACCEPTED: Duration = Duration::minutes(15);

pub(super) async fn endpoint(checkup: &Checkup<'_>) -> (DoctorCheck, Option<Answer>) {
    const NAME: &str = "endpoint";
    let address = checkup.bucket.internal();
    match speaks_s3(checkup, address).await {
        Ok(answer) => {
            let says = format!("{} answers and speaks S3.", address.origin);
            (DoctorCheck::passed(NAME, says), Some(answer))
        }
        Err(says) => (DoctorCheck::failed(NAME, says), None),
    }
}

/// Returns the check, and whether clients can upload at all.
pub(super) async fn public(checkup: &Checkup<'_>) -> (DoctorCheck, bool) {
    const NAME: &str = "public";
    let (public, internal) = (checkup.bucket.public(), checkup.bucket.internal());
    let origin = &public.origin;
    if public != internal
        && let Err(says) = speaks_s3(checkup, public).await
    {
        let says = format!(
            "{says} Clients are sent there. If only this machine can't reach it, run the doctor elsewhere."
        );
        return (DoctorCheck::failed(NAME, says), false);
    }
    let page = checkup.options.origin.as_deref().unwrap_or_default();
    let check = if page.starts_with("https://") && origin.starts_with("http://") {
        DoctorCheck::warned(
            NAME,
            format!(
                "Clients are sent to {origin}, but browsers don't let a page of {page} connect to an http:// \
                 address. Give the public endpoint a certificate and an https:// address."
            ),
        )
    } else if public == internal {
        DoctorCheck::passed(NAME, format!("Clients are sent to {origin} too."))
    } else {
        DoctorCheck::passed(
            NAME,
            format!("Clients are sent to {origin}, which answers."),
        )
    };
    (check, true)
}

/// Requests a missing object with a wrong signature: an S3 API answers with an S3 error.
///
/// Without a signature the request might not be S3's: Swift answers it with another API.
async fn speaks_s3(checkup: &Checkup<'_>, address: &Address) -> Result<Answer, String> {
    let origin = &address.origin;
    let url = checkup.falsely_signed(address, &checkup.key("missing"))?;
    let answer = checkup.get(&url).await;
    let answer = answer.map_err(|fault| {
        format!(
            "{origin} can't be reached ({fault}). Check the address, the port, the certificate, and \
             whether the object store is running."
        )
    })?;
    if answer.error.is_some() {
        return Ok(answer);
    }
    let kind = answer.header("content-type").map_or_else(
        || "no type".to_owned(),
        |kind| plain(kind.split(';').next().unwrap_or_default()),
    );
    Err(format!(
        "{origin} answers, but not as S3 does ({}, {kind}). Check that it is the address of the S3 API, \
         and not of a web console, or of a proxy that can't reach the object store.",
        answer.summary(),
    ))
}

/// Returns the check, and the correction of this machine's clock for signatures.
pub(super) fn clock(checkup: &Checkup<'_>, answer: &Answer) -> (DoctorCheck, Duration) {
    compare(checkup.options.clock.now(), answer.header("date"))
}

fn compare(ours: OffsetDateTime, date: Option<&str>) -> (DoctorCheck, Duration) {
    const NAME: &str = "clock";
    let theirs = date.and_then(|date| OffsetDateTime::parse(date, &Rfc2822).ok());
    let Some(theirs) = theirs else {
        let says = "The object store's answer has no Date, so the clocks can't be compared.";
        return (DoctorCheck::skipped(NAME, says), Duration::ZERO);
    };
    let ahead = theirs - ours;
    let off = span(ahead);
    let way = if ahead.is_negative() { "fast" } else { "slow" };
    let check = if ahead.abs() <= TOLERATED {
        let says = "This machine's clock and the object store's agree.";
        return (DoctorCheck::passed(NAME, says), Duration::ZERO);
    } else if ahead.abs() <= ACCEPTED {
        DoctorCheck::warned(
            NAME,
            format!(
                "This machine's clock is {off} {way} compared with the object store's. S3 refuses \
                 signatures that are 15 minutes off, and forms expire too early or too late: \
                 synchronize the clock (NTP)."
            ),
        )
    } else {
        DoctorCheck::failed(
            NAME,
            format!(
                "This machine's clock is {off} {way} compared with the object store's, and S3 refuses \
                 signatures that are 15 minutes off: synchronize the clock (NTP). The checks below use \
                 the object store's clock."
            ),
        )
    };
    (check, ahead)
}

/// Formats a duration: `2 h 3 min`, `95 s`.
fn span(length: Duration) -> String {
    let seconds = length.whole_seconds().unsigned_abs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} days", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::s3::doctor::report::CheckStatus;

    #[test]
    fn clocks_are_compared() {
        let store = Some("Tue, 19 May 2026 10:11:12 GMT");
        for (ours, status, fragment, ahead) in [
            (
                datetime!(2026-05-19 10:11:40 UTC),
                CheckStatus::Passed,
                "agree",
                0,
            ),
            (
                datetime!(2026-05-19 10:14:12 UTC),
                CheckStatus::Warned,
                "3 min fast",
                -180,
            ),
            (
                datetime!(2026-05-19 10:09:30 UTC),
                CheckStatus::Warned,
                "102 s slow",
                102,
            ),
            (
                datetime!(2026-05-19 07:08:12 UTC),
                CheckStatus::Failed,
                "3 h 3 min slow",
                10_980,
            ),
        ] {
            let (check, offset) = compare(ours, store);
            assert_eq!((check.status, offset.whole_seconds()), (status, ahead));
            assert!(check.says.contains(fragment), "{}", check.says);
        }
        for none in [None, Some("yesterday")] {
            let (check, _) = compare(datetime!(2026-05-19 10:11:12 UTC), none);
            assert_eq!(check.status, CheckStatus::Skipped);
        }
    }
}
