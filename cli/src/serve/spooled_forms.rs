//! Forms of any size on their way to the embedded object store, in constant memory.
//!
//! s3s 0.14 keeps the file of a form in memory until it has compared all of it with the policy. So the
//! file goes to the disk as it arrives, and s3s gets as many zeros in its place: all of them are one
//! page of memory, however many there are. What the policy allows is still decided by s3s, before the
//! file and, for its size, while it comes. Once it has allowed the form, the file takes its place again.

use std::io::{self, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{Method, Request, Response, StatusCode};
use futures_util::stream::{self, Stream, StreamExt};
use multer::{Constraints, Field, Multipart, SizeLimit, parse_boundary};
use s3s::dto::StreamingBlob;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Mutex;

/// The fields before the file, all together. S3 takes 20 KB.
const MOST_FIELDS: u64 = 1024 * 1024;

const PIECE: usize = 64 * 1024;

static ZEROS: [u8; PIECE] = [0; PIECE];

/// The file of a form. It has no name on the disk, and is gone when nothing refers to it.
#[derive(Clone, Debug)]
pub(crate) struct SpooledFile(Arc<Mutex<File>>);

impl SpooledFile {
    async fn create(directory: &Path) -> io::Result<Self> {
        let directory = directory.to_owned();
        let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(directory)).await??;
        Ok(Self(Arc::new(Mutex::new(File::from_std(file)))))
    }

    /// The file from its beginning, as a body.
    pub(crate) async fn into_body(self) -> io::Result<StreamingBlob> {
        self.0.lock().await.seek(SeekFrom::Start(0)).await?;
        let pieces = stream::unfold(self, |this| async {
            let mut piece = vec![0; PIECE];
            let read = this.0.lock().await.read(&mut piece).await;
            match read {
                Ok(0) => None,
                Ok(length) => {
                    piece.truncate(length);
                    Some((Ok(Bytes::from(piece)), this))
                }
                Err(error) => Some((Err(error), this)),
            }
        });
        Ok(StreamingBlob::wrap(Box::pin(pieces)))
    }
}

/// A form whose file is spooled to that directory as the form is read; any other request as it is. The
/// answer is for a form that can't be understood.
pub(crate) async fn spooled(
    request: Request<Body>,
    directory: &Path,
) -> Result<Request<Body>, Response<Body>> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let boundary = content_type.and_then(|it| parse_boundary(it.to_str().ok()?).ok());
    let Some(boundary) = boundary.filter(|_| request.method() == Method::POST) else {
        return Ok(request);
    };
    let (mut head, body) = request.into_parts();
    let limits = SizeLimit::new()
        .per_field(MOST_FIELDS)
        .for_field("file", u64::MAX);
    let constraints = Constraints::new().size_limit(limits);
    let mut form = Multipart::with_constraints(body.into_data_stream(), &boundary, constraints);
    let (before, file) = fields(&mut form, &boundary)
        .await
        .map_err(|fault| malformed(&fault))?;
    let spooled = SpooledFile::create(directory).await.map_err(|error| {
        tracing::error!(%error, "a form can't be spooled");
        answer(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "")
    })?;
    head.extensions.insert(spooled.clone());
    // The form is written anew, with what s3s has to see of it.
    head.headers.remove(CONTENT_LENGTH);
    let before = stream::iter([Ok(Bytes::from(before))]);
    let after = stream::iter([Ok(Bytes::from(format!("\r\n--{boundary}--\r\n")))]);
    let body = before.chain(zeros(file, spooled)).chain(after);
    Ok(Request::from_parts(head, Body::from_stream(body)))
}

/// The form up to the first byte of its file, and the file.
async fn fields(
    form: &mut Multipart<'static>,
    boundary: &str,
) -> Result<(Vec<u8>, Field<'static>), String> {
    let mut text = Vec::new();
    loop {
        let field = form.next_field().await.map_err(|fault| fault.to_string())?;
        let field = field.ok_or("the form has no file")?;
        let name = field.name().unwrap_or_default().to_owned();
        if name.is_empty() || name.contains(['"', '\r', '\n']) {
            return Err("a field has no name that can be understood".to_owned());
        }
        text.extend_from_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n")
                .as_bytes(),
        );
        if name.eq_ignore_ascii_case("file") {
            if let Some(media_type) = field.headers().get(CONTENT_TYPE) {
                text.extend_from_slice(b"Content-Type: ");
                text.extend_from_slice(media_type.as_bytes());
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(b"\r\n");
            return Ok((text, field));
        }
        let value = field.bytes().await.map_err(|fault| fault.to_string())?;
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(&value);
        text.extend_from_slice(b"\r\n");
        if text.len() as u64 > MOST_FIELDS {
            return Err("the fields before the file are too large".to_owned());
        }
    }
}

/// As many zeros as the file has bytes, each once its byte is in the spool.
fn zeros(
    file: Field<'static>,
    spool: SpooledFile,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::try_unfold((file, spool, 0), |(mut file, spool, mut owed)| async move {
        if owed == 0 {
            let mut to = spool.0.lock().await;
            let Some(piece) = file.chunk().await.map_err(io::Error::other)? else {
                to.flush().await?;
                return Ok(None);
            };
            to.write_all(&piece).await?;
            owed = piece.len();
        }
        let now = owed.min(PIECE);
        let zeros = Bytes::from_static(&ZEROS[..now]);
        Ok(Some((zeros, (file, spool, owed - now))))
    })
}

fn malformed(fault: &str) -> Response<Body> {
    answer(StatusCode::BAD_REQUEST, "MalformedPOSTRequest", fault)
}

/// An error of S3's. The message says nothing that would have to be escaped.
fn answer(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let message = message.replace(['<', '>', '&'], " ");
    let text = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    answer
}
