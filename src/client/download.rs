//! Downloads of complete files.

use std::io;
use std::path::{Path, PathBuf};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, StatusCode};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::answer::refused;
use super::asset_client::AssetClient;
use super::error::{ClientError, Peer};
use super::progress::Meter;
use crate::asset::{AssetId, Checksum};
use crate::http_client::whole;

/// The expected size and checksum of a download. The default accepts any file.
///
/// ```
/// use tower_asset_upload::client::Expected;
///
/// let expected = Expected::new().size(1024);
/// # let _ = expected;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    size: Option<u64>,
    checksum: Option<Checksum>,
}

impl Expected {
    /// Accepts any file.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            size: None,
            checksum: None,
        }
    }

    /// Accepts only a file of this size in bytes.
    #[must_use]
    pub const fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// Accepts only a file with this SHA-256.
    #[must_use]
    pub const fn checksum(mut self, checksum: Checksum) -> Self {
        self.checksum = Some(checksum);
        self
    }
}

/// Size and checksum of a downloaded file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// The file's size in bytes.
    pub size: u64,
    /// The file's SHA-256.
    pub checksum: Checksum,
}

impl AssetClient {
    /// Downloads an uploaded file to `path` and replaces an existing file.
    ///
    /// # Errors
    /// See [`download_expecting`](Self::download_expecting).
    pub async fn download(
        &self,
        id: AssetId,
        path: impl AsRef<Path>,
    ) -> Result<Downloaded, ClientError> {
        self.download_expecting(id, path, Expected::new()).await
    }

    /// Downloads an uploaded file to `path` and replaces an existing file, if the download has the
    /// expected size and checksum.
    ///
    /// The client writes to a temporary file in the same directory, whose name begins with a dot
    /// and ends in `.part`. It renames that file once it is complete, checked and synced to disk,
    /// so `path` never holds a partial file. Each attempt starts from the beginning with a new URL.
    ///
    /// An answer with neither `Content-Length` nor chunked framing ends with its connection, so a
    /// truncated body looks complete (RFC 9112, section 8). The client accepts such an answer only
    /// if `expected` has a size or a checksum.
    ///
    /// # Errors
    /// [`ClientError::Different`] if the file has another size or checksum,
    /// [`ClientError::Unbounded`] if a truncated file could not be detected, and
    /// [`ClientError::File`] if the file can't be written. See [`ClientError`] for the rest. After
    /// an error `path` is unchanged, and the temporary file is removed.
    pub async fn download_expecting(
        &self,
        id: AssetId,
        path: impl AsRef<Path>,
        expected: Expected,
    ) -> Result<Downloaded, ClientError> {
        let path = path.as_ref();
        let mut attempts = self.attempts();
        loop {
            match self.fetch(id, path, expected, attempts.number()).await {
                Err(error) => attempts.pause(error, true).await?,
                downloaded => return downloaded,
            }
        }
    }

    async fn fetch(
        &self,
        id: AssetId,
        path: &Path,
        expected: Expected,
        attempt: u32,
    ) -> Result<Downloaded, ClientError> {
        const PEER: Peer = Peer::ObjectStore;

        let located = self.locate(id).await?;
        let request = Request::builder().method(Method::GET).uri(&located.url);
        let request = request.body(whole(""));
        let request =
            request.map_err(|_| ClientError::Answer("`asset_url` is not a URL".to_owned()))?;
        let answer = self.transport.begin(PEER, request, || 0).await?;
        if !answer.status().is_success() {
            let reply = self.transport.whole(PEER, answer).await?;
            return Err(refused(PEER, &reply, self.now()));
        }
        // The request is for the whole file. Any other success, such as 206, brings only a part or
        // nothing.
        if answer.status() != StatusCode::OK {
            let status = answer.status().as_u16();
            let answer =
                format!("the object store answered {status} to a request for a whole file");
            return Err(ClientError::Answer(answer));
        }
        let length = content_length(answer.headers());
        if let (Some(length), Some(size)) = (length, expected.size) {
            same_size(length, size)?;
        }
        let is_bounded = has_detectable_end(answer.headers());
        if !is_bounded && expected == Expected::new() {
            return Err(ClientError::Unbounded);
        }

        let mut part = Part::beside(path, &self.ids.next_id().simple().to_string()).await?;
        let meter = Meter::new(length, attempt, self.listener.clone());
        let mut hash = Sha256::new();
        let mut body = answer.into_body();
        while let Some(data) = self.transport.next_piece(PEER, &mut body).await? {
            hash.update(&data);
            part.write(&data).await?;
            meter.add(data.len());
            if let Some(size) = expected.size.filter(|size| meter.moved() > *size) {
                same_size(meter.moved(), size)?;
            }
        }
        let downloaded = Downloaded {
            size: meter.moved(),
            checksum: Checksum::new(hash.finalize().into()),
        };
        if let Some(size) = expected.size {
            if !is_bounded && downloaded.size < size {
                return Err(ClientError::Lost {
                    peer: PEER,
                    source: format!("the answer ended after {} of {size} bytes", downloaded.size)
                        .into(),
                });
            }
            same_size(downloaded.size, size)?;
        }
        if let Some(checksum) = expected.checksum.filter(|it| *it != downloaded.checksum) {
            return Err(ClientError::Different(format!(
                "the object store has a file with the SHA-256 {}, not {checksum}",
                downloaded.checksum
            )));
        }
        part.finish(path).await?;
        Ok(downloaded)
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns whether a truncated body can be detected (RFC 9112, section 6.3). A `Transfer-Encoding`
/// overrides `Content-Length`, and marks the end only if its last coding is `chunked`.
fn has_detectable_end(headers: &HeaderMap) -> bool {
    let Some(codings) = headers.get_all(TRANSFER_ENCODING).iter().next_back() else {
        return headers.contains_key(CONTENT_LENGTH);
    };
    let last = codings.to_str().ok().and_then(|it| it.rsplit(',').next());
    last.is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"))
}

fn same_size(found: u64, expected: u64) -> Result<(), ClientError> {
    if found == expected {
        return Ok(());
    }
    Err(ClientError::Different(format!(
        "the object store has a file of {found} bytes or more, not {expected}"
    )))
}

/// An unfinished download. Dropping it removes its file.
struct Part {
    path: PathBuf,
    file: File,
    renamed: bool,
}

impl Part {
    async fn beside(path: &Path, unique: &str) -> Result<Self, ClientError> {
        // A name may have 255 bytes already, so the temporary name doesn't contain it.
        let path = path.with_file_name(format!(".{unique}.part"));
        let create = {
            let path = path.clone();
            move || -> io::Result<Self> {
                let file = std::fs::File::create_new(&path)?;
                Ok(Self {
                    path,
                    file: File::from_std(file),
                    renamed: false,
                })
            }
        };
        // If the future is dropped, the blocking task still creates the file, and dropping its
        // result removes it.
        let created = tokio::task::spawn_blocking(create).await;
        let created = created.unwrap_or_else(|fault| Err(io::Error::other(fault)));
        created.map_err(|source| fault(&path, source))
    }

    async fn write(&mut self, data: &[u8]) -> Result<(), ClientError> {
        let written = self.file.write_all(data).await;
        written.map_err(|source| fault(&self.path, source))
    }

    async fn finish(mut self, to: &Path) -> Result<(), ClientError> {
        // `File` buffers: bytes that `write_all` accepted may not be written yet.
        let flushed = self.file.flush().await;
        flushed.map_err(|source| fault(&self.path, source))?;
        let synced = self.file.sync_all().await;
        synced.map_err(|source| fault(&self.path, source))?;
        let renamed = tokio::fs::rename(&self.path, to).await;
        renamed.map_err(|source| fault(to, source))?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.renamed {
            return;
        }
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let path = self.path.display();
                tracing::warn!(%error, %path, "an unfinished download can't be removed");
            }
            // The file may have been renamed already, although the future was dropped.
            _ => {}
        }
    }
}

fn fault(path: &Path, source: io::Error) -> ClientError {
    ClientError::File {
        path: path.to_owned(),
        source,
    }
}
