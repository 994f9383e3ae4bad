//! TLS: which certificate authorities are trusted.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The certificate authorities that a TLS client trusts.
///
/// The same type serves everything here that speaks TLS: `s3::S3Objects::trust_roots`,
/// `s3::DoctorOptions::trust_roots`, `client::AssetClient::trust_roots`,
/// `PostgresOptions::trust_roots` and `PlaneOptions::trust_roots`. Each trusts
/// [`mozilla`](Self::mozilla)'s unless it is told otherwise.
///
/// | start with | trusted |
/// |---|---|
/// | [`mozilla`](Self::mozilla) | the authorities that Mozilla trusts, as of this release's dependencies |
/// | `system` (feature `system-roots`) | those that the operating system trusts |
/// | [`none`](Self::none) | nobody yet |
///
/// and [add](Self::pem) the certificates of private authorities.
///
/// ```
/// use tower_asset_upload::tls::TrustRoots;
///
/// # fn example(company_ca: &[u8]) -> Result<(), tower_asset_upload::tls::InvalidTrustRoots> {
/// // The public authorities, and the company's own.
/// let both = TrustRoots::mozilla().pem(company_ca)?;
/// // The company's alone.
/// let own = TrustRoots::none().pem(company_ca)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TrustRoots(Arc<RootCertStore>);

/// Why there are no such [`TrustRoots`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTrustRoots {
    /// The text holds no certificates, or one that can't be trusted as an authority's.
    #[error(
        "the root certificates can't be read ({0}): give a PEM text with one CERTIFICATE or several"
    )]
    Pem(String),
    /// The operating system has no root certificates where they are looked for.
    #[error("the operating system's root certificates can't be read: {0}")]
    System(String),
}

impl TrustRoots {
    /// The authorities that Mozilla trusts, as the crate `webpki-roots` has them. The same on every
    /// machine; they change with the dependency.
    #[must_use]
    pub fn mozilla() -> Self {
        Self(Arc::new(RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        }))
    }

    /// The authorities that the operating system trusts, read now. On Linux these are the files of the
    /// distribution, elsewhere the system's own store; the environment variables `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` name others. Certificates that can't be read are left out.
    ///
    /// # Errors
    /// [`InvalidTrustRoots::System`] when no certificate is found.
    #[cfg(feature = "system-roots")]
    pub fn system() -> Result<Self, InvalidTrustRoots> {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        let (taken, _) = store.add_parsable_certificates(found.certs);
        if taken == 0 {
            let faults: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
            let why = if faults.is_empty() {
                "there are none".to_owned()
            } else {
                faults.join("; ")
            };
            return Err(InvalidTrustRoots::System(why));
        }
        Ok(Self(Arc::new(store)))
    }

    /// Nobody: a connection fails unless an authority is [added](Self::pem).
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::new(RootCertStore::empty()))
    }

    /// Adds private authorities: the contents of a PEM file with one certificate or several.
    ///
    /// # Errors
    /// [`InvalidTrustRoots::Pem`] when there is no certificate, or one can't be read.
    pub fn pem(mut self, pem: impl AsRef<[u8]>) -> Result<Self, InvalidTrustRoots> {
        let invalid = |fault: &dyn fmt::Display| InvalidTrustRoots::Pem(fault.to_string());
        let found = CertificateDer::pem_slice_iter(pem.as_ref()).collect::<Result<Vec<_>, _>>();
        let found = found.map_err(|fault| invalid(&fault))?;
        if found.is_empty() {
            return Err(invalid(&"there is no CERTIFICATE in it"));
        }
        let store = Arc::make_mut(&mut self.0);
        for certificate in found {
            store.add(certificate).map_err(|fault| invalid(&fault))?;
        }
        Ok(self)
    }

    /// The provider is named: with two of them among the host's dependencies rustls panics rather than
    /// choose.
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
    fn what_is_no_certificate_is_refused() {
        for (pem, said) in [
            ("", "no CERTIFICATE"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", ""),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "",
            ),
        ] {
            let refused = TrustRoots::none().pem(pem).unwrap_err().to_string();
            assert!(refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn mozillas_are_the_default() {
        let count = webpki_roots::TLS_SERVER_ROOTS.len();
        assert_eq!(
            format!("{:?}", TrustRoots::default()),
            format!("TrustRoots({count})")
        );
        assert_eq!(format!("{:?}", TrustRoots::none()), "TrustRoots(0)");
    }
}
