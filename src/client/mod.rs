//! Uploads and downloads, for programs that call the API which the service serves.
//!
//! [`AssetClient::upload`] does the whole of it: it announces the file, sends it to where the server
//! says, by POST or PUT, and completes the asset. Files are read and written as they travel, never
//! whole: one of 5 GiB takes no more memory than one of 5 KiB.
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
//! # What is tried again
//!
//! What may have been lost on the way is tried again, with a back-off that doubles and is spread out
//! at random ([`RetryPolicy`]), and no sooner than `Retry-After` says; but only what does no harm
//! twice:
//!
//! | call | tried again after |
//! |---|---|
//! | look-up, completion, deletion | a connection that failed, a time-out, 408, 429, 502, 503, 504 |
//! | sending the file, with the same form; fetching it | the same, and the object store's 500 |
//! | announcing, with an [external pair](NewUpload::external) | the same as for a look-up |
//! | announcing, without one | 429, and a connection that was never made: nothing was created |
//!
//! A PUT URL may be good for one upload, and its object store then answers 412 to the second. The client
//! takes that as sent, and the server decides when the asset is completed.
//!
//! # After a crash
//!
//! With an external pair an upload can be taken up by a process that knows nothing of the first:
//! the server knows the pair, and answers with a fresh form for the same asset, or with the fact that
//! it has been uploaded already. The file is sent from its beginning, as neither POST nor PUT has a
//! middle. Without a pair each run makes an asset of its own.
//!
//! # Security
//! 1. The key goes to the server alone, never to the object store, and is shown nowhere.
//! 2. Redirects are not followed: they could carry the key, or the file, to somebody else.
//! 3. TLS is rustls with the [roots of your choice](AssetClient::trust_roots). Over `http://` the key can be read on the way.
//! 4. What is downloaded bears its name only once it is whole.
//! 5. The environment's proxies (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`) are not used: a proxy could
//!    read keys and signed URLs that go over `http://`.

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
