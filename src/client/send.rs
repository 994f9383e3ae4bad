//! Sending a file to the object store.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{Method, Request, request};
use http_body_util::BodyExt;

use super::answer::{Ticket, done};
use super::asset_client::AssetClient;
use super::error::{ClientError, Peer};
use super::exact::Exact;
use super::form::Form;
use super::progress::Meter;
use super::source::{SourceBody, UploadSource};
use crate::signer::{UploadData, UploadMethod};

impl AssetClient {
    /// Sends a file as the ticket says, by POST or PUT, and again if that fails for a reason that may
    /// pass. It doesn't complete the asset.
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
    ) -> Result<Request<SourceBody>, ClientError> {
        let request = Request::builder().uri(upload.url());
        let request = match upload.method() {
            UploadMethod::Post => self.form(request, upload, file),
            UploadMethod::Put => put(request, upload, file, size)?,
        };
        request.map_err(|_| ClientError::Answer("`upload_data` is no request".to_owned()))
    }

    fn form(
        &self,
        request: request::Builder,
        upload: &UploadData,
        file: Exact,
    ) -> http::Result<Request<SourceBody>> {
        let boundary = format!("form-{}", self.ids.next_id().simple());
        let content_type = format!("multipart/form-data; boundary={boundary}");
        let form = Form::new(upload.fields(), &boundary, file);
        request
            .method(Method::POST)
            .header(CONTENT_TYPE, content_type)
            .body(Box::pin(form.map_err(Into::into)))
    }
}

fn put(
    request: request::Builder,
    upload: &UploadData,
    file: Exact,
    size: u64,
) -> Result<http::Result<Request<SourceBody>>, ClientError> {
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
