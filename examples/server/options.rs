//! The flags.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short};
use tower_asset_upload::UploadSize;

use crate::Failure;

pub(crate) const HELP: &str = "\
Serves the asset upload API with everything it needs embedded.

  --listen ADDR              where to serve; port 0 takes any free one [127.0.0.1:8080]
  --data-dir DIR             database and embedded objects [./asset-upload-data]
  --seed FILE.json           workspaces and credentials to ensure at start [a demo workspace]
  --database URL             memory, sqlite:PATH or postgres://... [SQLite in the data directory]
  --max-size BYTES           size limit of a file [5242880]
  --signer post|put          kind of upload [post]
  --s3-endpoint URL          an object store of your own, credentials from AWS_ACCESS_KEY_ID,
                             AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN [an embedded one]
  --s3-bucket NAME           its bucket [uploads]
  --s3-region REGION         its region [us-east-1]
  --s3-public-endpoint URL   where browsers reach it [the endpoint]
";

/// Without `Debug`: the URL of a database may hold a password.
pub(crate) struct Options {
    pub listen: String,
    pub data_dir: PathBuf,
    pub seed: Option<PathBuf>,
    pub database: DatabaseUrl,
    pub max_size: UploadSize,
    pub signer: SignerKind,
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
            s3_endpoint: None,
            s3_bucket: "uploads".to_owned(),
            s3_region: "us-east-1".to_owned(),
            s3_public_endpoint: None,
        };
        while let Some(arg) = args.next().map_err(|fault| fault.to_string())? {
            match arg {
                Long("listen") => options.listen = text(&mut args)?,
                Long("data-dir") => options.data_dir = value(&mut args)?.into(),
                Long("seed") => options.seed = Some(value(&mut args)?.into()),
                Long("database") => options.database = DatabaseUrl::parse(&text(&mut args)?)?,
                Long("max-size") => options.max_size = size(&text(&mut args)?)?,
                Long("signer") => options.signer = SignerKind::parse(&text(&mut args)?)?,
                Long("s3-endpoint") => options.s3_endpoint = Some(text(&mut args)?),
                Long("s3-bucket") => options.s3_bucket = text(&mut args)?,
                Long("s3-region") => options.s3_region = text(&mut args)?,
                Long("s3-public-endpoint") => options.s3_public_endpoint = Some(text(&mut args)?),
                Long("help") | Short('h') => return Ok(None),
                unknown => return Err(format!("{}; --help lists the flags", unknown.unexpected())),
            }
        }
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
    let size = bytes.parse().ok().and_then(UploadSize::new);
    size.ok_or_else(|| {
        format!(
            "--max-size {bytes:?} is no number of bytes from 1 to {}",
            UploadSize::MAX.bytes()
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
