//! The flags.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};
use tower_asset_upload::asset::{ProjectId, WorkspaceSlug};

use crate::Failure;

pub(crate) const HELP: &str = "\
Uploads files to a server of the asset upload API, several at a time.

  upload --server URL --workspace SLUG [FLAGS] FILES...

  --server URL          where the server is; the API is below /api/v1 there, or below the URL's own
                        path if it has one
  --workspace SLUG      the workspace
  --api-key-env NAME    the environment variable that holds the API key [ASSET_UPLOAD_API_KEY]
  --project UUID        the project that the files belong to [none]
  --parallel N          how many to upload at the same time [4]
  --checksum            read each file twice, and have the object store check its SHA-256

Run it again with the same files after a crash: what is there already is not sent again. A file that
has another size or another time of modification by then is another file.
";

pub(crate) struct Flags {
    pub server: String,
    pub workspace: WorkspaceSlug,
    pub api_key_env: String,
    pub parallel: NonZeroUsize,
    pub options: Options,
    pub files: Vec<PathBuf>,
}

/// What is the same for all files.
pub(crate) struct Options {
    pub project: Option<ProjectId>,
    pub checksum: bool,
}

impl Flags {
    /// `None` when help was asked for.
    pub(crate) fn from_args() -> Result<Option<Self>, Failure> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut args: lexopt::Parser) -> Result<Option<Self>, Failure> {
        let (mut server, mut workspace, mut files) = (None, None, Vec::new());
        let mut api_key_env = "ASSET_UPLOAD_API_KEY".to_owned();
        let mut parallel = NonZeroUsize::MIN.saturating_add(3);
        let mut options = Options {
            project: None,
            checksum: false,
        };
        while let Some(arg) = args.next().map_err(|fault| fault.to_string())? {
            match arg {
                Long("server") => server = Some(text(&mut args)?),
                Long("workspace") => workspace = Some(slug(&text(&mut args)?)?),
                Long("api-key-env") => api_key_env = text(&mut args)?,
                Long("project") => options.project = Some(project(&text(&mut args)?)?),
                Long("parallel") => parallel = number(&text(&mut args)?)?,
                Long("checksum") => options.checksum = true,
                Long("help") | Short('h') => return Ok(None),
                Value(file) => files.push(file.into()),
                unknown => return Err(format!("{}; --help lists the flags", unknown.unexpected())),
            }
        }
        if files.is_empty() {
            return Err("there are no files to upload; --help says more".to_owned());
        }
        Ok(Some(Self {
            server: server.ok_or("--server is missing; --help says more")?,
            workspace: workspace.ok_or("--workspace is missing; --help says more")?,
            api_key_env,
            parallel,
            options,
            files,
        }))
    }
}

fn slug(slug: &str) -> Result<WorkspaceSlug, Failure> {
    WorkspaceSlug::new(slug).map_err(|_| format!("--workspace {slug:?} can't name a workspace"))
}

fn project(id: &str) -> Result<ProjectId, Failure> {
    id.parse()
        .map_err(|_| format!("--project {id:?} is no UUID"))
}

/// More at once than this runs out of files to open, and helps no line.
fn number(number: &str) -> Result<NonZeroUsize, Failure> {
    let parsed = number.parse().ok();
    let few = parsed.filter(|number: &NonZeroUsize| number.get() <= 100);
    few.ok_or_else(|| format!("--parallel {number:?} is no whole number from 1 to 100"))
}

fn value(args: &mut lexopt::Parser) -> Result<OsString, Failure> {
    args.value().map_err(|fault| fault.to_string())
}

fn text(args: &mut lexopt::Parser) -> Result<String, Failure> {
    value(args)?
        .into_string()
        .map_err(|value| format!("{} is not UTF-8", value.display()))
}
