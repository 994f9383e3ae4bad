//! A client of the API that the service serves: uploads and downloads files.
//!
//! [`AssetClient::upload`] does a whole upload. It announces the file, which creates a pending
//! asset, sends the file to the URL that the server returns, by POST or PUT, and completes the
//! asset. Files are streamed: a file of 5 GiB takes no more memory than one of 5 KiB.
//!
//! ```no_run
//! use tower_asset_upload::asset::{ExternalLabel, WorkspaceSlug};
//! use tower_asset_upload::auth::{Credential, CredentialKind};
//! use tower_asset_upload::client::{AssetClient, FileSource, NewUpload};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let key = std::env::var("ASSET_UPLOAD_API_KEY")?;
//! let client = AssetClient::new(
//!     "https://assets.example.com",
//!     &WorkspaceSlug::new("my-workspace")?,
//!     &Credential::new(CredentialKind::ApiKey, &key),
//! )?;
//!
//! let photo = FileSource::new("photo.png").await?;
//! let announced = NewUpload::new("photo.png")
//!     .external(ExternalLabel::new("camera")?, ExternalLabel::new("roll-7/12")?);
//! let uploaded = client.upload(&announced, &photo).await?;
//! client.download(uploaded.asset_id, "copy.png").await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Retries
//!
//! The client retries a call that may succeed later, but only if repeating the call does no harm.
//! The wait between attempts doubles each time and is spread at random ([`RetryPolicy`]). It is
//! never shorter than `Retry-After`.
//!
//! | call | retried after |
//! |---|---|
//! | locate, complete, delete | a failed connection, a timeout, 408, 429, 502, 503, 504 |
//! | send the file with the same upload data; download the file | the same, and the object store's 500 |
//! | announce with an [external reference](NewUpload::external) | the same as for locate |
//! | announce without one | 429, and a connection that could not be opened: no asset was created |
//!
//! A PUT URL may be valid for one upload only. The object store then answers 412 to a second
//! upload. The client treats this 412 as success, and the server checks the object when the asset
//! is completed.
//!
//! # After a crash
//!
//! With an external reference, another process can resume an upload. The server finds the asset by
//! the reference and answers with new upload data for it, or says that the upload is complete. The
//! file is sent again from its beginning, because neither POST nor PUT can continue a partial
//! upload. Without a reference each run creates another asset.
//!
//! # Security
//! 1. The API key is sent to the server only, never to the object store. No error and no `Debug`
//!    output shows it.
//! 2. Redirects are not followed: a redirect could send the key or the file to another host.
//! 3. TLS is rustls with the [roots of your choice](AssetClient::trust_roots). Over `http://` the
//!    key can be read in transit.
//! 4. A downloaded file gets its name only once it is complete.
//! 5. The proxies in `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY` are ignored: a proxy could read
//!    keys and signed URLs that go over `http://`.

mod address;
mod answer;
mod asset_client;
mod download;
mod error;
mod exact;
mod form;
mod new_upload;
mod progress;
mod retry;
mod send;
mod source;
mod transport;
mod upload;

pub use address::InvalidClient;
pub use answer::{Announced, Located, Ticket};
pub use asset_client::AssetClient;
pub use download::{Downloaded, Expected};
pub use error::{ClientError, Peer, Refusal};
pub use new_upload::NewUpload;
pub use progress::Progress;
pub use retry::RetryPolicy;
pub use source::{FileSource, OnceSource, SourceBody, UploadSource};
pub use upload::{Outcome, Uploaded};
