//! Direct-to-object-storage uploads for any tower host.
//!
//! Mount [`AssetUploadService`] in a hyper or axum server, and its users upload files straight to S3, R2,
//! MinIO, Garage, Ceph or any other store that speaks S3. The service checks who may upload, signs a form
//! for exactly that file, and asks the object store before the upload counts. It serves Plane's "Create
//! workspace asset upload" API, `POST /api/v1/workspaces/{slug}/assets/`, and the three routes around it.
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
//! # Map
//!
//! | to | use |
//! |---|---|
//! | serve the API | [`AssetUploadService`], or [`AssetUploadLayer`] in front of another service; see [`docs::mounting`] |
//! | authenticate | [`HeaderAuthenticator`] over a [`CredentialVerifier`](auth::CredentialVerifier), [`ExtensionAuthenticator`](auth::ExtensionAuthenticator), or your own [`Authenticator`] |
//! | keep assets | [`MemoryStore`], `SqliteStore`, `PostgresStore`, `PlaneStore`, or [your own](docs::bring_your_own_store) [`AssetStore`] |
//! | add workspaces, members and keys | [`DirectoryStore`], [`CredentialStore`] |
//! | sign, and ask the object store | [`s3::S3`] for each [provider](docs::object_stores), or your own [`UploadSigner`] and [`ObjectStore`] |
//! | delete objects and rows that nobody needs | [`purge`] |
//! | limit requests for each credential | `rate_limit::RateLimitLayer` |
//! | check a bucket | `s3::doctor` |
//! | test a store of your own | `conformance` |
//! | trust private certificate authorities | `tls::TrustRoots` |
//! | call the API from Rust or a browser | `client`, [`docs::uppy`] |
//! | publish the API's OpenAPI document | `openapi` |
//! | sign without the service | [`sigv4`] |
//! | run beside a self-hosted Plane | [`docs::plane_sidecar`] |
//!
//! Guides: [the life of an asset](docs::life_of_an_asset), [running in production](docs::production),
//! [security](docs::security), [differences from Plane](docs::differences_from_plane).
//!
//! A request takes one way through the layers: route, authenticate, read the body, parse it into a command,
//! enter the workspace, create, sign, respond.
//!
//! # Features
//!
//! No feature is on by default. A feature only adds.
//!
//! | feature | adds | dependencies |
//! |---|---|---|
//! | `sqlite-bundled` | `SqliteStore`: assets, memberships and hashed credentials in one file | rusqlite, with SQLite compiled in |
//! | `sqlite` | `SqliteStore`, linked to the SQLite of another crate or of the system | rusqlite |
//! | `postgres` | `PostgresStore`: the same in PostgreSQL, for any number of replicas | tokio-postgres, deadpool, rustls |
//! | `plane` | `PlaneStore`: the tables of a self-hosted Plane | those of `postgres` |
//! | `profile` | `s3::ProfileCredentials`: a profile of the shared credentials and config files | rust-ini |
//! | `aws-credentials` | `s3::AwsSdkCredentials`: the AWS SDK's providers (IMDS, ECS, SSO, web identity) | aws-credential-types |
//! | `verify` | `s3::S3Objects`: asks the object store before an upload counts as complete | hyper, rustls, roxmltree, Tokio |
//! | `purge` | `purge::purge`: deletes objects and rows that nobody needs | |
//! | `rate-limit` | `rate_limit::RateLimitLayer`: limits the requests of each credential | governor, quick_cache |
//! | `conformance` | `conformance`: tests for a store of your own | Tokio |
//! | `doctor` | `s3::doctor`: checks a bucket with real requests | those of `verify` |
//! | `client` | `client::AssetClient`: uploads and downloads from Rust | hyper, rustls, Tokio |
//! | `openapi` | `openapi::OpenApi`: the OpenAPI 3.1 document of the service | |
//! | `system-roots` | `TrustRoots::system`: trusts the operating system's certificate authorities | rustls-native-certs |

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
#[cfg(all(doctest, feature = "sqlite", feature = "verify"))]
#[doc = include_str!("../README.md")]
struct Readme;
