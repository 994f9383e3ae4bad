//! Direct-to-object-storage uploads for any tower host.
//!
//! Mount [`AssetUploadService`] in a hyper or axum server and its users upload files straight to S3,
//! MinIO, Garage, Ceph, R2 or whatever speaks S3: the service checks who may, signs a form for just
//! that file, and asks the store what arrived before it counts. It serves Plane's "Create workspace
//! asset upload" API, `POST /api/v1/workspaces/{slug}/assets/`, and the three routes around it.
//!
//! ```
//! # #[cfg(feature = "verify")]
//! # fn app() -> Result<axum::Router, Box<dyn std::error::Error>> {
//! use tower_asset_upload::asset::{AllowedTypes, UploadSize};
//! use tower_asset_upload::s3::{S3, S3Bucket};
//! use tower_asset_upload::sigv4::Credentials;
//! use tower_asset_upload::{AssetUploadService, HeaderAuthenticator, MemoryStore};
//!
//! let bucket = S3Bucket::aws("uploads", "eu-central-1")?;
//! let s3 = S3::new(bucket, Credentials::from_env()?);
//! let store = MemoryStore::new();
//! let authenticator = HeaderAuthenticator::new(store.clone());
//! let uploads = AssetUploadService::builder(store, s3.signer()?, authenticator)
//!     .verify_with(s3.objects())
//!     .max_size(UploadSize::new(50 * 1024 * 1024)?)
//!     .allowed_types(AllowedTypes::only(["image/png", "image/jpeg"])?)
//!     .build()?;
//!
//! let app = axum::Router::new().fallback_service(uploads);
//! # Ok(app)
//! # }
//! ```
//!
//! # A map
//!
//! | what you need | where it is |
//! |---|---|
//! | the service, and the same as a layer | [`AssetUploadService`], [`AssetUploadLayer`] |
//! | who is calling | [`Authenticator`]: [`HeaderAuthenticator`] over a [`CredentialVerifier`](auth::CredentialVerifier), [`ExtensionAuthenticator`](auth::ExtensionAuthenticator), or yours |
//! | where assets are kept | [`AssetStore`]: [`MemoryStore`], `SqliteStore`, `PostgresStore`, `PlaneStore`, or [yours](docs::bring_your_own_store) |
//! | who signs | [`UploadSigner`]: [`s3::S3Signer`] by what the [store documents](docs::object_stores), [`s3::S3PostSigner`], [`s3::S3PutSigner`], or yours |
//! | what really arrived | [`ObjectStore`]: `s3::S3Objects`, or yours |
//! | what has to go | [`PurgeStore`](purge::PurgeStore), and `purge` to call now and then |
//! | how often a credential may call | `RateLimitLayer` |
//! | whether a store of yours is sound | `conformance` |
//! | what becomes of an upload | [`docs::life_of_an_asset`] |
//! | what is wrong with a bucket | `s3::doctor` |
//! | whom TLS trusts: private authorities, the system's | `TrustRoots` |
//! | calling the API from a program, or a browser | `client`, [`docs::uppy`] |
//! | the API's OpenAPI document | `OpenApi` |
//! | beside a self-hosted Plane | [`docs::plane_sidecar`] |
//! | signing without the service | [`sigv4`] |
//! | how this differs from Plane | [`docs::differences_from_plane`] |
//!
//! A request goes one way: route, authenticate, read the body, parse it into a command, enter the
//! workspace, create, sign, respond.
//!
//! # Features
//!
//! None is on by default; a feature only adds.
//!
//! | feature | adds | brings |
//! |---|---|---|
//! | `sqlite-bundled` | `SqliteStore`: assets, memberships and hashed credentials in one file | rusqlite with SQLite compiled in |
//! | `sqlite` | the same without a SQLite of its own: it links another crate's, or the machine's | rusqlite |
//! | `postgres` | `PostgresStore`: the same in PostgreSQL, for any number of replicas | tokio-postgres, deadpool, rustls |
//! | `plane` | `PlaneStore`: the tables of a self-hosted Plane | what `postgres` brings |
//! | `profile` | `s3::ProfileCredentials`: a profile of the shared credentials and config files | rust-ini |
//! | `aws-credentials` | `s3::AwsSdkCredentials`: whatever the AWS SDK's providers know (IMDS, ECS, SSO, web identity) | aws-credential-types |
//! | `verify` | `s3::S3Objects`: asks the object store before an upload counts as complete | hyper's client, roxmltree, rustls, Tokio's timer |
//! | `purge` | `purge`: removes the objects and rows that nobody needs any more | |
//! | `rate-limit` | `RateLimitLayer`: so many requests in a time for each credential | governor, quick_cache |
//! | `conformance` | `conformance`: what every store has to do, as tests for yours | Tokio |
//! | `doctor` | `s3::doctor`: tries a bucket for real | what `verify` brings |
//! | `client` | `client::AssetClient`: uploads and downloads for programs that call the API | hyper's client, rustls, Tokio |
//! | `openapi` | `OpenApi`: the OpenAPI 3.1 document of what the service answers | |
//! | `system-roots` | `TrustRoots::system`: TLS trusts the authorities that the operating system does | rustls-native-certs |

#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod forward;

pub mod asset;
pub mod auth;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod docs;
mod error;
mod http_client;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod ports;
#[cfg(feature = "rate-limit")]
pub mod rate_limit;
pub mod s3;
pub mod service;
pub mod sigv4;
pub mod stores;
#[cfg(any(feature = "client", feature = "postgres", feature = "verify"))]
pub mod tls;
mod usecase;

/// Removes the objects and rows that nobody needs any more.
pub mod purge {
    pub use crate::ports::purge::{Condemned, FailedRemoval, PurgeStep, PurgeStore, StoreTime};
    #[cfg(feature = "purge")]
    pub use crate::usecase::periodic::purge_periodically;
    #[cfg(feature = "purge")]
    pub use crate::usecase::purge::{PurgeError, PurgeOptions, PurgeReport, purge};
}

pub use auth::{Authenticator, HeaderAuthenticator};
pub use error::{BoxError, Unavailable};
pub use ports::{AssetStore, CredentialStore, DirectoryStore, ObjectStore, UploadSigner};
pub use service::{AssetUploadLayer, AssetUploadService};
pub use stores::MemoryStore;
#[cfg(feature = "plane")]
pub use stores::PlaneStore;
#[cfg(feature = "postgres")]
pub use stores::PostgresStore;
#[cfg(feature = "sqlite")]
pub use stores::SqliteStore;

/// The examples of the README, compiled.
#[cfg(all(
    doctest,
    feature = "postgres",
    feature = "purge",
    feature = "rate-limit",
    feature = "sqlite",
    feature = "verify"
))]
#[doc = include_str!("../README.md")]
struct Readme;
