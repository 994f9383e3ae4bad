//! The OpenAPI 3.1 document of what the service answers, and a service that serves it.
//!
//! It is kept by hand, as the answers are: they are written by `response.rs`, not derived from types
//! that a generator could read. A test provokes every answer in it and finds every answer in it.

mod digits;
mod document;
mod operations;
mod refusals;
mod schemas;
mod service;
mod settings;

pub use document::OpenApi;
pub use service::OpenApiService;
