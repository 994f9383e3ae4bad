//! What a form may upload: the conditions of a POST policy, checked when they are put together.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::json::Text;
use crate::asset::{Checksum, ExpiresIn};

/// The conditions of one presigned POST (AWS, "POST Policy").
///
/// Every condition is exact unless its method says otherwise. A policy refuses, when it is built,
/// what S3 would refuse or misread later: see [`PolicyError`].
///
/// ```
/// use tower_asset_upload::sigv4::PostPolicy;
///
/// let policy = PostPolicy::builder("uploads", "reports/2026.pdf")
///     .content_type("application/pdf")
///     .content_length(1..=5_000_000)
///     .success_action_status(201)
///     .metadata("origin", "scanner")
///     .build()?;
/// # let _ = policy;
/// # Ok::<(), tower_asset_upload::sigv4::PolicyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PostPolicy<'a> {
    pub(super) bucket: Text<'a>,
    pub(super) key: Match<'a>,
    pub(super) content_type: Option<Match<'a>>,
    pub(super) content_length: Option<(u64, u64)>,
    pub(super) lifetime: ExpiresIn,
    pub(super) fields: Cow<'a, [FormField]>,
}

/// How a condition compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Match<'a> {
    Exact(Text<'a>),
    StartsWith(Text<'a>),
}

impl<'a> Match<'a> {
    fn text(&self) -> &Text<'a> {
        match self {
            Self::Exact(text) | Self::StartsWith(text) => text,
        }
    }
}

/// One more field of a form, together with its exact condition: an ACL, a tag, an encryption
/// setting. Made by the methods of [`FormFields`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormField {
    /// Whether the dialect's prefix (`x-amz-`) goes before the name.
    pub(super) prefixed: bool,
    pub(super) name: Cow<'static, str>,
    pub(super) value: Text<'static>,
}

impl FormField {
    /// The field's name as S3 has it.
    pub(crate) fn name(&self) -> String {
        format!("{}{}", self.prefix("x-amz-"), self.name)
    }

    /// What goes before the name in a dialect.
    pub(super) fn prefix<'n>(&self, dialects: &'n str) -> &'n str {
        if self.prefixed { dialects } else { "" }
    }

    /// Whether only S3 knows such a field.
    pub(crate) fn is_extended(&self) -> bool {
        self.name == "tagging" || (self.prefixed && !self.name.starts_with("meta-"))
    }
}

/// Why a policy was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The bucket's name is empty or longer than 255 bytes.
    #[error("a bucket's name has 1 to 255 bytes")]
    Bucket,
    /// The key is empty or longer than 1,024 bytes.
    #[error("an object key has 1 to 1,024 bytes")]
    Key,
    /// A value holds `${`, which S3 replaces by what the client says.
    #[error("the value of `{field}` holds `${{`, which S3 would substitute")]
    Substitution {
        /// The field at fault.
        field: String,
    },
    /// A value that becomes a header holds a control character.
    #[error("the value of `{field}` holds a control character")]
    Control {
        /// The field at fault.
        field: String,
    },
    /// A value is empty where S3 wants one.
    #[error("the value of `{field}` is empty")]
    Empty {
        /// The field at fault.
        field: String,
    },
    /// A value is none of those that S3 knows.
    #[error("`{field}` must be {accepted}")]
    Value {
        /// The field at fault.
        field: String,
        /// What would do.
        accepted: &'static str,
    },
    /// A metadata name that can't be part of a header's name.
    #[error("`{name}` is no metadata name: use letters, digits, hyphens, dots and underscores")]
    Name {
        /// The name at fault.
        name: String,
    },
    /// Two conditions on one field: only the last would reach S3 in a form.
    #[error("the field `{field}` is given twice")]
    Twice {
        /// The field at fault.
        field: String,
    },
    /// A size range whose lower end is above its upper end.
    #[error("the content-length range is empty")]
    EmptyRange,
}

/// The further fields that every form of a signer carries, each with its condition: encryption,
/// tags, cache headers. Checked when they are added.
///
/// ```
/// use tower_asset_upload::sigv4::FormFields;
///
/// let fields = FormFields::new()
///     .success_action_status(201)
///     .cache_control("private, max-age=31536000")
///     .metadata("uploaded-by", "tower-asset-upload")
///     .check()?;
/// # let _ = fields;
/// # Ok::<(), tower_asset_upload::sigv4::PolicyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormFields {
    fields: Vec<FormField>,
    fault: Option<PolicyError>,
}

/// How S3 encrypts the object (AWS, "Specifying server-side encryption").
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerSideEncryption {
    /// SSE-S3.
    Aes256,
    /// SSE-KMS with the bucket's default key, or a named one.
    Kms {
        /// The key's ARN or id; `None` for the default key.
        key_id: Option<String>,
        /// The encryption context: the base64 of a JSON object of strings.
        context: Option<String>,
        /// Whether to use an S3 bucket key; `None` for what the bucket says.
        bucket_key: Option<bool>,
    },
}

impl FormFields {
    /// No fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `acl`: a canned ACL such as `private` or `public-read`.
    #[must_use]
    pub fn acl(self, canned: &str) -> Self {
        self.exact(false, "acl", canned)
    }

    /// `success_action_status`: what S3 answers to an upload, 200, 201 (with XML) or 204.
    #[must_use]
    pub fn success_action_status(mut self, status: u16) -> Self {
        if !matches!(status, 200 | 201 | 204) {
            let field = "success_action_status".to_owned();
            self.fault.get_or_insert(PolicyError::Value {
                field,
                accepted: "200, 201 or 204",
            });
        }
        self.exact(false, "success_action_status", &status.to_string())
    }

    /// `success_action_redirect`: where the browser goes after the upload. Wins over the status.
    #[must_use]
    pub fn success_action_redirect(self, url: &str) -> Self {
        self.exact(false, "success_action_redirect", url)
    }

    /// `Cache-Control` of the object.
    #[must_use]
    pub fn cache_control(self, value: &str) -> Self {
        self.exact(false, "Cache-Control", value)
    }

    /// `Content-Disposition` of the object.
    #[must_use]
    pub fn content_disposition(self, value: &str) -> Self {
        self.exact(false, "Content-Disposition", value)
    }

    /// `Content-Encoding` of the object.
    #[must_use]
    pub fn content_encoding(self, value: &str) -> Self {
        self.exact(false, "Content-Encoding", value)
    }

    /// `Expires` of the object: a date as HTTP writes it (RFC 9110, section 5.6.7).
    #[must_use]
    pub fn expires(self, value: &str) -> Self {
        self.exact(false, "Expires", value)
    }

    /// `tagging`: the object's tags as S3's XML (`<Tagging><TagSet>…`).
    #[must_use]
    pub fn tagging(self, xml: &str) -> Self {
        self.exact(false, "tagging", xml)
    }

    /// `x-amz-storage-class`, such as `STANDARD_IA`.
    #[must_use]
    pub fn storage_class(self, class: &str) -> Self {
        self.exact(true, "storage-class", class)
    }

    /// `x-amz-server-side-encryption` and, with KMS, the key's id.
    #[must_use]
    pub fn server_side_encryption(self, encryption: &ServerSideEncryption) -> Self {
        match encryption {
            ServerSideEncryption::Aes256 => self.exact(true, "server-side-encryption", "AES256"),
            ServerSideEncryption::Kms {
                key_id,
                context,
                bucket_key,
            } => {
                let fields = self.exact(true, "server-side-encryption", "aws:kms");
                [
                    ("server-side-encryption-aws-kms-key-id", key_id.as_deref()),
                    ("server-side-encryption-context", context.as_deref()),
                    (
                        "server-side-encryption-bucket-key-enabled",
                        bucket_key.map(|on| if on { "true" } else { "false" }),
                    ),
                ]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .fold(fields, |fields, (name, value)| {
                    fields.exact(true, name, value)
                })
            }
        }
    }

    /// `x-amz-checksum-sha256`: what the file has to hash to; S3 compares (AWS, "Checking object
    /// integrity").
    #[must_use]
    pub fn checksum_sha256(self, checksum: &Checksum) -> Self {
        self.exact(true, "checksum-sha256", &checksum.to_base64())
    }

    /// `x-amz-checksum-algorithm: SHA256`, which some stores want beside the checksum.
    pub(crate) fn checksum_algorithm_sha256(self) -> Self {
        self.exact(true, "checksum-algorithm", "SHA256")
    }

    /// `x-amz-website-redirect-location` of the object.
    #[must_use]
    pub fn website_redirect_location(self, location: &str) -> Self {
        self.exact(true, "website-redirect-location", location)
    }

    /// `x-amz-meta-{name}`: metadata of the host's own.
    #[must_use]
    pub fn metadata(mut self, name: &str, value: &str) -> Self {
        let sound = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        if !sound {
            self.fault.get_or_insert(PolicyError::Name {
                name: name.to_owned(),
            });
        }
        self.exact(true, format!("meta-{}", name.to_ascii_lowercase()), value)
    }

    /// Hands out the fields when all of them are sound.
    ///
    /// # Errors
    /// The first fault that was met while they were added.
    pub fn check(self) -> Result<Vec<FormField>, PolicyError> {
        self.fault.map_or(Ok(self.fields), Err)
    }

    fn exact(mut self, prefixed: bool, name: impl Into<Cow<'static, str>>, value: &str) -> Self {
        let field = FormField {
            prefixed,
            name: name.into(),
            value: Text::new(value.to_owned()),
        };
        if let Err(fault) = check_value(&field.name, &field.value) {
            self.fault.get_or_insert(fault);
        }
        if self.fields.iter().any(|f| f.name == field.name) {
            self.fault.get_or_insert(PolicyError::Twice {
                field: field.name.to_string(),
            });
        }
        self.fields.push(field);
        self
    }
}

#[inline]
fn check_substitution(field: &str, value: &Text<'_>) -> Result<(), PolicyError> {
    if !value.is_plain() && value.as_str().contains("${") {
        let field = field.to_owned();
        return Err(PolicyError::Substitution { field });
    }
    Ok(())
}

#[inline]
fn check_value(field: &str, value: &Text<'_>) -> Result<(), PolicyError> {
    let named = || field.to_owned();
    if value.as_str().is_empty() {
        return Err(PolicyError::Empty { field: named() });
    }
    check_substitution(field, value)?;
    if !value.is_plain() && value.as_str().chars().any(char::is_control) {
        return Err(PolicyError::Control { field: named() });
    }
    Ok(())
}

/// Puts a [`PostPolicy`] together.
#[derive(Clone, Debug)]
#[must_use]
pub struct PostPolicyBuilder<'a> {
    policy: PostPolicy<'a>,
    extra: FormFields,
}

impl<'a> PostPolicy<'a> {
    /// A policy for one bucket and exactly one key.
    pub fn builder(
        bucket: impl Into<Cow<'a, str>>,
        key: impl Into<Cow<'a, str>>,
    ) -> PostPolicyBuilder<'a> {
        PostPolicyBuilder {
            policy: PostPolicy {
                bucket: Text::new(bucket),
                key: Match::Exact(Text::new(key)),
                content_type: None,
                content_length: None,
                lifetime: ExpiresIn::default(),
                fields: Cow::Borrowed(&[]),
            },
            extra: FormFields::new(),
        }
    }
}

impl PostPolicy<'_> {
    /// The bytes of the form's fields that the policy names.
    pub(super) fn form_len(&self, prefix: &str) -> usize {
        let exact = |name: usize, rule: &Match<'_>| match rule {
            Match::Exact(value) => name + value.as_str().len(),
            Match::StartsWith(_) => 0,
        };
        let field = |field: &FormField| {
            field.prefix(prefix).len() + field.name.len() + field.value.as_str().len()
        };
        exact("key".len(), &self.key)
            + self
                .content_type
                .as_ref()
                .map_or(0, |rule| exact("Content-Type".len(), rule))
            + self.fields.iter().map(field).sum::<usize>()
    }

    /// Enough for the document, but for what needs escapes and what stays the same all day.
    pub(super) fn document_capacity(&self) -> usize {
        let rule = |rule: &Match<'_>| rule.text().as_str().len() + 40;
        let field = |field: &FormField| field.name.len() + field.value.as_str().len() + 20;
        160 + self.bucket.as_str().len()
            + rule(&self.key)
            + self.content_type.as_ref().map_or(0, rule)
            + self.fields.iter().map(field).sum::<usize>()
    }
}

impl<'a> PostPolicyBuilder<'a> {
    /// Any key that starts so, instead of the one key. Whoever sends the form adds its `key` field.
    pub fn key_starts_with(mut self, prefix: impl Into<Cow<'a, str>>) -> Self {
        self.policy.key = Match::StartsWith(Text::new(prefix));
        self
    }

    /// `Content-Type`, exactly.
    pub fn content_type(mut self, media_type: impl Into<Cow<'a, str>>) -> Self {
        self.policy.content_type = Some(Match::Exact(Text::new(media_type)));
        self
    }

    /// Any `Content-Type` that starts so, such as `image/`; an empty prefix allows all. Whoever sends
    /// the form adds the field.
    pub fn content_type_starts_with(mut self, prefix: impl Into<Cow<'a, str>>) -> Self {
        self.policy.content_type = Some(Match::StartsWith(Text::new(prefix)));
        self
    }

    /// The smallest and the largest size of the file, in bytes.
    #[inline]
    pub fn content_length(mut self, range: RangeInclusive<u64>) -> Self {
        self.policy.content_length = Some((*range.start(), *range.end()));
        self
    }

    /// How long the form is good for; an hour by default. Never longer than the credentials.
    #[inline]
    pub fn expires_in(mut self, lifetime: ExpiresIn) -> Self {
        self.policy.lifetime = lifetime;
        self
    }

    /// Further fields that were checked before, borrowed: for signers that put the same ones into
    /// every form.
    #[inline]
    pub fn fields(mut self, fields: &'a [FormField]) -> Self {
        self.policy.fields = Cow::Borrowed(fields);
        self
    }

    /// Further fields, added to those given already.
    pub fn extra(mut self, add: impl FnOnce(FormFields) -> FormFields) -> Self {
        self.extra = add(self.extra);
        self
    }

    /// `x-amz-checksum-sha256`; see [`FormFields::checksum_sha256`].
    pub fn checksum_sha256(self, checksum: &Checksum) -> Self {
        self.extra(|fields| fields.checksum_sha256(checksum))
    }

    /// `success_action_status`; see [`FormFields::success_action_status`].
    pub fn success_action_status(self, status: u16) -> Self {
        self.extra(|fields| fields.success_action_status(status))
    }

    /// `x-amz-meta-{name}`; see [`FormFields::metadata`].
    pub fn metadata(self, name: &str, value: &str) -> Self {
        self.extra(|fields| fields.metadata(name, value))
    }

    /// The policy, when everything in it is sound.
    ///
    /// # Errors
    /// The first rule that is broken; see [`PolicyError`].
    #[inline]
    pub fn build(self) -> Result<PostPolicy<'a>, PolicyError> {
        let Self { mut policy, extra } = self;
        if !(1..=255).contains(&policy.bucket.as_str().len()) {
            return Err(PolicyError::Bucket);
        }
        let key = policy.key.text();
        let whole = matches!(policy.key, Match::Exact(_));
        if key.as_str().len() > 1024 || (whole && key.as_str().is_empty()) {
            return Err(PolicyError::Key);
        }
        check_substitution("key", key)?;
        match &policy.content_type {
            Some(Match::StartsWith(prefix)) if prefix.as_str().is_empty() => {}
            Some(rule) => check_value("Content-Type", rule.text())?,
            None => {}
        }
        if policy
            .content_length
            .is_some_and(|(least, most)| least > most)
        {
            return Err(PolicyError::EmptyRange);
        }
        let extra = extra.check()?;
        if !extra.is_empty() {
            let mut all = policy.fields.into_owned();
            for field in extra {
                if all.iter().any(|f| f.name == field.name) {
                    return Err(PolicyError::Twice {
                        field: field.name.into_owned(),
                    });
                }
                all.push(field);
            }
            policy.fields = Cow::Owned(all);
        }
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_s3_would_refuse_or_misread_is_refused_here() {
        let build = |bucket: &'static str, key: String| {
            PostPolicy::builder(bucket, key).build().map(|_| ())
        };
        assert_eq!(build("", "k".into()), Err(PolicyError::Bucket));
        assert_eq!(build("b", String::new()), Err(PolicyError::Key));
        assert_eq!(build("b", "k".repeat(1025)), Err(PolicyError::Key));
        assert_eq!(
            build("b", "a/${filename}".into()),
            Err(PolicyError::Substitution {
                field: "key".into()
            })
        );
        assert_eq!(build("b", "a\r\nb".into()), Ok(()));

        let with = |add: fn(FormFields) -> FormFields| {
            PostPolicy::builder("b", "k").extra(add).build().map(|_| ())
        };
        assert!(matches!(
            with(|f| f.success_action_status(302)),
            Err(PolicyError::Value { .. })
        ));
        assert!(matches!(
            with(|f| f.acl("")),
            Err(PolicyError::Empty { .. })
        ));
        assert!(matches!(
            with(|f| f.cache_control("a\r\nb: c")),
            Err(PolicyError::Control { .. })
        ));
        assert!(matches!(
            with(|f| f.metadata("a b", "c")),
            Err(PolicyError::Name { .. })
        ));
        assert!(matches!(
            with(|f| f.metadata("A", "c").metadata("a", "d")),
            Err(PolicyError::Twice { .. })
        ));
        assert!(matches!(
            with(|f| f.tagging("${filename}")),
            Err(PolicyError::Substitution { .. })
        ));
        #[expect(clippy::reversed_empty_ranges, reason = "the fault under test")]
        let reversed = PostPolicy::builder("b", "k").content_length(2..=1).build();
        assert!(matches!(reversed, Err(PolicyError::EmptyRange)));
    }
}
