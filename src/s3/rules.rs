//! What the stores take that speak S3, each by its own documentation.

use crate::ports::UploadMethod;
use crate::sigv4::Presign;

/// One store's rules. What isn't documented counts as absent: a condition that is silently dropped
/// is worse than one that is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ProviderRules {
    /// The store's name.
    pub(crate) store: &'static str,
    /// Where that is written: pages of the store's documentation, by their titles.
    pub(crate) sources: &'static [&'static str],
    /// POST where it documents forms, PUT elsewhere: that is known to all.
    pub(crate) uploads: UploadMethod,
    pub(crate) checksums: Checksums,
    /// Whether it issues temporary credentials.
    pub(crate) session_tokens: bool,
    /// Whether it has a dialect of its own for all that is signed.
    pub(crate) google: bool,
    /// Form fields that it takes and ignores; a hyphen or nothing follows these words in a field's
    /// name.
    pub(crate) ignored_fields: &'static [&'static str],
    pub(crate) single_use: SingleUse,
}

/// Whether a PUT URL can be signed for one upload only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SingleUse {
    /// The store refuses a second upload under this condition, with 412.
    By(Condition),
    /// Nobody knows: the condition is signed only if the host has said that the store knows it.
    Unknown,
    /// The store documents no such condition.
    No,
}

impl SingleUse {
    /// The condition that makes a PUT URL good for one upload.
    pub(crate) fn condition(self) -> Option<Condition> {
        match self {
            Self::By(condition) => Some(condition),
            Self::Unknown | Self::No => None,
        }
    }
}

/// A header that keeps an upload from replacing an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// RFC 9110, section 13.1.2.
    IfNoneMatch,
    /// Google Cloud, "Request preconditions".
    GenerationMatch,
}

impl Condition {
    /// The header that has to be sent.
    pub(crate) const fn header(self) -> (&'static str, &'static str) {
        match self {
            Self::IfNoneMatch => ("If-None-Match", "*"),
            Self::GenerationMatch => ("x-goog-if-generation-match", "0"),
        }
    }

    /// Adds the header to those that are signed.
    pub(crate) fn demanded_of(self, request: Presign<'_>) -> Presign<'_> {
        match self {
            Self::IfNoneMatch => request.if_none_match_any(),
            Self::GenerationMatch => request.if_generation_match(0),
        }
    }
}

/// What becomes of `x-amz-checksum-sha256`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksums {
    /// It is compared with what arrives, and told afterwards.
    Compared,
    /// Likewise; but a form has to have a field `x-amz-checksum-algorithm` too.
    ComparedWhenNamed,
    /// It is refused, or taken and ignored.
    Ignored,
}

impl ProviderRules {
    /// A store that is only known by its address: taken to do what AWS does. Conditions are the
    /// exception: stores without them refuse every upload that has one.
    pub(crate) const S3_COMPATIBLE: Self = Self {
        store: "This object store",
        sources: &[],
        single_use: SingleUse::Unknown,
        ..Self::AWS
    };

    /// The same, of which the host has said that it knows `If-None-Match`.
    pub(crate) const S3_COMPATIBLE_SINGLE_USE: Self = Self {
        single_use: SingleUse::By(Condition::IfNoneMatch),
        ..Self::S3_COMPATIBLE
    };

    /// Whether faults of old releases of MinIO explain what the store does.
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
            // POST Object; nothing of checksums.
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
