//! The crate's only HTTP client, and the type for a server's address.
//!
//! `s3::S3Objects`, `s3::doctor` and `client::AssetClient` share [`HttpClient`] and its TLS set-up:
//! rustls with ring, trusting the authorities of [`TrustRoots`](crate::tls::TrustRoots).
//!
//! # Guarantees
//! 1. The client speaks HTTP/1.1 only. It returns a redirect as an answer and doesn't follow it.
//! 2. Every wait has a timeout: for the head of the answer, for its body, and for each piece of the
//!    body. A transfer that makes progress may take as long as it needs.
//! 3. A request body is streamed, never buffered as a whole. It is sent with `Content-Length` if
//!    its size is known.
//! 4. An answer that ends before its `Content-Length` or its last chunk is an error.
//! 5. An answer that is longer than the caller's limit is an error.
//! 6. The client reads an answer that arrives before the request's body is sent, even if the server
//!    then closes the connection ([`connector`]).
//! 7. A request body can wait for `100 Continue` ([`on_demand`]).
//! 8. The client ignores the proxies in `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY`. A proxy could
//!    read signed URLs and API keys that go over `http://`, including those for private object
//!    stores.
//! 9. No error contains a URL, a header or a body, because a signed URL gives access to its object.
//!
//! # Why hyper, and not reqwest
//! reqwest 0.13.5 can't guarantee 6 and 7. With reqwest in place of hyper-util's client these tests
//! in `tests/client` fail:
//!
//! - `a_refusal_in_the_middle_of_a_file_is_heard`: the error is a broken pipe instead of the object
//!   store's 403. reqwest seals its connection type, so no layer can wrap the reads and writes.
//! - `a_store_that_refuses_is_sent_no_file` or `a_store_that_asks_gets_the_file_at_once`: reqwest
//!   drops the extensions of a request, including hyper's callback for `100 Continue`. The file is
//!   then sent at once, or only after a second.
//!
//! Uploads need hyper, so the other requests use it too. Adding reqwest would mean a second client
//! and 38 more crates.

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
