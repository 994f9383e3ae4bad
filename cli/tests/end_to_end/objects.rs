//! Where the server keeps objects: in its own embedded store, or in an independent one.

use tower_asset_upload::s3::S3Bucket;
use tower_asset_upload::sigv4::Region;

use super::ENVIRONMENT;
use crate::garage::{BUCKET, Garage, ID, REGION, SECRET};
use crate::process::{Server, temp_dir};
use tempfile::TempDir;

/// One of the stores that every upload is tried with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Objects {
    garage: Option<&'static Garage>,
}

impl Objects {
    /// The server's own.
    pub(crate) const EMBEDDED: Self = Self { garage: None };

    /// Garage. `None` where it isn't installed; then the test is skipped, and says so.
    pub(crate) fn garage(test: &str) -> Option<Self> {
        assert_eq!((ID, SECRET, BUCKET), (super::ID, super::SECRET, "uploads"));
        let garage = Some(Garage::shared(test)?);
        Some(Self { garage })
    }

    /// Whether it is the server's own, which is laxer than S3 here and there.
    pub(crate) fn is_embedded(self) -> bool {
        self.garage.is_none()
    }

    /// The region that signatures have to be for.
    pub(crate) fn region(self) -> Region {
        match self.garage {
            Some(_) => Region::new(REGION).unwrap(),
            None => Region::us_east_1(),
        }
    }

    /// The bucket at that endpoint, as its store is known.
    pub(crate) fn bucket(self, endpoint: &str) -> S3Bucket {
        let bucket = match self.garage {
            Some(_) => S3Bucket::garage(BUCKET, self.region(), endpoint),
            None => S3Bucket::custom(BUCKET, self.region(), endpoint),
        };
        bucket.unwrap()
    }

    /// What a refusal says: an error code of S3's, or what Garage says in its own words.
    pub(crate) fn says(self, code: &str, words: &str) -> String {
        match self.garage {
            // It is XML.
            Some(_) => words.replace('\'', "&apos;"),
            None => format!("<Code>{code}"),
        }
    }

    /// A server that keeps its objects there.
    pub(crate) async fn server(self, flags: &[&str]) -> Hosted {
        self.server_with(flags, ENVIRONMENT).await
    }

    /// Likewise, with other variables in its environment.
    pub(crate) async fn server_with(self, flags: &[&str], environment: &[(&str, &str)]) -> Hosted {
        let data = temp_dir();
        let endpoint = self.garage.map(Garage::endpoint);
        let mut all = flags.to_vec();
        if let Some(endpoint) = &endpoint {
            all.extend(["--s3-endpoint", endpoint, "--s3-region", REGION]);
        }
        let server = Server::start(data.path(), &all, environment).await;
        Hosted {
            server,
            _data: data,
        }
    }
}

/// A server and its files.
pub(crate) struct Hosted {
    server: Server,
    _data: TempDir,
}

impl std::ops::Deref for Hosted {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}
