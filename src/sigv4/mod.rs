//! Signature Version 4 for object storage: POST policies and presigned URLs.
//!
//! Pure functions of their arguments, time among them; no I/O, no HTTP types. Stands alone: a form
//! or a URL can be signed without the service.
//!
//! | file | what it does |
//! |---|---|
//! | `credentials` | who signs |
//! | `scope` | the time stamps and the region |
//! | `key` | the signing key |
//! | `moment` | what stays the same for a day and for a second |
//! | `policy` | the conditions of a form |
//! | `document` | the policy document |
//! | `post` | the document's signature, the form's fields |
//! | `presign` | the canonical request and the signed URL |
//! | `encoding` | percent-encoding |
//! | `dialect` | the words in which stores differ |
//!
//! # Security
//! 1. A signed form or URL is a permission for whoever holds it, until it ends. Neither shows its
//!    values in `Debug`.
//! 2. A secret is never shown and is wiped when dropped; so are the keys derived from it.
//! 3. No signature outlives the credentials it was made with.
//! 4. Every field of a form but `policy` and the signature has its condition.
//! 5. No `${` reaches a form.
//!
//! A signature can't be taken back before it ends, other than by disabling the credentials; keep
//! lifetimes short.

mod credentials;
mod dialect;
mod document;
mod encoding;
mod json;
mod key;
mod moment;
mod policy;
mod post;
mod presign;
mod scope;
mod sha256;
mod signer;

pub use credentials::{Credentials, InvalidCredentials};
pub use policy::{
    FormField, FormFields, PolicyError, PostPolicy, PostPolicyBuilder, ServerSideEncryption,
};
pub use post::SignedPost;
pub use presign::{Method, Presign, SignedUrl};
pub use scope::{InvalidRegion, Region};
pub use signer::{SignError, Signer};
