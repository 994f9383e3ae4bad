//! Checks that the object store accepts the credentials, in this region, for this bucket.
//!
//! It takes two requests for a missing object: one with a correct signature, and one with a changed
//! signature. Both need the permissions of `S3Objects` only.

use http::StatusCode;

use super::answer::Answer;
use super::checkup::Checkup;
use super::report::DoctorCheck;
use crate::sigv4::Method;

const REGION: &str = "region";
const CREDENTIALS: &str = "credentials";
const BUCKET: &str = "bucket";

/// The answers to a correct signature and to a changed one.
struct Probe {
    signed: Answer,
    changed: Answer,
}

/// The configuration that the sentences name.
struct Config<'a> {
    bucket: &'a str,
    region: &'a str,
    key_id: &'a str,
}

pub(super) async fn access(checkup: &Checkup<'_>) -> Vec<DoctorCheck> {
    let probe = match probe(checkup).await {
        Ok(probe) => probe,
        Err(fault) => {
            return vec![DoctorCheck::failed(
                CREDENTIALS,
                format!("No request could be sent with the credentials: {fault}."),
            )];
        }
    };
    let config = Config {
        bucket: checkup.bucket.name(),
        region: checkup.bucket.region().as_str(),
        key_id: checkup.credentials.access_key_id(),
    };
    let mut region = region(&probe, &config);
    if region.has_failed() {
        return vec![region];
    }
    let credentials = credentials(&probe, &config);
    if credentials.has_failed() {
        return vec![region, credentials];
    }
    let mut bucket = bucket(&probe, &config);
    // Some object stores only look for the object, so a list is requested too.
    let listing = [("list-type", "2"), ("max-keys", "1")];
    if let Ok(answer) = checkup.ask_bucket(&listing).await
        && answer.code() == "NoSuchBucket"
    {
        bucket = no_bucket(&config, &answer);
    }
    if !bucket.has_failed()
        && let Ok(answer) = checkup.ask_bucket(&[("location", "")]).await
        && let Some(elsewhere) = elsewhere(&answer, config.region)
    {
        region = DoctorCheck::warned(
            REGION,
            format!(
                "The object store accepts signatures for `{}`, but says that the bucket is in `{elsewhere}`. \
                 Use that region: other object stores refuse a wrong one.",
                config.region
            ),
        );
    }
    vec![region, credentials, bucket]
}

async fn probe(checkup: &Checkup<'_>) -> Result<Probe, String> {
    let url = checkup.object_url(Method::Get, &checkup.key("missing"), None)?;
    Ok(Probe {
        signed: checkup.get(&url).await?,
        changed: checkup.get(&changed_signature(&url)).await?,
    })
}

/// Changes the last digit of a signature, or of a signed URL, which ends with its signature.
pub(super) fn changed_signature(signature: &str) -> String {
    let mut text = signature.to_owned();
    let other = if text.pop() == Some('0') { '1' } else { '0' };
    text.push(other);
    text
}

impl Probe {
    /// Returns whether the object store's answer is the same for a changed signature.
    fn ignores_signature(&self) -> bool {
        self.signed.status == self.changed.status && self.signed.error == self.changed.error
    }

    fn is_denied(&self) -> bool {
        matches!(
            self.signed.status,
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED
        )
    }
}

fn region(probe: &Probe, config: &Config<'_>) -> DoctorCheck {
    let Config { bucket, region, .. } = config;
    let answer = &probe.signed;
    let summary = answer.summary();
    let error = answer.error.as_ref();
    let named = error
        .and_then(|error| error.region.as_deref())
        .or_else(|| answer.header("x-amz-bucket-region"))
        .filter(|named| named != region)
        .map(super::answer::plain);
    let malformed = matches!(
        answer.code(),
        "AuthorizationHeaderMalformed"
            | "AuthorizationQueryParametersError"
            | "IllegalLocationConstraintException"
            | "InvalidRegion"
    );
    if let Some(named) = named {
        return DoctorCheck::failed(
            REGION,
            format!(
                "The bucket `{bucket}` is in `{named}`, not in `{region}` ({summary}). Configure that region \
                 and its endpoint."
            ),
        );
    }
    if malformed || answer.status.is_redirection() {
        return DoctorCheck::failed(
            REGION,
            format!(
                "The object store refuses signatures for the region `{region}` ({summary}). Configure the \
                 region of the object store or the bucket."
            ),
        );
    }
    DoctorCheck::passed(
        REGION,
        format!("The object store accepts signatures for the region `{region}`."),
    )
}

fn credentials(probe: &Probe, config: &Config<'_>) -> DoctorCheck {
    let key_id = config.key_id;
    let summary = probe.signed.summary();
    let failed = |why: &str| DoctorCheck::failed(CREDENTIALS, format!("{why} ({summary})."));
    match probe.signed.code() {
        "InvalidAccessKeyId" | "NotSignedUp" => {
            return failed(&format!(
                "The object store knows no access key `{key_id}`: it is mistyped, deleted, or another object store's"
            ));
        }
        "SignatureDoesNotMatch" => {
            return failed(&format!(
                "The secret doesn't belong to the access key `{key_id}`, or a proxy changes the signed request"
            ));
        }
        "ExpiredToken" | "TokenRefreshRequired" => {
            return failed("The session token has expired: get new credentials");
        }
        "InvalidToken" => {
            return failed(
                "The session token was not issued by this object store, or not for this access key",
            );
        }
        _ => {}
    }
    match (probe.ignores_signature(), probe.is_denied()) {
        (true, true) => failed(&format!(
            "The object store refuses the access key `{key_id}` as it refuses a false signature: the id or \
             the secret is wrong"
        )),
        (true, false) if probe.signed.code() == "NoSuchBucket" => DoctorCheck::skipped(
            CREDENTIALS,
            "The object store checks the credentials only if the bucket exists.",
        ),
        (true, false) => DoctorCheck::warned(
            CREDENTIALS,
            format!(
                "The object store answers the same to a false signature ({summary}): it checks no credentials \
                 for downloads, so the credentials could not be tested."
            ),
        ),
        (false, _) => DoctorCheck::passed(
            CREDENTIALS,
            format!("The object store knows the access key `{key_id}` and its secret."),
        ),
    }
}

fn bucket(probe: &Probe, config: &Config<'_>) -> DoctorCheck {
    let name = config.bucket;
    let summary = probe.signed.summary();
    match (probe.signed.code(), probe.signed.status) {
        ("NoSuchBucket", _) => no_bucket(config, &probe.signed),
        (_, StatusCode::NOT_FOUND) => {
            DoctorCheck::passed(BUCKET, format!("The bucket `{name}` exists."))
        }
        (_, StatusCode::FORBIDDEN) => DoctorCheck::warned(
            BUCKET,
            format!(
                "The credentials may not read a missing object of `{name}` ({summary}). To verify uploads \
                 they need s3:GetObject, and s3:ListBucket to tell missing objects from forbidden ones."
            ),
        ),
        _ => DoctorCheck::failed(
            BUCKET,
            format!(
                "The object store answered {summary} to a request for a missing object of `{name}`."
            ),
        ),
    }
}

fn no_bucket(config: &Config<'_>, answer: &Answer) -> DoctorCheck {
    let (name, summary) = (config.bucket, answer.summary());
    DoctorCheck::failed(
        BUCKET,
        format!(
            "There is no bucket `{name}` ({summary}). Create it, or check its name and whether it belongs \
             in the host name."
        ),
    )
}

/// Returns the bucket's region if the object store names another one than `region` (AWS,
/// "GetBucketLocation": an empty answer means us-east-1, `EU` means eu-west-1). Other object stores
/// answer empty for any region.
fn elsewhere(answer: &Answer, region: &str) -> Option<String> {
    let document = answer.xml().filter(|_| answer.is_success())?;
    let mut elements = document.descendants();
    let constraint = elements.find(|node| node.tag_name().name() == "LocationConstraint")?;
    let named = match constraint.text()?.trim() {
        "EU" => "eu-west-1",
        named => named,
    };
    // R2 signs for the region `auto`, and answers with a continent.
    let differs = !named.is_empty() && !named.eq_ignore_ascii_case(region) && region != "auto";
    differs.then(|| super::answer::plain(named))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::s3::doctor::report::CheckStatus::{self, Failed, Passed, Skipped, Warned};

    const CONFIG: Config<'_> = Config {
        bucket: "uploads",
        region: "eu-central-1",
        key_id: "AKID",
    };

    fn answer(status: u16, code: &str, more: &str) -> Answer {
        let body = format!("<Error><Code>{code}</Code>{more}</Error>");
        let status = StatusCode::from_u16(status).unwrap();
        Answer::new(status, HeaderMap::new(), body.into())
    }

    fn judged(signed: Answer, changed: Answer) -> [CheckStatus; 3] {
        let probe = Probe { signed, changed };
        [region, credentials, bucket].map(|check| check(&probe, &CONFIG).status)
    }

    #[test]
    fn answers_of_object_stores_are_judged() {
        let mismatch = || answer(403, "SignatureDoesNotMatch", "");
        let denied = |message: &str| {
            answer(
                403,
                "AccessDenied",
                &format!("<Message>{message}</Message>"),
            )
        };
        let missing = || answer(404, "NoSuchKey", "");
        let no_bucket = || answer(404, "NoSuchBucket", "");
        assert_eq!(judged(missing(), mismatch()), [Passed, Passed, Passed]);
        // AWS without s3:ListBucket.
        assert_eq!(
            judged(denied("Denied"), mismatch()),
            [Passed, Passed, Warned]
        );
        // Garage with a wrong secret, and with a key without permissions.
        let invalid = || denied("Forbidden: Invalid signature");
        assert_eq!(judged(invalid(), invalid())[1], Failed);
        let no_right = denied("Operation is not allowed for this key.");
        assert_eq!(judged(no_right, invalid()), [Passed, Passed, Warned]);
        // Object stores that check no credentials.
        assert_eq!(judged(missing(), missing()), [Passed, Warned, Passed]);
        assert_eq!(judged(no_bucket(), no_bucket()), [Passed, Skipped, Failed]);
        assert_eq!(judged(no_bucket(), mismatch()), [Passed, Passed, Failed]);
        for code in ["InvalidAccessKeyId", "ExpiredToken", "InvalidToken"] {
            assert_eq!(
                judged(answer(403, code, ""), mismatch())[1],
                Failed,
                "{code}"
            );
        }
        assert_eq!(judged(mismatch(), mismatch())[1], Failed);
    }

    #[test]
    fn a_wrong_region_is_reported_with_the_right_one() {
        let malformed = answer(
            400,
            "AuthorizationQueryParametersError",
            "<Region>eu-west-1</Region>",
        );
        let moved = answer(301, "PermanentRedirect", "");
        for (signed, fragment) in [(malformed, "`eu-west-1`"), (moved, "301")] {
            let probe = Probe {
                changed: signed.clone(),
                signed,
            };
            let check = region(&probe, &CONFIG);
            assert_eq!(check.status, Failed);
            assert!(check.says.contains(fragment), "{}", check.says);
        }
    }

    #[test]
    fn locations_are_compared() {
        let located = |region: &str| {
            let body = format!(
                "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{region}</LocationConstraint>"
            );
            Answer::new(StatusCode::OK, HeaderMap::new(), body.into())
        };
        assert_eq!(elsewhere(&located("eu-central-1"), "eu-central-1"), None);
        assert_eq!(elsewhere(&located(""), "garage"), None);
        assert_eq!(elsewhere(&located("EU"), "eu-west-1"), None);
        assert_eq!(elsewhere(&located("WEUR"), "auto"), None);
        let other = elsewhere(&located("eu-north-1"), "eu-central-1");
        assert_eq!(other.as_deref(), Some("eu-north-1"));
    }

    #[test]
    fn a_changed_signature_differs() {
        assert_eq!(changed_signature("ab0"), "ab1");
        assert_eq!(changed_signature("abf"), "ab0");
    }
}
