//! A complete upload, from the announcement to the completion.

use http::StatusCode;

use super::answer::{Announced, Ticket};
use super::asset_client::AssetClient;
use super::error::{ClientError, Peer};
use super::new_upload::NewUpload;
use super::source::UploadSource;
use crate::asset::{AssetId, UploadSize};

/// Result of a successful upload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// The asset.
    pub asset_id: AssetId,
    /// The path of the asset in the application (`asset_url`).
    pub asset_url: String,
    /// Which steps the upload needed.
    pub outcome: Outcome,
}

/// The steps that an upload needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A new asset was created, its file sent, and its upload completed.
    New,
    /// The asset existed and was pending. The file was sent, and the upload completed.
    Resumed,
    /// The asset was uploaded already. Nothing was sent.
    AlreadyThere,
}

impl AssetClient {
    /// Announces a file, sends it and completes the asset.
    ///
    /// With an [external reference](NewUpload::external) this resumes an earlier upload, and sends
    /// nothing if the file was uploaded before.
    ///
    /// # Errors
    /// See [`ClientError`]. After an error the asset may stay pending. A pending asset can't be
    /// downloaded.
    pub async fn upload(
        &self,
        upload: &NewUpload,
        source: &(impl UploadSource + ?Sized),
    ) -> Result<Uploaded, ClientError> {
        let bytes = source.size();
        let size = UploadSize::new(bytes).map_err(|_| ClientError::Size { bytes })?;
        let (mut ticket, outcome) = match self.announce(upload, size).await? {
            Announced::New(ticket) => (ticket, Outcome::New),
            Announced::Pending(ticket) => (ticket, Outcome::Resumed),
            Announced::Uploaded {
                asset_id,
                asset_url,
            } => return Ok(there(asset_id, asset_url)),
        };
        let mut sent = self.send(&ticket, source).await;
        if upload.is_repeatable() && sent.as_ref().is_err_and(may_have_expired) {
            match self.announce(upload, size).await? {
                Announced::New(fresh) | Announced::Pending(fresh) => ticket = fresh,
                Announced::Uploaded {
                    asset_id,
                    asset_url,
                } => return Ok(there(asset_id, asset_url)),
            }
            sent = self.send(&ticket, source).await;
        }
        sent?;
        self.complete(ticket.asset_id).await?;
        let Ticket {
            asset_id,
            asset_url,
            ..
        } = ticket;
        Ok(Uploaded {
            asset_id,
            asset_url,
            outcome,
        })
    }
}

fn there(asset_id: AssetId, asset_url: String) -> Uploaded {
    Uploaded {
        asset_id,
        asset_url,
        outcome: Outcome::AlreadyThere,
    }
}

/// Returns whether the upload data may have expired. S3 answers 403 to an expired form, but also
/// for many other reasons (AWS, "Error responses", `AccessDenied`).
fn may_have_expired(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused(refusal)
        if refusal.peer == Peer::ObjectStore && refusal.status == StatusCode::FORBIDDEN)
}
