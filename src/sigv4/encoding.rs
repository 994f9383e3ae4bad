//! Percent-encoding as the algorithm wants it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// Everything but the unreserved characters of RFC 3986, section 2.3 (AWS, "Create a signed AWS API
/// request", `UriEncode`).
pub(crate) const URI_COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The same for an object key, whose slashes stay.
pub(crate) const OBJECT_KEY: &AsciiSet = &URI_COMPONENT.remove(b'/');
