//! The service under hyper over loopback, beside a hyper that reads and writes as many bytes and
//! does nothing else. Each server has a thread with a runtime of its own; the client, on the other
//! core, keeps 64 connections busy with one server at a time.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rounds::{median, verdict};
use crate::{BODY, COLLECTION, KEY, builder, filled, memory};

const CONNECTIONS: usize = 64;
const TURN: Duration = Duration::from_millis(100);
const ROUNDS: usize = 75;

pub fn compare() {
    let client = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let credentials = memory();
    let filled = filled::memory(1_000);
    let ours = Server::start(TowerToHyperService::new(
        builder(filled.store.clone(), &credentials).build().unwrap(),
    ));
    let answer = client.block_on(ours.answer());
    let body = Bytes::from(answer.split_once("\r\n\r\n").unwrap().1.to_owned());
    let hello = Server::start(service_fn(move |request| hello(request, body.clone())));
    let hello_answer = client.block_on(hello.answer());
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(answer.len(), hello_answer.len(), "as many bytes");

    let (mut rates, mut costs) = ([vec![], vec![]], [vec![], vec![]]);
    for round in 0..=ROUNDS {
        for (at, server) in [&ours, &hello].into_iter().enumerate() {
            let (rate, cost) = client.block_on(server.turn(answer.len()));
            // What grows with the number of assets is another bench's matter.
            client.block_on(filled.clear());
            // The first round opens connections and fills caches.
            if round > 0 {
                rates[at].push(rate);
                costs[at].push(cost);
            }
        }
    }
    let ratio = |these: &[f64], others: &[f64]| {
        median(these.iter().zip(others).map(|(a, b)| a / b).collect())
    };
    let by_rate = ratio(&rates[0], &rates[1]);
    let by_cost = ratio(&costs[1], &costs[0]);
    println!(
        "\n| under hyper, {CONNECTIONS} connections | requests per second | server's CPU time per request, ns |"
    );
    println!("|---|---:|---:|");
    for (name, at) in [("this service", 0), ("hello-world of as many bytes", 1)] {
        let (rate, cost) = (median(rates[at].clone()), median(costs[at].clone()));
        println!("| {name} | {rate:.0} | {cost:.0} |");
    }
    println!(
        "| ratio | {by_rate:.2} | {by_cost:.2} ({}) |",
        verdict("requests per second of one core, ≥ 0.80", by_cost >= 0.8)
    );
}

async fn hello(
    request: Request<Incoming>,
    body: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let read = request.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(read.len(), BODY.len());
    let answer = Response::builder()
        .header("content-type", "application/json")
        .header("cache-control", "no-store")
        .body(Full::new(body));
    Ok(answer.unwrap())
}

struct Server {
    address: SocketAddr,
    /// Where the kernel tells how long the server's thread has run.
    clock: PathBuf,
}

impl Server {
    fn start<S>(service: S) -> Self
    where
        S: HttpService<Incoming> + Clone + Send + 'static,
        S::Future: 'static,
        S::ResBody: 'static,
        <S::ResBody as Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (send, started) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let tasks = tokio::task::LocalSet::new();
            tasks.block_on(&runtime, async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                let thread = std::fs::read_link("/proc/thread-self").unwrap();
                let clock = PathBuf::from("/proc").join(thread).join("schedstat");
                let address = listener.local_addr().unwrap();
                send.send(Self { address, clock }).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let service = service.clone();
                    tokio::task::spawn_local(async move {
                        let connection =
                            http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                        // The client hangs up when its turn is over.
                        _ = connection.await;
                    });
                }
            });
        });
        started.recv().unwrap()
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// One whole answer, as it comes over the wire.
    async fn answer(&self) -> String {
        let mut stream = self.connect().await;
        stream.write_all(&message()).await.unwrap();
        let mut answer = Vec::new();
        loop {
            stream.read_buf(&mut answer).await.unwrap();
            let text = str::from_utf8(&answer).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if length.unwrap().parse() == Ok(body.len()) {
                return text.to_owned();
            }
        }
    }

    /// Requests per second of one turn, and the nanoseconds that the server's thread ran for each.
    async fn turn(&self, answer_len: usize) -> (f64, f64) {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(self.connect().await);
        }
        let (before, start) = (self.cpu_nanos(), Instant::now());
        let tasks = tokio::task::LocalSet::new();
        let done = tasks
            .run_until(async {
                let busy: Vec<_> = connections
                    .into_iter()
                    .map(|stream| tokio::task::spawn_local(keep_busy(stream, answer_len, start)))
                    .collect();
                // A client that never sleeps: a server that has to wake it would pay for that, and the
                // slower one pays more often.
                let awake = tokio::task::spawn_local(async {
                    loop {
                        tokio::task::yield_now().await;
                    }
                });
                let mut done = 0;
                for connection in busy {
                    done += connection.await.unwrap();
                }
                awake.abort();
                f64::from(done)
            })
            .await;
        let rate = done / start.elapsed().as_secs_f64();
        (rate, (self.cpu_nanos() - before) / done)
    }

    fn cpu_nanos(&self) -> f64 {
        let line = std::fs::read_to_string(&self.clock).unwrap();
        line.split(' ').next().unwrap().parse().unwrap()
    }
}

/// Every answer has the same length: ids, dates and signatures always do.
async fn keep_busy(mut stream: TcpStream, answer_len: usize, start: Instant) -> u32 {
    let message = message();
    let mut answer = vec![0; answer_len];
    let mut done = 0;
    while start.elapsed() < TURN {
        stream.write_all(&message).await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
        done += 1;
    }
    done
}

fn message() -> Vec<u8> {
    let length = BODY.len();
    format!(
        "POST {COLLECTION} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{BODY}"
    )
    .into_bytes()
}
