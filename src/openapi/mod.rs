//! The OpenAPI 3.1 document of the service, and a service that serves the document.
//!
//! `template.json` holds the document's text. `template.rs` fills in the values of the host's
//! settings. `refusals.rs` adds the errors from the service's error table. A test compares the
//! document with the service's real responses, in both directions.

mod digits;
mod document;
mod refusals;
mod service;
mod settings;
mod template;

pub use document::OpenApi;
pub use service::OpenApiService;
