//! The flags.

use std::time::Duration;

use clap::{Args, ValueEnum};
use tower_asset_upload::ports::UploadMethod;
use tower_asset_upload::s3::{DoctorOptions, InvalidBucket, S3Bucket};
use tower_asset_upload::sigv4::Region;

use crate::Failure;

const AFTER_HELP: &str = "\
Stores: aws, garage, minio, ceph, b2, wasabi, spaces, r2, google.
Uploads small files below tower-asset-upload-doctor/ and removes them again.
Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
NO_COLOR turns colours off.
Exit status: 0 if no check failed, 1 if one did, 2 if the command line, the bucket or the
credentials can't be used.";

/// How to print the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Json,
    Table,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Store {
    Aws,
    Garage,
    Minio,
    Ceph,
    B2,
    Wasabi,
    Spaces,
    R2,
    Google,
}

impl Store {
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Method {
    Post,
    Put,
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct CommandLine {
    /// The bucket
    #[arg(long, value_name = "NAME")]
    bucket: String,
    /// As in us-east-1; the one that the store is configured with
    #[arg(long)]
    region: Option<String>,
    /// The kind of store [default: aws; with --endpoint, one like AWS]
    #[arg(long, hide_possible_values = true)]
    store: Option<Store>,
    /// Of Cloudflare, with --store r2
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// The store, as the server reaches it
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The same store, as clients reach it [default: the endpoint]
    #[arg(long, value_name = "URL")]
    public_endpoint: Option<String>,
    /// The bucket in the public host's name, not in the path
    #[arg(long)]
    virtual_hosted: bool,
    #[arg(long, help = "The bucket is described with single_use_puts")]
    single_use: bool,
    /// How clients upload [default: the way that the store takes]
    #[arg(long, value_name = "post|put", hide_possible_values = true)]
    method: Option<Method>,
    #[arg(long, help = "Of the page that uploads, as in https://app.example.com")]
    origin: Option<String>,
    /// For each answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = timeout)]
    #[arg(allow_hyphen_values = true)]
    timeout: Duration,
    /// Print JSON, as it does if standard output is no terminal
    #[arg(long, conflicts_with = "table")]
    json: bool,
    /// Print the table also if standard output is no terminal
    #[arg(long)]
    table: bool,
}

impl CommandLine {
    pub(crate) fn options(&self) -> DoctorOptions {
        let mut options = DoctorOptions::new().timeout(self.timeout);
        if let Some(method) = self.method {
            options = options.method(match method {
                Method::Post => UploadMethod::Post,
                Method::Put => UploadMethod::Put,
            });
        }
        if let Some(origin) = &self.origin {
            options = options.origin(origin);
        }
        options
    }

    /// `None` if neither was asked for.
    pub(crate) fn output(&self) -> Option<Output> {
        match (self.json, self.table) {
            (true, _) => Some(Output::Json),
            (_, true) => Some(Output::Table),
            _ => None,
        }
    }

    /// The bucket that the flags describe.
    pub(crate) fn bucket(&self) -> Result<S3Bucket, Failure> {
        let name = &*self.bucket;
        // R2 has only one.
        let region = match (self.region.as_deref(), self.store) {
            (Some(region), _) => region,
            (None, Some(Store::R2)) => "auto",
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
        Ok(match (self.store, self.virtual_hosted) {
            (None, false) => S3Bucket::custom(name, region, public),
            (None, true) => S3Bucket::custom_virtual_hosted(name, region, public),
            (Some(_), true) => return Err("give one of --store and --virtual-hosted".to_owned()),
            (Some(Store::Garage), _) => S3Bucket::garage(name, region, public),
            (Some(Store::Minio), _) => S3Bucket::minio(name, region, public),
            (Some(Store::Ceph), _) => S3Bucket::ceph(name, region, public),
            (Some(store), _) => {
                return Err(format!(
                    "with --endpoint, --store must be garage, minio or ceph, not `{}`",
                    store.name()
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
        Ok(match self.store {
            None | Some(Store::Aws) => S3Bucket::aws(name, region),
            Some(Store::B2) => S3Bucket::backblaze_b2(name, region),
            Some(Store::Wasabi) => S3Bucket::wasabi(name, region),
            Some(Store::Spaces) => S3Bucket::digitalocean_spaces(name, region),
            Some(Store::Google) => S3Bucket::google_cloud_storage(name, region),
            Some(Store::R2) => {
                let account = self.account.as_deref();
                S3Bucket::cloudflare_r2(name, account.ok_or("--store r2 needs --account")?)
            }
            Some(store @ (Store::Garage | Store::Minio | Store::Ceph)) => {
                return Err(format!("--store {} needs --endpoint", store.name()));
            }
        })
    }
}

fn timeout(text: &str) -> Result<Duration, &'static str> {
    match text.parse() {
        Ok(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
        _ => Err("must be 1 to 3600 seconds"),
    }
}
