//! Credentials from environment variables.

use std::env;

use async_trait::async_trait;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::provide::ProvideCredentials;
use crate::error::Unavailable;
use crate::sigv4::Credentials;

/// Provides credentials from environment variables.
///
/// Reads `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, for temporary credentials,
/// `AWS_SESSION_TOKEN` and `AWS_CREDENTIAL_EXPIRATION` (AWS, "Environment variables to configure
/// the AWS CLI"). An empty variable counts as missing.
///
/// A session token without an expiration is read again every five minutes. Forms then expire after
/// [at most ten minutes](crate::s3::S3PostSigner::from_provider).
///
/// ```no_run
/// use tower_asset_upload::s3::EnvironmentCredentials;
///
/// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_asset_upload::s3::{S3, S3Bucket};
///
/// let bucket = S3Bucket::aws("uploads", "eu-central-1")?;
/// let s3 = S3::from_provider(bucket, EnvironmentCredentials).await?;
/// # let _ = s3;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvironmentCredentials;

impl Credentials {
    /// Reads credentials from environment variables once; see [`EnvironmentCredentials`] for the
    /// variables.
    ///
    /// A signer with these credentials never reads the environment again. For temporary credentials
    /// pass [`EnvironmentCredentials`] to [`S3::from_provider`](crate::s3::S3::from_provider).
    ///
    /// # Errors
    /// If a variable is missing or malformed. The error names the variable, but never contains its
    /// value.
    ///
    /// ```no_run
    /// use tower_asset_upload::sigv4::Credentials;
    ///
    /// let credentials = Credentials::from_env()?;
    /// # let _ = credentials;
    /// # Ok::<(), tower_asset_upload::Unavailable>(())
    /// ```
    pub fn from_env() -> Result<Self, Unavailable> {
        read(|name| env::var(name).ok())
    }
}

#[async_trait]
impl ProvideCredentials for EnvironmentCredentials {
    async fn provide_credentials(&self) -> Result<Credentials, Unavailable> {
        Credentials::from_env()
    }
}

fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Credentials, Unavailable> {
    let given = |name| variable(name).filter(|value| !value.is_empty());
    let required = |name| {
        given(name).ok_or_else(|| Unavailable::new(format!("{name} is not in the environment")))
    };
    let mut credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
    )
    .map_err(Unavailable::new)?;
    if let Some(token) = given("AWS_SESSION_TOKEN") {
        credentials = credentials
            .with_session_token(token)
            .map_err(Unavailable::new)?;
    }
    if let Some(end) = given("AWS_CREDENTIAL_EXPIRATION") {
        let end = OffsetDateTime::parse(&end, &Rfc3339)
            .map_err(|_| Unavailable::new("AWS_CREDENTIAL_EXPIRATION is not an RFC 3339 time"))?;
        credentials = credentials.expiring_at(end);
    }
    Ok(credentials)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<Credentials, String> {
        let find = |name: &str| {
            pairs
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        };
        read(find).map_err(|fault| fault.to_string())
    }

    #[test]
    fn temporary_credentials_have_a_token_and_an_expiration() {
        let id = ("AWS_ACCESS_KEY_ID", "AKID");
        let secret = ("AWS_SECRET_ACCESS_KEY", "sEcReT");
        let long_lived = from(&[id, secret, ("AWS_SESSION_TOKEN", "")]).unwrap();
        assert_eq!(
            (long_lived.session_token(), long_lived.expires_at()),
            (None, None)
        );
        let end = ("AWS_CREDENTIAL_EXPIRATION", "2026-05-19T10:11:12Z");
        let temporary = from(&[id, secret, ("AWS_SESSION_TOKEN", "t"), end]).unwrap();
        assert_eq!(temporary.session_token(), Some("t"));
        assert_eq!(
            temporary.expires_at(),
            Some(datetime!(2026-05-19 10:11:12 UTC))
        );

        let missing = from(&[id]).unwrap_err();
        assert!(missing.contains("AWS_SECRET_ACCESS_KEY"), "{missing}");
        let malformed = from(&[id, secret, ("AWS_CREDENTIAL_EXPIRATION", "soon")]).unwrap_err();
        assert!(
            malformed.contains("AWS_CREDENTIAL_EXPIRATION"),
            "{malformed}"
        );
        let invalid = from(&[("AWS_ACCESS_KEY_ID", "a b"), secret]).unwrap_err();
        assert!(!invalid.contains("sEcReT"), "{invalid}");
    }
}
