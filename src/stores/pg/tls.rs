//! TLS: who a server has to be.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::Fault;

/// Why a text holds no root certificates.
#[derive(Debug, thiserror::Error)]
#[error("the root certificates can't be read: {0}")]
#[non_exhaustive]
pub struct InvalidRootCertificate(String);

/// Certificates that are trusted besides the Mozilla roots.
#[derive(Clone, Default)]
pub(in crate::stores) struct RootCertificates(Vec<CertificateDer<'static>>);

impl RootCertificates {
    /// Takes all the certificates of a PEM file.
    pub(in crate::stores) fn add_pem(&mut self, pem: &[u8]) -> Result<(), InvalidRootCertificate> {
        let invalid = |fault: &dyn fmt::Display| InvalidRootCertificate(fault.to_string());
        let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let found = found.map_err(|fault| invalid(&fault))?;
        if found.is_empty() {
            return Err(invalid(&"there is no CERTIFICATE in this PEM"));
        }
        let mut store = RootCertStore::empty();
        for certificate in &found {
            let added = store.add(certificate.clone());
            added.map_err(|fault| invalid(&fault))?;
        }
        self.0.extend(found);
        Ok(())
    }
}

impl fmt::Debug for RootCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootCertificates({})", self.0.len())
    }
}

/// The provider is named: with two of them among the host's dependencies rustls panics rather than
/// choose.
pub(super) fn connector(extra: &RootCertificates) -> Result<MakeRustlsConnect, Fault> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for certificate in &extra.0 {
        roots.add(certificate.clone()).map_err(Fault::Tls)?;
    }
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(Fault::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        let mut roots = RootCertificates::default();
        for (pem, said) in [
            ("", "no CERTIFICATE"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", ""),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "",
            ),
        ] {
            let refused = roots.add_pem(pem.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(said), "{refused}");
        }
        assert_eq!(format!("{roots:?}"), "RootCertificates(0)");
        assert!(connector(&roots).is_ok());
    }
}
