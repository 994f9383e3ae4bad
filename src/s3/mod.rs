//! Adapter to S3-compatible object stores: describes buckets, signs uploads and downloads, verifies
//! and deletes objects, and provides credentials.

mod bucket;
mod checks;
mod credentials;
mod disposition;
#[cfg(feature = "doctor")]
mod doctor;
#[cfg(feature = "verify")]
mod error_body;
#[cfg(feature = "verify")]
mod objects;
mod post;
mod provider;
mod put;
mod rules;
mod signer;
mod storage;
mod target;

pub use bucket::{InvalidBucket, S3Bucket};
pub use checks::InvalidS3Signer;
#[cfg(feature = "aws-credentials")]
pub use credentials::AwsSdkCredentials;
#[cfg(feature = "profile")]
pub use credentials::ProfileCredentials;
pub use credentials::{EnvironmentCredentials, ProvideCredentials};
#[cfg(feature = "doctor")]
pub use doctor::{CheckStatus, DoctorCheck, DoctorOptions, DoctorReport, doctor};
#[cfg(feature = "verify")]
pub use objects::S3Objects;
pub use post::S3PostSigner;
pub use put::S3PutSigner;
pub use signer::S3Signer;
pub use storage::S3;
