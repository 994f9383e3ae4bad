//! Credentials from the AWS SDK's providers.

use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use aws_credential_types::provider::ProvideCredentials as SdkProvider;
use time::OffsetDateTime;

use super::provide::ProvideCredentials;
use crate::error::Unavailable;
use crate::sigv4::Credentials;

/// Provides credentials from any provider of the AWS SDK: instance metadata, containers, single
/// sign-on, web identity, or the default chain of `aws-config`.
///
/// ```
/// use aws_credential_types::Credentials as SdkCredentials;
/// use tower_asset_upload::s3::AwsSdkCredentials;
///
/// // In production:
/// // `aws_config::defaults(BehaviorVersion::latest()).load().await.credentials_provider()`.
/// let provider = SdkCredentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "example");
/// let credentials = AwsSdkCredentials::new(provider);
/// # let _ = credentials;
/// ```
#[derive(Clone, Debug)]
pub struct AwsSdkCredentials<P> {
    provider: P,
}

impl<P: SdkProvider> AwsSdkCredentials<P> {
    /// Wraps a provider of the AWS SDK.
    pub fn new(provider: P) -> Self {
        Self { provider }
    }
}

#[async_trait]
impl<P: SdkProvider> ProvideCredentials for AwsSdkCredentials<P> {
    async fn provide_credentials(&self) -> Result<Credentials, Unavailable> {
        let given = self
            .provider
            .provide_credentials()
            .await
            .map_err(Unavailable::new)?;
        let mut credentials = Credentials::new(given.access_key_id(), given.secret_access_key())
            .map_err(Unavailable::new)?;
        if let Some(token) = given.session_token() {
            credentials = credentials
                .with_session_token(token)
                .map_err(Unavailable::new)?;
        }
        Ok(match given.expiry() {
            Some(end) => {
                let since = end.duration_since(UNIX_EPOCH).unwrap_or_default();
                let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
                // An expiry beyond the range of `OffsetDateTime` counts as none.
                match OffsetDateTime::from_unix_timestamp(seconds) {
                    Ok(end) => credentials.expiring_at(end),
                    Err(_) => credentials,
                }
            }
            None => credentials,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_credential_types::Credentials as SdkCredentials;

    use super::*;

    #[tokio::test]
    async fn key_secret_token_and_expiry_are_copied() {
        let end = UNIX_EPOCH + Duration::from_hours(500_000);
        let given = SdkCredentials::new("ASIA", "s", Some("t".to_owned()), Some(end), "test");
        let taken = AwsSdkCredentials::new(given)
            .provide_credentials()
            .await
            .unwrap();
        let expected = Credentials::new("ASIA", "s")
            .unwrap()
            .with_session_token("t")
            .unwrap();
        let end = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        assert_eq!(taken, expected.expiring_at(end));

        let never = UNIX_EPOCH + Duration::from_hours(70_389_528);
        let given = SdkCredentials::new("AKIA", "s", None, Some(never), "test");
        let taken = AwsSdkCredentials::new(given).provide_credentials().await;
        assert_eq!(taken.unwrap().expires_at(), None);
    }
}
