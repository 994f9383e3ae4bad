//! Tries a bucket and its configuration for real, and says in sentences what is wrong with them.
//!
//! | file | what it does |
//! |---|---|
//! | `options`, `report` | what is asked and what is answered |
//! | `checkup`, `answer` | how the store is spoken to, and its words understood |
//! | `reach` | the endpoints and the clock |
//! | `access` | region, credentials, bucket |
//! | `upload` | an honest upload, from the signature to the download |
//! | `forgery`, `sending` | uploads that have to be refused |
//! | `single_use` | URLs that are used again |
//! | `cors` | browsers |
//! | `keeping` | versions and lifecycle rules |
//! | `cleanup` | leaves nothing behind |

mod access;
mod answer;
mod checkup;
mod cleanup;
mod cors;
mod forgery;
mod keeping;
mod options;
mod reach;
mod report;
mod sending;
mod single_use;
mod upload;

pub use options::DoctorOptions;
pub use report::{CheckStatus, DoctorCheck, DoctorReport};

use super::bucket::S3Bucket;
use crate::sigv4::Credentials;
use checkup::Checkup;

/// Tries a bucket for real, with these credentials, and says what is wrong and what to do.
///
/// It looks whether both endpoints answer, compares the clocks, lets the store judge region,
/// credentials and bucket, uploads and downloads a small file as clients do, and then sends some ten
/// forgeries: too large, empty, of another type, to another key, too late, with something added, with
/// a false signature and with none. It uses a PUT URL again, asks whether browsers may upload, and how
/// the bucket keeps versions. In the end it removes what it made, below `tower-asset-upload-doctor/`.
///
/// That takes some fifty small requests, one after the other. It needs a Tokio runtime, and the
/// permissions of the service: `s3:PutObject`, `s3:GetObject`, `s3:ListBucket`, `s3:DeleteObject`.
/// Where it may not read a setting, it says so and goes on. Nothing is ever an error: a store that
/// doesn't answer is a [failed](CheckStatus::Failed) check. The environment's proxies (`HTTPS_PROXY` and
/// the like) are not used.
///
/// Dropping the future leaves behind what it has made so far.
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
            checks.extend(keeping::keeping(&checkup, single_use).await);
        }
    }
    checks.push(cleanup::cleanup(&checkup).await);
    DoctorReport::of(checks)
}
