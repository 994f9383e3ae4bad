//! The presigned POST: the policy document, its base64, its signature, the form's fields.
//!
//! What it costs beyond the hash are copies, so there are as few pieces as can be: what depends on
//! the time only is written once a second ([`Moment`](super::moment::Moment)), literals are whole, the
//! document's buffer is the thread's last one and the form's is of a size that is known beforehand. Texts
//! are looked at for escapes when the policy is built, not again here.
#![expect(
    clippy::inline_always,
    reason = "names that are literals are then appended without a call, which is what most of it costs"
)]

use std::fmt;

use base64_simd::STANDARD as BASE64;
use time::OffsetDateTime;

use super::document::Document;
use super::policy::{Match, PostPolicy};
use super::scope::time_of;
use super::signer::{SignError, Signer};
use crate::asset::{Clock, Pairs, SystemClock};

/// The field of the document.
const POLICY: &str = "policy";

/// The hexadecimal digits of a signature.
const SIGNATURE_LEN: usize = 64;

/// The fields of a signed form, in the order in which they are sent; the file goes last.
///
/// `Debug` leaves the values out: a signed form is a permission.
#[derive(Clone)]
pub struct SignedPost {
    fields: Pairs,
    /// In seconds since 1970.
    expires_at: i64,
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

    /// The policy document that was signed: JSON in ASCII, read back from the field `policy`.
    #[must_use]
    pub fn document(&self) -> String {
        let policy = self.fields.get(POLICY).unwrap_or_default();
        let document = BASE64.decode_to_vec(policy).unwrap_or_default();
        String::from_utf8(document).unwrap_or_default()
    }

    /// When the form ends.
    #[must_use]
    pub fn expires_at(&self) -> OffsetDateTime {
        time_of(self.expires_at)
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
        let prefix = self.dialect.field_prefix;
        let form_len = policy.form_len(prefix);
        // Before anything of that size is written.
        check_size(multipart_len(policy.fields.len(), form_len))?;
        let (moment, expiration, _) = self.at(now, policy.lifetime)?;

        let mut document =
            Document::with_capacity(policy.document_capacity() + moment.conditions.len());
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
        document.append(&moment.conditions);

        let encoded_len = BASE64.encoded_length(document.as_bytes().len());
        let last = POLICY.len() + encoded_len + moment.signature.len() + SIGNATURE_LEN;
        let room = form_len + moment.fields.text_len() + last;
        let pairs = 4 + policy.fields.len() + moment.fields.len();
        let mut fields = Pairs::with_room(pairs, room);
        if let Some(rule) = &policy.content_type {
            push_exact(&mut fields, "\"Content-Type\":\"", rule);
        }
        push_exact(&mut fields, "\"key\":\"", &policy.key);
        for field in &*policy.fields {
            field
                .value
                .push_to(&mut fields, field.prefix(prefix), &field.name);
        }
        fields.extend(&moment.fields);
        let encoded = fields.push_opened("\"policy\":\"", true, |text| {
            BASE64.encode_append(document.as_bytes(), text);
        });
        document.recycle();
        let signature = moment.day.key.sign(encoded.as_bytes());
        fields.push_opened(&moment.signature, true, |text| {
            text.push_str(signature.as_str());
        });

        check_size(multipart_len(fields.len(), fields.text_len()))?;
        Ok(SignedPost {
            fields,
            expires_at: expiration.unix(),
        })
    }
}

/// A field whose value the sender chooses is the sender's to add.
#[inline(always)]
fn push_exact(fields: &mut Pairs, opening: &str, rule: &Match<'_>) {
    if let Match::Exact(value) = rule {
        value.push_opened_to(fields, opening);
    }
}

fn check_size(bytes: usize) -> Result<(), SignError> {
    let most = SignedPost::MAX_BYTES;
    if bytes > most {
        return Err(SignError::FormTooLarge { bytes, most });
    }
    Ok(())
}

/// What so many fields come to in a multipart body with the longest boundary (RFC 2046, section 5.1.1:
/// 70 characters).
fn multipart_len(fields: usize, text: usize) -> usize {
    const PER_FIELD: usize =
        "--\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n".len() + 70;
    text + fields * PER_FIELD
}
