//! The flags.

use std::time::Duration;

use lexopt::Arg::{Long, Short, Value};
use tower_asset_upload::UploadMethod;
use tower_asset_upload::s3::{DoctorOptions, S3Bucket};
use tower_asset_upload::sigv4::Region;

use crate::Failure;

pub(crate) const HELP: &str = "\
Tries a bucket for real, and says what is wrong and what to do.

  doctor --bucket NAME --region REGION [FLAGS]

  --bucket NAME            the bucket
  --region REGION          as in us-east-1; whatever the store is configured with
  --endpoint URL           a store other than AWS, as the server reaches it
  --public-endpoint URL    the same store, as clients reach it [the endpoint]
  --virtual-hosted         the bucket in the public host's name, not in the path
  --method post|put        how clients upload [what the store takes]
  --origin ORIGIN          of the page that uploads, as in https://app.example.com
  --timeout SECONDS        for each answer [10]
  --json                   print JSON, as it does where there is no terminal
  --table                  print the table also where there is no terminal

It uploads small files below tower-asset-upload-doctor/ and removes them again.
Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
Colours are left away where NO_COLOR is set.
Exits with 0 when nothing failed, with 1 when a check did, with 2 when it wasn't told
what to look at.
";

/// How to print the report, where that was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Json,
    Table,
}

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct CommandLine {
    pub(crate) options: DoctorOptions,
    pub(crate) output: Option<Output>,
    bucket: Option<String>,
    region: Option<String>,
    endpoint: Option<String>,
    public_endpoint: Option<String>,
    virtual_hosted: bool,
}

impl CommandLine {
    /// `None` when help was asked for.
    pub(crate) fn from_args() -> Result<Option<Self>, Failure> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut args: lexopt::Parser) -> Result<Option<Self>, Failure> {
        let mut line = Self::default();
        while let Some(arg) = args.next().map_err(|fault| fault.to_string())? {
            let name = match arg {
                Long("help") | Short('h') => return Ok(None),
                Long(name) => name.to_owned(),
                Short(name) => return Err(format!("-{name} is no flag; --help lists them")),
                Value(value) => {
                    let value = value.to_string_lossy();
                    return Err(format!("`{value}` belongs to no flag; --help lists them"));
                }
            };
            match &*name {
                "bucket" => once(&mut line.bucket, &name, text(&mut args, &name)?)?,
                "region" => once(&mut line.region, &name, text(&mut args, &name)?)?,
                "endpoint" => once(&mut line.endpoint, &name, text(&mut args, &name)?)?,
                "public-endpoint" => {
                    once(&mut line.public_endpoint, &name, text(&mut args, &name)?)?;
                }
                "virtual-hosted" => line.virtual_hosted = true,
                "method" => {
                    let method = method(&text(&mut args, &name)?)?;
                    line.options = line.options.method(method);
                }
                "origin" => line.options = line.options.origin(text(&mut args, &name)?),
                "timeout" => {
                    let timeout = timeout(&text(&mut args, &name)?)?;
                    line.options = line.options.timeout(timeout);
                }
                "json" => line.print_as(Output::Json)?,
                "table" => line.print_as(Output::Table)?,
                _ => return Err(format!("--{name} is no flag; --help lists them")),
            }
        }
        Ok(Some(line))
    }

    fn print_as(&mut self, output: Output) -> Result<(), Failure> {
        match self.output.replace(output) {
            Some(other) if other != output => Err("give one of --json and --table".to_owned()),
            _ => Ok(()),
        }
    }

    /// The bucket that the flags describe.
    pub(crate) fn bucket(&self) -> Result<S3Bucket, Failure> {
        let name = self.bucket.as_deref().ok_or("--bucket is missing")?;
        let region = self.region.as_deref().ok_or("--region is missing")?;
        let region = Region::new(region).map_err(|fault| format!("--region: {fault}"))?;
        let public = self.public_endpoint.as_deref().or(self.endpoint.as_deref());
        let bucket = match public {
            None if self.virtual_hosted => {
                return Err(
                    "--virtual-hosted needs --endpoint; AWS has it where it can be".to_owned(),
                );
            }
            None => S3Bucket::aws(name, region),
            Some(public) if self.virtual_hosted => {
                S3Bucket::custom_virtual_hosted(name, region, public)
            }
            Some(public) => S3Bucket::custom(name, region, public),
        };
        let bucket = match (&self.public_endpoint, &self.endpoint) {
            (Some(_), Some(internal)) => {
                bucket.and_then(|bucket| bucket.internal_endpoint(internal))
            }
            _ => bucket,
        };
        bucket.map_err(|fault| fault.to_string())
    }
}

fn once(place: &mut Option<String>, name: &str, value: String) -> Result<(), Failure> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("--{name} is given twice")),
    }
}

fn text(args: &mut lexopt::Parser, name: &str) -> Result<String, Failure> {
    let value = args.value().map_err(|fault| fault.to_string())?;
    value
        .into_string()
        .map_err(|_| format!("--{name} must be UTF-8"))
}

fn method(text: &str) -> Result<UploadMethod, Failure> {
    match text {
        "post" => Ok(UploadMethod::Post),
        "put" => Ok(UploadMethod::Put),
        other => Err(format!("--method must be post or put, not `{other}`")),
    }
}

fn timeout(text: &str) -> Result<Duration, Failure> {
    match text.parse() {
        Ok(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("--timeout must be 1 to 3600 seconds, not `{text}`")),
    }
}
