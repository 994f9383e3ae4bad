//! The features of each S3-compatible object store, according to its own documentation.

use crate::ports::UploadMethod;
use crate::sigv4::Presign;

/// The features of one object store. A feature that isn't documented counts as absent: an object
/// store that silently drops a condition is worse than one that refuses it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ProviderRules {
    /// The object store's name.
    pub(crate) store: &'static str,
    /// The sources: titles of pages in the object store's documentation.
    pub(crate) sources: &'static [&'static str],
    /// POST if forms are documented, otherwise PUT, which every object store supports.
    pub(crate) uploads: UploadMethod,
    pub(crate) checksums: Checksums,
    /// Whether the object store issues temporary credentials.
    pub(crate) session_tokens: bool,
    /// Whether requests are signed with Google's variant of the signature.
    pub(crate) google: bool,
    /// Form fields that the object store accepts but ignores. A field matches if its name equals
    /// one of these words, or begins with the word and a hyphen.
    pub(crate) ignored_fields: &'static [&'static str],
    pub(crate) single_use: SingleUse,
}

/// Whether a PUT URL can be valid for one upload only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SingleUse {
    /// The object store answers 412 to a second upload with this condition.
    By(Condition),
    /// Unknown. The condition is signed only if the host declares that the object store enforces
    /// it.
    Unknown,
    /// The object store documents no such condition.
    No,
}

impl SingleUse {
    /// Returns the condition that makes a PUT URL valid for one upload only.
    pub(crate) fn condition(self) -> Option<Condition> {
        match self {
            Self::By(condition) => Some(condition),
            Self::Unknown | Self::No => None,
        }
    }
}

/// A header that prevents an upload from replacing an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// RFC 9110, section 13.1.2.
    IfNoneMatch,
    /// Google Cloud, "Request preconditions".
    GenerationMatch,
}

impl Condition {
    /// Returns the header's name and value, which the client has to send.
    pub(crate) const fn header(self) -> (&'static str, &'static str) {
        match self {
            Self::IfNoneMatch => ("If-None-Match", "*"),
            Self::GenerationMatch => ("x-goog-if-generation-match", "0"),
        }
    }

    /// Adds the header to the signed headers.
    pub(crate) fn sign_into(self, request: Presign<'_>) -> Presign<'_> {
        match self {
            Self::IfNoneMatch => request.if_none_match_any(),
            Self::GenerationMatch => request.if_generation_match(0),
        }
    }
}

/// How the object store treats `x-amz-checksum-sha256`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksums {
    /// Compares the checksum with the upload, and returns it for the stored object.
    Compared,
    /// As `Compared`, but a form needs the field `x-amz-checksum-algorithm` too.
    ComparedWhenNamed,
    /// Refuses the checksum, or accepts and ignores it.
    Ignored,
}

impl ProviderRules {
    /// An object store described by its address only. It is assumed to support whatever AWS does,
    /// except conditions: an object store without them refuses every upload that has one.
    pub(crate) const S3_COMPATIBLE: Self = Self {
        store: "This object store",
        sources: &[],
        single_use: SingleUse::Unknown,
        ..Self::AWS
    };

    /// The same, if the host declares that the object store enforces `If-None-Match`.
    pub(crate) const S3_COMPATIBLE_SINGLE_USE: Self = Self {
        single_use: SingleUse::By(Condition::IfNoneMatch),
        ..Self::S3_COMPATIBLE
    };

    /// Returns whether faults of old MinIO releases can explain the object store's behavior.
    #[cfg(feature = "doctor")]
    pub(crate) fn may_be_minio(&self) -> bool {
        [Self::MINIO.store, Self::S3_COMPATIBLE.store].contains(&self.store)
    }

    pub(crate) const AWS: Self = Self {
        store: "AWS S3",
        sources: &[
            "Browser-Based Uploads Using POST (AWS Signature Version 4)",
            "Virtual hosting of general purpose buckets",
            "Checking object integrity in Amazon S3",
            // `If-None-Match: *` with PutObject; it needs s3:PutObject alone.
            "How to prevent object overwrites with conditional writes",
        ],
        uploads: UploadMethod::Post,
        checksums: Checksums::Compared,
        session_tokens: true,
        google: false,
        ignored_fields: &[],
        single_use: SingleUse::By(Condition::IfNoneMatch),
    };

    pub(crate) const CLOUDFLARE_R2: Self = Self {
        store: "Cloudflare R2",
        sources: &[
            // The endpoint, and the region `auto`.
            "S3 API compatibility",
            // POST, which uploads by HTML forms, is not supported.
            "Presigned URLs",
            // SHA-256 with PutObject since 2023-06-16.
            "Release notes",
            "Temporary credentials",
            // `If-None-Match` with PutObject.
            "Conditional operations",
        ],
        uploads: UploadMethod::Put,
        ..Self::AWS
    };

    pub(crate) const BACKBLAZE_B2: Self = Self {
        store: "Backblaze B2",
        sources: &[
            // The endpoints, HTTPS only; the supported calls, without POST Object.
            "Call the S3-Compatible API",
            // The headers `x-amz-checksum-*` are among the unsupported features.
            "S3-Compatible API",
            "IAM-STS API",
            // Its headers, without conditions.
            "S3 Put Object",
        ],
        uploads: UploadMethod::Put,
        checksums: Checksums::Ignored,
        single_use: SingleUse::No,
        ..Self::AWS
    };

    pub(crate) const MINIO: Self = Self {
        store: "MinIO",
        sources: &[
            // Forms: `presignedPostPolicy`.
            "JavaScript Client API Reference",
            "Security Token Service (STS)",
            // No ObjectACL.
            "S3 API Compatibility",
            // Forms with checksums: `PostPolicyBucketHandler`. Their tags are compared with the policy
            // since commit fa18589d1 (2025-10), which is in no release.
            "MinIO's source, cmd/bucket-handlers.go",
            // `checkPreconditionsPUT`; `*` means any object since RELEASE.2024-05-07T06-41-25Z.
            "MinIO's source, cmd/object-handlers-common.go",
        ],
        ignored_fields: &["acl", "tagging"],
        ..Self::AWS
    };

    pub(crate) const GARAGE: Self = Self {
        store: "Garage",
        sources: &[
            // PostObject; no ACLs, tags, storage classes or encryption by the server's keys.
            "S3 Compatibility status",
            // `s3_region`; path style unless there is a `root_domain`.
            "Configuration file format",
            // Forms with checksums: `request_checksum_algorithm`.
            "Garage's source, src/api/s3/post_object.rs",
            // No conditions.
            "Garage's source, src/api/s3/put.rs",
        ],
        checksums: Checksums::ComparedWhenNamed,
        single_use: SingleUse::No,
        session_tokens: false,
        ignored_fields: &[
            "acl",
            "tagging",
            "x-amz-storage-class",
            "x-amz-server-side-encryption",
        ],
        ..Self::AWS
    };

    pub(crate) const CEPH: Self = Self {
        store: "Ceph Object Gateway",
        sources: &[
            // POST Object; checksums are not mentioned.
            "Ceph Object Gateway S3 API",
            "STS in Ceph",
            // Path style unless there is an `rgw dns name`.
            "Common Entities",
            // `HTTP_IF_NONE_MATCH` in `RGWPutObj_ObjStore_S3::get_params`.
            "Ceph's source, src/rgw/rgw_rest_s3.cc",
        ],
        checksums: Checksums::Ignored,
        ..Self::AWS
    };

    pub(crate) const GOOGLE_CLOUD_STORAGE: Self = Self {
        store: "Google Cloud Storage",
        sources: &[
            // The fields, without tokens and checksums.
            "Upload an object with HTML forms",
            // `auto`, or the bucket's location; `GOOG4-HMAC-SHA256`.
            "Signatures",
            "HMAC keys",
            "Request endpoints",
            // `x-goog-if-generation-match: 0`: there must be no live object.
            "Request preconditions",
        ],
        single_use: SingleUse::By(Condition::GenerationMatch),
        checksums: Checksums::Ignored,
        session_tokens: false,
        google: true,
        ..Self::AWS
    };

    pub(crate) const DIGITALOCEAN_SPACES: Self = Self {
        store: "DigitalOcean Spaces",
        sources: &[
            // The endpoint, and the region in the credential scope.
            "Spaces API Reference Documentation",
            // Presigned URLs; no POST Object, checksums, STS or conditional writes.
            "Spaces S3 Compatibility",
        ],
        single_use: SingleUse::No,
        uploads: UploadMethod::Put,
        checksums: Checksums::Ignored,
        session_tokens: false,
        ..Self::AWS
    };

    pub(crate) const WASABI: Self = Self {
        store: "Wasabi",
        sources: &[
            "Service URLs for Wasabi's Storage Regions",
            // Path style is recommended.
            "REST API Introduction",
            // PUT uploads an object; POST is for multipart uploads.
            "HTTP Methods, Compatibility, and Error Handling",
            "IAM and STS Support With the Wasabi S3 API",
        ],
        single_use: SingleUse::No,
        uploads: UploadMethod::Put,
        checksums: Checksums::Ignored,
        ..Self::AWS
    };
}
