//! Removes the doctor's objects, whatever the results of the checks.

use http::{Method as HttpMethod, StatusCode};

use super::checkup::{Checkup, Created};
use super::report::DoctorCheck;
use crate::sigv4::Method;

const NAME: &str = "cleanup";

/// The most deletions of one key. A key is written once or twice, so a bucket with versioning has
/// one or two versions.
const ROUNDS: usize = 4;

pub(super) async fn cleanup(checkup: &Checkup<'_>) -> DoctorCheck {
    if checkup.created.is_empty() {
        return DoctorCheck::passed(NAME, "Nothing was created, so there was nothing to remove.");
    }
    let mut left = Vec::new();
    let mut removed = 0;
    for created in &checkup.created {
        match remove(checkup, created).await {
            Ok(versions) => removed += versions,
            Err(why) => left.push(format!("`{}` ({why})", created.key)),
        }
    }
    if left.is_empty() {
        let objects = if removed == 1 { "object" } else { "objects" };
        return DoctorCheck::passed(
            NAME,
            format!("All objects of the doctor were removed: {removed} {objects}."),
        );
    }
    DoctorCheck::failed(
        NAME,
        format!(
            "Some objects of the doctor may still exist: {}. Remove them by hand. The purge needs \
             s3:DeleteObject too.",
            left.join(", ")
        ),
    )
}

/// Removes each version by its id, and returns the number of versions. A DELETE without a version
/// id would only hide the object behind a delete marker.
async fn remove(checkup: &Checkup<'_>, created: &Created) -> Result<usize, String> {
    for removed in 0..ROUNDS {
        let url = checkup.object_url(Method::Head, &created.key, None)?;
        let found = checkup.send(HttpMethod::HEAD, &url, &[], "").await?;
        match found.status {
            status if status.is_success() => {
                delete(checkup, &created.key, found.header("x-amz-version-id")).await?;
            }
            StatusCode::NOT_FOUND => return Ok(removed),
            // S3 answers 403 for a missing object without s3:ListBucket, and for any object without
            // s3:GetObject.
            StatusCode::FORBIDDEN if removed > 0 || !created.accepted => return Ok(removed),
            StatusCode::FORBIDDEN => return delete(checkup, &created.key, None).await.map(|()| 1),
            status => return Err(format!("HEAD was answered with {status}")),
        }
    }
    Err("it still exists after each DELETE".to_owned())
}

async fn delete(checkup: &Checkup<'_>, key: &str, version: Option<&str>) -> Result<(), String> {
    let url = checkup.object_url(Method::Delete, key, version)?;
    let answer = checkup.send(HttpMethod::DELETE, &url, &[], "").await?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(format!("DELETE was answered with {}", answer.summary()))
}
