//! Where the objects go: an embedded store, or one of your own.

use std::convert::Infallible;
use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::service_fn;
use tower_asset_upload::asset::{IdSource, RandomIds};
use tower_asset_upload::s3::{EnvironmentCredentials, ProvideCredentials, S3Bucket};
use tower_asset_upload::sigv4::Credentials;
use tower_http::cors::{Any, CorsLayer};

use super::keys;
use super::options::Options;
use super::short_keys::ShortKeys;
use super::spooled_forms::spooled;
use crate::stop::Stop;

/// The longest lifetime that a signature may have, in seconds.
const LONGEST_LIFETIME: u32 = 7 * 24 * 60 * 60;

const BOTH: &str = "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

pub(crate) struct ObjectStore {
    pub bucket: S3Bucket,
    pub credentials: Arc<dyn ProvideCredentials>,
    embedded: Option<Embedded>,
}

struct Embedded {
    endpoint: String,
    /// The file with the keys. `None` if the keys are those of the environment, and no file was asked
    /// for.
    keys: Option<PathBuf>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl ObjectStore {
    pub(crate) async fn start(options: &Options) -> Result<Self, Stop> {
        let (endpoint, credentials, embedded) = if let Some(endpoint) = &options.s3_endpoint {
            (endpoint.clone(), own_credentials()?, None)
        } else {
            let root = options.data_dir.join("objects");
            let account = account_of_environment()?;
            let keys = match (&options.embedded_keys, &account) {
                (Some(file), _) => Some(file.clone()),
                (None, None) => Some(options.data_dir.join("object-store.env")),
                (None, Some(_)) => None,
            };
            let (id, secret) = account.unwrap_or_else(drawn_account);
            let credentials =
                Credentials::new(&*id, &*secret).map_err(|fault| Stop::usage(fault.to_string()))?;
            let keys = keys.map(|file| keys::write(&file, &id, &secret));
            let keys = keys.transpose()?;
            let mut embedded = embed(&root, &options.s3_bucket, &id, secret).await?;
            embedded.keys = keys;
            (
                embedded.endpoint.clone(),
                Arc::new(credentials) as Arc<dyn ProvideCredentials>,
                Some(embedded),
            )
        };
        let public = options.s3_public_endpoint.as_deref().unwrap_or(&endpoint);
        let bucket = S3Bucket::custom(&*options.s3_bucket, options.s3_region.clone(), public)
            .and_then(|bucket| bucket.internal_endpoint(&endpoint))
            .and_then(|bucket| match embedded {
                Some(_) => bucket.single_use_puts(),
                None => Ok(bucket),
            })
            .map_err(|fault| Stop::usage(fault.to_string()))?;
        Ok(Self {
            bucket,
            credentials,
            embedded,
        })
    }

    /// Where the embedded store is and how to get its keys, in lines that work as pasted. Empty for a
    /// store of your own.
    pub(crate) fn instructions(&self, options: &Options) -> String {
        let Some(Embedded { endpoint, keys, .. }) = &self.embedded else {
            return String::new();
        };
        let program = std::env::args().next();
        let program = program.map_or_else(|| "asset-upload".to_owned(), |it| keys::quoted(&it));
        let (bucket, region) = (&options.s3_bucket, options.s3_region.as_str());
        let (kept, load) = match keys {
            Some(file) => {
                let file = file.display().to_string();
                let load = format!("set -a; . {}; set +a; ", keys::quoted(&file));
                (file, load)
            }
            None => (
                "those of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned(),
                String::new(),
            ),
        };
        format!(
            "\
object store  {endpoint}, bucket {bucket}, region {region}
its keys      {kept}

Check the object store:
{load}{program} doctor --bucket {bucket} --region {region} --endpoint {endpoint}

"
        )
    }

    /// Lets the embedded store finish what is under way.
    pub(crate) async fn stop(self) {
        if let Some(Embedded { stop, server, .. }) = self.embedded {
            // It is only gone if it has stopped already.
            let _ = stop.send(());
            if tokio::time::timeout(crate::shutdown::GRACE, server)
                .await
                .is_err()
            {
                tracing::warn!("an upload was cut off");
            }
        }
    }
}

/// Checks the credentials of the environment. The signer and the verifier get the provider rather than
/// these credentials: it bounds what is signed with a session token whose end is unknown.
fn own_credentials() -> Result<Arc<dyn ProvideCredentials>, Stop> {
    account_of_environment()?.ok_or_else(|| Stop::usage(BOTH))?;
    Credentials::from_env().map_err(|fault| {
        let cause = fault.source();
        Stop::usage(cause.map_or_else(|| fault.to_string(), ToString::to_string))
    })?;
    Ok(Arc::new(EnvironmentCredentials))
}

/// A random id and secret for the embedded store, which knows no session tokens.
fn drawn_account() -> (String, String) {
    let drawn = || RandomIds.next_id().simple().to_string();
    (format!("EMBEDDED{}", &drawn()[..12]), drawn() + &drawn())
}

/// `None` if the environment has neither an id nor a secret.
fn account_of_environment() -> Result<Option<(String, String)>, Stop> {
    let read = |name| env::var(name).ok().filter(|value| !value.is_empty());
    match (read("AWS_ACCESS_KEY_ID"), read("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => Ok(Some((id, secret))),
        (None, None) => Ok(None),
        _ => Err(Stop::usage(BOTH)),
    }
}

/// Serves a directory as a bucket on a free port of the loopback interface.
async fn embed(root: &Path, bucket: &str, id: &str, secret: String) -> Result<Embedded, Stop> {
    // The name becomes a directory's.
    if !s3s::path::check_bucket_name(bucket) {
        return Err(Stop::usage(format!(
            "--s3-bucket {bucket:?} can't name a bucket of the embedded object store: use 3 to 63 \
             lower-case letters, digits, dots and hyphens"
        )));
    }
    let made = fs::create_dir_all(root.join(bucket));
    made.map_err(|fault| format!("can't make {}: {fault}", root.display()))?;
    let files = FileSystem::new(root)
        .map_err(|fault| format!("can't serve {}: {fault:?}", root.display()))?;
    let mut config = S3Config::default();
    // Left alone, it refuses forms signed more than 15 minutes ago. S3 goes by the policy's own end.
    config.presigned_url_max_skew_time_secs = LONGEST_LIFETIME;
    let mut builder = S3ServiceBuilder::new(ShortKeys(files));
    builder.set_auth(SimpleAuth::from_single(id, secret));
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    let s3 = builder.build();

    let spool: Arc<Path> = root.into();
    let service = service_fn(move |request: Request<Body>| {
        let (mut s3, spool) = (s3.clone(), Arc::clone(&spool));
        async move {
            let request = match spooled(request, &spool).await {
                Ok(request) => request,
                Err(answer) => return Ok::<_, Infallible>(answer),
            };
            Ok(match tower::Service::call(&mut s3, request).await {
                Ok(answer) => answer.map(Body::new),
                Err(error) => {
                    tracing::error!(?error, "the embedded object store failed");
                    let mut answer = Response::new(Body::empty());
                    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                    answer
                }
            })
        }
    });
    // What a bucket's CORS configuration does elsewhere: browsers may upload and read what happened.
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT])
        .allow_headers(Any)
        .expose_headers([header::ETAG]);
    let app = Router::new().fallback_service(service).layer(cors);

    let bound = TcpListener::bind("127.0.0.1:0").await;
    let listener =
        bound.map_err(|fault| format!("no port for the embedded object store: {fault}"))?;
    let address = listener
        .local_addr()
        .map_err(|fault| format!("the listener has no address: {fault}"))?;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let served =
            axum::serve(listener, app).with_graceful_shutdown(async move { _ = stopped.await });
        if let Err(error) = served.await {
            tracing::error!(%error, "the embedded object store stopped");
        }
    });
    Ok(Embedded {
        endpoint: format!("http://{address}"),
        keys: None,
        stop,
        server,
    })
}
