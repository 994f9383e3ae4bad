//! A server and an object store in one, which fail as they are told and write down what they get.
#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tower_asset_upload::BoxError;
use tower_asset_upload::asset::{AssetId, ExternalLabel, WorkspaceSlug};
use tower_asset_upload::auth::{Credential, CredentialKind};
use tower_asset_upload::client::{AssetClient, NewUpload, RetryPolicy};

pub(crate) const KEY: &str = "sEcReT-key";
pub(crate) const FORM_SECRET: &str = "sEcReT-signature";
pub(crate) const ID: &str = "550e8400-e29b-41d4-a716-446655440000";
pub(crate) const CONTENT: &[u8] = b"what was uploaded";

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Announce,
    Complete,
    Locate,
    Delete,
    Post,
    Put,
    Fetch,
}

/// What happens to a call instead of a success.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Another answer: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// An answer with that status, and the body isn't even looked at.
    Unread(u16),
    /// The connection ends once the request was read.
    Hangup,
    /// No answer, ever.
    Silence,
    /// The head of a success, and a part of its body.
    Half,
    /// A signed URL that leads to another object store.
    Elsewhere(String),
}

impl Fault {
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), String::new())
    }

    pub(crate) fn retry_after(status: u16, value: impl Into<String>) -> Self {
        Self::Answer(status, vec![("retry-after", value.into())], String::new())
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) call: Call,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) at: Instant,
}

#[derive(Clone)]
pub(crate) struct Scripted {
    pub(crate) url: String,
    faults: Arc<Mutex<VecDeque<(Call, Fault)>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Sent for PUT instead of POST.
    puts: bool,
    /// Each URL is good for one upload.
    single_use: bool,
}

impl Scripted {
    pub(crate) async fn posts() -> Self {
        Self::start(false, false).await
    }

    pub(crate) async fn puts() -> Self {
        Self::start(true, false).await
    }

    pub(crate) async fn single_use_puts() -> Self {
        Self::start(true, true).await
    }

    /// How it is uploaded to.
    pub(crate) fn uploads(&self) -> Call {
        if self.puts { Call::Put } else { Call::Post }
    }

    async fn start(puts: bool, single_use: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            faults: Arc::default(),
            seen: Arc::default(),
            puts,
            single_use,
        };
        let served = this.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let served = served.clone();
                let service = service_fn(move |request| {
                    let served = served.clone();
                    async move { served.answer(request).await }
                });
                // A connection may well end in an error: that is what the script is for.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        this
    }

    /// The next call of that kind fails like this.
    pub(crate) fn fail(&self, call: Call, fault: Fault) {
        self.faults.lock().unwrap().push_back((call, fault));
    }

    pub(crate) fn seen(&self, call: Call) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|seen| seen.call == call)
            .cloned()
            .collect()
    }

    pub(crate) fn forget(&self) {
        self.seen.lock().unwrap().clear();
        self.faults.lock().unwrap().clear();
    }

    pub(crate) fn client(&self) -> AssetClient {
        client(&self.url)
    }

    /// The answer to a successful announcement.
    pub(crate) fn form(&self) -> String {
        let url = format!("{}/store", self.url);
        let mut data = if self.puts {
            json!({"method": "PUT", "url": format!("{url}?X-Amz-Signature={FORM_SECRET}"), "fields": {},
                "headers": {"Content-Type": "text/plain", "Content-Length": CONTENT.len().to_string()}})
        } else {
            json!({"method": "POST", "url": url, "fields": {"Content-Type": "text/plain",
                "key": "k", "x-amz-signature": FORM_SECRET}})
        };
        if self.single_use {
            data["headers"]["If-None-Match"] = "*".into();
        }
        json!({"asset_id": ID, "asset_url": "/a", "upload_data": data}).to_string()
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<BoxBody<Bytes, Infallible>>, BoxError> {
        let (head, body) = request.into_parts();
        let call = match (&head.method, head.uri.path()) {
            (&Method::POST, "/store") => Call::Post,
            (&Method::PUT, "/store") => Call::Put,
            (_, "/fetch") => Call::Fetch,
            (&Method::POST, _) => Call::Announce,
            (&Method::PATCH, _) => Call::Complete,
            (&Method::GET, _) => Call::Locate,
            _ => Call::Delete,
        };
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            let next = faults.iter().position(|(other, _)| *other == call);
            next.and_then(|next| faults.remove(next))
        };
        let body = match fault {
            Some((_, Fault::Unread(_))) => Bytes::new(),
            _ => body.collect().await?.to_bytes(),
        };
        self.seen.lock().unwrap().push(Seen {
            call,
            headers: head.headers,
            body,
            at: Instant::now(),
        });
        let whole = |status: u16, body: Bytes| {
            let answer = Response::builder().status(status);
            answer.body(Full::new(body).boxed()).unwrap()
        };
        Ok(match fault {
            Some((_, Fault::Answer(status, headers, body))) => {
                let mut answer = whole(status, body.into());
                for (name, value) in headers {
                    answer.headers_mut().insert(name, value.parse().unwrap());
                }
                answer
            }
            Some((_, Fault::Unread(status))) => whole(status, Bytes::new()),
            Some((_, Fault::Hangup)) => return Err("told to hang up".into()),
            Some((_, Fault::Silence)) => std::future::pending().await,
            Some((_, Fault::Half)) => {
                let mut answer = whole(200, CONTENT[..CONTENT.len() / 2].into());
                let length = CONTENT.len().into();
                answer.headers_mut().insert("content-length", length);
                answer
            }
            Some((_, Fault::Elsewhere(url))) => whole(200, located(&url)),
            None => match call {
                Call::Announce => whole(200, self.form().into()),
                Call::Locate => {
                    let url = format!("{}/fetch?X-Amz-Signature={FORM_SECRET}", self.url);
                    whole(200, located(&url))
                }
                Call::Fetch => whole(200, CONTENT.into()),
                _ => whole(204, Bytes::new()),
            },
        })
    }
}

/// The answer to a request for a download.
fn located(url: &str) -> Bytes {
    let body = json!({"asset_id": ID, "asset_url": url, "asset_name": "a.txt",
        "asset_type": "text/plain"});
    body.to_string().into()
}

/// A client that waits hardly at all.
pub(crate) fn client(url: &str) -> AssetClient {
    let slug = WorkspaceSlug::new("w").unwrap();
    let key = Credential::new(CredentialKind::ApiKey, KEY);
    let hasty = RetryPolicy::new()
        .attempts(NonZeroU32::new(3).unwrap())
        .first(Duration::from_millis(2))
        .longest(Duration::from_secs(5));
    AssetClient::new(url, &slug, &key)
        .unwrap()
        .retry(hasty)
        .timeout(Duration::from_millis(500))
}

pub(crate) fn id() -> AssetId {
    ID.parse::<AssetId>().unwrap()
}

pub(crate) fn alone() -> NewUpload {
    NewUpload::new("a.txt")
}

pub(crate) fn paired() -> NewUpload {
    let label = |text| ExternalLabel::new(text).unwrap();
    alone().external(label("test"), label("1"))
}
