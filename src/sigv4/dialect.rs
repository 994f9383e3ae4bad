//! The words in which the algorithm's speakers differ.

/// One family of stores that sign with this algorithm. AWS and everything S3-compatible speak
/// [`Dialect::AWS`], Google Cloud Storage's XML API speaks [`Dialect::GOOGLE`] too; the mathematics is
/// the same for all, so a dialect is data.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    /// The algorithm's name, as in `x-amz-algorithm`.
    pub(super) algorithm: &'static str,
    /// What goes before the secret when the signing key is derived.
    pub(super) secret_prefix: &'static str,
    /// The service in the credential scope.
    pub(super) service: &'static str,
    /// The last part of the credential scope.
    pub(super) terminator: &'static str,
    /// The names of the form fields and signed headers.
    pub(super) field_prefix: &'static str,
    /// The names of the query parameters.
    pub(super) query_prefix: &'static str,
    /// Whether its forms know more prefixed fields than metadata (encryption, checksums, storage
    /// class), tags, and session tokens.
    pub(super) extended_fields: bool,
}

impl Dialect {
    /// AWS Signature Version 4 for S3 (AWS, "Authenticating Requests (AWS Signature Version 4)").
    pub(super) const AWS: Self = Self {
        algorithm: "AWS4-HMAC-SHA256",
        secret_prefix: "AWS4",
        service: "s3",
        terminator: "aws4_request",
        field_prefix: "x-amz-",
        query_prefix: "X-Amz-",
        extended_fields: true,
    };

    /// Google Cloud Storage's V4 signing with an HMAC key (Google Cloud, "Signatures" and "POST
    /// Object").
    pub(super) const GOOGLE: Self = Self {
        algorithm: "GOOG4-HMAC-SHA256",
        secret_prefix: "GOOG4",
        service: "storage",
        terminator: "goog4_request",
        field_prefix: "x-goog-",
        query_prefix: "X-Goog-",
        extended_fields: false,
    };
}
