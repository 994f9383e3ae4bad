//! The flags.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use tower_asset_upload::asset::{ProjectId, WorkspaceSlug};

const AFTER_HELP: &str = "\
Run the same command again after a crash: files that are uploaded already are not sent again. A
file with another size or another time of modification is another file.";

#[derive(Debug, Args)]
#[command(args_override_self = true, after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// The server: the API is below /api/v1, or below the URL's own path
    #[arg(long, value_name = "URL")]
    pub server: String,
    /// The workspace
    #[arg(long, value_name = "SLUG", value_parser = slug)]
    pub workspace: WorkspaceSlug,
    /// The variable that holds the API key
    #[arg(long, value_name = "NAME", default_value = "ASSET_UPLOAD_API_KEY")]
    pub api_key_env: String,
    /// How many files to upload at the same time
    #[arg(long, value_name = "N", default_value = "4", value_parser = parallel)]
    #[arg(allow_hyphen_values = true)]
    pub parallel: NonZeroUsize,
    #[command(flatten)]
    pub options: Options,
    /// The files
    #[arg(required = true, value_name = "FILES")]
    pub files: Vec<PathBuf>,
}

/// The options that are the same for all files.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The project that the files belong to [default: none]
    #[arg(long, value_name = "UUID", value_parser = project)]
    pub project: Option<ProjectId>,
    /// Read each file twice, and have the object store check its SHA-256
    #[arg(long)]
    pub checksum: bool,
}

fn slug(slug: &str) -> Result<WorkspaceSlug, &'static str> {
    WorkspaceSlug::new(slug).map_err(|_| "can't name a workspace")
}

fn project(id: &str) -> Result<ProjectId, &'static str> {
    id.parse().map_err(|_| "is no UUID")
}

/// More at once would run out of files to open, and no line would be faster.
fn parallel(number: &str) -> Result<NonZeroUsize, &'static str> {
    let parsed = number.parse().ok();
    let few = parsed.filter(|number: &NonZeroUsize| number.get() <= 100);
    few.ok_or("is no whole number from 1 to 100")
}
