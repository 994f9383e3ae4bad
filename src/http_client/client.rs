//! The HTTP client: sends requests and reads answers.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::connector::Connector;
use crate::error::{BoxError, Unavailable};
use crate::tls::TrustRoots;

/// The body of a request.
pub(crate) type RequestBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// An HTTP response whose body has not been read yet.
pub(crate) type Answer = Response<AnswerBody>;

/// The body of an [`Answer`].
pub(crate) type AnswerBody = Incoming;

/// Error of a request that got no complete answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The connection could not be opened, so the request was not sent.
    Unreachable(BoxError),
    /// The connection failed before the answer was complete.
    Lost(BoxError),
    /// No data was sent or received for this long.
    Stalled(Duration),
}

/// An HTTP/1.1 client. Clones share their connections.
#[derive(Clone)]
pub(crate) struct HttpClient {
    client: Client<HttpsConnector<Connector>, RequestBody>,
    timeout: Duration,
}

impl HttpClient {
    /// Creates a client. A wait without progress ends after `timeout`.
    pub(crate) fn new(timeout: Duration, roots: &TrustRoots) -> Self {
        Self {
            client: new_client(roots),
            timeout,
        }
    }

    /// Replaces the trusted certificate authorities. Open connections are not used again.
    pub(crate) fn set_trust_roots(&mut self, roots: &TrustRoots) {
        self.client = new_client(roots);
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    #[cfg(feature = "client")]
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a request and returns when the head of the answer has arrived. The timeout includes
    /// the time to connect.
    ///
    /// `moved` returns the number of body bytes sent so far. The timeout starts again if that
    /// number has changed, so a long body may take as long as it needs.
    pub(crate) async fn send(
        &self,
        request: Request<RequestBody>,
        moved: impl Fn() -> u64,
    ) -> Result<Answer, CallError> {
        let mut answer = pin!(self.client.request(request));
        let mut before = moved();
        loop {
            match self.in_time(answer.as_mut()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(fault)) if fault.is_connect() => {
                    return Err(CallError::Unreachable(fault.into()));
                }
                Ok(Err(fault)) => return Err(CallError::Lost(fault.into())),
                Err(stalled) if before == moved() => return Err(stalled),
                Err(_) => before = moved(),
            }
        }
    }

    /// Reads a body to its end. Fails if it is longer than `most` bytes.
    pub(crate) async fn read(&self, body: AnswerBody, most: usize) -> Result<Bytes, CallError> {
        let body = self.in_time(Limited::new(body, most).collect()).await?;
        Ok(body.map_err(CallError::Lost)?.to_bytes())
    }

    /// Returns the next piece of a body, or `None` at its end.
    #[cfg(feature = "client")]
    pub(crate) async fn next_piece(
        &self,
        body: &mut AnswerBody,
    ) -> Result<Option<Bytes>, CallError> {
        match self.in_time(body.frame()).await? {
            // A frame of trailers holds no data.
            Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
            Some(Err(fault)) => Err(CallError::Lost(fault.into())),
            None => Ok(None),
        }
    }

    async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Result<T, CallError> {
        let wait = self.timeout;
        let answer = tokio::time::timeout(wait, answer).await;
        answer.map_err(|_| CallError::Stalled(wait))
    }
}

/// Creates a body from bytes in memory.
pub(crate) fn whole(body: impl Into<Bytes>) -> RequestBody {
    Box::pin(Full::new(body.into()).map_err(|never| match never {}))
}

fn new_client(roots: &TrustRoots) -> Client<HttpsConnector<Connector>, RequestBody> {
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(roots.client_config())
        .https_or_http()
        .enable_http1()
        .wrap_connector(Connector::new());
    Client::builder(TokioExecutor::new()).build(connector)
}

impl From<CallError> for Unavailable {
    fn from(fault: CallError) -> Self {
        match fault {
            CallError::Unreachable(cause) | CallError::Lost(cause) => Self::new(cause),
            CallError::Stalled(wait) => Self::new(format!("no answer within {wait:?}")),
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fmt::Write;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const SECRET: &str = "sEcReT-signature";

    /// A server that sends the same bytes to each request.
    struct Server {
        url: String,
        asked: Arc<AtomicUsize>,
    }

    impl Server {
        /// Keeps the connection open for `after` once the answer is sent.
        async fn start(answer: &'static str, after: Duration) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let asked = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&asked);
            tokio::spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await.unwrap());
                    }
                    counted.fetch_add(1, Ordering::Relaxed);
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    tokio::time::sleep(after).await;
                }
            });
            Self {
                url: format!("http://{address}/a?X-Amz-Signature={SECRET}"),
                asked,
            }
        }
    }

    async fn send(url: &str, client: &HttpClient) -> Result<Answer, CallError> {
        let request = Request::builder().uri(url).body(whole("")).unwrap();
        client.send(request, || 0).await
    }

    async fn call(url: &str, timeout: Duration) -> Result<Bytes, CallError> {
        let client = HttpClient::new(timeout, &TrustRoots::none());
        let answer = send(url, &client).await?;
        client.read(answer.into_body(), 10).await
    }

    /// Returns everything that a log could show of the error.
    fn shown(fault: CallError) -> String {
        let mut text = format!("{fault:?}");
        let fault = Unavailable::from(fault);
        let mut next: Option<&dyn Error> = Some(&fault);
        while let Some(error) = next {
            write!(text, " {error} {error:?}").unwrap();
            next = error.source();
        }
        text
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn an_incomplete_or_too_long_body_is_an_error() {
        let whole = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
        let server = Server::start(whole, LONG).await;
        assert_eq!(call(&server.url, LONG).await.unwrap(), "0123456789");
        for lost in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n",
            // Longer than the limit.
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789a",
            "HTTP/1.1 200 OK\r\n\r\n0123456789a",
        ] {
            let server = Server::start(lost, Duration::ZERO).await;
            let fault = call(&server.url, LONG).await.unwrap_err();
            assert!(matches!(fault, CallError::Lost(_)), "{lost:?}: {fault:?}");
            let shown = shown(fault);
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }

    #[tokio::test]
    async fn a_server_that_stalls_is_a_timeout() {
        for stalled in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234",
        ] {
            let server = Server::start(stalled, LONG).await;
            let short = Duration::from_millis(300);
            let fault = call(&server.url, short).await.unwrap_err();
            assert!(matches!(fault, CallError::Stalled(_)), "{fault:?}");
            let shown = shown(fault);
            assert!(shown.contains("no answer within 300ms"), "{shown}");
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }

    #[tokio::test]
    async fn a_refused_connection_is_unreachable() {
        for url in ["http://127.0.0.1:9", "https://127.0.0.1:9"] {
            let url = format!("{url}/a?X-Amz-Signature={SECRET}");
            let fault = call(&url, LONG).await.unwrap_err();
            assert!(matches!(fault, CallError::Unreachable(_)), "{fault:?}");
            let shown = shown(fault);
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let other = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let other = Server::start(other, LONG).await;
        let client = HttpClient::new(LONG, &TrustRoots::none());
        for status in [301, 302, 303, 307, 308] {
            let answer = format!(
                "HTTP/1.1 {status} Elsewhere\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
                other.url
            );
            let server = Server::start(answer.leak(), LONG).await;
            assert_eq!(send(&server.url, &client).await.unwrap().status(), status);
            assert_eq!(server.asked.load(Ordering::Relaxed), 1);
        }
        assert_eq!(other.asked.load(Ordering::Relaxed), 0);
    }
}
