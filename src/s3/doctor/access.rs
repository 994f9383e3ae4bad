//! Whether the store takes the credentials, in this region, for this bucket.
//!
//! Two requests tell: a download of what isn't there, signed as it should be and with the signature
//! spoiled. They need no permission but that of the verifier.

use http::StatusCode;

use super::answer::Answer;
use super::checkup::Checkup;
use super::report::DoctorCheck;
use crate::sigv4::Method;

const REGION: &str = "region";
const CREDENTIALS: &str = "credentials";
const BUCKET: &str = "bucket";

/// How the store answered a signature, and a spoiled one.
struct Probe {
    signed: Answer,
    spoiled: Answer,
}

/// What the checks have to know.
struct Asked<'a> {
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
                format!("Nothing could be asked with the credentials: {fault}."),
            )];
        }
    };
    let asked = Asked {
        bucket: checkup.bucket.name(),
        region: checkup.bucket.region().as_str(),
        key_id: checkup.credentials.access_key_id(),
    };
    let mut region = region(&probe, &asked);
    if region.has_failed() {
        return vec![region];
    }
    let credentials = credentials(&probe, &asked);
    if credentials.has_failed() {
        return vec![region, credentials];
    }
    let mut bucket = bucket(&probe, &asked);
    // Some stores look for the object only.
    let listing = [("list-type", "2"), ("max-keys", "1")];
    if let Ok(answer) = checkup.ask_bucket(&listing).await
        && answer.code() == "NoSuchBucket"
    {
        bucket = no_bucket(&asked, &answer);
    }
    if !bucket.has_failed()
        && let Ok(answer) = checkup.ask_bucket(&[("location", "")]).await
        && let Some(elsewhere) = elsewhere(&answer, asked.region)
    {
        region = DoctorCheck::warned(
            REGION,
            format!(
                "The store takes signatures for `{}`, but says that the bucket is in `{elsewhere}`. \
                 Use that, as other stores refuse the wrong one.",
                asked.region
            ),
        );
    }
    vec![region, credentials, bucket]
}

async fn probe(checkup: &Checkup<'_>) -> Result<Probe, String> {
    let url = checkup.object_url(Method::Get, &checkup.key("missing"), None)?;
    Ok(Probe {
        signed: checkup.get(&url).await?,
        spoiled: checkup.get(&spoiled(&url)).await?,
    })
}

/// The text with another last digit: a signature stands at the end of its URL.
pub(super) fn spoiled(signature: &str) -> String {
    let mut text = signature.to_owned();
    let other = if text.pop() == Some('0') { '1' } else { '0' };
    text.push(other);
    text
}

impl Probe {
    /// Whether a spoiled signature makes no difference, the store's reasons included.
    fn is_blind(&self) -> bool {
        self.signed.status == self.spoiled.status && self.signed.error == self.spoiled.error
    }

    fn is_denied(&self) -> bool {
        matches!(
            self.signed.status,
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED
        )
    }
}

fn region(probe: &Probe, asked: &Asked<'_>) -> DoctorCheck {
    let Asked { bucket, region, .. } = asked;
    let answer = &probe.signed;
    let told = answer.told();
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
                "The bucket `{bucket}` is in `{named}`, not in `{region}` ({told}). Configure that region \
                 and its endpoint."
            ),
        );
    }
    if malformed || answer.status.is_redirection() {
        return DoctorCheck::failed(
            REGION,
            format!(
                "The store doesn't take signatures for the region `{region}` ({told}). Configure the region \
                 that the store or the bucket is in."
            ),
        );
    }
    DoctorCheck::passed(
        REGION,
        format!("The store takes signatures for the region `{region}`."),
    )
}

fn credentials(probe: &Probe, asked: &Asked<'_>) -> DoctorCheck {
    let key_id = asked.key_id;
    let told = probe.signed.told();
    let failed = |why: &str| DoctorCheck::failed(CREDENTIALS, format!("{why} ({told})."));
    match probe.signed.code() {
        "InvalidAccessKeyId" | "NotSignedUp" => {
            return failed(&format!(
                "The store knows no access key `{key_id}`: it is mistyped, deleted, or another store's"
            ));
        }
        "SignatureDoesNotMatch" => {
            return failed(&format!(
                "The secret doesn't belong to the access key `{key_id}`, or a proxy changes what was signed"
            ));
        }
        "ExpiredToken" | "TokenRefreshRequired" => {
            return failed("The session token has ended: get fresh credentials");
        }
        "InvalidToken" => {
            return failed(
                "The session token is not one of the store's, or not of this access key",
            );
        }
        _ => {}
    }
    match (probe.is_blind(), probe.is_denied()) {
        (true, true) => failed(&format!(
            "The store refuses the access key `{key_id}` just as it refuses a false signature: the id or \
             the secret is wrong"
        )),
        (true, false) if probe.signed.code() == "NoSuchBucket" => DoctorCheck::skipped(
            CREDENTIALS,
            "The store doesn't look at them before it has found the bucket.",
        ),
        (true, false) => DoctorCheck::warned(
            CREDENTIALS,
            format!(
                "The store answers the same to a false signature ({told}): it checks no credentials when \
                 something is asked for, so nothing says that these are right."
            ),
        ),
        (false, _) => DoctorCheck::passed(
            CREDENTIALS,
            format!("The store knows the access key `{key_id}` and its secret."),
        ),
    }
}

fn bucket(probe: &Probe, asked: &Asked<'_>) -> DoctorCheck {
    let name = asked.bucket;
    let told = probe.signed.told();
    match (probe.signed.code(), probe.signed.status) {
        ("NoSuchBucket", _) => no_bucket(asked, &probe.signed),
        (_, StatusCode::NOT_FOUND) => {
            DoctorCheck::passed(BUCKET, format!("The bucket `{name}` is there."))
        }
        (_, StatusCode::FORBIDDEN) => DoctorCheck::warned(
            BUCKET,
            format!(
                "The credentials may not ask for a missing object of `{name}` ({told}). To verify uploads \
                 they need s3:GetObject, and s3:ListBucket to tell what is missing from what is forbidden."
            ),
        ),
        _ => DoctorCheck::failed(
            BUCKET,
            format!("Asked for a missing object of `{name}`, the store answered {told}."),
        ),
    }
}

fn no_bucket(asked: &Asked<'_>, answer: &Answer) -> DoctorCheck {
    let (name, told) = (asked.bucket, answer.told());
    DoctorCheck::failed(
        BUCKET,
        format!(
            "There is no bucket `{name}` ({told}). Make it, or mind its name and whether it stands in \
             the host's name."
        ),
    )
}

/// The region that the store names, where it is another (AWS, "GetBucketLocation": none is us-east-1,
/// `EU` is eu-west-1). Other stores leave it out whatever their region is.
fn elsewhere(answer: &Answer, region: &str) -> Option<String> {
    let document = answer.xml().filter(|_| answer.is_yes())?;
    let mut elements = document.descendants();
    let constraint = elements.find(|node| node.tag_name().name() == "LocationConstraint")?;
    let named = match constraint.text()?.trim() {
        "EU" => "eu-west-1",
        named => named,
    };
    // R2 calls every region `auto` when it signs, and answers with a continent.
    let differs = !named.is_empty() && !named.eq_ignore_ascii_case(region) && region != "auto";
    differs.then(|| super::answer::plain(named))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::s3::doctor::report::CheckStatus::{self, Failed, Passed, Skipped, Warned};

    const ASKED: Asked<'_> = Asked {
        bucket: "uploads",
        region: "eu-central-1",
        key_id: "AKID",
    };

    fn answer(status: u16, code: &str, more: &str) -> Answer {
        let body = format!("<Error><Code>{code}</Code>{more}</Error>");
        let status = StatusCode::from_u16(status).unwrap();
        Answer::new(status, HeaderMap::new(), body.into())
    }

    fn judged(signed: Answer, spoiled: Answer) -> [CheckStatus; 3] {
        let probe = Probe { signed, spoiled };
        [region, credentials, bucket].map(|check| check(&probe, &ASKED).status)
    }

    #[test]
    fn what_stores_answer_is_understood() {
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
        // AWS, where s3:ListBucket is missing.
        assert_eq!(
            judged(denied("Denied"), mismatch()),
            [Passed, Passed, Warned]
        );
        // Garage, where the secret is wrong, and where the key has no rights.
        let invalid = || denied("Forbidden: Invalid signature");
        assert_eq!(judged(invalid(), invalid())[1], Failed);
        let no_right = denied("Operation is not allowed for this key.");
        assert_eq!(judged(no_right, invalid()), [Passed, Passed, Warned]);
        // Stores that check nothing.
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
    fn a_wrong_region_is_told_with_the_right_one() {
        let malformed = answer(
            400,
            "AuthorizationQueryParametersError",
            "<Region>eu-west-1</Region>",
        );
        let moved = answer(301, "PermanentRedirect", "");
        for (signed, fragment) in [(malformed, "`eu-west-1`"), (moved, "301")] {
            let probe = Probe {
                spoiled: signed.clone(),
                signed,
            };
            let check = region(&probe, &ASKED);
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
    fn a_spoiled_signature_is_another() {
        assert_eq!(spoiled("ab0"), "ab1");
        assert_eq!(spoiled("abf"), "ab0");
    }
}
