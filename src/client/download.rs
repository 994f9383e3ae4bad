//! Downloads: whole, or not at all.

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

/// What a download has to be, where that is known. The default expects nothing.
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
    /// Anything.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            size: None,
            checksum: None,
        }
    }

    /// So many bytes.
    #[must_use]
    pub const fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// What hashes to this.
    #[must_use]
    pub const fn checksum(mut self, checksum: Checksum) -> Self {
        self.checksum = Some(checksum);
        self
    }
}

/// A file that was downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// How many bytes it has.
    pub size: u64,
    /// What they hash to.
    pub checksum: Checksum,
}

impl AssetClient {
    /// Downloads an uploaded file to `path`, replacing what is there.
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

    /// Downloads an uploaded file to `path`, replacing what is there, if it is what was expected.
    ///
    /// It is written beside `path`, under a name of its own that begins with a dot and ends in
    /// `.part`, and renamed once it is whole, checked and on the disk. So `path` never has a part
    /// of it, whatever happens. Attempts begin from the beginning, each with a fresh URL.
    ///
    /// An answer that has neither `Content-Length` nor chunked framing ends when its connection does,
    /// and one that was cut off looks whole (RFC 9112, section 8). Such an answer is accepted only
    /// where `expected` has a size or a checksum.
    ///
    /// # Errors
    /// [`ClientError::Different`] when it is not what was expected, [`ClientError::Unbounded`] when
    /// nothing shows where it ends, [`ClientError::File`] when it can't be written; see
    /// [`ClientError`] for the rest. Then `path` is as it was, and nothing is beside it.
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
            request.map_err(|_| ClientError::Answer("`asset_url` is no URL".to_owned()))?;
        let answer = self.transport.begin(PEER, request, || 0).await?;
        if !answer.status().is_success() {
            let reply = self.transport.whole(PEER, answer).await?;
            return Err(refused(PEER, &reply, self.now()));
        }
        // A part of the file (206), or none of it: not the answer to a request for all of it.
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
        let is_bounded = shows_its_end(answer.headers());
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
                    source: format!("it ended after {} of {size} bytes", downloaded.size).into(),
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

/// Whether a body that was cut off is told from a whole one (RFC 9112, section 6.3). A
/// `Transfer-Encoding` overrides `Content-Length`, and shows the end only if its last coding is
/// `chunked`.
fn shows_its_end(headers: &HeaderMap) -> bool {
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

/// A file that is not whole yet, and goes when it is dropped before it is.
struct Part {
    path: PathBuf,
    file: File,
    renamed: bool,
}

impl Part {
    async fn beside(path: &Path, unique: &str) -> Result<Self, ClientError> {
        // A name of 255 bytes has no room for more, so none of it is in this one.
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
        // Its result goes even if nobody waits for it any more, and the file with it.
        let created = tokio::task::spawn_blocking(create).await;
        let created = created.unwrap_or_else(|fault| Err(io::Error::other(fault)));
        created.map_err(|source| fault(&path, source))
    }

    async fn write(&mut self, data: &[u8]) -> Result<(), ClientError> {
        let written = self.file.write_all(data).await;
        written.map_err(|source| fault(&self.path, source))
    }

    async fn finish(mut self, to: &Path) -> Result<(), ClientError> {
        // What `write_all` has taken may still be on its way.
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
                tracing::warn!(%error, %path, "an unfinished download stays");
            }
            // A rename that nobody waited for may have come first.
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
