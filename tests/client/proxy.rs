//! A door to another port: narrow, shut, or turned to somewhere else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) url: String,
    target: Arc<Mutex<SocketAddr>>,
    passed: Arc<AtomicU64>,
    /// Bytes a second from clients to the target; 0 for as many as there are.
    pace: Arc<AtomicU64>,
}

impl Proxy {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            target: Arc::new(Mutex::new(target)),
            passed: Arc::default(),
            pace: Arc::default(),
        };
        let served = this.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let served = served.clone();
                tokio::spawn(async move {
                    let target = *served.target.lock().unwrap();
                    // Nobody there: the client's connection ends too.
                    let Ok(target) = TcpStream::connect(target).await else {
                        return;
                    };
                    let (from_client, to_client) = client.into_split();
                    let (from_target, to_target) = target.into_split();
                    tokio::select! {
                        () = served.pass(from_client, to_target) => {}
                        () = copy(from_target, to_client) => {}
                    }
                });
            }
        });
        this
    }

    /// Where connections go from now on.
    pub(crate) fn turn(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = target;
    }

    /// So many bytes a second from clients; 0 for as many as there are.
    pub(crate) fn pace(&self, bytes: u64) {
        self.pace.store(bytes, Ordering::Relaxed);
    }

    /// The bytes that clients have sent through.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    async fn pass(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            let length_u64 = u64::try_from(length).unwrap();
            if let Some(pause) =
                (length_u64 * 1_000_000).checked_div(self.pace.load(Ordering::Relaxed))
            {
                tokio::time::sleep(Duration::from_micros(pause)).await;
            }
            if to.write_all(&chunk[..length]).await.is_err() {
                return;
            }
            self.passed.fetch_add(length_u64, Ordering::Relaxed);
        }
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    // Either end may go.
    let _ = tokio::io::copy(&mut from, &mut to).await;
}
