//! TLS: the certificate authorities that a client trusts.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The certificate authorities that a TLS client trusts.
///
/// Every TLS client of this crate takes this type: `s3::S3Objects::trust_roots`,
/// `s3::DoctorOptions::trust_roots`, `client::AssetClient::trust_roots`,
/// `PostgresOptions::trust_roots` and `PlaneOptions::trust_roots`. Each defaults to
/// [`mozilla`](Self::mozilla).
///
/// | start with | trusts |
/// |---|---|
/// | [`mozilla`](Self::mozilla) | the authorities that Mozilla trusts, as of this release's dependencies |
/// | `system` (feature `system-roots`) | the authorities that the operating system trusts |
/// | [`none`](Self::none) | no authority |
///
/// Then add the certificates of private authorities with [`pem`](Self::pem).
///
/// ```
/// use tower_asset_upload::tls::TrustRoots;
///
/// # fn example(company_ca: &[u8]) -> Result<(), tower_asset_upload::tls::InvalidTrustRoots> {
/// // Trusts the public authorities and the company's own.
/// let both = TrustRoots::mozilla().pem(company_ca)?;
/// // Trusts the company's authority alone.
/// let own = TrustRoots::none().pem(company_ca)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TrustRoots(Arc<RootCertStore>);

/// Error of reading root certificates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTrustRoots {
    /// The PEM text holds no certificate, or one that can't be a certificate authority's.
    #[error(
        "the root certificates can't be read ({0}): pass PEM text with at least one CERTIFICATE block"
    )]
    Pem(String),
    /// No root certificate was found in the operating system's locations.
    #[error("the operating system's root certificates can't be read: {0}")]
    System(String),
}

impl TrustRoots {
    /// Trusts the authorities that Mozilla trusts, as listed by the crate `webpki-roots`.
    ///
    /// The list is the same on every machine and changes with that dependency.
    #[must_use]
    pub fn mozilla() -> Self {
        Self(Arc::new(RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        }))
    }

    /// Trusts the authorities that the operating system trusts. Reads the certificates when called.
    ///
    /// On Linux they are the distribution's certificate files, on other systems the system's
    /// certificate store. The environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` name other
    /// locations. Unreadable certificates are skipped.
    ///
    /// # Errors
    /// [`InvalidTrustRoots::System`] if no certificate is found.
    #[cfg(feature = "system-roots")]
    pub fn system() -> Result<Self, InvalidTrustRoots> {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        let (taken, _) = store.add_parsable_certificates(found.certs);
        if taken == 0 {
            let faults: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
            let why = if faults.is_empty() {
                "no certificate was found".to_owned()
            } else {
                faults.join("; ")
            };
            return Err(InvalidTrustRoots::System(why));
        }
        Ok(Self(Arc::new(store)))
    }

    /// Trusts no authority. Every TLS connection fails until you [add](Self::pem) one.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::new(RootCertStore::empty()))
    }

    /// Adds the certificates of private authorities. Pass the contents of a PEM file with one or
    /// more certificates.
    ///
    /// # Errors
    /// [`InvalidTrustRoots::Pem`] if the text holds no certificate, or one that can't be read.
    pub fn pem(mut self, pem: impl AsRef<[u8]>) -> Result<Self, InvalidTrustRoots> {
        let invalid = |fault: &dyn fmt::Display| InvalidTrustRoots::Pem(fault.to_string());
        let found = CertificateDer::pem_slice_iter(pem.as_ref()).collect::<Result<Vec<_>, _>>();
        let found = found.map_err(|fault| invalid(&fault))?;
        if found.is_empty() {
            return Err(invalid(&"it holds no CERTIFICATE block"));
        }
        let store = Arc::make_mut(&mut self.0);
        for certificate in found {
            store.add(certificate).map_err(|fault| invalid(&fault))?;
        }
        Ok(self)
    }

    /// Names the crypto provider, because rustls panics if the host's dependencies enable two of
    /// them and none is chosen.
    #[expect(
        clippy::expect_used,
        reason = "ring has the suites of the versions that are on by default"
    )]
    pub(crate) fn client_config(&self) -> ClientConfig {
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_root_certificates(Arc::clone(&self.0))
            .with_no_client_auth()
    }
}

impl Default for TrustRoots {
    /// [`TrustRoots::mozilla`].
    fn default() -> Self {
        Self::mozilla()
    }
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustRoots({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_valid_certificates_is_refused() {
        for (pem, expected) in [
            ("", "holds no CERTIFICATE"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", ""),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "",
            ),
        ] {
            let error = TrustRoots::none().pem(pem).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn mozilla_is_the_default() {
        let count = webpki_roots::TLS_SERVER_ROOTS.len();
        assert_eq!(
            format!("{:?}", TrustRoots::default()),
            format!("TrustRoots({count})")
        );
        assert_eq!(format!("{:?}", TrustRoots::none()), "TrustRoots(0)");
    }
}
