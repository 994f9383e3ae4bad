//! Sources of uploads.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::error::ClientError;
use crate::asset::Checksum;
use crate::error::BoxError;

/// The size of one read from a file, in bytes.
const CHUNK: usize = 128 * 1024;

/// The body of an [`UploadSource`], from its beginning.
pub type SourceBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// The bytes of an upload.
///
/// Implementations: [`FileSource`] for files, [`Bytes`] for data in memory, and [`OnceSource`] for
/// any other [`Body`].
///
/// # Contract
/// Each body that [`open`](Self::open) returns has exactly [`size`](Self::size) bytes, and the same
/// bytes as the others. The upload fails if a body is shorter or longer.
#[async_trait]
pub trait UploadSource: Send + Sync {
    /// Returns the number of bytes. It must be known in advance: S3 takes no upload of unknown
    /// length.
    fn size(&self) -> u64;

    /// Returns a body with all bytes from the beginning, for one attempt. Returns `None` if the
    /// bytes can't be read again; there is no other attempt then.
    ///
    /// # Errors
    /// Any error of reading. The client doesn't retry after such an error.
    async fn open(&self) -> Result<Option<SourceBody>, BoxError>;
}

#[async_trait]
impl UploadSource for Bytes {
    fn size(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    async fn open(&self) -> Result<Option<SourceBody>, BoxError> {
        let body = Full::new(self.clone());
        Ok(Some(Box::pin(body.map_err(|never| match never {}))))
    }
}

/// A file that is read while it is sent.
///
/// The client refuses to send the file if its size or modification time differs from those when the
/// `FileSource` was created. A change *during* the upload is not detected. To have the object store
/// refuse such an upload, announce the [checksum](Self::checksum).
#[derive(Clone, Debug)]
pub struct FileSource {
    path: PathBuf,
    size: u64,
    modified: Option<SystemTime>,
}

impl FileSource {
    /// Creates a source for the file at `path`.
    ///
    /// # Errors
    /// [`ClientError::File`] if the file's metadata can't be read, or if it is not a regular file.
    pub async fn new(path: impl Into<PathBuf>) -> Result<Self, ClientError> {
        let path = path.into();
        let fault = |source| ClientError::File {
            path: path.clone(),
            source,
        };
        let metadata = tokio::fs::metadata(&path).await.map_err(fault)?;
        if !metadata.is_file() {
            let kind = io::ErrorKind::InvalidInput;
            return Err(fault(io::Error::new(kind, "not a regular file")));
        }
        let modified = metadata.modified().ok();
        let size = metadata.len();
        Ok(Self {
            path,
            size,
            modified,
        })
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the time of the last modification, if the file system records one.
    #[must_use]
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Returns the file's SHA-256, for [`NewUpload::checksum`](super::NewUpload::checksum). This
    /// reads the whole file.
    ///
    /// # Errors
    /// [`ClientError::File`] if the file can't be read.
    pub async fn checksum(&self) -> Result<Checksum, ClientError> {
        let fault = |source| ClientError::File {
            path: self.path.clone(),
            source,
        };
        let mut file = File::open(&self.path).await.map_err(fault)?;
        let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
        loop {
            match file.read(&mut chunk).await.map_err(fault)? {
                0 => return Ok(Checksum::new(hash.finalize().into())),
                length => hash.update(&chunk[..length]),
            }
        }
    }
}

#[async_trait]
impl UploadSource for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    async fn open(&self) -> Result<Option<SourceBody>, BoxError> {
        let with_path = |fault: io::Error| format!("{}: {fault}", self.path.display());
        let file = File::open(&self.path).await.map_err(with_path)?;
        let metadata = file.metadata().await.map_err(with_path)?;
        if (metadata.len(), metadata.modified().ok()) != (self.size, self.modified) {
            return Err(format!("{} was modified before it was sent", self.path.display()).into());
        }
        Ok(Some(Box::pin(FileBody {
            file,
            left: self.size,
        })))
    }
}

/// The next `left` bytes of an open file.
struct FileBody {
    file: File,
    left: u64,
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let most = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
        if most == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = BytesMut::zeroed(most);
        let mut buffer = ReadBuf::new(&mut chunk);
        if let Err(fault) = ready!(Pin::new(&mut self.file).poll_read(context, &mut buffer)) {
            return Poll::Ready(Some(Err(fault.into())));
        }
        let length = buffer.filled().len();
        if length == 0 {
            return Poll::Ready(None);
        }
        chunk.truncate(length);
        self.left -= u64::try_from(length).unwrap_or(self.left);
        Poll::Ready(Some(Ok(Frame::data(chunk.freeze()))))
    }
}

/// Any body of known size. It can be sent only once, so a failed upload is not retried.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use tower_asset_upload::client::OnceSource;
///
/// let source = OnceSource::new(Full::new(Bytes::from("text")), 4);
/// # let _ = source;
/// ```
pub struct OnceSource<B> {
    body: Mutex<Option<B>>,
    size: u64,
}

impl<B> OnceSource<B> {
    /// Creates a source from a body and its size in bytes.
    #[must_use]
    pub fn new(body: B, size: u64) -> Self {
        Self {
            body: Mutex::new(Some(body)),
            size,
        }
    }
}

#[async_trait]
impl<B> UploadSource for OnceSource<B>
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn size(&self) -> u64 {
        self.size
    }

    async fn open(&self) -> Result<Option<SourceBody>, BoxError> {
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        let body = { body }.take();
        Ok(body.map(|body| -> SourceBody {
            let whole = |mut data: B::Data| data.copy_to_bytes(data.remaining());
            Box::pin(
                body.map_frame(move |frame| frame.map_data(whole))
                    .map_err(Into::into),
            )
        }))
    }
}

impl<B> fmt::Debug for OnceSource<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceSource")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
