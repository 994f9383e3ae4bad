//! The sidecar over a database and a bucket.

use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::fixture::Database;
use crate::process::{Api, Http, Process, Server, subcommand, temp_dir};
use crate::support::KEY;

/// The object store that `asset-upload serve` embeds.
pub(crate) struct Bucket {
    pub(crate) endpoint: String,
    server: Server,
    _data: TempDir,
}

impl Bucket {
    pub(crate) const ID: &str = "AKIAPLANE";
    pub(crate) const SECRET: &str = "known/to+the/test";

    pub(crate) async fn start() -> Self {
        let data = temp_dir();
        let credentials = [
            ("AWS_ACCESS_KEY_ID", Self::ID),
            ("AWS_SECRET_ACCESS_KEY", Self::SECRET),
        ];
        let server = Server::start(data.path(), &[], &credentials).await;
        let ticket = server.api.create("where.txt", "text/plain", 1).await;
        let endpoint = ticket.url.strip_suffix("/uploads").unwrap().to_owned();
        Self {
            endpoint,
            server,
            _data: data,
        }
    }

    pub(crate) fn stop(&mut self) {
        self.server.process.kill();
    }
}

pub(crate) struct Sidecar {
    pub(crate) process: Process,
    pub(crate) api: Api,
    pub(crate) bucket: Bucket,
    pub(crate) database: Database,
}

impl Sidecar {
    /// `None` where there is no PostgreSQL; then the test is skipped, and says so.
    pub(crate) async fn start(
        test: &str,
        flags: &[&str],
        variables: &[(&str, &str)],
    ) -> Option<Self> {
        let database = Database::make(Cluster::shared(test)?).await;
        Some(Self::over(database, flags, variables).await)
    }

    /// These variables come on top of those that a setup needs. `{bucket}` in them is where the object
    /// store is.
    pub(crate) async fn over(
        database: Database,
        flags: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let bucket = Bucket::start().await;
        let mut command = subcommand("sidecar");
        command
            .env_clear()
            .envs([
                ("DATABASE_URL", &*database.url),
                ("AWS_S3_ENDPOINT_URL", &bucket.endpoint),
                ("AWS_S3_BUCKET_NAME", "uploads"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", Bucket::ID),
                ("AWS_SECRET_ACCESS_KEY", Bucket::SECRET),
            ])
            .envs(
                variables
                    .iter()
                    .map(|(name, value)| (name, value.replace("{bucket}", &bucket.endpoint))),
            )
            .args(["--listen", "127.0.0.1:0"])
            .args(flags);
        let mut process = Process::start(&mut command);
        let url = process.wait_for_url();
        let api = Api {
            http: Http::new(),
            url,
            key: KEY.to_owned(),
            slug: "my-workspace".to_owned(),
        };
        Self {
            process,
            api,
            bucket,
            database,
        }
    }
}
