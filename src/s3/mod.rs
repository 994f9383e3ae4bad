//! S3 and everything that speaks it: where a bucket is, forms to post to it, and what it holds.

mod bucket;
mod disposition;
mod post;
#[cfg(feature = "verify")]
mod verifier;

pub use bucket::{InvalidBucket, S3Bucket};
pub use post::S3PostSigner;
#[cfg(feature = "verify")]
pub use verifier::S3Verifier;
