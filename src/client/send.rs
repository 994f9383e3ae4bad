//! Sends a file to the object store.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, IF_NONE_MATCH};
use http::{Method, Request, StatusCode, request};
use http_body_util::BodyExt;

use super::answer::{Ticket, done};
use super::asset_client::AssetClient;
use super::error::{ClientError, Peer};
use super::exact::Exact;
use super::form::Form;
use super::progress::Meter;
use super::source::UploadSource;
use crate::http_client::{RequestBody, on_demand};
use crate::ports::{UploadData, UploadMethod};

impl AssetClient {
    /// Sends a file by POST or PUT, as the ticket's upload data says. Retries after failures that
    /// may pass. This doesn't complete the asset.
    ///
    /// A PUT URL may be valid for one upload only. The object store then answers 412 if the object
    /// exists already, for example from an attempt whose answer was lost or from an earlier run.
    /// The client treats this 412 as success. The server decides whether the object is the
    /// announced one when the asset is [completed](Self::complete): it compares size and type, and
    /// the bytes if their [checksum](super::NewUpload::checksum) was announced. For such a URL the
    /// client sends `Expect: 100-continue`, and the file follows when the object store asks for it,
    /// or after one second.
    ///
    /// # Errors
    /// See [`ClientError`]. The object store often answers 403 because the upload data has expired.
    /// In that case announce the file again with the same external reference to get new upload
    /// data.
    pub async fn send(
        &self,
        ticket: &Ticket,
        source: &(impl UploadSource + ?Sized),
    ) -> Result<(), ClientError> {
        let size = source.size();
        let mut attempts = self.attempts();
        let opened = source.open().await.map_err(ClientError::Source)?;
        let mut body = opened.ok_or_else(|| {
            ClientError::Source("it can be sent only once, and was sent before".into())
        })?;
        loop {
            let meter = Meter::new(Some(size), attempts.number(), self.listener.clone());
            let file = Exact::new(body, size, meter.clone());
            let request = self.request(&ticket.upload, file, size)?;
            let moved = || meter.moved();
            let answer = self.transport.ask(Peer::ObjectStore, request, moved).await;
            let answer = answer.and_then(|reply| done(Peer::ObjectStore, &reply, self.now()));
            let Err(error) = answer else {
                return Ok(());
            };
            if was_used_before(&ticket.upload, &error) {
                return Ok(());
            }
            if !error.is_transient() {
                return Err(error);
            }
            body = match source.open().await {
                Ok(Some(body)) => body,
                Ok(None) => return Err(error),
                Err(fault) => return Err(ClientError::Source(fault)),
            };
            attempts.pause(error, true).await?;
        }
    }

    fn request(
        &self,
        upload: &UploadData,
        file: Exact,
        size: u64,
    ) -> Result<Request<RequestBody>, ClientError> {
        let request = Request::builder().uri(upload.url());
        let request = match upload.method() {
            UploadMethod::Post => self.form(request, upload, file),
            UploadMethod::Put => {
                let request = put(request, upload, file, size)?;
                request.map(|request| {
                    if is_single_use(upload) {
                        // Without it the client could miss the answer to a second upload while it
                        // sends the file.
                        on_demand(request, self.transport.http.timeout())
                    } else {
                        request
                    }
                })
            }
        };
        request.map_err(|_| {
            ClientError::Answer("`upload_data` has an invalid URL or header".to_owned())
        })
    }

    fn form(
        &self,
        request: request::Builder,
        upload: &UploadData,
        file: Exact,
    ) -> http::Result<Request<RequestBody>> {
        let boundary = format!("form-{}", self.ids.next_id().simple());
        let content_type = format!("multipart/form-data; boundary={boundary}");
        let form = Form::new(upload.fields(), &boundary, file);
        request
            .method(Method::POST)
            .header(CONTENT_TYPE, content_type)
            .body(Box::pin(form.map_err(Into::into)))
    }
}

/// Returns whether the URL is valid for one upload only.
fn is_single_use(upload: &UploadData) -> bool {
    upload.headers().iter().any(|(name, _)| {
        name.eq_ignore_ascii_case(IF_NONE_MATCH.as_str())
            || name.eq_ignore_ascii_case("x-goog-if-generation-match")
    })
}

/// Returns whether the object store refused a second upload with a URL that is valid for one.
fn was_used_before(upload: &UploadData, error: &ClientError) -> bool {
    is_single_use(upload) && error.status() == Some(StatusCode::PRECONDITION_FAILED)
}

fn put(
    request: request::Builder,
    upload: &UploadData,
    file: Exact,
    size: u64,
) -> Result<http::Result<Request<RequestBody>>, ClientError> {
    let mut request = request.method(Method::PUT);
    for (name, value) in upload.headers().iter() {
        // `Content-Length` is set by the body, and `Host` by the URL.
        if name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str()) {
            if value.parse() != Ok(size) {
                return Err(ClientError::Different(format!(
                    "the server expects a file of {value} bytes, but the source has {size}"
                )));
            }
        } else if !name.eq_ignore_ascii_case(HOST.as_str()) {
            request = request.header(name, value.as_bytes());
        }
    }
    Ok(request.body(Box::pin(file.map_err(Into::into))))
}
