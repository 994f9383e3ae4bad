//! Removes what the doctor made, whatever became of the checks.

use http::{Method as HttpMethod, StatusCode};

use super::checkup::{Checkup, Made};
use super::report::DoctorCheck;
use crate::sigv4::Method;

const NAME: &str = "cleanup";

/// A key is written to once or twice; a bucket that keeps versions then has as many.
const ROUNDS: usize = 4;

pub(super) async fn cleanup(checkup: &Checkup<'_>) -> DoctorCheck {
    if checkup.made.is_empty() {
        return DoctorCheck::passed(NAME, "Nothing was made, so nothing had to go.");
    }
    let mut left = Vec::new();
    let mut removed = 0;
    for made in &checkup.made {
        match remove(checkup, made).await {
            Ok(versions) => removed += versions,
            Err(why) => left.push(format!("`{}` ({why})", made.key)),
        }
    }
    if left.is_empty() {
        let objects = if removed == 1 { "object" } else { "objects" };
        return DoctorCheck::passed(
            NAME,
            format!("All that was made is gone: {removed} {objects}."),
        );
    }
    DoctorCheck::failed(
        NAME,
        format!(
            "Of what was made this may still be there: {}. Remove it by hand; `purge` needs \
             s3:DeleteObject too.",
            left.join(", ")
        ),
    )
}

/// Removes each version by its name, as a plain DELETE would but hide the object behind one more; says
/// how many there were.
async fn remove(checkup: &Checkup<'_>, made: &Made) -> Result<usize, String> {
    for removed in 0..ROUNDS {
        let url = checkup.object_url(Method::Head, &made.key, None)?;
        let found = checkup.send(HttpMethod::HEAD, &url, &[], "").await?;
        match found.status {
            status if status.is_success() => {
                delete(checkup, &made.key, found.header("x-amz-version-id")).await?;
            }
            StatusCode::NOT_FOUND => return Ok(removed),
            // S3 says so of what is missing where s3:ListBucket is, and of all where s3:GetObject is.
            StatusCode::FORBIDDEN if removed > 0 || !made.taken => return Ok(removed),
            StatusCode::FORBIDDEN => return delete(checkup, &made.key, None).await.map(|()| 1),
            status => return Err(format!("HEAD was answered with {status}")),
        }
    }
    Err("it is there again after each DELETE".to_owned())
}

async fn delete(checkup: &Checkup<'_>, key: &str, version: Option<&str>) -> Result<(), String> {
    let url = checkup.object_url(Method::Delete, key, version)?;
    let answer = checkup.send(HttpMethod::DELETE, &url, &[], "").await?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(format!("DELETE was answered with {}", answer.told()))
}
