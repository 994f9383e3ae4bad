//! The whole of an upload.

use http::StatusCode;

use super::answer::{Announced, Ticket};
use super::asset_client::AssetClient;
use super::error::{ClientError, Peer};
use super::new_upload::NewUpload;
use super::source::UploadSource;
use crate::asset::{AssetId, UploadSize};

/// What an upload came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// The asset.
    pub asset_id: AssetId,
    /// Its address in the application.
    pub asset_url: String,
    /// What there was to do.
    pub outcome: Outcome,
}

/// What there was to do for an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// All of it.
    New,
    /// The asset had been announced before: the file was sent, and the asset completed.
    Resumed,
    /// Nothing: it had been uploaded before.
    AlreadyThere,
}

impl AssetClient {
    /// Announces a file, sends it and completes the asset.
    ///
    /// With an [external pair](NewUpload::external) it takes up where an earlier one ended, and does
    /// nothing for a file that is there already.
    ///
    /// # Errors
    /// See [`ClientError`]. What was announced stays as a pending asset, which counts for nothing
    /// until it is completed.
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
        if upload.is_repeatable() && sent.as_ref().is_err_and(may_have_ended) {
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

/// S3 answers 403 to a form that has ended, as it does to much else (AWS, "Error responses",
/// `AccessDenied`).
fn may_have_ended(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused(refusal)
        if refusal.peer == Peer::ObjectStore && refusal.status == StatusCode::FORBIDDEN)
}
