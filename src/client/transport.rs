//! The connection to either peer.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::connector::Connector;
use super::error::{ClientError, Peer};
use super::exact::SourceFault;
use super::source::SourceBody;
use crate::error::BoxError;
use crate::tls::TrustRoots;

/// The longest answer that is read whole, in bytes: a form has 20 KB at most, as JSON somewhat more.
const ANSWER: usize = 1024 * 1024;

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("tower-asset-upload/", env!("CARGO_PKG_VERSION")));

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

type HttpClient = Client<HttpsConnector<Connector>, SourceBody>;

#[derive(Clone, Debug)]
pub(super) struct Transport {
    client: HttpClient,
    pub(super) timeout: Duration,
}

impl Transport {
    pub(super) fn new(timeout: Duration, roots: &TrustRoots) -> Self {
        Self {
            client: trusting(roots),
            timeout,
        }
    }

    /// Whom to trust from now on.
    pub(super) fn set_trust_roots(&mut self, roots: &TrustRoots) {
        self.client = trusting(roots);
    }

    /// Sends a request and waits for the head of the answer. Time only counts while `moved` does not.
    pub(super) async fn begin(
        &self,
        peer: Peer,
        mut request: Request<SourceBody>,
        moved: impl Fn() -> u64,
    ) -> Result<Response<Incoming>, ClientError> {
        request.headers_mut().insert(USER_AGENT, AGENT);
        let mut answer = pin!(self.client.request(request));
        let mut before = moved();
        loop {
            match self.in_time(peer, answer.as_mut()).await {
                Ok(answer) => return answer.map_err(|fault| failed(peer, fault)),
                Err(stalled) if before == moved() => return Err(stalled),
                Err(_) => before = moved(),
            }
        }
    }

    /// Sends a request and waits for the whole answer.
    pub(super) async fn ask(
        &self,
        peer: Peer,
        request: Request<SourceBody>,
        moved: impl Fn() -> u64,
    ) -> Result<Reply, ClientError> {
        let answer = self.begin(peer, request, moved).await?;
        self.whole(peer, answer).await
    }

    /// The rest of an answer.
    pub(super) async fn whole(
        &self,
        peer: Peer,
        answer: Response<Incoming>,
    ) -> Result<Reply, ClientError> {
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER).collect();
        let body = self.in_time(peer, body).await?;
        let body = body.map_err(|source| ClientError::Lost { peer, source })?;
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    }

    pub(super) async fn in_time<T>(
        &self,
        peer: Peer,
        answer: impl Future<Output = T>,
    ) -> Result<T, ClientError> {
        let wait = self.timeout;
        let answer = tokio::time::timeout(wait, answer).await;
        answer.map_err(|_| ClientError::Stalled { peer, wait })
    }
}

fn trusting(roots: &TrustRoots) -> HttpClient {
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(roots.client_config())
        .https_or_http()
        .enable_http1()
        .wrap_connector(Connector::new());
    Client::builder(TokioExecutor::new()).build(connector)
}

fn failed(peer: Peer, fault: hyper_util::client::legacy::Error) -> ClientError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&fault);
    while let Some(error) = cause {
        if let Some(fault) = error.downcast_ref::<SourceFault>() {
            return ClientError::Source(fault.clone().into());
        }
        cause = error.source();
    }
    let connecting = fault.is_connect();
    let source: BoxError = fault.into();
    if connecting {
        ClientError::Unreachable { peer, source }
    } else {
        ClientError::Lost { peer, source }
    }
}
