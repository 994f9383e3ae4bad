//! The flags.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tower_asset_upload::asset::UploadSize;
use tower_asset_upload::rate_limit::RateLimit;
use tower_asset_upload::sigv4::Region;

use crate::size;
use crate::stop::Stop;

const WEEK: Duration = Duration::from_hours(7 * 24);

const AFTER_HELP: &str = "\
Sizes are bytes, or have a unit, as in 20MB or 16MiB. Times are seconds, or have a unit: s, m, h
or d. For --s3-endpoint, credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_SESSION_TOKEN. The embedded object store takes the first two if they are set.";

/// Without `Debug`: the URL of a database may hold a password.
#[derive(Args)]
#[command(args_override_self = true, after_help = AFTER_HELP)]
pub(crate) struct Options {
    /// Where to serve; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// Database and embedded objects
    #[arg(long, value_name = "DIR", default_value = "asset-upload-data")]
    pub data_dir: PathBuf,
    /// Workspaces and credentials to ensure [default: a demo workspace]
    #[arg(long, value_name = "FILE.json")]
    pub seed: Option<PathBuf>,
    /// memory, sqlite:PATH or postgres://... [default: SQLite in DIR]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Size limit of a file
    #[arg(long, value_name = "SIZE", default_value = "5242880", value_parser = upload_size)]
    #[arg(allow_hyphen_values = true)]
    pub max_size: UploadSize,
    /// Kind of upload
    #[arg(long, value_name = "KIND", default_value = "post")]
    pub signer: SignerKind,
    /// Requests of each credential: N (a minute), N/second, N/hour
    #[arg(long, value_name = "RATE", value_parser = rate_limit, allow_hyphen_values = true)]
    pub rate_limit: Option<RateLimit>,
    /// How often to clean up discarded assets [default: never]
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    purge_every: Option<Duration>,
    /// When an asset that was never uploaded is given up [default: 7d]
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    purge_pending_after: Option<Duration>,
    /// An object store of your own [default: an embedded one]
    #[arg(long, value_name = "URL")]
    pub s3_endpoint: Option<String>,
    /// Its bucket
    #[arg(long, value_name = "NAME", default_value = "uploads")]
    pub s3_bucket: String,
    /// Its region
    #[arg(long, value_name = "REGION", default_value = "us-east-1", value_parser = region)]
    pub s3_region: Region,
    /// Where browsers reach it [default: the endpoint]
    #[arg(long, value_name = "URL")]
    pub s3_public_endpoint: Option<String>,
    /// File for the embedded keys [default: DIR/object-store.env]
    #[arg(long, value_name = "FILE", conflicts_with = "s3_endpoint")]
    pub embedded_keys: Option<PathBuf>,
}

pub(crate) enum DatabaseUrl {
    Default,
    Memory,
    Sqlite(PathBuf),
    Postgres(String),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SignerKind {
    Post,
    Put,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Purging {
    pub every: Duration,
    pub pending_after: Duration,
}

impl Options {
    /// Parsed here and not by clap, whose errors repeat the value: it may hold a password.
    pub(crate) fn database(&self) -> Result<DatabaseUrl, Stop> {
        let Some(url) = self.database.as_deref() else {
            return Ok(DatabaseUrl::Default);
        };
        match url.split_once(':') {
            None if url == "memory" => Ok(DatabaseUrl::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(DatabaseUrl::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) => Ok(DatabaseUrl::Postgres(url.to_owned())),
            other => Err(Stop::usage(format!(
                "--database {:?} is none of memory, sqlite:PATH and postgres://...",
                other.map_or(url, |(scheme, _)| scheme)
            ))),
        }
    }

    /// `None` if nothing is to be cleaned up.
    pub(crate) fn purging(&self) -> Result<Option<Purging>, Stop> {
        match (self.purge_every, self.purge_pending_after) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(Stop::usage(
                "--purge-pending-after does nothing without --purge-every",
            )),
            (Some(every), pending_after) => Ok(Some(Purging {
                every,
                pending_after: pending_after.unwrap_or(WEEK),
            })),
        }
    }
}

fn upload_size(text: &str) -> Result<UploadSize, String> {
    let bytes = size::parse(text)?;
    UploadSize::new(bytes)
        .map_err(|_| format!("is not from 1 to {} bytes", UploadSize::MAX.bytes()))
}

fn region(text: &str) -> Result<Region, String> {
    Region::new(text).map_err(|fault| fault.to_string())
}

/// `N`, `N/second`, `N/minute` or `N/hour`.
fn rate_limit(text: &str) -> Result<RateLimit, &'static str> {
    let (number, period) = text.split_once('/').unwrap_or((text, "minute"));
    let period = match period {
        "second" => Some(Duration::from_secs(1)),
        "minute" => Some(Duration::from_mins(1)),
        "hour" => Some(Duration::from_hours(1)),
        _ => None,
    };
    let number = number.parse::<NonZeroU32>().ok();
    let number = number.filter(|number| number.get() <= 1_000_000_000);
    number
        .zip(period)
        .and_then(|(number, period)| RateLimit::new(number, period))
        .ok_or("is none of N, N/second, N/minute and N/hour, N from 1 to 1000000000")
}

/// A whole number and a unit: `s`, `m`, `h` or `d`; seconds without one.
fn time(text: &str) -> Result<Duration, &'static str> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(60 * 60),
        "d" => Some(24 * 60 * 60),
        _ => None,
    };
    // In the range of the year 1 to 9999 there is room for a hundred years.
    digits
        .parse::<u64>()
        .ok()
        .zip(seconds)
        .and_then(|(number, unit)| number.checked_mul(unit))
        .filter(|seconds| (1..=100 * 365 * 24 * 60 * 60).contains(seconds))
        .map(Duration::from_secs)
        .ok_or(
            "is no time such as 30s, 10m, 1h, 7d or a number of seconds, from a second to 100 years",
        )
}
