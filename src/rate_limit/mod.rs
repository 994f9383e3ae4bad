//! So many requests in a time for each credential.

mod key;
mod layer;
mod limit;
mod limiter;
mod quotas;
mod rules;
mod service;

pub use key::RateKey;
pub use layer::RateLimitLayer;
pub use limit::RateLimit;
pub use service::{RateLimitFuture, RateLimitService};
