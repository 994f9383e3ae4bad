//! HTTP as a caller: the address of a server, and the one client that the crate has.
//!
//! `s3::S3Objects`, `s3::doctor` and `client::AssetClient` share [`HttpClient`], and so one TLS set-up:
//! rustls with ring, with the authorities of [`TrustRoots`](crate::tls::TrustRoots).
//!
//! # Guarantees
//! 1. HTTP/1.1 only. A redirect is an answer, and is not followed.
//! 2. Every wait ends: for the answer's head, for its body, for each piece of it. A body that moves has
//!    as much time as it needs.
//! 3. A body is sent as it is: with `Content-Length` if its size is known, and never buffered as a whole.
//! 4. An answer that ends before its `Content-Length` or its last chunk is an error.
//! 5. An answer that is longer than the caller's limit is an error.
//! 6. A server may answer before it has read the request's body, and close the connection. The answer
//!    is read all the same ([`connector`]).
//! 7. A body can wait for `100 Continue` ([`on_demand`]).
//! 8. No proxy is used. The environment's `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY` are ignored: a
//!    proxy would get signed URLs and API keys that go over `http://`, those for private stores included.
//! 9. No error contains a URL, a header or a body. Signed URLs are permissions.
//!
//! # Why hyper, and not reqwest
//! reqwest 0.13.5 can't do 6 and 7. With reqwest in place of hyper-util's client these tests of
//! `tests/client` fail:
//!
//! - `a_refusal_in_the_middle_of_a_file_is_heard`: the error is a broken pipe, and not the store's 403.
//!   reqwest's type for a connection is sealed, so no layer can wrap its reads and writes.
//! - `a_store_that_refuses_is_sent_no_file` or `a_store_that_asks_gets_the_file_at_once`: reqwest drops
//!   the extensions of a request, and with them hyper's callback for `100 Continue`. The file is then
//!   sent at once, or only after a second.
//!
//! Uploads need hyper, so the other requests use it too. reqwest beside it would be a second client and
//! 38 more crates.

#[cfg(any(feature = "client", feature = "verify"))]
mod client;
#[cfg(any(feature = "client", feature = "verify"))]
mod connector;
#[cfg(feature = "client")]
mod on_demand;
mod server_url;

#[cfg(feature = "client")]
pub(crate) use client::RequestBody;
#[cfg(any(feature = "client", feature = "verify"))]
pub(crate) use client::{Answer, AnswerBody, CallError, HttpClient, whole};
#[cfg(feature = "client")]
pub(crate) use on_demand::on_demand;
pub(crate) use server_url::ServerUrl;
