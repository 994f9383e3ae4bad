//! Checks that an object store supports the features that a signer relies on.

use super::target::Target;
use crate::error::Unavailable;
use crate::ports::UploadMethod;
use crate::sigv4::PolicyError;

/// Error of creating a signer for an object store that lacks a feature.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidS3Signer {
    /// The object store documents no POST forms.
    #[error("{store} documents no POST Object: sign PUT URLs instead")]
    PostObject {
        /// The object store's name.
        store: &'static str,
    },
    /// The credentials are temporary. The object store would refuse their signatures, or ignore
    /// that they expire.
    #[error("{store} has no session tokens: use long-lived credentials")]
    SessionToken {
        /// The object store's name.
        store: &'static str,
    },
    /// The object store accepts the form field but ignores it.
    #[error("{store} ignores the form field `{field}`: omit it")]
    Field {
        /// The object store's name.
        store: &'static str,
        /// The field's name.
        field: String,
    },
    /// Uploads use PUT, which has no form fields.
    #[error("uploads to {store} use PUT, which has no form fields: omit the fields")]
    FieldsWithPut {
        /// The object store's name.
        store: &'static str,
    },
    /// One of the form fields is invalid.
    #[error(transparent)]
    Fields(#[from] PolicyError),
    /// The provider has no credentials now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Fails if the object store documents no POST forms.
pub(super) fn check_forms(target: &Target) -> Result<(), InvalidS3Signer> {
    let rules = target.bucket.rules();
    match rules.uploads {
        UploadMethod::Post => Ok(()),
        UploadMethod::Put => Err(InvalidS3Signer::PostObject { store: rules.store }),
    }
}

pub(super) fn check_credentials(target: &Target) -> Result<(), InvalidS3Signer> {
    let rules = target.bucket.rules();
    if target.signer.has_session_token() && !rules.session_tokens {
        return Err(InvalidS3Signer::SessionToken { store: rules.store });
    }
    Ok(())
}
