//! A proxy between a store and its server: holds answers back, counts what is sent, cuts connections.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]
#![allow(dead_code, reason = "each test binary uses some of it")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::process::PATIENCE;

/// The server is ready for a query, in a transaction block (PostgreSQL, "Message Formats",
/// `ReadyForQuery`).
const READY_IN_TRANSACTION: &[u8] = b"Z\0\0\0\x05T";

/// Between clients and a server.
pub(crate) struct Proxy {
    server: u16,
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    /// Bytes that clients have sent.
    sent: AtomicUsize,
    /// Bytes that servers have answered, held back or not.
    answered: AtomicUsize,
    /// Whether answers are handed on until one says that a transaction is open.
    until_begun: AtomicBool,
    /// What is said instead of something else of the same length.
    garbling: Mutex<Option<(&'static str, &'static str)>>,
    holding: watch::Sender<bool>,
    /// Changes when all connections are cut.
    cut: watch::Sender<()>,
}

impl Proxy {
    /// One before a server on that port.
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            sent: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            until_begun: AtomicBool::new(false),
            garbling: Mutex::default(),
            holding: watch::Sender::new(false),
            cut: watch::Sender::new(()),
        });
        let own = Arc::clone(&shared);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                tokio::spawn(Arc::clone(&own).carry(client, server));
            }
        });
        Self {
            server,
            port,
            shared,
        }
    }

    /// What the server has at that URL, by way of this.
    pub(crate) fn url(&self, direct: &str) -> String {
        let [server, own] = [self.server, self.port].map(|port| format!(":{port}/"));
        assert!(direct.contains(&server), "{direct} is another server's");
        direct.replace(&server, &own)
    }

    /// Holds back all answers from now on.
    pub(crate) fn hold(&self) {
        self.hold_at_trip(1);
    }

    /// Holds back all answers to a call's first trip, or to its second, of which the first opens a
    /// transaction.
    pub(crate) fn hold_at_trip(&self, trip: usize) {
        assert!((1..=2).contains(&trip));
        self.shared.until_begun.store(trip == 2, Ordering::SeqCst);
        self.shared.answered.store(0, Ordering::SeqCst);
        self.shared.holding.send_replace(true);
    }

    /// Hands on what is held back, where the connection is still there.
    pub(crate) fn release(&self) {
        self.shared.holding.send_replace(false);
    }

    /// From now on clients say `instead` of what they mean to say.
    pub(crate) fn garble(&self, meant: &'static str, instead: &'static str) {
        assert_eq!(meant.len(), instead.len());
        *self.shared.garbling.lock().unwrap() = Some((meant, instead));
    }

    /// Cuts all connections.
    pub(crate) fn cut(&self) {
        self.shared.cut.send_replace(());
    }

    /// Bytes that clients have sent so far.
    pub(crate) fn sent(&self) -> usize {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Waits until an answer is held back.
    pub(crate) async fn answered(&self) {
        let answered = async {
            while self.shared.answered.load(Ordering::SeqCst) == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = timeout(PATIENCE, answered).await;
        waited.expect("the server answers");
    }
}

impl Shared {
    async fn carry(self: Arc<Self>, client: TcpStream, server: TcpStream) {
        let mut cut = self.cut.subscribe();
        let cut_meanwhile = cut.clone();
        for socket in [&client, &server] {
            socket.set_nodelay(true).unwrap();
        }
        let (client_reads, client_writes) = client.into_split();
        let (server_reads, server_writes) = server.into_split();
        tokio::select! {
            // Before what is released.
            biased;
            _ = cut.changed() => {}
            () = self.carry_up(client_reads, server_writes) => {}
            () = self.carry_down(server_reads, client_writes, cut_meanwhile) => {}
        }
    }

    async fn carry_up(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut chunk = [0; 8192];
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            self.sent.fetch_add(length, Ordering::SeqCst);
            if let Some((meant, instead)) = *self.garbling.lock().unwrap() {
                let said = &mut chunk[..length];
                let place = said
                    .windows(meant.len())
                    .position(|w| w == meant.as_bytes());
                if let Some(place) = place {
                    said[place..][..instead.len()].copy_from_slice(instead.as_bytes());
                }
            }
            if to.write_all(&chunk[..length]).await.is_err() {
                return;
            }
        }
    }

    async fn carry_down(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        cut: watch::Receiver<()>,
    ) {
        let mut holding = self.holding.subscribe();
        let mut chunk = [0; 8192];
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            // A client that is about to cancel something asks for TLS first, and is told no by a byte.
            if length == 1 {
                let _ = to.write_all(&chunk[..1]).await;
                continue;
            }
            // What is left of an answer to the call before comes late at times.
            let passes = self.until_begun.load(Ordering::SeqCst);
            if passes {
                let has_begun = chunk[..length].ends_with(READY_IN_TRANSACTION);
                self.until_begun.store(!has_begun, Ordering::SeqCst);
            } else {
                self.answered.fetch_add(length, Ordering::SeqCst);
                holding.wait_for(|holding| !*holding).await.unwrap();
                // Both may happen while this is polled once.
                if cut.has_changed().unwrap() {
                    return;
                }
            }
            if to.write_all(&chunk[..length]).await.is_err() {
                return;
            }
        }
    }
}
