//! Connections that can read an early answer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tower_service::Service;

use crate::error::BoxError;

/// Opens TCP connections and wraps them in [`Listening`].
#[derive(Clone, Debug)]
pub(super) struct Connector(HttpConnector);

impl Connector {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        // The connector around this one speaks TLS.
        connector.enforce_http(false);
        Self(connector)
    }
}

impl Service<Uri> for Connector {
    type Response = Listening<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connecting = self.0.call(address);
        Box::pin(async move {
            Ok(Listening {
                stream: connecting.await?,
                hung_up: None,
            })
        })
    }
}

/// A stream that can still be read after its peer has stopped reading.
///
/// A server that refuses a body answers before it has read all of it, and closes the connection.
/// The client's next write fails, and hyper then gives up without reading the answer. `Listening`
/// delays the error of the write, so that hyper reads first and finds the answer or the end of the
/// connection.
///
/// The delay is short: hyper stops reading once it has the answer, and would otherwise keep the
/// connection open forever.
pub(super) struct Listening<S> {
    stream: S,
    hung_up: Option<HungUp>,
}

struct HungUp {
    error: io::ErrorKind,
    until: Pin<Box<Sleep>>,
}

/// The delay of a failed write's error. The answer was sent before the connection was closed.
const LISTEN: Duration = Duration::from_secs(2);

impl<S: Unpin> Listening<S> {
    fn write<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.hung_up.is_none() {
            match write(Pin::new(&mut self.stream), context) {
                Poll::Ready(Err(error)) if is_hang_up(&error) => {
                    self.hung_up = Some(HungUp {
                        error: error.kind(),
                        until: Box::pin(tokio::time::sleep(LISTEN)),
                    });
                    // The answer may have arrived after the last read.
                    context.waker().wake_by_ref();
                }
                written => return written,
            }
        }
        let Some(HungUp { error, until }) = &mut self.hung_up else {
            return Poll::Pending;
        };
        ready!(until.as_mut().poll(context));
        Poll::Ready(Err((*error).into()))
    }
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

impl<S: Read + Unpin> Read for Listening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Write + Unpin> Write for Listening<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |stream, context| stream.poll_write(context, data))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |stream, context| {
            stream.poll_write_vectored(context, data)
        })
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(context, S::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: Connection> Connection for Listening<S> {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}
