//! What a store doesn't do, and a signer therefore refuses.

use super::target::Target;
use crate::error::Unavailable;
use crate::ports::UploadMethod;
use crate::sigv4::PolicyError;

/// Why there is no such signer for a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidS3Signer {
    /// The store takes no forms.
    #[error("{store} documents no POST Object: sign PUT URLs")]
    PostObject {
        /// The store.
        store: &'static str,
    },
    /// The store would refuse all that temporary credentials sign, or take no notice of their end.
    #[error("{store} has no session tokens: use credentials that don't end")]
    SessionToken {
        /// The store.
        store: &'static str,
    },
    /// The store takes the field and does nothing about it.
    #[error("{store} ignores the form field `{field}`: leave it out")]
    Field {
        /// The store.
        store: &'static str,
        /// The field's name.
        field: String,
    },
    /// A request with PUT has no form, and so no fields.
    #[error("{store} is uploaded to with PUT, which has no form fields: leave them out")]
    FieldsWithPut {
        /// The store.
        store: &'static str,
    },
    /// One of the fields is unsound.
    #[error(transparent)]
    Fields(#[from] PolicyError),
    /// There are no credentials to begin with.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Whether the store takes forms at all.
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
