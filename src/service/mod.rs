//! The HTTP edge: the service, the layer that puts it in front of another service, and their
//! builder.
//!
//! A request passes these steps in order: route, authenticate, read the body, parse it into a
//! command, call the use case, write the response. The parser validates; the steps after it only
//! see valid values. Every error is one row of the error table.

mod body;
mod builder;
mod command;
mod endpoint;
mod error_row;
mod error_table;
mod json;
mod json_object;
mod layer;
pub(crate) mod response;
mod response_body;
mod route;

pub use builder::{AssetUploadBuilder, BuildError, InvalidBasePath};
#[cfg(feature = "openapi")]
pub(crate) use command::CreateRules;
#[cfg(all(feature = "openapi", test))]
pub(crate) use command::{COMPLETE_MEMBERS, CREATE_MEMBERS};
pub use endpoint::{AssetUploadService, ResponseFuture};
#[cfg(feature = "openapi")]
pub(crate) use error_row::{Operation, Row, Schema};
#[cfg(any(feature = "openapi", feature = "rate-limit"))]
pub(crate) use error_table::ApiError;
pub use layer::{AssetUploadLayer, AssetUploadMiddleware, MiddlewareFuture};
pub use response_body::{NoBody, ResponseBody};
