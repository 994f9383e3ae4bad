//! What the doctor is to look at.

use std::sync::Arc;
use std::time::Duration;

use crate::asset::{Clock, IdSource, RandomIds, SystemClock};
use crate::ports::UploadMethod;
use crate::sigv4::{FormFields, PolicyError};
use crate::tls::TrustRoots;

/// How uploads are configured, and how patient the [`doctor`](super::doctor()) is.
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
    /// Uploads as the bucket's store takes them, without further fields and for no web page in
    /// particular.
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

    /// Whether uploads are signed by an [`S3PostSigner`](crate::s3::S3PostSigner) or by an
    /// [`S3PutSigner`](crate::s3::S3PutSigner); what suits the bucket's
    /// [store](crate::s3::S3Bucket::upload_method) by default.
    #[must_use]
    pub fn method(mut self, method: UploadMethod) -> Self {
        self.method = Some(method);
        self
    }

    /// The fields that every form carries; none by default. See
    /// [`S3PostSigner::fields`](crate::s3::S3PostSigner::fields).
    ///
    /// # Errors
    /// When one of them is unsound.
    pub fn fields(mut self, fields: FormFields) -> Result<Self, PolicyError> {
        fields.clone().check()?;
        self.fields = fields;
        Ok(self)
    }

    /// The origin of the page that uploads, as browsers send it: `https://app.example.com`. Without one
    /// CORS isn't looked at.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// How long to wait for each answer, connecting included; ten seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The certificate authorities to trust; [`TrustRoots::mozilla`] by default.
    #[must_use]
    pub fn trust_roots(mut self, roots: &TrustRoots) -> Self {
        self.roots = roots.clone();
        self
    }

    /// The clock that signatures go by, and that is compared with the store's; the machine's by
    /// default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where the names of the objects come from that the doctor makes; random by default.
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
