//! The flags.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::Arg::{Long, Short};
use tower_asset_upload::asset::UploadSize;
use tower_asset_upload::rate_limit::RateLimit;

use crate::Failure;

pub(crate) const HELP: &str = "\
Serves the asset upload API with everything it needs embedded.

  --listen ADDR              where to serve; port 0 takes any free one [127.0.0.1:8080]
  --data-dir DIR             database and embedded objects [./asset-upload-data]
  --seed FILE.json           workspaces and credentials to ensure at start [a demo workspace]
  --database URL             memory, sqlite:PATH or postgres://... [SQLite in the data directory]
  --max-size BYTES           size limit of a file [5242880]
  --signer post|put          kind of upload [post]
  --rate-limit N[/PERIOD]    requests of each credential in a second, minute or hour; N alone is
                             in a minute [no limit]
  --purge-every TIME         how often what was deleted or given up is cleaned up, such as 30s,
                             10m, 1h or a number of seconds [never]
  --purge-pending-after TIME when an asset that was never uploaded is given up [7d]
  --s3-endpoint URL          an object store of your own, credentials from AWS_ACCESS_KEY_ID,
                             AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN [an embedded one]
  --s3-bucket NAME           its bucket [uploads]
  --s3-region REGION         its region [us-east-1]
  --s3-public-endpoint URL   where browsers reach it [the endpoint]
";

const WEEK: Duration = Duration::from_hours(7 * 24);

/// Without `Debug`: the URL of a database may hold a password.
pub(crate) struct Options {
    pub listen: String,
    pub data_dir: PathBuf,
    pub seed: Option<PathBuf>,
    pub database: DatabaseUrl,
    pub max_size: UploadSize,
    pub signer: SignerKind,
    pub rate_limit: Option<RateLimit>,
    pub purging: Option<Purging>,
    pub s3_endpoint: Option<String>,
    pub s3_bucket: String,
    pub s3_region: String,
    pub s3_public_endpoint: Option<String>,
}

pub(crate) enum DatabaseUrl {
    Default,
    Memory,
    Sqlite(PathBuf),
    Postgres(String),
}

#[derive(Clone, Copy, Debug)]
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
    /// `None` when help was asked for.
    pub(crate) fn from_args() -> Result<Option<Self>, Failure> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut args: lexopt::Parser) -> Result<Option<Self>, Failure> {
        let mut options = Self {
            listen: "127.0.0.1:8080".to_owned(),
            data_dir: "asset-upload-data".into(),
            seed: None,
            database: DatabaseUrl::Default,
            max_size: UploadSize::PLANE_DEFAULT,
            signer: SignerKind::Post,
            rate_limit: None,
            purging: None,
            s3_endpoint: None,
            s3_bucket: "uploads".to_owned(),
            s3_region: "us-east-1".to_owned(),
            s3_public_endpoint: None,
        };
        let (mut purge_every, mut pending_after) = (None, None);
        while let Some(arg) = args.next().map_err(|fault| fault.to_string())? {
            match arg {
                Long("listen") => options.listen = text(&mut args)?,
                Long("data-dir") => options.data_dir = value(&mut args)?.into(),
                Long("seed") => options.seed = Some(value(&mut args)?.into()),
                Long("database") => options.database = DatabaseUrl::parse(&text(&mut args)?)?,
                Long("max-size") => options.max_size = size(&text(&mut args)?)?,
                Long("signer") => options.signer = SignerKind::parse(&text(&mut args)?)?,
                Long("rate-limit") => options.rate_limit = Some(rate_limit(&text(&mut args)?)?),
                Long("purge-every") => purge_every = Some(time("purge-every", &mut args)?),
                Long("purge-pending-after") => {
                    pending_after = Some(time("purge-pending-after", &mut args)?);
                }
                Long("s3-endpoint") => options.s3_endpoint = Some(text(&mut args)?),
                Long("s3-bucket") => options.s3_bucket = text(&mut args)?,
                Long("s3-region") => options.s3_region = text(&mut args)?,
                Long("s3-public-endpoint") => options.s3_public_endpoint = Some(text(&mut args)?),
                Long("help") | Short('h') => return Ok(None),
                unknown => return Err(format!("{}; --help lists the flags", unknown.unexpected())),
            }
        }
        options.purging = match (purge_every, pending_after) {
            (None, None) => None,
            (None, Some(_)) => {
                return Err("--purge-pending-after does nothing without --purge-every".to_owned());
            }
            (Some(every), pending_after) => Some(Purging {
                every,
                pending_after: pending_after.unwrap_or(WEEK),
            }),
        };
        Ok(Some(options))
    }
}

impl DatabaseUrl {
    fn parse(url: &str) -> Result<Self, Failure> {
        match url.split_once(':') {
            None if url == "memory" => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(url.to_owned())),
            // What follows the scheme may hold a password.
            other => Err(format!(
                "--database {:?} is none of memory, sqlite:PATH and postgres://...",
                other.map_or(url, |(scheme, _)| scheme)
            )),
        }
    }
}

impl SignerKind {
    fn parse(kind: &str) -> Result<Self, Failure> {
        match kind {
            "post" => Ok(Self::Post),
            "put" => Ok(Self::Put),
            _ => Err(format!("--signer {kind:?} is neither post nor put")),
        }
    }
}

fn size(bytes: &str) -> Result<UploadSize, Failure> {
    let size = bytes
        .parse()
        .ok()
        .and_then(|bytes| UploadSize::new(bytes).ok());
    size.ok_or_else(|| {
        format!(
            "--max-size {bytes:?} is no number of bytes from 1 to {}",
            UploadSize::MAX.bytes()
        )
    })
}

/// `N`, `N/second`, `N/minute` or `N/hour`.
fn rate_limit(text: &str) -> Result<RateLimit, Failure> {
    let (number, period) = text.split_once('/').unwrap_or((text, "minute"));
    let period = match period {
        "second" => Some(Duration::from_secs(1)),
        "minute" => Some(Duration::from_mins(1)),
        "hour" => Some(Duration::from_hours(1)),
        _ => None,
    };
    let number = number.parse::<NonZeroU32>().ok();
    let number = number.filter(|number| number.get() <= 1_000_000_000);
    let limit = number
        .zip(period)
        .and_then(|(number, period)| RateLimit::new(number, period));
    limit.ok_or_else(|| {
        format!(
            "--rate-limit {text:?} is none of N, N/second, N/minute and N/hour, N from 1 to \
             1000000000"
        )
    })
}

/// A whole number and a unit: `s`, `m`, `h` or `d`; seconds without one.
fn time(flag: &str, args: &mut lexopt::Parser) -> Result<Duration, Failure> {
    let text = text(args)?;
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(60 * 60),
        "d" => Some(24 * 60 * 60),
        _ => None,
    };
    // In the range of the year 1 to 9999 there is room for a hundred years.
    let seconds = digits
        .parse::<u64>()
        .ok()
        .zip(seconds)
        .and_then(|(number, unit)| number.checked_mul(unit))
        .filter(|seconds| (1..=100 * 365 * 24 * 60 * 60).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        format!(
            "--{flag} {text:?} is no time such as 30s, 10m, 1h, 7d or a number of seconds, from a \
             second to 100 years"
        )
    })
}

fn value(args: &mut lexopt::Parser) -> Result<OsString, Failure> {
    args.value().map_err(|fault| fault.to_string())
}

fn text(args: &mut lexopt::Parser) -> Result<String, Failure> {
    value(args)?
        .into_string()
        .map_err(|value| format!("{} is not UTF-8", value.display()))
}
