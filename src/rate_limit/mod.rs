//! A rate limit for each credential, as a tower layer.

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
