//! TLS for HTTP: to the object store and, for the client, to the server.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;

/// The provider is named: with two of them among the host's dependencies rustls panics rather than
/// choose.
#[expect(
    clippy::expect_used,
    reason = "ring has the suites of the versions that are on by default"
)]
pub(crate) fn tls() -> rustls::ClientConfig {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_webpki_roots()
        .with_no_client_auth()
}
