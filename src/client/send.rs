//! Sending a file to the object store.

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
    /// Sends a file as the ticket says, by POST or PUT, and again if that fails for a reason that may
    /// pass. It doesn't complete the asset.
    ///
    /// A URL may be good for one upload only. The object store then answers 412 once there is an object,
    /// be it of an attempt whose answer was lost or of an earlier run. This counts as sent: whether the
    /// object is the announced one shows when the asset is [completed](Self::complete). The server
    /// compares size and type, and the bytes if their [checksum](super::NewUpload::checksum) was announced.
    /// The file is sent when the object store asks for it (`Expect: 100-continue`), or after a second.
    ///
    /// # Errors
    /// See [`ClientError`]. A 403 of the object store's often means that the ticket has ended: then
    /// announce the file once more, with the same external pair, for another.
    pub async fn send(
        &self,
        ticket: &Ticket,
        source: &(impl UploadSource + ?Sized),
    ) -> Result<(), ClientError> {
        let size = source.size();
        let mut attempts = self.attempts();
        let opened = source.open().await.map_err(ClientError::Source)?;
        let mut body = opened
            .ok_or_else(|| ClientError::Source("it can be sent once only, and has been".into()))?;
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
            if was_used(&ticket.upload, &error) {
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
                        // The refusal of a second use must not be lost behind the file.
                        on_demand(request, self.transport.http.timeout())
                    } else {
                        request
                    }
                })
            }
        };
        request.map_err(|_| ClientError::Answer("`upload_data` is no request".to_owned()))
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

/// Whether a URL is good for one upload.
fn is_single_use(upload: &UploadData) -> bool {
    upload.headers().iter().any(|(name, _)| {
        name.eq_ignore_ascii_case(IF_NONE_MATCH.as_str())
            || name.eq_ignore_ascii_case("x-goog-if-generation-match")
    })
}

/// Whether the object store says that the URL was good for one upload, and that there was one.
fn was_used(upload: &UploadData, error: &ClientError) -> bool {
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
        // These two come from the body and the URL.
        if name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str()) {
            if value.parse() != Ok(size) {
                return Err(ClientError::Different(format!(
                    "the server expects {value} bytes, and there are {size}"
                )));
            }
        } else if !name.eq_ignore_ascii_case(HOST.as_str()) {
            request = request.header(name, value.as_bytes());
        }
    }
    Ok(request.body(Box::pin(file.map_err(Into::into))))
}
