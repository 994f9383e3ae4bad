//! The flags: the settings that Plane's own variables don't have.

use std::time::Duration;

use clap::Args;

const AFTER_HELP: &str = "\
--public-endpoint is by default WEB_URL with USE_MINIO=1, whose web host has to hand /BUCKET/ on to
the store, and otherwise the store's own endpoint. Without --allow-delete, DELETE is 405, as in
Plane.

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
  UNUPLOADED_ASSET_DELETE_DAYS  when an asset that was never uploaded is given up [7]";

#[derive(Debug, Args)]
#[command(args_override_self = true, after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// Where to serve; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    pub listen: String,
    /// Where browsers reach the object store
    #[arg(long, value_name = "URL")]
    pub public_endpoint: Option<String>,
    /// Members delete their own assets, and administrators any
    #[arg(long)]
    pub allow_delete: bool,
    /// How often to clean up, as in 30s, 10m, 6h or 1d [default: never]
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    pub purge_every: Option<Duration>,
}

/// A whole number of seconds, minutes, hours or days, from a second to a year.
fn duration(text: &str) -> Result<Duration, &'static str> {
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
    seconds()
        .map(Duration::from_secs)
        .ok_or("is no duration: write a number and s, m, h or d, as in 6h, for a second to a year")
}
