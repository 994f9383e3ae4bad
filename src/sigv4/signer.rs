//! Credentials, region and dialect together: everything a signature needs but the thing signed and
//! the time.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use time::OffsetDateTime;

use super::credentials::Credentials;
use super::dialect::Dialect;
use super::document::Document;
use super::key::SigningKey;
use super::scope::{Region, Stamp};
use crate::limits::Lifetime;
use crate::pairs::Pairs;

/// Signs POST policies and URLs.
///
/// Pure but for a cache: the signing key is derived once for each day and then shared, without a
/// lock, by all threads. Cheap to share behind an `Arc`.
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
    today: ArcSwap<DayKey>,
}

/// What stays the same all day: the key, and whatever else a form and a URL need in just these
/// words.
pub(super) struct DayKey {
    /// Some moment of that day.
    moment: Stamp,
    pub(super) key: SigningKey,
    /// `AKID/20151229/us-east-1/s3/aws4_request`
    pub(super) credential: String,
    /// Where in `credential` the scope begins: after the access key id and its slash.
    scope_at: usize,
    /// The conditions before the date, and up to it; those behind it, and the document's end.
    pub(super) conditions: [Vec<u8>; 2],
    /// The fields before the date, the policy and the signature, and those without their values.
    pub(super) fields: [Pairs; 3],
}

impl DayKey {
    fn derive(
        credentials: &Credentials,
        region: &Region,
        dialect: &Dialect,
        stamp: &Stamp,
    ) -> Self {
        let (id, date, region) = (credentials.access_key_id(), stamp.date(), region.as_str());
        let credential = [id, date, region, dialect.service, dialect.terminator].join("/");

        let prefix = dialect.field_prefix;
        let (mut before, mut behind) = (Document::default(), Document::default());
        let [mut to_date, mut to_policy, mut to_signature] = [(); 3].map(|()| Pairs::new());
        for (name, value) in [
            ("algorithm", dialect.algorithm),
            ("credential", &credential),
        ] {
            before.condition(prefix, name, value);
            to_date.push_prefixed(prefix, name, value);
        }
        before.open_condition(prefix, "date");
        to_date.push_prefixed(prefix, "date", "");
        behind.close_condition();
        if let Some(token) = credentials.session_token() {
            behind.condition(prefix, "security-token", token);
            to_policy.push_prefixed(prefix, "security-token", token);
        }
        behind.close();
        to_policy.push("policy", "");
        to_signature.push_prefixed(prefix, "signature", "");
        Self {
            moment: *stamp,
            key: SigningKey::derive(dialect, credentials.secret(), date, region),
            scope_at: id.len() + 1,
            conditions: [before.into_bytes(), behind.into_bytes()],
            fields: [to_date, to_policy, to_signature],
            credential,
        }
    }

    /// `20151229/us-east-1/s3/aws4_request`
    pub(super) fn scope(&self) -> &str {
        &self.credential[self.scope_at..]
    }
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
        // Any day will do to begin with: the first that can be written.
        let first = DayKey::derive(&credentials, &region, dialect, &Stamp::FIRST);
        Self {
            credentials,
            region,
            dialect,
            today: ArcSwap::from_pointee(first),
        }
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

    /// The stamp of a moment and the key of its day, from the cache or derived anew. Two threads that
    /// meet a new day at once both derive it, to the same value. A guard, as counting references would
    /// make the threads wait for each other.
    pub(super) fn day_of(
        &self,
        now: OffsetDateTime,
    ) -> Result<(Stamp, Guard<Arc<DayKey>>), SignError> {
        let today = self.today.load();
        if let Some(stamp) = today.moment.same_day(now) {
            return Ok((stamp, today));
        }
        let stamp = Stamp::of(now).ok_or(SignError::Time)?;
        let fresh = DayKey::derive(&self.credentials, &self.region, self.dialect, &stamp);
        let fresh = Arc::new(fresh);
        self.today.store(Arc::clone(&fresh));
        Ok((stamp, Guard::from_inner(fresh)))
    }

    /// When a signature of now ends, and in how many seconds: as late as asked, but no later than the
    /// credentials.
    pub(super) fn end(&self, lifetime: Lifetime, now: &Stamp) -> Result<(Stamp, u32), SignError> {
        let asked = lifetime.as_secs();
        let seconds = match self.credentials.expires_at() {
            Some(end) => match end.unix_timestamp() - now.unix() {
                ..=0 => return Err(SignError::CredentialsExpired),
                left => asked.min(u32::try_from(left).unwrap_or(u32::MAX)),
            },
            None => asked,
        };
        let end = now.later(seconds).ok_or(SignError::Time)?;
        Ok((end, seconds))
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
