//! A bucket and its addresses: one for clients, one for the server itself.

use std::sync::Arc;

use super::rules::{Condition, ProviderRules};
use crate::http_client::ServerUrl;
use crate::sigv4::{Credentials, InvalidRegion, Region, Signer};

/// A bucket and its addresses.
///
/// A bucket has two addresses. The *public* address is in the URLs that clients get, and is what
/// their signatures cover. The *internal* address is used by the server itself to reach the object
/// store. Both are the same unless [`internal_endpoint`](Self::internal_endpoint) sets another.
/// Neither is ever taken from a request.
///
/// ```
/// use tower_asset_upload::s3::S3Bucket;
/// use tower_asset_upload::sigv4::Region;
///
/// let aws = S3Bucket::aws("uploads", Region::new("eu-central-1")?)?;
/// assert_eq!(aws.post_url(), "https://uploads.s3.eu-central-1.amazonaws.com/");
///
/// let own = S3Bucket::custom("uploads", Region::new("garage")?, "https://s3.example.com")?
///     .internal_endpoint("http://garage:3900")?;
/// assert_eq!(own.post_url(), "https://s3.example.com/uploads");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Bucket {
    name: String,
    region: Region,
    public: Address,
    internal: Address,
    rules: &'static ProviderRules,
    reusable_puts: bool,
}

/// One address of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Scheme, host and port.
    pub(crate) origin: String,
    /// The path before a key: `/`, or `/bucket/`.
    pub(crate) prefix: String,
    /// The URL that forms are posted to.
    pub(crate) post_url: Arc<str>,
}

/// Error of describing a bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBucket {
    /// The text isn't a region.
    #[error(transparent)]
    InvalidRegion(#[from] InvalidRegion),
    /// The name can't be a bucket's.
    #[error("a bucket's name must have 3 to 255 letters, digits, dots, hyphens and underscores")]
    Name,
    /// The endpoint is not the URL of a server.
    #[error(
        "`{endpoint}` is not an endpoint: write http:// or https:// and a host, optionally with a port and a path"
    )]
    Endpoint {
        /// The rejected text.
        endpoint: String,
    },
    /// Clients would send requests to another host or path than the signed one.
    #[error(
        "clients rewrite `{endpoint}`: write an IPv4 address as four decimal numbers, and a path of \
         letters, digits, `-`, `.`, `_` and `~`"
    )]
    Rewritten {
        /// The rejected text.
        endpoint: String,
    },
    /// The endpoint of a virtual-hosted bucket is an IP address.
    #[error(
        "`{endpoint}` is an IP address: the bucket's name can't be prepended to it, so use path style"
    )]
    IpAddress {
        /// The rejected text.
        endpoint: String,
    },
    /// The name of a virtual-hosted bucket is not a DNS label.
    #[error("`{name}` is not a DNS label and can't be part of a host name: use path style")]
    NoDnsLabel {
        /// The bucket's name.
        name: String,
    },
    /// The region can't be part of a host name, or the object store has no such region.
    #[error("`{region}` is not a region of {store}: use the region in the bucket's endpoint")]
    Region {
        /// The object store's name.
        store: &'static str,
        /// The rejected text.
        region: String,
    },
    /// The Cloudflare account id is malformed.
    #[error("a Cloudflare account id must have 32 hexadecimal digits in lower case")]
    Account,
    /// The object store documents no condition that makes a PUT URL valid for one upload only.
    #[error(
        "{store} documents no If-None-Match for uploads: omit `single_use_puts`, or describe the \
         bucket with `custom` if you have tested that the store enforces it"
    )]
    SingleUse {
        /// The object store's name.
        store: &'static str,
    },
}

impl S3Bucket {
    /// Describes an AWS bucket, at its regional address
    /// `https://{bucket}.s3.{region}.amazonaws.com/`.
    ///
    /// A name with dots, or one that is not a DNS label for another reason, is addressed in path
    /// style: TLS certificates don't cover such host names (AWS, "Virtual hosting of general
    /// purpose buckets"). The global host isn't used, because browsers can't repeat a form upload
    /// after its redirect.
    ///
    /// # Errors
    /// If the name can't be a bucket's, or the region can't be part of a host name.
    pub fn aws(
        name: impl Into<String>,
        region: impl TryInto<Region, Error: Into<InvalidRegion>>,
    ) -> Result<Self, InvalidBucket> {
        let region = read_region(region)?;
        let name = checked(name.into())?;
        let region = existing(region, &ProviderRules::AWS)?;
        let suffix = if region.as_str().starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        let host = format!("s3.{}.{suffix}", region.as_str());
        let address = if is_dns_label(&name) {
            Address::virtual_hosted("https", &host, "", &name)
        } else {
            Address::path_style(format!("https://{host}"), "", &name)
        };
        Ok(Self::at(address, name, region).obeying(&ProviderRules::AWS))
    }

    /// Describes a bucket of any other object store, such as SeaweedFS or RustFS, at
    /// `{endpoint}/{bucket}`.
    ///
    /// The object store is assumed to support whatever AWS does. For a provider with a method of
    /// its own, such as [`garage`](Self::garage), use that method.
    ///
    /// The host is signed, so the endpoint is normalized as clients write it (WHATWG, "URL
    /// Standard"): in lower case, without the scheme's default port, and with an IPv6 address in
    /// its shortest form. `https://S3.Example.com:443` becomes `https://s3.example.com`.
    ///
    /// # Errors
    /// If the name can't be a bucket's, or if the endpoint is not an `http` or `https` URL or has
    /// user information, a query or a fragment. Endpoints that clients rewrite are refused too:
    /// `http://127.1`, `http://0x7f000001`, `https://s3.example.com/%2e%2e`.
    pub fn custom(
        name: impl Into<String>,
        region: impl TryInto<Region, Error: Into<InvalidRegion>>,
        endpoint: &str,
    ) -> Result<Self, InvalidBucket> {
        let region = read_region(region)?;
        let name = checked(name.into())?;
        let url = parse_endpoint(endpoint)?;
        let address = Address::path_style(url.origin(), url.path(), &name);
        Ok(Self::at(address, name, region))
    }

    /// Describes a bucket as [`custom`](Self::custom) does, but with the bucket in the host name:
    /// `https://{bucket}.s3.example.com/`.
    ///
    /// # Errors
    /// As for [`custom`](Self::custom), and if the name is not a DNS label or the endpoint's host
    /// is an IP address.
    pub fn custom_virtual_hosted(
        name: impl Into<String>,
        region: impl TryInto<Region, Error: Into<InvalidRegion>>,
        endpoint: &str,
    ) -> Result<Self, InvalidBucket> {
        let region = read_region(region)?;
        let name = checked(name.into())?;
        let url = parse_endpoint(endpoint)?;
        if !url.has_name() {
            let endpoint = endpoint.to_owned();
            return Err(InvalidBucket::IpAddress { endpoint });
        }
        if !is_dns_label(&name) {
            return Err(InvalidBucket::NoDnsLabel { name });
        }
        let address = Address::virtual_hosted(url.scheme(), &url.authority(), url.path(), &name);
        Ok(Self::at(address, name, region))
    }

    fn at(address: Address, name: String, region: Region) -> Self {
        Self {
            name,
            region,
            public: address.clone(),
            internal: address,
            rules: &ProviderRules::S3_COMPATIBLE,
            reusable_puts: false,
        }
    }

    pub(super) fn obeying(mut self, rules: &'static ProviderRules) -> Self {
        self.rules = rules;
        self
    }

    pub(super) fn with_reusable_puts(mut self, reusable: bool) -> Self {
        self.reusable_puts = reusable;
        self
    }

    /// Sets the endpoint that the server itself uses to reach the object store, in path style.
    ///
    /// # Errors
    /// As for [`custom`](Self::custom).
    pub fn internal_endpoint(mut self, endpoint: &str) -> Result<Self, InvalidBucket> {
        let url = parse_endpoint(endpoint)?;
        self.internal = Address::path_style(url.origin(), url.path(), &self.name);
        Ok(self)
    }

    /// Returns the bucket's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the bucket's region.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Returns the scheme, host and port of the public address; see
    /// [`Presign::new`](crate::sigv4::Presign::new).
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.public.origin
    }

    /// Returns the path before a key, `/` or `/bucket/`; see
    /// [`Presign::new`](crate::sigv4::Presign::new).
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.public.prefix
    }

    /// Returns the URL that clients post forms to.
    #[must_use]
    pub fn post_url(&self) -> &str {
        &self.public.post_url
    }

    pub(crate) fn rules(&self) -> &'static ProviderRules {
        self.rules
    }

    /// Returns the condition that every PUT URL is signed with.
    pub(crate) fn put_condition(&self) -> Option<Condition> {
        let condition = self.rules.single_use.condition();
        condition.filter(|_| !self.reusable_puts)
    }

    /// Creates a signer with the object store's variant of the signature: AWS's, or Google's.
    pub(crate) fn signer(&self, credentials: Credentials) -> Signer {
        let region = self.region.clone();
        if self.rules.google {
            Signer::google(credentials, region)
        } else {
            Signer::new(credentials, region)
        }
    }

    pub(crate) fn public(&self) -> &Address {
        &self.public
    }

    #[cfg(feature = "verify")]
    pub(crate) fn internal(&self) -> &Address {
        &self.internal
    }
}

impl Address {
    fn virtual_hosted(scheme: &str, authority: &str, path: &str, bucket: &str) -> Self {
        let origin = format!("{scheme}://{bucket}.{authority}");
        let prefix = format!("{path}/");
        let post_url = format!("{origin}{prefix}").into();
        Self {
            origin,
            prefix,
            post_url,
        }
    }

    fn path_style(origin: String, path: &str, bucket: &str) -> Self {
        let post_url = format!("{origin}{path}/{bucket}").into();
        let prefix = format!("{path}/{bucket}/");
        Self {
            origin,
            prefix,
            post_url,
        }
    }
}

fn checked(name: String) -> Result<String, InvalidBucket> {
    let sound = (3..=255).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        && name.split('.').all(|label| !label.is_empty());
    if sound {
        Ok(name)
    } else {
        Err(InvalidBucket::Name)
    }
}

/// Parses a region. [`existing`] checks whether a host name can contain it.
pub(super) fn read_region(
    region: impl TryInto<Region, Error: Into<InvalidRegion>>,
) -> Result<Region, InvalidRegion> {
    region.try_into().map_err(Into::into)
}

pub(super) fn existing(region: Region, rules: &ProviderRules) -> Result<Region, InvalidBucket> {
    if is_host_part(region.as_str()) && region != Region::auto() {
        return Ok(region);
    }
    Err(InvalidBucket::Region {
        store: rules.store,
        region: region.as_str().to_owned(),
    })
}

/// Returns whether a text can be part of a host name. Upper case can't: clients write hosts in
/// lower case, and the host is signed.
pub(super) fn is_host_part(text: &str) -> bool {
    !text.is_empty() && is_dns_label(text)
}

/// Returns whether a name can be one label of a host name (RFC 1123, section 2.1) in lower case.
pub(super) fn is_dns_label(name: &str) -> bool {
    name.len() <= 63
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Parses the address of an object store. Refuses an address that clients would rewrite, as the
/// host is signed.
fn parse_endpoint(endpoint: &str) -> Result<ServerUrl, InvalidBucket> {
    let removed = |segment: &str| matches!(segment, "" | "." | "..");
    let url = ServerUrl::parse(endpoint);
    let url = url.filter(|url| !url.path().split('/').skip(1).any(removed));
    let Some(url) = url else {
        return Err(InvalidBucket::Endpoint {
            // The text before an `@` may contain a password.
            endpoint: match endpoint.rsplit_once('@') {
                Some((_, host)) => format!("...@{host}"),
                None => endpoint.to_owned(),
            },
        });
    };
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    if url.has_ambiguous_host() || !url.path().bytes().all(unreserved) {
        return Err(InvalidBucket::Rewritten {
            endpoint: endpoint.to_owned(),
        });
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;
    use url::Url;

    use super::*;

    fn region(name: &str) -> Region {
        Region::new(name).unwrap()
    }

    #[test]
    fn addresses_of_aws() {
        for (name, at, url) in [
            (
                "uploads",
                "us-east-1",
                "https://uploads.s3.us-east-1.amazonaws.com/",
            ),
            (
                "uploads",
                "cn-north-1",
                "https://uploads.s3.cn-north-1.amazonaws.com.cn/",
            ),
            (
                "my.bucket.name",
                "eu-central-1",
                "https://s3.eu-central-1.amazonaws.com/my.bucket.name",
            ),
            (
                "MyBucket",
                "us-east-1",
                "https://s3.us-east-1.amazonaws.com/MyBucket",
            ),
            (
                "my_bucket",
                "us-east-1",
                "https://s3.us-east-1.amazonaws.com/my_bucket",
            ),
        ] {
            assert_eq!(S3Bucket::aws(name, region(at)).unwrap().post_url(), url);
        }
    }

    #[test]
    fn addresses_of_custom_endpoints() {
        for (endpoint, url) in [
            ("https://s3.example.com", "https://s3.example.com/uploads"),
            ("https://s3.example.com/", "https://s3.example.com/uploads"),
            (
                "https://s3.example.com/base/path",
                "https://s3.example.com/base/path/uploads",
            ),
            ("http://[::1]:9000", "http://[::1]:9000/uploads"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/uploads"),
        ] {
            let bucket = S3Bucket::custom("uploads", region("us-east-1"), endpoint).unwrap();
            assert_eq!(bucket.post_url(), url);
        }
        let hosted =
            S3Bucket::custom_virtual_hosted("uploads", region("fra1"), "https://fra1.example.com")
                .unwrap();
        assert_eq!(hosted.post_url(), "https://uploads.fra1.example.com/");
        assert_eq!(
            S3Bucket::custom_virtual_hosted("a.b.c", region("fra1"), "https://fra1.example.com"),
            Err(InvalidBucket::NoDnsLabel {
                name: "a.b.c".into()
            })
        );
    }

    #[test]
    fn invalid_endpoints_and_names_are_refused() {
        for bad in [
            "",
            "s3.example.com",
            "127.0.0.1:9000",
            "not a url",
            "ftp://s3.example.com",
            "https://",
            "https://key:secret@s3.example.com",
            "https://s3.example.com/?x=y",
            "https://s3.example.com/../up",
            "https://s3.example.com//double",
            "http://:9000",
            "https://s3.example.com:",
            "https://s3.example.com:99999",
        ] {
            let refused = S3Bucket::custom("uploads", region("us-east-1"), bad);
            assert!(
                matches!(refused, Err(InvalidBucket::Endpoint { .. })),
                "{bad}: {refused:?}"
            );
        }
        for bad in ["", "ab", "a/b", "a b", "a..b", ".ab", "bücket"] {
            assert_eq!(
                S3Bucket::aws(bad, region("us-east-1")),
                Err(InvalidBucket::Name),
                "{bad}"
            );
        }
    }

    #[test]
    fn endpoints_are_normalized_as_clients_do() {
        for (endpoint, origin) in [
            ("https://S3.Example.COM", "https://s3.example.com"),
            ("https://s3.example.com:443", "https://s3.example.com"),
            ("http://s3.example.com:80/", "http://s3.example.com"),
            ("http://s3.example.com:443", "http://s3.example.com:443"),
            ("https://s3.example.com:80", "https://s3.example.com:80"),
            ("http://s3.example.com:09000", "http://s3.example.com:9000"),
            ("HTTP://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("http://[0:0:0:0:0:0:0:1]:9000", "http://[::1]:9000"),
            ("https://[2001:DB8::000A]:443", "https://[2001:db8::a]"),
            ("http://[1:0:0:2:0:0:0:3]", "http://[1:0:0:2::3]"),
            ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]"),
            ("http://[::1.2.3.4]", "http://[::102:304]"),
        ] {
            let bucket = S3Bucket::custom("uploads", region("us-east-1"), endpoint).unwrap();
            assert_eq!(bucket.origin(), origin, "{endpoint}");
            let internal = S3Bucket::aws("uploads", region("us-east-1"))
                .and_then(|bucket| bucket.internal_endpoint(endpoint))
                .unwrap();
            assert_eq!(internal.internal.origin, origin, "{endpoint}");
        }
        let hosted = S3Bucket::custom_virtual_hosted(
            "uploads",
            region("us-east-1"),
            "https://S3.Example.com:443/base",
        );
        assert_eq!(
            hosted.unwrap().post_url(),
            "https://uploads.s3.example.com/base/"
        );
    }

    #[test]
    fn virtual_hosted_buckets_need_a_host_name() {
        for endpoint in [
            "http://127.0.0.1:9000",
            "http://[::1]:9000",
            "http://[2001:db8::1]",
            "https://203.0.113.7",
            "http://127.1",
            "http://2130706433",
            "http://0x7f000001",
            "http://0X7F.1",
            "http://0177.0.0.1",
            "http://127.0.0.1.",
            "http://s3.example.7",
        ] {
            let refused = S3Bucket::custom_virtual_hosted("uploads", region("fra1"), endpoint);
            let refused = refused.unwrap_err();
            assert!(
                matches!(
                    refused,
                    InvalidBucket::IpAddress { .. } | InvalidBucket::Rewritten { .. }
                ),
                "{endpoint}: {refused:?}"
            );
        }
    }

    #[test]
    fn endpoints_that_clients_rewrite_are_refused() {
        for endpoint in [
            "http://127.1:9000",
            "http://2130706433",
            "http://0x7f000001",
            "http://0x",
            "http://010.0.0.1",
            "http://127.0.0.1.",
            "http://256.0.0.1",
            "http://s3.example.1",
            "https://s3.example.com/%2e%2e/up",
            "https://s3.example.com/a%20b",
            "https://s3.example.com/a+b",
        ] {
            let refused = S3Bucket::custom("uploads", region("us-east-1"), endpoint);
            assert!(
                matches!(refused, Err(InvalidBucket::Rewritten { .. })),
                "{endpoint}: {refused:?}"
            );
        }
        for endpoint in [
            "http://[::1%25eth0]",
            "http://[1::2::3]",
            "http://s3..example.com",
            "http://s3.*.com",
        ] {
            let refused = S3Bucket::custom("uploads", region("us-east-1"), endpoint);
            assert!(
                matches!(refused, Err(InvalidBucket::Endpoint { .. })),
                "{endpoint}: {refused:?}"
            );
        }
    }

    fn hosts() -> impl Strategy<Value = String> {
        let number = "(0|0x|0X|)([0-9]{1,3}|[0-9a-fA-F]{1,4})";
        prop_oneof![
            "[a-zA-Z0-9_.-]{1,12}",
            proptest::collection::vec(number, 1..5).prop_map(|parts| parts.join(".")),
            any::<[u8; 4]>().prop_map(|bytes| Ipv4Addr::from(bytes).to_string()),
            proptest::collection::vec("0{0,3}[0-9a-fA-F]{1}|0000|[0-9A-F]{4}", 8)
                .prop_map(|groups| format!("[{}]", groups.join(":"))),
            any::<[u16; 8]>().prop_map(|groups| format!("[{}]", Ipv6Addr::from(groups))),
            any::<[u8; 4]>().prop_map(|bytes| format!("[::FFFF:{}]", Ipv4Addr::from(bytes))),
        ]
    }

    proptest! {
        /// The `url` crate implements the URL Standard, as browsers do.
        #[test]
        fn clients_keep_accepted_endpoints_unchanged(
            scheme in "http|https|HTTPS",
            host in hosts(),
            port in "|:80|:443|:0443|:[0-9]{1,5}",
            path in "|/|(/[a-zA-Z0-9._~%2eE!+-]{1,4}){1,2}/?",
        ) {
            let endpoint = format!("{scheme}://{host}{port}{path}");
            let own = S3Bucket::custom("uploads", region("r"), &endpoint);
            let hosted = S3Bucket::custom_virtual_hosted("uploads", region("r"), &endpoint);
            for bucket in own.iter().chain(&hosted) {
                let read = Url::parse(bucket.post_url());
                let read = read.map(String::from);
                prop_assert_eq!(read.as_deref(), Ok(bucket.post_url()), "{}", endpoint);
            }
            if let Ok(bucket) = &own {
                let theirs = Url::parse(&endpoint).unwrap().origin().ascii_serialization();
                prop_assert_eq!(bucket.origin(), theirs);
            }
            if let Ok(bucket) = &hosted {
                let url = Url::parse(bucket.post_url()).unwrap();
                prop_assert!(url.domain().is_some_and(|name| name.starts_with("uploads.")));
            }
        }
    }

    #[test]
    fn a_password_in_an_endpoint_is_not_repeated() {
        let endpoint = "https://key:sEcReT@s3.example.com";
        let refused = S3Bucket::custom("uploads", region("us-east-1"), endpoint).unwrap_err();
        assert!(
            !format!("{refused} {refused:?}").contains("sEcReT"),
            "{refused}"
        );
    }
}
