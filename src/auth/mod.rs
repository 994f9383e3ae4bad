//! Authentication: principals, scopes, credentials, and the two ports that look them up.
//!
//! A host implements [`Authenticator`] to authenticate requests by its own rules, or
//! [`CredentialVerifier`] to keep the API keys and tokens that [`HeaderAuthenticator`] reads.

mod authenticator;
mod credential;
mod extensions;
mod header;
mod presented;
mod principal;

pub use authenticator::{AuthError, Authenticator};
pub use credential::{
    Credential, CredentialDigest, CredentialKind, CredentialRecord, CredentialVerifier,
};
pub use extensions::ExtensionAuthenticator;
pub use header::HeaderAuthenticator;
#[cfg(feature = "rate-limit")]
pub(crate) use presented::presented;
pub use principal::{Principal, Scope, Scopes};
