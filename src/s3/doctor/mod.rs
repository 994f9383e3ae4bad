//! Tests a bucket and its configuration with real requests, and reports problems in sentences.
//!
//! | file | contents |
//! |---|---|
//! | `options`, `report` | the input and the result |
//! | `checkup`, `answer` | sending requests, and parsing their answers |
//! | `reach` | the checks of the endpoints and the clock |
//! | `access` | the checks of region, credentials and bucket |
//! | `upload` | the checks of a correct upload, from the signature to the download |
//! | `forgery`, `test_upload` | the checks of uploads that have to be refused |
//! | `single_use` | the check of reusing a PUT URL |
//! | `cors` | the check of uploads from browsers |
//! | `retention` | the checks of versions and lifecycle rules |
//! | `cleanup` | removing the doctor's own objects |

mod access;
mod answer;
mod checkup;
mod cleanup;
mod cors;
mod forgery;
mod options;
mod reach;
mod report;
mod retention;
mod single_use;
mod test_upload;
mod upload;

pub use options::DoctorOptions;
pub use report::{CheckStatus, DoctorCheck, DoctorReport};

use super::bucket::S3Bucket;
use crate::sigv4::Credentials;
use checkup::Checkup;

/// Tests a bucket with real requests, and reports each problem with its solution.
///
/// The doctor
///
/// 1. checks that both endpoints answer, and compares the clocks;
/// 2. checks region, credentials and bucket;
/// 3. uploads, verifies and downloads a small file as clients do;
/// 4. sends some ten forged uploads: too large, empty, of another type, to another key, too late,
///    with something added, with a false signature, and with none;
/// 5. uses a PUT URL twice, checks whether browsers may upload, and reads the bucket's versioning
///    and lifecycle rules;
/// 6. removes its own objects, which are below `tower-asset-upload-doctor/`.
///
/// This takes some fifty small requests, one after the other. It needs a Tokio runtime and the
/// permissions of the service: `s3:PutObject`, `s3:GetObject`, `s3:ListBucket`, `s3:DeleteObject`.
/// A setting that the credentials can't read is a [skipped](CheckStatus::Skipped) check. The
/// function never returns an error: an object store that doesn't answer is a
/// [failed](CheckStatus::Failed) check. The environment's proxies (`HTTPS_PROXY` and the like) are
/// ignored.
///
/// If the future is dropped, the objects that it has created so far stay in the bucket.
///
/// ```no_run
/// use tower_asset_upload::s3::{doctor, CheckStatus, DoctorOptions, S3Bucket};
/// use tower_asset_upload::sigv4::{Credentials, Region};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let bucket = S3Bucket::custom("uploads", Region::new("garage")?, "http://127.0.0.1:3900")?;
/// let credentials = Credentials::new("GK31c2f218a2e44f485b94239e", "secret")?;
/// let options = DoctorOptions::new().origin("https://app.example.com");
/// let report = doctor(&bucket, &credentials, &options).await;
/// for check in report.checks() {
///     println!("{} {}: {}", check.status, check.name, check.says);
/// }
/// assert_ne!(report.status(), CheckStatus::Failed);
/// # Ok(())
/// # }
/// ```
pub async fn doctor(
    bucket: &S3Bucket,
    credentials: &Credentials,
    options: &DoctorOptions,
) -> DoctorReport {
    let mut checkup = Checkup::begin(bucket, credentials, options);
    let mut checks = Vec::new();
    let (endpoint, greeting) = reach::endpoint(&checkup).await;
    checks.push(endpoint);
    if let Some(greeting) = greeting {
        let (clock, ahead) = reach::clock(&checkup, &greeting);
        checkup.ahead = ahead;
        checks.push(clock);
        let (public, has_clients) = reach::public(&checkup).await;
        checks.push(public);
        let access = access::access(&checkup).await;
        let may_enter = !access.iter().any(DoctorCheck::has_failed);
        checks.extend(access);
        let (mut uploaded, mut single_use) = (None, false);
        if has_clients && may_enter {
            let (upload, answer) = upload::upload(&mut checkup).await;
            checks.push(upload);
            if answer.is_some() {
                checks.push(upload::verify(&checkup).await);
                checks.push(upload::download(&checkup).await);
                checks.push(upload::private(&checkup).await);
                checks.extend(forgery::forgeries(&mut checkup).await);
                let check = single_use::single_use(&mut checkup).await;
                single_use = check.status == CheckStatus::Passed;
                checks.push(check);
            }
            uploaded = answer;
        }
        if has_clients {
            checks.push(cors::cors(&checkup, uploaded.as_ref()).await);
        }
        if may_enter {
            checks.extend(retention::retention(&checkup, single_use).await);
        }
    }
    checks.push(cleanup::cleanup(&checkup).await);
    DoctorReport::of(checks)
}
