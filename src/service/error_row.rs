//! The columns of the error table.

use http::StatusCode;

/// A request that an error can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    /// `GET` and `HEAD`.
    Retrieve,
    Complete,
    Delete,
    Options,
    /// Any other method of a path of this API.
    OtherMethod,
    /// Any path outside this API.
    OtherPath,
}

/// The shape of a body. The variants have the names of the schemas in the OpenAPI document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    /// `{"error","status":false,"code","field"}`: the request's body, or the named member of it, is
    /// wrong.
    RequestFault(Option<&'static str>),
    /// `{"error","code"}`
    Fault,
    /// `{"detail","code"}`: Plane's framework calls the sentence `detail`.
    AuthFault,
    /// `{"message","code","asset_id","asset_url","upload_data"}`
    Duplicate,
    /// `{"error_code","error_message","code"}`: the body of Plane's rate limit.
    RateLimited,
}

/// A header that an error adds to its response.
#[derive(Debug)]
pub(crate) enum Header {
    Allow(&'static str),
    WwwAuthenticate(&'static str),
    RetryAfter(u64),
}

/// The fixed part of a row.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "openapi"),
    allow(dead_code, reason = "only the OpenAPI document reads every field")
)]
pub(crate) struct Row {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) schema: Schema,
    pub(crate) operations: &'static [Operation],
    /// The name of the header that the error adds.
    pub(crate) header: Option<&'static str>,
}
