//! Options of the doctor.

use std::sync::Arc;
use std::time::Duration;

use crate::asset::{Clock, IdSource, RandomIds, SystemClock};
use crate::ports::UploadMethod;
use crate::sigv4::{FormFields, PolicyError};
use crate::tls::TrustRoots;

/// Options of the [`doctor`](super::doctor()): how uploads are signed, and how long to wait.
///
/// ```
/// use std::time::Duration;
/// use tower_asset_upload::s3::DoctorOptions;
/// use tower_asset_upload::sigv4::FormFields;
///
/// let options = DoctorOptions::new()
///     .origin("https://app.example.com")
///     .fields(FormFields::new().success_action_status(201))?
///     .timeout(Duration::from_secs(5));
/// # let _ = options;
/// # Ok::<(), tower_asset_upload::sigv4::PolicyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct DoctorOptions {
    pub(super) method: Option<UploadMethod>,
    pub(super) fields: FormFields,
    pub(super) origin: Option<String>,
    pub(super) timeout: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) roots: TrustRoots,
}

impl DoctorOptions {
    /// Creates the default options: the upload method of the bucket's provider, no form fields, and
    /// no origin.
    #[must_use]
    pub fn new() -> Self {
        Self {
            method: None,
            fields: FormFields::new(),
            origin: None,
            timeout: Duration::from_secs(10),
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            roots: TrustRoots::mozilla(),
        }
    }

    /// Sets the upload method: POST uses an [`S3PostSigner`](crate::s3::S3PostSigner), PUT an
    /// [`S3PutSigner`](crate::s3::S3PutSigner). The default is the method of the [bucket's
    /// provider](crate::s3::S3Bucket::upload_method).
    #[must_use]
    pub fn method(mut self, method: UploadMethod) -> Self {
        self.method = Some(method);
        self
    }

    /// Sets the fields that every form carries; none by default. See
    /// [`S3PostSigner::fields`](crate::s3::S3PostSigner::fields).
    ///
    /// # Errors
    /// If one of the fields is invalid.
    pub fn fields(mut self, fields: FormFields) -> Result<Self, PolicyError> {
        fields.clone().check()?;
        self.fields = fields;
        Ok(self)
    }

    /// Sets the origin of the page that uploads, as browsers send it: `https://app.example.com`.
    /// Without an origin the CORS check is skipped.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Sets the timeout of each request, including the time to connect; ten seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the certificate authorities to trust; [`TrustRoots::mozilla`] by default.
    #[must_use]
    pub fn trust_roots(mut self, roots: &TrustRoots) -> Self {
        self.roots = roots.clone();
        self
    }

    /// Sets the clock that requests are signed with and that is compared with the object store's;
    /// [`SystemClock`] by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the source of ids for the names of the doctor's objects; [`RandomIds`] by default.
    #[must_use]
    pub fn ids(mut self, ids: impl IdSource + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }
}

impl Default for DoctorOptions {
    fn default() -> Self {
        Self::new()
    }
}
