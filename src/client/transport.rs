//! Requests to the server and to the object store.

use std::error::Error;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Request, StatusCode};

use super::error::{ClientError, Peer};
use super::exact::SourceFault;
use crate::error::BoxError;
use crate::http_client::{Answer, AnswerBody, CallError, HttpClient, RequestBody};

/// The longest answer that is read, in bytes. Upload data has up to 20 KB, and slightly more as
/// JSON.
const ANSWER: usize = 1024 * 1024;

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("tower-asset-upload/", env!("CARGO_PKG_VERSION")));

/// A complete answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The HTTP client, with errors that name the peer.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    pub(super) http: HttpClient,
}

impl Transport {
    /// Sends a request and waits for the head of the answer; see [`HttpClient::send`].
    pub(super) async fn begin(
        &self,
        peer: Peer,
        mut request: Request<RequestBody>,
        moved: impl Fn() -> u64,
    ) -> Result<Answer, ClientError> {
        request.headers_mut().insert(USER_AGENT, AGENT);
        let answer = self.http.send(request, moved).await;
        answer.map_err(|fault| failed(peer, fault))
    }

    /// Sends a request and waits for the complete answer; see [`HttpClient::send`].
    pub(super) async fn ask(
        &self,
        peer: Peer,
        request: Request<RequestBody>,
        moved: impl Fn() -> u64,
    ) -> Result<Reply, ClientError> {
        let answer = self.begin(peer, request, moved).await?;
        self.whole(peer, answer).await
    }

    /// Reads the body of an answer.
    pub(super) async fn whole(&self, peer: Peer, answer: Answer) -> Result<Reply, ClientError> {
        let (head, body) = answer.into_parts();
        let body = self.http.read(body, ANSWER).await;
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body: body.map_err(|fault| failed(peer, fault))?,
        })
    }

    /// Returns the next piece of a body, or `None` at its end.
    pub(super) async fn next_piece(
        &self,
        peer: Peer,
        body: &mut AnswerBody,
    ) -> Result<Option<Bytes>, ClientError> {
        let piece = self.http.next_piece(body).await;
        piece.map_err(|fault| failed(peer, fault))
    }
}

fn failed(peer: Peer, fault: CallError) -> ClientError {
    match fault {
        CallError::Unreachable(source) => ClientError::Unreachable { peer, source },
        CallError::Lost(source) => match source_fault(&source) {
            Some(fault) => ClientError::Source(fault.into()),
            None => ClientError::Lost { peer, source },
        },
        CallError::Stalled(wait) => ClientError::Stalled { peer, wait },
    }
}

/// Returns the failure of the upload's source if it ended the call.
fn source_fault(error: &BoxError) -> Option<SourceFault> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&**error);
    while let Some(error) = cause {
        if let Some(fault) = error.downcast_ref::<SourceFault>() {
            return Some(fault.clone());
        }
        cause = error.source();
    }
    None
}
