//! The settings that Plane's own environment variables hold, read once.

use std::time::Duration;

use axum::http::HeaderValue;
use tower_asset_upload::asset::{ExpiresIn, UploadSize};
use tower_asset_upload::rate_limit::RateLimit;
use tower_asset_upload::s3::{EnvironmentCredentials, InvalidBucket, S3Bucket};
use tower_asset_upload::sigv4::{Credentials, Region};

use super::cors;
use super::database::Database;
use super::flags::Flags;
use super::variables::{first_of, parsed, required, switch, variable};
use crate::Failure;

/// What Plane is configured with. Holds secrets, so there is no `Debug`.
pub(crate) struct Environment {
    pub database: Database,
    pub bucket: S3Bucket,
    pub credentials: EnvironmentCredentials,
    /// `None`: any.
    pub origins: Option<Vec<HeaderValue>>,
    pub max_size: UploadSize,
    pub lifetime: ExpiresIn,
    pub rate_limit: RateLimit,
    pub give_up_after: Duration,
}

impl Environment {
    pub(crate) fn read(flags: &Flags) -> Result<Self, Failure> {
        Ok(Self {
            database: Database::read()?,
            origins: origins()?,
            bucket: bucket(flags)?,
            credentials: credentials()?,
            max_size: parsed(
                "FILE_SIZE_LIMIT",
                UploadSize::PLANE_DEFAULT,
                "is no whole number of bytes from 1",
                size_limit,
            )?,
            lifetime: parsed(
                "SIGNED_URL_EXPIRATION",
                ExpiresIn::default(),
                "is no number of seconds from 1 to 604800",
                |text| ExpiresIn::new(Duration::from_secs(text.parse().ok()?)).ok(),
            )?,
            rate_limit: parsed(
                "API_KEY_RATE_LIMIT",
                RateLimit::PLANE_DEFAULT,
                "is no rate: write a number from 1 and a time, as in 60/minute or 1000/hour",
                rate_limit,
            )?,
            give_up_after: parsed(
                "UNUPLOADED_ASSET_DELETE_DAYS",
                Duration::from_hours(7 * 24),
                "is no number of days from 1 to 3650",
                |text| {
                    let days: u64 = text.parse().ok()?;
                    (1..=3650)
                        .contains(&days)
                        .then(|| Duration::from_hours(days * 24))
                },
            )?,
        })
    }
}

/// As Plane reads it, but no object store takes more than 5 GiB in one request.
fn size_limit(text: &str) -> Option<UploadSize> {
    let bytes: u64 = text.parse().ok()?;
    if bytes > UploadSize::MAX.bytes() {
        let limit = UploadSize::MAX.bytes();
        tracing::warn!("FILE_SIZE_LIMIT {bytes} is more than one upload can have: {limit} is used");
        return Some(UploadSize::MAX);
    }
    UploadSize::new(bytes).ok()
}

/// As Plane reads it: with commas in between, and none at all is any.
fn origins() -> Result<Option<Vec<HeaderValue>>, Failure> {
    let Some(list) = variable("CORS_ALLOWED_ORIGINS")? else {
        return Ok(None);
    };
    let origins = list.split(',').map(str::trim);
    let origins: Vec<_> = origins
        .filter(|origin| !origin.is_empty())
        .map(|origin| {
            cors::origin(origin).ok_or_else(|| {
                format!(
                    "CORS_ALLOWED_ORIGINS {origin:?} is no origin: write a scheme, a host and no path, \
                     as in https://plane.example.com"
                )
            })
        })
        .collect::<Result<_, _>>()?;
    Ok((!origins.is_empty()).then_some(origins))
}

/// As Plane reads it: of the time, the first letter counts.
fn rate_limit(text: &str) -> Option<RateLimit> {
    let (number, time) = text.split_once('/')?;
    let period = match time.trim().chars().next()? {
        's' => Duration::from_secs(1),
        'm' => Duration::from_mins(1),
        'h' => Duration::from_hours(1),
        'd' => Duration::from_hours(24),
        _ => return None,
    };
    RateLimit::new(number.trim().parse().ok()?, period)
}

/// Checks each variable, so that an error names the wrong one. The signer and the verifier get the
/// provider rather than these credentials: it bounds what is signed with a session token whose end is
/// unknown.
fn credentials() -> Result<EnvironmentCredentials, Failure> {
    let id = required("AWS_ACCESS_KEY_ID", "the form is signed with it")?;
    let secret = required("AWS_SECRET_ACCESS_KEY", "the form is signed with it")?;
    let wrong = |name: &str, fault| format!("{name}: {fault}");
    let credentials =
        Credentials::new(id, secret).map_err(|fault| wrong("AWS_ACCESS_KEY_ID", fault))?;
    if let Some(token) = variable("AWS_SESSION_TOKEN")? {
        credentials
            .with_session_token(token)
            .map_err(|fault| wrong("AWS_SESSION_TOKEN", fault))?;
    }
    parsed(
        "AWS_CREDENTIAL_EXPIRATION",
        (),
        "is no RFC 3339 time, as in 2026-05-19T10:11:12Z",
        |_| Credentials::from_env().ok().map(drop),
    )?;
    Ok(EnvironmentCredentials)
}

/// The bucket, where browsers find it and where this server does.
///
/// Plane sends the browsers of a MinIO setup to whatever host a request names. Here that host is
/// configured, so that a forged `Host` leads nobody elsewhere.
fn bucket(flags: &Flags) -> Result<S3Bucket, Failure> {
    let name = required("AWS_S3_BUCKET_NAME", "it names the bucket")?;
    let minio = switch("USE_MINIO")?;
    let https = switch("MINIO_ENDPOINT_SSL")?;
    let Some((endpoint, internal)) = first_of(["AWS_S3_ENDPOINT_URL", "MINIO_ENDPOINT_URL"])?
    else {
        return bucket_of_aws(name, minio, flags);
    };
    let region = match variable("AWS_REGION")? {
        Some(region) => parsed_region(region)?,
        None => Region::us_east_1(),
    };
    let (source, public) = match &flags.public_endpoint {
        Some(url) => ("--public-endpoint", url.clone()),
        None if minio => ("WEB_URL", web_url()?),
        None => (endpoint, internal.clone()),
    };
    let public = match public.split_once("://") {
        Some(("http", rest)) if minio && https => format!("https://{rest}"),
        _ => public,
    };
    S3Bucket::custom(name, region, &public)
        .map_err(|fault| wrong_bucket(&fault, source))?
        .internal_endpoint(&internal)
        .map_err(|fault| wrong_bucket(&fault, endpoint))
}

fn bucket_of_aws(name: String, minio: bool, flags: &Flags) -> Result<S3Bucket, Failure> {
    if minio {
        return Err(
            "AWS_S3_ENDPOINT_URL is not set: with USE_MINIO=1 it says where MinIO is".to_owned(),
        );
    }
    if flags.public_endpoint.is_some() {
        return Err("--public-endpoint needs AWS_S3_ENDPOINT_URL: AWS has its own".to_owned());
    }
    let region = required("AWS_REGION", "a bucket of AWS is in one")?;
    S3Bucket::aws(name, parsed_region(region)?)
        .map_err(|fault| wrong_bucket(&fault, "AWS_S3_BUCKET_NAME"))
}

fn web_url() -> Result<String, Failure> {
    variable("WEB_URL")?.ok_or_else(|| {
        "WEB_URL is not set: with USE_MINIO=1 it, or --public-endpoint, says where browsers reach \
         the object store"
            .to_owned()
    })
}

fn parsed_region(region: String) -> Result<Region, Failure> {
    Region::new(region).map_err(|fault| format!("AWS_REGION: {fault}"))
}

fn wrong_bucket(fault: &InvalidBucket, endpoint: &str) -> Failure {
    let name = match fault {
        InvalidBucket::Endpoint { .. } | InvalidBucket::Rewritten { .. } => endpoint,
        _ => "AWS_S3_BUCKET_NAME",
    };
    format!("{name}: {fault}")
}
