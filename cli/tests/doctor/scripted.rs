//! A store that answers what it is told to.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri};

use crate::Setup;
use crate::embedded::serve;

/// What was asked.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
}

impl Asked {
    /// Whether the request is signed in its query.
    pub(crate) fn is_signed(&self) -> bool {
        let query = self.uri.query().unwrap_or_default();
        query.contains("X-Amz-Signature=")
    }
}

/// Answers with status, headers and body; keeps what was asked.
pub(crate) struct Scripted {
    pub(crate) endpoint: String,
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
}

pub(crate) type Told = (u16, Vec<(&'static str, String)>, String);

impl Scripted {
    pub(crate) async fn start(script: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (kept, script) = (Arc::clone(&lines), Arc::new(script));
        let answer = move |method: Method, uri: Uri, _: HeaderMap, _: Bytes| async move {
            kept.lock()
                .unwrap()
                .push(format!("{method} {}", uri.path()));
            let (status, headers, body) = script(&Asked { method, uri });
            let mut answer = Response::builder().status(status);
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            answer.body(Body::from(body)).unwrap()
        };
        Self {
            endpoint: serve(Router::new().fallback(answer)).await,
            lines,
        }
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup::new(
            &self.endpoint,
            "uploads",
            "us-east-1",
            ("AKIASCRIPTED", "sEcReT"),
        )
    }
}

/// An error as S3 writes it.
pub(crate) fn error(status: u16, code: &str, more: &str) -> Told {
    let body = format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code>{more}</Error>");
    (
        status,
        vec![("content-type", "application/xml".to_owned())],
        body,
    )
}
