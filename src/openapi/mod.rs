//! The OpenAPI 3.1 document of what the service answers, and a service that serves it.
//!
//! `template.json` holds the document's text. `template.rs` fills in the parts that depend on the host's
//! settings, and `refusals.rs` adds the errors, from the error table of the service. A test provokes every
//! answer in the document and finds every answer in it.

mod digits;
mod document;
mod refusals;
mod service;
mod settings;
mod template;

pub use document::OpenApi;
pub use service::OpenApiService;
