//! The flags.

use std::time::Duration;

use lexopt::Arg::{Long, Short, Value};
use tower_asset_upload::ports::UploadMethod;
use tower_asset_upload::s3::{DoctorOptions, InvalidBucket, S3Bucket};
use tower_asset_upload::sigv4::Region;

use crate::Failure;

pub(crate) const HELP: &str = "\
Tries a bucket for real, and says what is wrong and what to do.

  doctor --bucket NAME --region REGION [FLAGS]

  --bucket NAME            the bucket
  --region REGION          as in us-east-1; whatever the store is configured with
  --store STORE            aws, garage, minio, ceph, b2, wasabi, spaces, r2 or google
                           [aws; with --endpoint one that does what AWS does]
  --account ID             of Cloudflare, with --store r2
  --endpoint URL           the store, as the server reaches it
  --public-endpoint URL    the same store, as clients reach it [the endpoint]
  --virtual-hosted         the bucket in the public host's name, not in the path
  --single-use             the bucket is described with single_use_puts
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
    store: Option<String>,
    account: Option<String>,
    endpoint: Option<String>,
    public_endpoint: Option<String>,
    virtual_hosted: bool,
    single_use: bool,
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
                "store" => once(&mut line.store, &name, text(&mut args, &name)?)?,
                "account" => once(&mut line.account, &name, text(&mut args, &name)?)?,
                "endpoint" => once(&mut line.endpoint, &name, text(&mut args, &name)?)?,
                "public-endpoint" => {
                    once(&mut line.public_endpoint, &name, text(&mut args, &name)?)?;
                }
                "virtual-hosted" => line.virtual_hosted = true,
                "single-use" => line.single_use = true,
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
        // R2 has only one.
        let region = match (self.region.as_deref(), self.store.as_deref()) {
            (Some(region), _) => region,
            (None, Some("r2")) => "auto",
            (None, _) => return Err("--region is missing".to_owned()),
        };
        let region = Region::new(region).map_err(|fault| format!("--region: {fault}"))?;
        let public = self.public_endpoint.as_deref().or(self.endpoint.as_deref());
        let bucket = match public {
            Some(public) => self.at(public, name, region)?,
            None => self.hosted(name, region)?,
        };
        let bucket = match (&self.public_endpoint, &self.endpoint) {
            (Some(_), Some(internal)) => {
                bucket.and_then(|bucket| bucket.internal_endpoint(internal))
            }
            _ => bucket,
        };
        let bucket = if self.single_use {
            bucket.and_then(S3Bucket::single_use_puts)
        } else {
            bucket
        };
        bucket.map_err(|fault| fault.to_string())
    }

    /// A bucket of a store whose address was given.
    fn at(
        &self,
        public: &str,
        name: &str,
        region: Region,
    ) -> Result<Result<S3Bucket, InvalidBucket>, Failure> {
        Ok(match (self.store.as_deref(), self.virtual_hosted) {
            (None, false) => S3Bucket::custom(name, region, public),
            (None, true) => S3Bucket::custom_virtual_hosted(name, region, public),
            (Some(_), true) => return Err("give one of --store and --virtual-hosted".to_owned()),
            (Some("garage"), _) => S3Bucket::garage(name, region, public),
            (Some("minio"), _) => S3Bucket::minio(name, region, public),
            (Some("ceph"), _) => S3Bucket::ceph(name, region, public),
            (Some(store), _) => {
                return Err(format!(
                    "with --endpoint, --store must be garage, minio or ceph, not `{store}`"
                ));
            }
        })
    }

    /// A bucket of a store whose address is known.
    fn hosted(
        &self,
        name: &str,
        region: Region,
    ) -> Result<Result<S3Bucket, InvalidBucket>, Failure> {
        if self.virtual_hosted {
            return Err("--virtual-hosted needs --endpoint; AWS has it where it can be".to_owned());
        }
        Ok(match self.store.as_deref() {
            None | Some("aws") => S3Bucket::aws(name, region),
            Some("b2") => S3Bucket::backblaze_b2(name, region),
            Some("wasabi") => S3Bucket::wasabi(name, region),
            Some("spaces") => S3Bucket::digitalocean_spaces(name, region),
            Some("google") => S3Bucket::google_cloud_storage(name, region),
            Some("r2") => {
                let account = self.account.as_deref();
                S3Bucket::cloudflare_r2(name, account.ok_or("--store r2 needs --account")?)
            }
            Some(store @ ("garage" | "minio" | "ceph")) => {
                return Err(format!("--store {store} needs --endpoint"));
            }
            Some(store) => return Err(format!("--store knows no `{store}`; --help lists them")),
        })
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
