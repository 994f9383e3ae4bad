//! The presigned POST: the policy document, its base64, its signature, the form's fields.
//!
//! Two allocations: the document and the form, each of a size that is known beforehand.

use std::fmt;

use base64_simd::STANDARD as BASE64;
use time::OffsetDateTime;

use super::document::Document;
use super::policy::{Match, PostPolicy};
use super::scope::{Stamp, ascii};
use super::signer::{SignError, Signer};
use crate::clock::{Clock, SystemClock};
use crate::pairs::Pairs;

/// The fields of a signed form, in the order in which they are sent; the file goes last.
///
/// `Debug` leaves the values out: a signed form is a permission.
#[derive(Clone)]
pub struct SignedPost {
    document: Vec<u8>,
    fields: Pairs,
    expiration: Stamp,
}

impl SignedPost {
    /// The most that S3 takes before the file: 20 KB.
    pub const MAX_BYTES: usize = 20 * 1024;

    /// Name and value of each field.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter()
    }

    /// The fields, given away.
    #[must_use]
    pub fn into_fields(self) -> Pairs {
        self.fields
    }

    /// The policy document that was signed: JSON.
    #[must_use]
    pub fn document(&self) -> &str {
        ascii(&self.document)
    }

    /// When the form ends.
    #[must_use]
    pub fn expires_at(&self) -> OffsetDateTime {
        self.expiration.to_time()
    }
}

impl fmt::Debug for SignedPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedPost")
            .field("fields", &self.fields)
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// Signs a form now, by the machine's clock.
    ///
    /// # Errors
    /// See [`Signer::sign_post_at`].
    pub fn sign_post(&self, policy: &PostPolicy<'_>) -> Result<SignedPost, SignError> {
        self.sign_post_at(policy, SystemClock.now())
    }

    /// Signs a form at a given time.
    ///
    /// # Errors
    /// When the credentials have expired, the fields are more than S3 takes, or the time can't be
    /// written; see [`SignError`].
    pub fn sign_post_at(
        &self,
        policy: &PostPolicy<'_>,
        now: OffsetDateTime,
    ) -> Result<SignedPost, SignError> {
        let extended = policy.fields.iter().filter(|field| field.is_extended());
        self.check_dialect(extended.map(|field| &*field.name))?;
        let (stamp, today) = self.day_of(now)?;
        let (expiration, _) = self.end(policy.lifetime, &stamp)?;
        let prefix = self.dialect.field_prefix;

        let [before_date, behind_date] = &today.conditions;
        let constants = before_date.len() + behind_date.len();
        let mut document = Document::with_capacity(policy.capacity() + constants);
        document.open(expiration.extended(), &policy.bucket);
        if let Some((least, most)) = policy.content_length {
            document.range(least, most);
        }
        if let Some(rule) = &policy.content_type {
            document.content_type(rule);
        }
        document.key(&policy.key);
        for field in &*policy.fields {
            document.condition(field.prefix(prefix), &field.name, &field.value);
        }
        document.append(before_date);
        document.append(stamp.basic());
        document.append(behind_date);
        let document = document.into_bytes();

        let constants: usize = today.fields.iter().map(Pairs::text_len).sum();
        let encoded_len = BASE64.encoded_length(document.len());
        let mut fields =
            Pairs::with_capacity(policy.form_len(prefix) + constants + encoded_len + 80);
        if let Some(rule) = &policy.content_type {
            push_exact(&mut fields, "Content-Type", rule);
        }
        push_exact(&mut fields, "key", &policy.key);
        for field in &*policy.fields {
            fields.push_prefixed(field.prefix(prefix), &field.name, &field.value);
        }
        let [to_date, to_policy, to_signature] = &today.fields;
        fields.append(to_date);
        fields.extend_last(|text| text.push_str(stamp.as_str()));
        fields.append(to_policy);
        let encoded = fields.extend_last(|text| {
            BASE64.encode_append(&document, text);
        });
        let signature = today.key.sign([encoded.as_bytes()]);
        fields.append(to_signature);
        fields.extend_last(|text| text.push_str(signature.as_str()));

        match multipart_len(&fields) {
            bytes if bytes > SignedPost::MAX_BYTES => Err(SignError::FormTooLarge {
                bytes,
                most: SignedPost::MAX_BYTES,
            }),
            _ => Ok(SignedPost {
                document,
                fields,
                expiration,
            }),
        }
    }
}

/// A field whose value the sender chooses is the sender's to add.
fn push_exact(fields: &mut Pairs, name: &str, rule: &Match<'_>) {
    if let Match::Exact(value) = rule {
        fields.push(name, value);
    }
}

/// What the fields come to in a multipart body with the longest boundary (RFC 2046, section 5.1.1:
/// 70 characters).
fn multipart_len(fields: &Pairs) -> usize {
    const PER_FIELD: usize =
        "--\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n".len() + 70;
    fields.text_len() + fields.len() * PER_FIELD
}
