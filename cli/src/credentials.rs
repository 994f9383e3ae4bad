//! Credentials from the environment only: flags show in process lists and shell histories.

use std::error::Error;

use tower_asset_upload::sigv4::Credentials;

use crate::Failure;

pub(crate) fn credentials() -> Result<Credentials, Failure> {
    Credentials::from_env().map_err(|fault| {
        let reason = fault.source().map(ToString::to_string).unwrap_or_default();
        format!(
            "{reason}; credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if they are \
             temporary, AWS_SESSION_TOKEN"
        )
    })
}
