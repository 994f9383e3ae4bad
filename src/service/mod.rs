//! The HTTP edge: the service, the same as a layer, and the builder of both.
//!
//! A request goes one way: route, authenticate, read the body, parse it into a command, call the use
//! case, write the response. Past the parser no value is invalid.

mod body;
mod builder;
mod command;
mod endpoint;
mod json;
mod json_object;
mod layer;
pub(crate) mod response;
mod route;

pub use builder::{AssetUploadBuilder, BuildError, InvalidBasePath};
#[cfg(feature = "openapi")]
pub(crate) use command::CreateRules;
pub use endpoint::{AssetUploadService, ResponseFuture};
pub use layer::{AssetUploadLayer, AssetUploadMiddleware, MiddlewareFuture};
