//! The HTTP client of whoever talks to the object store itself.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::error::Unavailable;
use crate::tls::TrustRoots;

/// HTTP/1.1, in the clear or over rustls; follows no redirect. Needs a Tokio runtime.
#[derive(Clone)]
pub(super) struct StoreClient {
    client: HttpClient,
    timeout: Duration,
}

impl StoreClient {
    /// Waits ten seconds at most for an answer.
    pub(super) fn new(roots: &TrustRoots) -> Self {
        Self {
            client: trusting(roots),
            timeout: Duration::from_secs(10),
        }
    }

    /// Whom to trust from now on.
    pub(super) fn set_trust_roots(&mut self, roots: &TrustRoots) {
        self.client = trusting(roots);
    }

    /// How long to wait for an answer, connecting included.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Unavailable> {
        let answer = self.in_time(self.client.request(request)).await?;
        answer.map_err(Unavailable::new)
    }

    /// An answer's body, when it has at most so many bytes.
    pub(super) async fn read(&self, body: Incoming, most: usize) -> Result<Bytes, Unavailable> {
        let body = self.in_time(Limited::new(body, most).collect()).await?;
        Ok(body.map_err(Unavailable::new)?.to_bytes())
    }

    async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Result<T, Unavailable> {
        let answer = tokio::time::timeout(self.timeout, answer).await;
        answer.map_err(|_| Unavailable::new(format!("no answer within {:?}", self.timeout)))
    }
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

fn trusting(roots: &TrustRoots) -> HttpClient {
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(roots.client_config())
        .https_or_http()
        .enable_http1()
        .build();
    Client::builder(TokioExecutor::new()).build(connector)
}

impl fmt::Debug for StoreClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreClient")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
