//! The error table: one row for every error response of this API.
//!
//! A row has the error's name and values, its status, its code, the schema of its body, the
//! operations that it can answer, the header that it adds, and its sentence, which is a format
//! string over the values. `response.rs` writes the response from the row, and
//! `openapi/refusals.rs` documents it from the same row.
//!
//! **Security:** no sentence contains the text of a cause. Causes are logged.

use std::fmt;

use http::{Method, StatusCode};

use super::error_row::Header::{self, Allow, RetryAfter, WwwAuthenticate};
use super::error_row::Operation::{
    self, Complete, Create, Delete, Options, OtherMethod, OtherPath, Retrieve,
};
use super::error_row::Row;
use super::error_row::Schema::{self, AuthFault, Fault, RateLimited, RequestFault};
use super::json::Malformed;
use crate::asset::{InvalidChecksum, InvalidExternalLabel, Mismatch};
use crate::auth::{AuthError, Scope};
use crate::error::{BoxError, Unavailable};
use crate::usecase::{Duplicate, Rejection};

macro_rules! error_table {
    ($(
        $(#[$attribute:meta])*
        $name:ident $({ $($value:ident: $type:ty),+ })?:
            $status:ident, $code:literal, $schema:expr, $operations:expr,
            $($header:ident($header_value:expr),)?
            $sentence:literal;
    )+) => {
        /// An error and its values.
        #[derive(Debug)]
        pub(crate) enum ApiError {
            $($(#[$attribute])* $name $({ $($value: $type),+ })?,)+
        }

        impl ApiError {
            /// Every row of the table.
            #[cfg(any(feature = "openapi", test))]
            pub(crate) const ROWS: &[Row] = &[
                $(error_table!(row $status $code $schema, $operations, $($header)?)),+
            ];

            pub(crate) fn row(&self) -> &'static Row {
                match self {
                    $(Self::$name { .. } => const {
                        &error_table!(row $status $code $schema, $operations, $($header)?)
                    }),+
                }
            }

            #[allow(unused_variables, reason = "few headers use a value of the error")]
            pub(crate) fn header(&self) -> Option<Header> {
                match self {
                    $(Self::$name $({ $($value),+ })? => {
                        [$($header($header_value))?].into_iter().next()
                    })+
                }
            }
        }

        /// Writes the error's sentence.
        impl fmt::Display for ApiError {
            #[allow(unused_variables, reason = "a value may be for the header or the log only")]
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name $({ $($value),+ })? => write!(f, $sentence),)+
                }
            }
        }
    };
    (row $status:ident $code:literal $schema:expr, $operations:expr, $($header:ident)?) => {
        Row {
            status: StatusCode::$status,
            code: $code,
            schema: $schema,
            operations: $operations,
            header: error_table!(header $($header)?),
        }
    };
    (header) => { None };
    (header Allow) => { Some("Allow") };
    (header WwwAuthenticate) => { Some("WWW-Authenticate") };
    (header RetryAfter) => { Some("Retry-After") };
}

const ON_ASSETS: &[Operation] = &[Create, Retrieve, Complete, Delete];

error_table! {
    NotAuthenticated:
        UNAUTHORIZED, "not_authenticated", AuthFault, ON_ASSETS,
        WwwAuthenticate(r#"Bearer realm="api""#),
        "Authentication credentials were not provided.";
    InvalidToken:
        UNAUTHORIZED, "invalid_token", AuthFault, ON_ASSETS,
        WwwAuthenticate(r#"Bearer realm="api", error="invalid_token""#),
        "Given API token is not valid";
    InsufficientScope { scope: Scope }:
        FORBIDDEN, "insufficient_scope", AuthFault, ON_ASSETS,
        WwwAuthenticate(scope_challenge(*scope)),
        "You do not have permission to perform this action.";
    // Has a challenge, because other credentials may be permitted (RFC 9110, section 11.6.1).
    NotPermitted:
        FORBIDDEN, "not_permitted", AuthFault, &[Delete],
        WwwAuthenticate(r#"Bearer realm="api""#),
        "You do not have permission to perform this action.";

    WorkspaceNotFound:
        NOT_FOUND, "resource_not_found", Fault, ON_ASSETS,
        "The requested resource does not exist.";
    AssetNotFound:
        NOT_FOUND, "asset_not_found", Fault, &[Retrieve, Complete, Delete],
        "Asset not found";
    PathNotFound:
        NOT_FOUND, "path_not_found", Fault,
        &[Create, Retrieve, Complete, Delete, Options, OtherPath],
        "Page not found.";
    MethodNotAllowed { method: Method, allowed: &'static str }:
        METHOD_NOT_ALLOWED, "method_not_allowed", AuthFault, &[OtherMethod],
        Allow(allowed),
        "Method \"{method}\" not allowed.";

    BodyTooLarge { limit: usize }:
        PAYLOAD_TOO_LARGE, "body_too_large", RequestFault(None), &[Create, Complete],
        "The body may have at most {limit} bytes.";
    BodyNotJson:
        UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", RequestFault(None), &[Create, Complete],
        "The body must be JSON, with `Content-Type: application/json`.";
    BodyEncoded:
        UNSUPPORTED_MEDIA_TYPE, "unsupported_content_encoding", RequestFault(None), &[Create, Complete],
        "The body must be sent as it is, without a `Content-Encoding`.";
    // The connection broke, or the framing was wrong.
    BodyIncomplete:
        BAD_REQUEST, "incomplete_body", RequestFault(None), &[Create, Complete],
        "The body ended before it was complete.";
    InvalidJson { fault: String }:
        BAD_REQUEST, "invalid_json", RequestFault(None), &[Create, Complete],
        "{fault}";

    NameMissing:
        BAD_REQUEST, "required_field", RequestFault(Some("name")), &[Create],
        "Name and size are required fields.";
    SizeMissing:
        BAD_REQUEST, "required_field", RequestFault(Some("size")), &[Create],
        "Name and size are required fields.";
    NameNotText:
        BAD_REQUEST, "invalid_name", RequestFault(Some("name")), &[Create],
        "`name` must be a string: the file's name.";
    NameTooLong { most: usize, length: usize }:
        BAD_REQUEST, "invalid_name", RequestFault(Some("name")), &[Create],
        "`name` must have at most {most} characters; this has {length}.";
    SizeNotWhole { most: u64 }:
        BAD_REQUEST, "invalid_size", RequestFault(Some("size")), &[Create],
        "`size` must be a whole number of bytes from 1 to {most}; this is not one.";
    SizeZero { most: u64 }:
        BAD_REQUEST, "invalid_size", RequestFault(Some("size")), &[Create],
        "`size` must be a whole number of bytes from 1 to {most}; an empty file can't be uploaded.";
    SizeTooLarge { most: u64, size: u64 }:
        BAD_REQUEST, "size_too_large", RequestFault(Some("size")), &[Create],
        "`size` must be a whole number of bytes from 1 to {most}; {size} is over the limit.";
    TypeNotAllowed:
        BAD_REQUEST, "invalid_type", RequestFault(Some("type")), &[Create],
        "Invalid file type.";
    InvalidProjectId:
        BAD_REQUEST, "invalid_project_id", RequestFault(Some("project_id")), &[Create],
        "`project_id` must be the UUID of a project, as in \"550e8400-e29b-41d4-a716-446655440000\", or left out.";
    ProjectNotFound:
        BAD_REQUEST, "project_not_found", RequestFault(Some("project_id")), &[Create],
        "`project_id` names no project of this workspace.";
    ExternalIdNotText:
        BAD_REQUEST, "invalid_external_id", RequestFault(Some("external_id")), &[Create],
        "`external_id` must be a string, or left out.";
    InvalidExternalId { fault: InvalidExternalLabel }:
        BAD_REQUEST, "invalid_external_id", RequestFault(Some("external_id")), &[Create],
        "`external_id` {fault}.";
    ExternalSourceNotText:
        BAD_REQUEST, "invalid_external_source", RequestFault(Some("external_source")), &[Create],
        "`external_source` must be a string, or left out.";
    InvalidExternalSource { fault: InvalidExternalLabel }:
        BAD_REQUEST, "invalid_external_source", RequestFault(Some("external_source")), &[Create],
        "`external_source` {fault}.";
    ChecksumNotText:
        BAD_REQUEST, "invalid_checksum_sha256", RequestFault(Some("checksum_sha256")), &[Create],
        "`checksum_sha256` must be a string, or left out.";
    InvalidChecksumSha256 { fault: InvalidChecksum }:
        BAD_REQUEST, "invalid_checksum_sha256", RequestFault(Some("checksum_sha256")), &[Create],
        "`checksum_sha256` {fault}.";
    ChecksumUnsupported:
        BAD_REQUEST, "unsupported_checksum_sha256", RequestFault(Some("checksum_sha256")), &[Create],
        "The object store can't check a SHA-256: leave it out.";
    InvalidIsUploaded:
        BAD_REQUEST, "invalid_is_uploaded", RequestFault(Some("is_uploaded")), &[Complete],
        "`is_uploaded` must be true or false; left out, it counts as true.";

    NotUploaded:
        BAD_REQUEST, "asset_not_uploaded", Fault, &[Retrieve],
        "Asset not yet uploaded";
    AssetExists { duplicate: Box<Duplicate> }:
        CONFLICT, "asset_exists", Schema::Duplicate, &[Create],
        "Asset with same external id and source already exists";
    ObjectMissing:
        CONFLICT, "object_missing", Fault, &[Complete],
        "The object is not in the store: upload it before you say that it is.";
    ObjectMismatch { mismatch: Mismatch }:
        CONFLICT, "object_mismatch", Fault, &[Complete],
        "{mismatch}";
    ObjectChanged:
        CONFLICT, "object_changed", Fault, &[Retrieve, Complete],
        "The object in the store is not the one that was uploaded first.";
    ObjectGone:
        CONFLICT, "object_missing", Fault, &[Retrieve, Complete],
        "The object that was uploaded is not in the store any more.";
    AssetRejected { mismatch: Mismatch }:
        CONFLICT, "asset_rejected", Fault, &[Complete],
        "The asset was rejected, so make another one. {mismatch}";

    // A purge usually runs every hour.
    TooManyDiscarded:
        TOO_MANY_REQUESTS, "too_many_discarded", Fault, &[Create],
        RetryAfter(3600),
        "Too many deleted or rejected assets wait for the clean-up. Try again later.";
    // Pending uploads need some time to finish.
    TooManyPending:
        TOO_MANY_REQUESTS, "too_many_pending", Fault, &[Create],
        RetryAfter(60),
        "Too many assets wait for their upload: complete or delete some of them first.";
    #[cfg_attr(
        not(feature = "rate-limit"),
        expect(dead_code, reason = "only the rate limit uses this error; the document lists it anyway")
    )]
    RateLimitExceeded { retry_after_secs: u64 }:
        TOO_MANY_REQUESTS, "rate_limit_exceeded", RateLimited,
        &[Create, Retrieve, Complete, Delete, Options],
        RetryAfter(*retry_after_secs),
        "RATE_LIMIT_EXCEEDED";

    Internal { cause: BoxError }:
        INTERNAL_SERVER_ERROR, "internal_error", Fault, ON_ASSETS,
        "Something went wrong please try again later";
    AuthUnavailable { cause: Unavailable }:
        SERVICE_UNAVAILABLE, "auth_unavailable", Fault, ON_ASSETS,
        RetryAfter(cause.retry_after_secs()),
        "Credentials can't be checked now. Try again later.";
    StoreUnavailable { cause: Unavailable }:
        SERVICE_UNAVAILABLE, "store_unavailable", Fault, ON_ASSETS,
        RetryAfter(cause.retry_after_secs()),
        "The database can't be reached. Try again later.";
    SignerUnavailable { cause: Unavailable }:
        SERVICE_UNAVAILABLE, "signer_unavailable", Fault, &[Create, Retrieve],
        RetryAfter(cause.retry_after_secs()),
        "Uploads can't be signed now. Try again later.";
    ObjectStoreUnavailable { cause: Unavailable }:
        SERVICE_UNAVAILABLE, "object_store_unavailable", Fault, &[Retrieve, Complete],
        RetryAfter(cause.retry_after_secs()),
        "The object store can't be reached. Try again later.";
}

const fn scope_challenge(scope: Scope) -> &'static str {
    match scope {
        Scope::AssetsRead => {
            r#"Bearer realm="api", error="insufficient_scope", scope="assets:read""#
        }
        Scope::AssetsWrite => {
            r#"Bearer realm="api", error="insufficient_scope", scope="assets:write""#
        }
    }
}

impl ApiError {
    /// Logs the cause of an error that is not the client's.
    pub(crate) fn log_cause(&self) {
        match self {
            Self::AuthUnavailable { cause }
            | Self::StoreUnavailable { cause }
            | Self::SignerUnavailable { cause }
            | Self::ObjectStoreUnavailable { cause } => tracing::warn!(
                error = cause as &dyn std::error::Error,
                code = self.row().code,
                "something this service depends on is unavailable"
            ),
            Self::Internal { cause } => tracing::error!(
                error = &**cause as &dyn std::error::Error,
                "a request failed for a reason that trying again won't mend"
            ),
            _ => {}
        }
    }
}

impl From<Malformed> for ApiError {
    fn from(Malformed(fault): Malformed) -> Self {
        Self::InvalidJson { fault }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing => Self::NotAuthenticated,
            AuthError::Invalid => Self::InvalidToken,
            AuthError::Unavailable(cause) => Self::AuthUnavailable { cause },
        }
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::WorkspaceNotFound => Self::WorkspaceNotFound,
            Rejection::NotPermitted => Self::NotPermitted,
            Rejection::AssetNotFound => Self::AssetNotFound,
            Rejection::ProjectNotFound => Self::ProjectNotFound,
            Rejection::ChecksumUnsupported => Self::ChecksumUnsupported,
            Rejection::Duplicate(duplicate) => Self::AssetExists { duplicate },
            Rejection::TooManyPending => Self::TooManyPending,
            Rejection::TooManyDiscarded => Self::TooManyDiscarded,
            Rejection::NotUploaded => Self::NotUploaded,
            Rejection::ObjectMissing => Self::ObjectMissing,
            Rejection::ObjectGone => Self::ObjectGone,
            Rejection::ObjectChanged => Self::ObjectChanged,
            Rejection::ObjectMismatch(mismatch) => Self::ObjectMismatch { mismatch },
            Rejection::Rejected(mismatch) => Self::AssetRejected { mismatch },
            Rejection::StoreUnavailable(cause) => Self::StoreUnavailable { cause },
            Rejection::SignerUnavailable(cause) => Self::SignerUnavailable { cause },
            Rejection::ObjectStoreUnavailable(cause) => Self::ObjectStoreUnavailable { cause },
            Rejection::Internal(cause) => Self::Internal { cause },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::mem::discriminant;

    use super::*;

    /// Each code implies one status and one body schema.
    #[test]
    fn rows_of_one_code_have_one_status_and_one_schema() {
        let mut known = HashMap::new();
        for row in ApiError::ROWS {
            let fixed = (row.status, discriminant(&row.schema));
            assert_eq!(*known.entry(row.code).or_insert(fixed), fixed, "{row:?}");
        }
    }
}
