//! The columns of the error table.

use http::StatusCode;

/// The requests that can get an error as their answer.
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
    /// Any path that is not of this API.
    OtherPath,
}

/// The shape of a body. The variants are named as the schemas of the OpenAPI document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    /// `{"error","status":false,"code","field"}`: the request's body is at fault, or one member of it.
    RequestFault(Option<&'static str>),
    /// `{"error","code"}`
    Fault,
    /// `{"detail","code"}`: Plane's framework names the sentence `detail`.
    AuthFault,
    /// `{"message","code","asset_id","asset_url","upload_data"}`
    Duplicate,
    /// `{"error_code","error_message","code"}`: as Plane's rate limit answers.
    RateLimited,
}

/// A header that an error adds to its answer.
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
    allow(dead_code, reason = "only the document reads all of it")
)]
pub(crate) struct Row {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) schema: Schema,
    pub(crate) operations: &'static [Operation],
    /// The name of the header that the error adds.
    pub(crate) header: Option<&'static str>,
}
