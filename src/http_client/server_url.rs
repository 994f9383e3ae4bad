//! The address of a server.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;

/// The address of a server: scheme, host, port, and the base path.
///
/// The address is normalized as clients write it (WHATWG, "URL Standard"): the host in lower case,
/// an IPv6 address in its shortest form, and without the scheme's default port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    scheme: &'static str,
    host: Host,
    /// `None` for the scheme's default port.
    port: Option<u16>,
    /// Without trailing slashes.
    path: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Name(String),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    /// An IPv4 address that isn't written as four decimal numbers: `127.1`, `0177.0.0.1`,
    /// `2130706433`. Some clients rewrite it, others look it up as a name.
    Number(String),
}

impl ServerUrl {
    /// Parses an `http` or `https` URL with a host, and optionally a port and a path.
    ///
    /// Returns `None` for anything else, including URLs with user information, a query or a
    /// fragment.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // `Uri` drops a fragment without an error.
        if text.contains('#') {
            return None;
        }
        let uri: Uri = text.parse().ok()?;
        let (scheme, default_port) = match uri.scheme_str()? {
            "http" => ("http", 80),
            "https" => ("https", 443),
            _ => return None,
        };
        let authority = uri.authority()?;
        // A port is a number from 0 to 65535. The comparison with `authority.host()` refuses any
        // other text.
        let host = match uri.port_u16() {
            Some(_) => authority.as_str().rsplit_once(':')?.0,
            None => authority.as_str(),
        };
        if host != authority.host() || uri.query().is_some() {
            return None;
        }
        Some(Self {
            scheme,
            host: Host::parse(host)?,
            port: uri.port_u16().filter(|port| *port != default_port),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    pub(crate) fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Returns host and port.
    pub(crate) fn authority(&self) -> String {
        let host = match &self.host {
            Host::Name(text) | Host::Number(text) => text.clone(),
            Host::V4(address) => address.to_string(),
            Host::V6(address) => format!("[{}]", shortest(*address)),
        };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// Returns scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority())
    }

    /// Returns the path without trailing slashes: empty, or `/base/path`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn has_name(&self) -> bool {
        matches!(self.host, Host::Name(_))
    }

    /// Returns whether clients may resolve the host to a different address.
    pub(crate) fn has_ambiguous_host(&self) -> bool {
        matches!(self.host, Host::Number(_))
    }
}

impl Host {
    fn parse(host: &str) -> Option<Self> {
        let address = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        if let Some(address) = address {
            return address.parse().ok().map(Self::V6);
        }
        let host = host.to_ascii_lowercase();
        let known = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let mut labels = host.strip_suffix('.').unwrap_or(&host).split('.');
        if !labels.all(|label| !label.is_empty() && label.bytes().all(known)) {
            return None;
        }
        if !ends_in_number(&host) {
            return Some(Self::Name(host));
        }
        Some(host.parse().map_or(Self::Number(host), Self::V4))
    }
}

/// Returns whether clients parse a host in lower case as an IPv4 address (WHATWG, "URL Standard",
/// "ends in a number checker").
fn ends_in_number(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let hexadecimal = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    digits(last) || last.strip_prefix("0x").is_some_and(hexadecimal)
}

/// Formats an IPv6 address as clients do (WHATWG, "URL Standard", "IPv6 serializer"). Rust formats
/// IPv4-mapped addresses differently.
fn shortest(address: Ipv6Addr) -> String {
    match (address.to_ipv4_mapped(), address.segments()) {
        (Some(_), [.., high, low]) => format!("::ffff:{high:x}:{low:x}"),
        (None, _) => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let url = ServerUrl::parse("HTTPS://S3.Example.com:443/base/path/").unwrap();
        assert_eq!(url.scheme(), "https");
        assert_eq!(url.origin(), "https://s3.example.com");
        assert_eq!(url.path(), "/base/path");
        assert!(url.has_name() && !url.has_ambiguous_host());
        for (text, authority) in [
            ("http://[0:0:0:0:0:0:0:1]:9000/", "[::1]:9000"),
            ("http://[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
            ("http://127.0.0.1:80", "127.0.0.1"),
            ("https://127.0.0.1:80//", "127.0.0.1:80"),
        ] {
            let url = ServerUrl::parse(text).unwrap();
            assert_eq!(url.authority(), authority);
            assert_eq!(url.path(), "");
            assert!(!url.has_name() && !url.has_ambiguous_host(), "{text}");
        }
        for text in [
            "http://127.1",
            "http://2130706433",
            "http://0x7F.1",
            "http://s3.1",
        ] {
            assert!(
                ServerUrl::parse(text).unwrap().has_ambiguous_host(),
                "{text}"
            );
        }
    }

    #[test]
    fn invalid_addresses_are_refused() {
        for text in [
            "",
            "h",
            "/path",
            "h:80",
            "ftp://h",
            "http://",
            "http://:80",
            "http://h:",
            "http://h:65536",
            "http://u:p@h",
            "http://u@h:80",
            "http://h/?q",
            "http://h/#f",
            "http://h h",
            "http://h..h",
            "http://*.h",
            "http://[1::2::3]",
            "http://[::1%25eth0]",
            "http://\u{fc}.example.com",
        ] {
            assert_eq!(ServerUrl::parse(text), None, "{text}");
        }
    }
}
