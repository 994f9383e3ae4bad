//! The flags: what Plane's own variables don't say.

use std::time::Duration;

use lexopt::Arg::{Long, Short};

use crate::Failure;

pub(crate) const HELP: &str = "\
Serves Plane's asset upload API over Plane's own database and bucket.

  --listen ADDR              where to serve; port 0 takes any free one [127.0.0.1:8090]
  --public-endpoint URL      where browsers reach the object store; with USE_MINIO=1 the web host that
                             hands /BUCKET/ on to it [WEB_URL; without USE_MINIO the store's own endpoint]
  --allow-delete             members may delete the assets that they have made, and administrators any;
                             without it DELETE is 405, as in Plane
  --purge-every DURATION     how often to clean up what was deleted or never uploaded: a number and
                             s, m, h or d, as in 6h [never]

Plane's own variables, with the meaning they have there:

  DATABASE_URL                  Plane's database, postgresql://USER:PASSWORD@HOST/NAME; without it
                                POSTGRES_HOST (or PGHOST), POSTGRES_PORT, POSTGRES_USER,
                                POSTGRES_PASSWORD and POSTGRES_DB
  AWS_S3_BUCKET_NAME            the bucket
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
                                who signs; AWS_CREDENTIAL_EXPIRATION says when the token ends, and
                                without it a form is good for ten minutes at most
  AWS_REGION                    the bucket's region; us-east-1 for a store that isn't AWS
  AWS_S3_ENDPOINT_URL           an object store other than AWS; without it MINIO_ENDPOINT_URL
  USE_MINIO                     1: browsers reach the store through the web host
  MINIO_ENDPOINT_SSL            1: and do so by https
  WEB_URL                       the web host
  CORS_ALLOWED_ORIGINS          the origins whose scripts may call, with commas in between [any]
  FILE_SIZE_LIMIT               the largest file, in bytes, of at most 5368709120 [5242880]
  SIGNED_URL_EXPIRATION         how long a form or a URL is good for, in seconds [3600]
  API_KEY_RATE_LIMIT            requests of one key: N/second, N/minute, N/hour or N/day [60/minute]
  UNUPLOADED_ASSET_DELETE_DAYS  when an asset that was never uploaded is given up [7]
";

/// What the command line says.
#[derive(Debug)]
pub(crate) struct Flags {
    pub listen: String,
    pub public_endpoint: Option<String>,
    pub allow_delete: bool,
    /// `None`: nothing is cleaned up.
    pub purge_every: Option<Duration>,
}

impl Flags {
    /// `None` when help was asked for.
    pub(crate) fn from_args() -> Result<Option<Self>, Failure> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut args: lexopt::Parser) -> Result<Option<Self>, Failure> {
        let mut flags = Self {
            listen: "127.0.0.1:8090".to_owned(),
            public_endpoint: None,
            allow_delete: false,
            purge_every: None,
        };
        while let Some(arg) = args.next().map_err(|fault| fault.to_string())? {
            match arg {
                Long("listen") => flags.listen = text(&mut args)?,
                Long("public-endpoint") => flags.public_endpoint = Some(text(&mut args)?),
                Long("allow-delete") => flags.allow_delete = true,
                Long("purge-every") => flags.purge_every = Some(duration(&text(&mut args)?)?),
                Long("help") | Short('h') => return Ok(None),
                unknown => return Err(format!("{}; --help lists the flags", unknown.unexpected())),
            }
        }
        Ok(Some(flags))
    }
}

/// A whole number of seconds, minutes, hours or days, from a second to a year.
fn duration(text: &str) -> Result<Duration, Failure> {
    const YEAR: u64 = 365 * 24 * 60 * 60;
    let seconds = || {
        let (unit_start, unit) = text.char_indices().next_back()?;
        let unit = match unit {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            _ => return None,
        };
        let digits = text[..unit_start].bytes().all(|b| b.is_ascii_digit());
        let number: u64 = text[..unit_start].parse().ok().filter(|_| digits)?;
        number.checked_mul(unit).filter(|n| (1..=YEAR).contains(n))
    };
    seconds().map(Duration::from_secs).ok_or_else(|| {
        format!(
            "--purge-every {text:?} is no duration: write a number and s, m, h or d, as in 6h, for a \
             second to a year"
        )
    })
}

fn text(args: &mut lexopt::Parser) -> Result<String, Failure> {
    args.value()
        .map_err(|fault| fault.to_string())?
        .into_string()
        .map_err(|value| format!("{} is not UTF-8", value.display()))
}
