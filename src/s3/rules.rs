//! What the stores take that speak S3, each by its own documentation.

use crate::signer::UploadMethod;

/// One store's rules. What isn't documented counts as absent: a condition that is silently dropped
/// is worse than one that is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rules {
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

impl Rules {
    /// A store that is only known by its address: taken to do what AWS does.
    pub(crate) const S3_COMPATIBLE: Self = Self {
        store: "This object store",
        sources: &[],
        ..Self::AWS
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
        ],
        uploads: UploadMethod::Post,
        checksums: Checksums::Compared,
        session_tokens: true,
        google: false,
        ignored_fields: &[],
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
        ],
        uploads: UploadMethod::Put,
        checksums: Checksums::Ignored,
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
        ],
        checksums: Checksums::ComparedWhenNamed,
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
        ],
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
            // Presigned URLs; no POST Object, checksums or STS.
            "Spaces S3 Compatibility",
        ],
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
        uploads: UploadMethod::Put,
        checksums: Checksums::Ignored,
        ..Self::AWS
    };
}
