//! The port through which the service signs: what a client needs to send or fetch one object.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use time::OffsetDateTime;

use crate::asset::{Checksum, MediaType, NewAsset, ObjectKey, ObjectName, Pairs, UploadSize};
use crate::error::{BoxError, Unavailable};

/// Signs permissions to upload and to download one object.
///
/// # What must hold
/// 1. **Exactness.** An upload permission is for this key, this type, at most this size and, where one
///    is given, this checksum, enforced by the object store itself. A signer that can't have one of them enforced refuses.
/// 2. **Time.** `now` is the only clock; no permission outlives the credentials.
/// 3. **Versions.** A download that names a version is of just that one. A signer that can't have it so
///    refuses.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a signer of uploads",
    label = "this type doesn't implement `UploadSigner`",
    note = "pass `S3::signer()?`, an `S3PostSigner` or an `S3PutSigner`, or implement `UploadSigner`"
)]
#[async_trait]
pub trait UploadSigner: Send + Sync {
    /// Permits one upload.
    ///
    /// # Errors
    /// See [`SignerError`].
    async fn sign_upload(
        &self,
        upload: &UploadIntent<'_>,
        now: OffsetDateTime,
    ) -> Result<UploadData, SignerError>;

    /// Permits a download, as a URL.
    ///
    /// # Errors
    /// See [`SignerError`].
    async fn sign_download(
        &self,
        download: &DownloadIntent<'_>,
        now: OffsetDateTime,
    ) -> Result<String, SignerError>;
}

forward! { UploadSigner {
    async fn sign_upload(
        &self,
        upload: &UploadIntent<'_>,
        now: OffsetDateTime,
    ) -> Result<UploadData, SignerError>;
    async fn sign_download(
        &self,
        download: &DownloadIntent<'_>,
        now: OffsetDateTime,
    ) -> Result<String, SignerError>;
} }

/// What is going to be uploaded.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct UploadIntent<'a> {
    /// Where it goes.
    pub key: &'a ObjectKey,
    /// The type it has to be sent with.
    pub media_type: &'a MediaType,
    /// The most it may come to, in bytes.
    pub size: UploadSize,
    /// What it has to hash to, if that is known.
    pub checksum: Option<&'a Checksum>,
}

impl<'a> UploadIntent<'a> {
    /// An upload of at most `size` bytes.
    #[must_use]
    pub fn new(key: &'a ObjectKey, media_type: &'a MediaType, size: UploadSize) -> Self {
        Self {
            key,
            media_type,
            size,
            checksum: None,
        }
    }

    /// The upload that an asset waits for.
    #[must_use]
    pub fn of(asset: &'a NewAsset) -> Self {
        Self {
            checksum: asset.checksum.as_ref(),
            ..Self::new(&asset.key, &asset.media_type, asset.size)
        }
    }
}

/// What is going to be downloaded, and how it is to be presented.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DownloadIntent<'a> {
    /// Where it is.
    pub key: &'a ObjectKey,
    /// The type it is to be answered with.
    pub media_type: &'a MediaType,
    /// The name to save it under.
    pub name: &'a ObjectName,
    /// Whether a browser may show it in place; it is to be saved otherwise.
    pub inline: bool,
    /// The version of the object, where it is known: nothing that is uploaded later has it.
    pub version: Option<&'a str>,
}

impl<'a> DownloadIntent<'a> {
    /// A download that is shown in place where the type is safe for that.
    #[must_use]
    pub fn new(key: &'a ObjectKey, media_type: &'a MediaType, name: &'a ObjectName) -> Self {
        Self {
            key,
            media_type,
            name,
            inline: media_type.is_safe_inline(),
            version: None,
        }
    }
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The signer's credentials can't be had now: the same call may succeed later. 503.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A checksum was announced, and the store doesn't compare any. 400.
    #[error("the object store compares no SHA-256 with what arrives")]
    Checksum,
    /// Trying again won't help. 500.
    #[error("could not sign: {0}")]
    Failed(#[source] BoxError),
}

/// The method of the request that uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadMethod {
    /// A multipart form: the fields in order, the file last.
    Post,
    /// The file is the body.
    Put,
}

impl UploadMethod {
    /// The method's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// All a client needs to upload: `{"method","url","fields"}`, and `"headers"` where there are any.
///
/// It is what Uppy's `getUploadParameters` takes; see [`docs::uppy`](crate::docs::uppy), for its newer
/// `signRequest` too. `Debug` shows no values: this is a permission.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadData {
    method: UploadMethod,
    url: Arc<str>,
    /// A form's fields, or a request's headers: no method has both.
    pairs: Pairs,
}

impl UploadData {
    /// A form to be posted to `url`.
    #[must_use]
    pub fn post(url: Arc<str>, fields: Pairs) -> Self {
        Self {
            method: UploadMethod::Post,
            url,
            pairs: fields,
        }
    }

    /// A body to be put to `url` with these headers.
    #[must_use]
    pub fn put(url: Arc<str>, headers: Pairs) -> Self {
        Self {
            method: UploadMethod::Put,
            url,
            pairs: headers,
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> UploadMethod {
        self.method
    }

    /// Where to send it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The form's fields, in the order in which they have to be sent; none with PUT.
    #[must_use]
    pub fn fields(&self) -> &Pairs {
        match self.method {
            UploadMethod::Post => &self.pairs,
            UploadMethod::Put => &NONE,
        }
    }

    /// The headers that have to be sent; none with POST.
    #[must_use]
    pub fn headers(&self) -> &Pairs {
        match self.method {
            UploadMethod::Post => &NONE,
            UploadMethod::Put => &self.pairs,
        }
    }
}

static NONE: Pairs = Pairs::NONE;

impl fmt::Debug for UploadData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadData")
            .field("method", &self.method)
            .field("url", &self.url.split('?').next())
            .finish_non_exhaustive()
    }
}

impl Serialize for UploadData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let with_headers = !self.headers().is_empty();
        let mut data = serializer.serialize_struct("UploadData", 3 + usize::from(with_headers))?;
        data.serialize_field("method", self.method.as_str())?;
        data.serialize_field("url", &*self.url)?;
        data.serialize_field("fields", self.fields())?;
        if with_headers {
            data.serialize_field("headers", self.headers())?;
        }
        data.end()
    }
}
