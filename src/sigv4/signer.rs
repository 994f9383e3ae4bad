//! Credentials, region and dialect together: everything a signature needs but the thing signed and
//! the time.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use time::OffsetDateTime;

use super::credentials::Credentials;
use super::dialect::Dialect;
use super::moment::Moment;
use super::scope::{Region, Stamp};
use crate::asset::ExpiresIn;

/// Signs POST policies and URLs.
///
/// Pure but for a cache, which all threads share without a lock: the signing key is derived once for
/// each day, and what depends on the time only is written once a second. Cheap to share behind an
/// `Arc`.
///
/// ```
/// use time::macros::datetime;
/// use tower_asset_upload::sigv4::{Credentials, PostPolicy, Region, Signer};
///
/// let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")?;
/// let signer = Signer::new(credentials, Region::us_east_1());
/// let policy = PostPolicy::builder("uploads", "photo.png").content_length(1..=1024).build()?;
///
/// let form = signer.sign_post_at(&policy, datetime!(2026-05-19 10:11:12 UTC))?;
/// let names: Vec<_> = form.fields().map(|(name, _)| name).collect();
/// assert_eq!(names, ["key", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "policy", "x-amz-signature"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Signer {
    credentials: Credentials,
    region: Region,
    pub(super) dialect: &'static Dialect,
    current: ArcSwap<Moment>,
}

/// Why nothing was signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The credentials have ended, or end within this very second.
    #[error("the credentials have expired")]
    CredentialsExpired,
    /// A time outside the years 1970 to 9999.
    #[error("the time can't be written in a signature")]
    Time,
    /// A URL for no key, or for one of more than 1,024 bytes: the former would be the bucket's own.
    #[error("an object key has 1 to 1,024 bytes")]
    Key,
    /// The store has no such field, so that its condition could not be enforced.
    #[error("this dialect has no field `{field}`")]
    Unsupported {
        /// The field, without the dialect's prefix.
        field: String,
    },
    /// More than the 20 KB that S3 takes before the file (AWS, "Browser-based uploads using POST").
    #[error("the form's fields have {bytes} bytes, S3 takes at most {most}")]
    FormTooLarge {
        /// What the fields come to in a multipart body.
        bytes: usize,
        /// The limit.
        most: usize,
    },
}

impl Signer {
    /// A signer for one region of AWS, or of a store that speaks S3.
    #[must_use]
    pub fn new(credentials: Credentials, region: Region) -> Self {
        Self::speaking(&Dialect::AWS, credentials, region)
    }

    /// A signer for Google Cloud Storage, with an HMAC key of a service account. The region is the
    /// bucket's location or `auto`.
    ///
    /// ```
    /// use tower_asset_upload::sigv4::{Credentials, Method, Presign, Region, Signer};
    ///
    /// let signer = Signer::google(Credentials::new("GOOG1EXAMPLE", "secret")?, Region::new("auto")?);
    /// let url = signer.presign(&Presign::new(Method::Get, "https://storage.googleapis.com", "/bucket/", "key"))?;
    /// assert!(url.as_str().contains("X-Goog-Algorithm=GOOG4-HMAC-SHA256"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn google(credentials: Credentials, region: Region) -> Self {
        Self::speaking(&Dialect::GOOGLE, credentials, region)
    }

    fn speaking(dialect: &'static Dialect, credentials: Credentials, region: Region) -> Self {
        // Any moment will do to begin with: the first that can be written.
        let first = Moment::first(&credentials, &region, dialect);
        Self {
            credentials,
            region,
            dialect,
            current: ArcSwap::from_pointee(first),
        }
    }

    /// The same signer with other credentials.
    pub(crate) fn with(&self, credentials: Credentials) -> Self {
        Self::speaking(self.dialect, credentials, self.region.clone())
    }

    /// The credentials that sign.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The region in the credential scope.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Refuses what the dialect has no words for: a session token, and these names, which only S3
    /// knows.
    pub(super) fn check_dialect<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<(), SignError> {
        if self.dialect.extended_fields {
            return Ok(());
        }
        let token = self.credentials.session_token().map(|_| "security-token");
        match token.into_iter().chain(names).next() {
            Some(field) => Err(SignError::Unsupported {
                field: field.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// The moment `now`, and when and in how many seconds what is signed at it ends: as late as asked,
    /// but no later than the credentials.
    ///
    /// The moment comes from the cache or is written anew. Two threads that meet a new one at once both
    /// write it, to the same value. A guard, as counting references would make the threads wait for
    /// each other.
    pub(super) fn at(
        &self,
        now: OffsetDateTime,
        lifetime: ExpiresIn,
    ) -> Result<(Guard<Arc<Moment>>, Stamp, u32), SignError> {
        let unix = now.unix_timestamp();
        let mut moment = self.current.load();
        let seconds = self.clip(lifetime, unix)?;
        if moment.stamp.unix() != unix {
            let fresh = Stamp::of(now).and_then(|stamp| {
                let Self {
                    credentials,
                    region,
                    dialect,
                    ..
                } = self;
                moment.another(credentials, region, dialect, stamp, seconds)
            });
            let fresh = Arc::new(fresh.ok_or(SignError::Time)?);
            self.current.store(Arc::clone(&fresh));
            moment = Guard::from_inner(fresh);
        }
        let end = moment.end(seconds).ok_or(SignError::Time)?;
        Ok((moment, end, seconds))
    }

    fn clip(&self, lifetime: ExpiresIn, now: i64) -> Result<u32, SignError> {
        let asked = lifetime.as_secs();
        match self.credentials.expires_at() {
            Some(end) => match end.unix_timestamp() - now {
                ..=0 => Err(SignError::CredentialsExpired),
                left => Ok(asked.min(u32::try_from(left).unwrap_or(u32::MAX))),
            },
            None => Ok(asked),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("credentials", &self.credentials)
            .field("region", &self.region)
            .field("algorithm", &self.dialect.algorithm)
            .finish_non_exhaustive()
    }
}
