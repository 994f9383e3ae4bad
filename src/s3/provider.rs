//! Constructors for buckets of known providers, with the endpoint, region and addressing style that
//! each documents.

use super::bucket::{InvalidBucket, S3Bucket, existing, is_dns_label, is_host_part, read_region};
use super::rules::{ProviderRules, SingleUse};
use crate::ports::UploadMethod;
use crate::sigv4::{InvalidRegion, Region};

/// Constructors for buckets of known providers.
///
/// Such a bucket knows which features its object store documents. [`S3Signer`](super::S3Signer)
/// chooses the upload method accordingly, and refuses features that the object store lacks.
///
/// | store | uploads | single-use PUT | SHA-256 compared | session tokens | addressing |
/// |---|---|---|---|---|---|
/// | [AWS S3](Self::aws) | POST | yes | yes | yes | host, or path if the name needs it |
/// | [Cloudflare R2](Self::cloudflare_r2) | PUT | yes | yes | yes | path |
/// | [Backblaze B2](Self::backblaze_b2) | PUT | no | no | yes | path |
/// | [MinIO](Self::minio) | POST | yes | yes | yes | path |
/// | [Garage](Self::garage) | POST | no | yes | no | path |
/// | [Ceph](Self::ceph) | POST | yes | no | yes | path |
/// | [Google Cloud Storage](Self::google_cloud_storage) | POST | yes | no | no | path |
/// | [DigitalOcean Spaces](Self::digitalocean_spaces) | PUT | no | no | no | host, or path if the name needs it |
/// | [Wasabi](Self::wasabi) | PUT | no | no | yes | path |
///
/// "no" means that the provider's documentation denies the feature or doesn't mention it. "PUT"
/// means that it denies or doesn't mention POST forms. [`sources`](Self::sources) names the pages.
impl S3Bucket {
    /// Describes a bucket of Cloudflare R2, at
    /// `https://{account}.r2.cloudflarestorage.com/{bucket}`. Its region is always `auto`
    /// (Cloudflare, "S3 API compatibility").
    ///
    /// For a bucket in a jurisdiction use [`cloudflare_r2_in`](Self::cloudflare_r2_in). R2 accepts
    /// no signed requests on a custom domain (Cloudflare, "Presigned URLs", "Limitations").
    ///
    /// ```
    /// use tower_asset_upload::s3::S3Bucket;
    ///
    /// let bucket = S3Bucket::cloudflare_r2("uploads", "0123456789abcdef0123456789abcdef")?;
    /// assert_eq!(bucket.region().as_str(), "auto");
    /// assert_eq!(bucket.origin(), "https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com");
    /// # Ok::<(), tower_asset_upload::s3::InvalidBucket>(())
    /// ```
    ///
    /// # Errors
    /// If the name can't be a bucket's, or the account id hasn't exactly 32 hexadecimal digits.
    pub fn cloudflare_r2(name: impl Into<String>, account: &str) -> Result<Self, InvalidBucket> {
        Self::r2_at(name, account, "")
    }

    /// Describes a bucket of Cloudflare R2 in a jurisdiction, at
    /// `https://{account}.{jurisdiction}.r2.cloudflarestorage.com/{bucket}` (Cloudflare, "Data
    /// location", "Jurisdictional Restrictions"). Pass `eu` or `fedramp` as the jurisdiction.
    ///
    /// # Errors
    /// As for [`cloudflare_r2`](Self::cloudflare_r2), and if the jurisdiction is not a DNS label.
    pub fn cloudflare_r2_in(
        jurisdiction: &str,
        name: impl Into<String>,
        account: &str,
    ) -> Result<Self, InvalidBucket> {
        if !is_host_part(jurisdiction) {
            return Err(InvalidBucket::Region {
                store: ProviderRules::CLOUDFLARE_R2.store,
                region: jurisdiction.to_owned(),
            });
        }
        Self::r2_at(name, account, &format!(".{jurisdiction}"))
    }

    fn r2_at(
        name: impl Into<String>,
        account: &str,
        jurisdiction: &str,
    ) -> Result<Self, InvalidBucket> {
        let hexadecimal = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if account.len() != 32 || !account.bytes().all(hexadecimal) {
            return Err(InvalidBucket::Account);
        }
        let endpoint = format!("https://{account}{jurisdiction}.r2.cloudflarestorage.com");
        Ok(Self::custom(name, Region::auto(), &endpoint)?.obeying(&ProviderRules::CLOUDFLARE_R2))
    }

    /// Describes a bucket of Backblaze B2, at `https://s3.{region}.backblazeb2.com/{bucket}`. The
    /// region is the one in the bucket's endpoint, such as `us-west-004` (Backblaze, "Call the
    /// S3-Compatible API").
    ///
    /// # Errors
    /// If the name can't be a bucket's, or the region can't be part of a host name.
    pub fn backblaze_b2(
        name: impl Into<String>,
        region: impl TryInto<Region, Error: Into<InvalidRegion>>,
    ) -> Result<Self, InvalidBucket> {
        let region = read_region(region)?;
        regional(name, region, &ProviderRules::BACKBLAZE_B2, |region| {
            format!("https://s3.{region}.backblazeb2.com")
        })
    }

    /// Describes a bucket of Wasabi, at `https://s3.{region}.wasabisys.com/{bucket}` (Wasabi,
    /// "Service URLs for Wasabi's Storage Regions"). The address is in path style, as Wasabi
    /// recommends ("REST API Introduction").
    ///
    /// # Errors
    /// If the name can't be a bucket's, or the region can't be part of a host name.
    pub fn wasabi(
        name: impl Into<String>,
        region: impl TryInto<Region, Error: Into<InvalidRegion>>,
    ) -> Result<Self, InvalidBucket> {
        let region = read_region(region)?;
        regional(name, region, &ProviderRules::WASABI, |region| {
            format!("https://s3.{region}.wasabisys.com")
        })
    }

    /// Describes a bucket of DigitalOcean Spaces, at
    /// `https://{bucket}.{region}.digitaloceanspaces.com/`. If the name is not a DNS label, the
    /// bucket is in the path instead. The region is the data center's, such as `fra1`
    /// (DigitalOcean, "Spaces API Reference Documentation").
    ///
    /// # Errors
    /// If the name can't be a bucket's, or the region can't be part of a host name.
    pub fn digitalocean_spaces(
        name: impl Into<String>,
        region: impl TryInto<Region, Error: Into<InvalidRegion>>,
    ) -> Result<Self, InvalidBucket> {
        let region = read_region(region)?;
        let name = name.into();
        let rules = &ProviderRules::DIGITALOCEAN_SPACES;
        if !is_dns_label(&name) {
            return regional(name, region, rules, spaces);
        }
        let region = existing(region, rules)?;
        let endpoint = spaces(region.as_str());
        Ok(Self::custom_virtual_hosted(name, region, &endpoint)?.obeying(rules))
    }

    /// Describes a bucket of Google Cloud Storage, at `https://storage.googleapis.com/{bucket}`
    /// (Google Cloud, "Request endpoints").
    ///
    /// Requests are signed with Google's variant of the signature and an HMAC key of a service
    /// account. The region is the bucket's location, or `auto` (Google Cloud, "Signatures").
    ///
    /// ```
    /// use tower_asset_upload::s3::{S3Bucket, S3Signer};
    /// use tower_asset_upload::sigv4::{Credentials, Region};
    ///
    /// let bucket = S3Bucket::google_cloud_storage("uploads", Region::auto())?;
    /// let signer = S3Signer::new(bucket, Credentials::new("GOOG1EXAMPLE", "secret")?)?;
    /// # let _ = signer;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the name can't be a bucket's.
    pub fn google_cloud_storage(
        name: impl Into<String>,
        region: impl TryInto<Region, Error: Into<InvalidRegion>>,
    ) -> Result<Self, InvalidBucket> {
        let region = read_region(region)?;
        let bucket = Self::custom(name, region, "https://storage.googleapis.com")?;
        Ok(bucket.obeying(&ProviderRules::GOOGLE_CLOUD_STORAGE))
    }

    /// Describes a bucket of MinIO, at `{endpoint}/{bucket}`. The region is the one configured on
    /// the server, `us-east-1` by default.
    ///
    /// # Errors
    /// As for [`custom`](Self::custom).
    pub fn minio(
        name: impl Into<String>,
        region: impl TryInto<Region, Error: Into<InvalidRegion>>,
        endpoint: &str,
    ) -> Result<Self, InvalidBucket> {
        let region = read_region(region)?;
        Ok(Self::custom(name, region, endpoint)?.obeying(&ProviderRules::MINIO))
    }

    /// Describes a bucket of Garage, at `{endpoint}/{bucket}`. The region is the `s3_region` of
    /// Garage's configuration file, often `garage`. Garage refuses signatures for any other region
    /// (Garage, "Configuration file format").
    ///
    /// # Errors
    /// As for [`custom`](Self::custom).
    pub fn garage(
        name: impl Into<String>,
        region: impl TryInto<Region, Error: Into<InvalidRegion>>,
        endpoint: &str,
    ) -> Result<Self, InvalidBucket> {
        let region = read_region(region)?;
        Ok(Self::custom(name, region, endpoint)?.obeying(&ProviderRules::GARAGE))
    }

    /// Describes a bucket of the Ceph Object Gateway, at `{endpoint}/{bucket}`. The region is the
    /// zone group's `api_name`, often `default`.
    ///
    /// # Errors
    /// As for [`custom`](Self::custom).
    pub fn ceph(
        name: impl Into<String>,
        region: impl TryInto<Region, Error: Into<InvalidRegion>>,
        endpoint: &str,
    ) -> Result<Self, InvalidBucket> {
        let region = read_region(region)?;
        Ok(Self::custom(name, region, endpoint)?.obeying(&ProviderRules::CEPH))
    }

    /// Returns the upload method: POST if the object store documents POST Object, otherwise PUT.
    #[must_use]
    pub fn upload_method(&self) -> UploadMethod {
        self.rules().uploads
    }

    /// Returns whether each PUT URL is valid for one upload only: the object store refuses a second
    /// upload with 412.
    #[must_use]
    pub fn has_single_use_puts(&self) -> bool {
        self.put_condition().is_some()
    }

    /// Declares that the object store of a [`custom`](Self::custom) bucket enforces
    /// `If-None-Match: *` for PUT. Each PUT URL is then valid for one upload only. The doctor
    /// (feature `doctor`) tests whether the object store does so.
    ///
    /// **Danger:** an object store that doesn't support the header either refuses every upload
    /// (OpenStack Swift: 501), or ignores the header, and URLs stay reusable.
    ///
    /// ```
    /// use tower_asset_upload::s3::S3Bucket;
    /// use tower_asset_upload::sigv4::Region;
    ///
    /// let bucket = S3Bucket::custom("uploads", Region::us_east_1(), "https://s3.example.com")?;
    /// assert!(!bucket.has_single_use_puts());
    /// assert!(bucket.single_use_puts()?.has_single_use_puts());
    /// # Ok::<(), tower_asset_upload::s3::InvalidBucket>(())
    /// ```
    ///
    /// # Errors
    /// If the bucket's provider documents no such condition.
    pub fn single_use_puts(self) -> Result<Self, InvalidBucket> {
        let described = match self.rules().single_use {
            SingleUse::By(_) => self,
            SingleUse::Unknown => self.obeying(&ProviderRules::S3_COMPATIBLE_SINGLE_USE),
            SingleUse::No => {
                let store = self.rules().store;
                return Err(InvalidBucket::SingleUse { store });
            }
        };
        Ok(described.with_reusable_puts(false))
    }

    /// Signs PUT URLs without the condition that makes each URL valid for one upload only. This
    /// is the opposite of [`single_use_puts`](Self::single_use_puts).
    ///
    /// Use it for clients that can send no header other than `Content-Type`, such as a device or a
    /// tool that you can't change. With the condition the object store refuses all their uploads.
    /// POST forms are always reusable.
    ///
    /// **Danger:** anyone who has a URL can replace the object until the URL expires, even after the
    /// asset was completed and others rely on its content. Keep the lifetime short (`expires_in`),
    /// and enable versioning on the bucket: downloads then name the verified version.
    ///
    /// ```
    /// use tower_asset_upload::s3::S3Bucket;
    /// use tower_asset_upload::sigv4::Region;
    ///
    /// let bucket = S3Bucket::aws("uploads", Region::new("eu-central-1")?)?;
    /// assert!(bucket.has_single_use_puts());
    /// assert!(!bucket.reusable_puts().has_single_use_puts());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn reusable_puts(self) -> Self {
        self.with_reusable_puts(true)
    }

    /// Returns the titles of the pages in the provider's documentation that this description relies
    /// on. Empty for a bucket described with [`custom`](Self::custom).
    #[must_use]
    pub fn sources(&self) -> &'static [&'static str] {
        self.rules().sources
    }
}

fn regional(
    name: impl Into<String>,
    region: Region,
    rules: &'static ProviderRules,
    endpoint: fn(&str) -> String,
) -> Result<S3Bucket, InvalidBucket> {
    let region = existing(region, rules)?;
    let endpoint = endpoint(region.as_str());
    Ok(S3Bucket::custom(name, region, &endpoint)?.obeying(rules))
}

fn spaces(region: &str) -> String {
    format!("https://{region}.digitaloceanspaces.com")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> Region {
        Region::new(name).unwrap()
    }

    const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn addresses_are_the_documented_ones() {
        let own = "https://s3.example.com";
        for (bucket, at, post_url) in [
            (
                S3Bucket::cloudflare_r2("uploads", ACCOUNT),
                "auto",
                "https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com/uploads",
            ),
            (
                S3Bucket::cloudflare_r2_in("eu", "uploads", ACCOUNT),
                "auto",
                "https://0123456789abcdef0123456789abcdef.eu.r2.cloudflarestorage.com/uploads",
            ),
            (
                S3Bucket::backblaze_b2("uploads", region("us-west-004")),
                "us-west-004",
                "https://s3.us-west-004.backblazeb2.com/uploads",
            ),
            (
                S3Bucket::wasabi("uploads", region("eu-central-1")),
                "eu-central-1",
                "https://s3.eu-central-1.wasabisys.com/uploads",
            ),
            (
                S3Bucket::digitalocean_spaces("uploads", region("fra1")),
                "fra1",
                "https://uploads.fra1.digitaloceanspaces.com/",
            ),
            (
                S3Bucket::digitalocean_spaces("my.uploads", region("fra1")),
                "fra1",
                "https://fra1.digitaloceanspaces.com/my.uploads",
            ),
            (
                S3Bucket::google_cloud_storage("uploads", Region::auto()),
                "auto",
                "https://storage.googleapis.com/uploads",
            ),
            (
                S3Bucket::minio("uploads", Region::us_east_1(), own),
                "us-east-1",
                "https://s3.example.com/uploads",
            ),
            (
                S3Bucket::garage("uploads", region("garage"), own),
                "garage",
                "https://s3.example.com/uploads",
            ),
            (
                S3Bucket::ceph("uploads", region("default"), own),
                "default",
                "https://s3.example.com/uploads",
            ),
        ] {
            let bucket = bucket.unwrap();
            assert_eq!(bucket.region().as_str(), at, "{post_url}");
            assert_eq!(bucket.post_url(), post_url);
            assert!(!bucket.sources().is_empty(), "{post_url}");
        }
    }

    #[test]
    fn malformed_accounts_regions_and_names_are_refused() {
        for account in [
            "",
            "me",
            &ACCOUNT.to_uppercase(),
            &format!("{ACCOUNT}.evil.example"),
        ] {
            let refused = S3Bucket::cloudflare_r2("uploads", account);
            assert_eq!(refused, Err(InvalidBucket::Account), "{account}");
        }
        for jurisdiction in ["", "EU", "eu.evil.example/", "e u"] {
            let refused = S3Bucket::cloudflare_r2_in(jurisdiction, "uploads", ACCOUNT);
            assert!(
                matches!(refused, Err(InvalidBucket::Region { .. })),
                "{jurisdiction}"
            );
        }
        for bad in ["auto", "US-EAST-1", "us_east_1", "-eu"] {
            for bucket in [
                S3Bucket::aws("uploads", region(bad)),
                S3Bucket::backblaze_b2("uploads", region(bad)),
                S3Bucket::wasabi("uploads", region(bad)),
                S3Bucket::digitalocean_spaces("uploads", region(bad)),
                S3Bucket::digitalocean_spaces("my.uploads", region(bad)),
            ] {
                match bucket {
                    Err(fault @ InvalidBucket::Region { .. }) => {
                        assert!(fault.to_string().contains(bad), "{fault}");
                    }
                    other => panic!("{bad}: {other:?}"),
                }
            }
        }
        let nameless = S3Bucket::backblaze_b2("a/b", region("us-west-004"));
        assert_eq!(nameless, Err(InvalidBucket::Name));
    }
}
