//! Credentials from a profile in AWS's shared files.

use std::env;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use ini::Ini;

use super::provide::ProvideCredentials;
use crate::error::Unavailable;
use crate::sigv4::Credentials;

/// Provides credentials from a profile in the shared `credentials` and `config` files (AWS, "Shared
/// config and credentials files"). The `credentials` file takes precedence.
///
/// Long-lived keys and session tokens in the files are supported. A profile that assumes a role,
/// uses single sign-on or runs a process is an error: use the AWS SDK's providers for it (feature
/// `aws-credentials`).
///
/// The files don't say when a session token expires. A profile with a token is read again every
/// five minutes. Forms then expire after [at most ten
/// minutes](crate::s3::S3PostSigner::from_provider).
///
/// ```no_run
/// use tower_asset_upload::s3::ProfileCredentials;
///
/// let credentials = ProfileCredentials::named("uploads").load()?;
/// # let _ = credentials;
/// # Ok::<(), tower_asset_upload::Unavailable>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProfileCredentials {
    profile: String,
    files: Files,
}

#[derive(Clone, Debug)]
struct Files {
    credentials: Option<PathBuf>,
    config: Option<PathBuf>,
}

/// Settings of profiles whose credentials are not in the files.
const UNSUPPORTED: [&str; 5] = [
    "role_arn",
    "sso_session",
    "sso_start_url",
    "credential_process",
    "web_identity_token_file",
];

impl ProfileCredentials {
    /// Selects the profile that `AWS_PROFILE` names, or else `default`.
    #[must_use]
    pub fn new() -> Self {
        let named = env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
        Self::named(named.unwrap_or_else(|| "default".to_owned()))
    }

    /// Selects a profile by name. The files are those that `AWS_SHARED_CREDENTIALS_FILE` and
    /// `AWS_CONFIG_FILE` name, or else those in `~/.aws`.
    #[must_use]
    pub fn named(profile: impl Into<String>) -> Self {
        let file = |variable, name| {
            let given = env::var_os(variable)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from);
            given.or_else(|| Some(env::home_dir()?.join(".aws").join(name)))
        };
        let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        let config = file("AWS_CONFIG_FILE", "config");
        Self {
            profile: profile.into(),
            files: Files {
                credentials,
                config,
            },
        }
    }

    /// Sets the files to read. A missing file counts as empty.
    #[must_use]
    pub fn files(mut self, credentials: impl Into<PathBuf>, config: impl Into<PathBuf>) -> Self {
        self.files = Files {
            credentials: Some(credentials.into()),
            config: Some(config.into()),
        };
        self
    }

    /// Reads the credentials once, without an async runtime.
    ///
    /// A signer with these credentials never reads the files again. For temporary credentials pass
    /// the provider itself to [`S3Signer::from_provider`](crate::s3::S3Signer::from_provider).
    ///
    /// # Errors
    /// If a file can't be read, if the profile doesn't exist or has no access key, or if its
    /// credentials are not in the files.
    pub fn load(&self) -> Result<Credentials, Unavailable> {
        let Self { profile, files } = self;
        let in_credentials = profile.clone();
        let in_config = if profile == "default" {
            profile.clone()
        } else {
            format!("profile {profile}")
        };
        for (file, section) in [
            (&files.credentials, in_credentials),
            (&files.config, in_config),
        ] {
            if let Some(path) = file
                && let Some(credentials) = read(path, &section)?
            {
                return Ok(credentials);
            }
        }
        Err(Unavailable::new(format!(
            "no profile {profile:?} with an access key in the shared files"
        )))
    }
}

impl Default for ProfileCredentials {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl ProvideCredentials for ProfileCredentials {
    async fn provide_credentials(&self) -> Result<Credentials, Unavailable> {
        self.load()
    }
}

fn read(path: &Path, section: &str) -> Result<Option<Credentials>, Unavailable> {
    if !path.exists() {
        return Ok(None);
    }
    let shown = path.display();
    let options = ini::ParseOption {
        enabled_quote: false,
        enabled_escape: false,
        ..Default::default()
    };
    // The parser's message may quote the line, which may be the secret.
    let files = Ini::load_from_file_opt(path, options)
        .map_err(|_| Unavailable::new(format!("{shown} can't be read as an AWS profile file")))?;
    let Some(found) = files.section(Some(section)) else {
        return Ok(None);
    };
    if let Some(unsupported) = UNSUPPORTED
        .into_iter()
        .find(|name| found.contains_key(name))
    {
        let why =
            format!("{section:?} in {shown} has {unsupported}: use the AWS SDK's providers for it");
        return Err(Unavailable::new(why));
    }
    let (Some(id), Some(secret)) = (
        found.get("aws_access_key_id"),
        found.get("aws_secret_access_key"),
    ) else {
        return Ok(None);
    };
    let credentials = Credentials::new(id, secret);
    let credentials = match found.get("aws_session_token") {
        Some(token) => credentials.and_then(|credentials| credentials.with_session_token(token)),
        None => credentials,
    };
    credentials
        .map(Some)
        .map_err(|fault| Unavailable::new(format!("{section:?} in {shown}: {fault}")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn profiles_are_found_in_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let (credentials, config) = (
            folder.path().join("credentials"),
            folder.path().join("config"),
        );
        fs::write(
            &credentials,
            "[default]\naws_access_key_id = AKID\naws_secret_access_key = s/E+c\\r=eT\n\
             [temporary]\naws_access_key_id=ASIA\naws_secret_access_key=s\naws_session_token=t==\n\
             [half]\naws_access_key_id=AKID\n",
        )
        .unwrap();
        fs::write(
            &config,
            "[default]\nregion=eu-central-1\n[profile other]\naws_access_key_id=OTHER\naws_secret_access_key=s\n\
             [profile role]\nrole_arn=arn:aws:iam::1:role/x\nsource_profile=default\n",
        )
        .unwrap();
        let load = |name: &str| {
            let provider = ProfileCredentials::named(name).files(&credentials, &config);
            provider.load().map_err(|fault| fault.to_string())
        };
        assert_eq!(
            load("default").unwrap(),
            Credentials::new("AKID", "s/E+c\\r=eT").unwrap()
        );
        assert_eq!(load("temporary").unwrap().session_token(), Some("t=="));
        assert_eq!(load("other").unwrap().access_key_id(), "OTHER");
        assert!(load("role").unwrap_err().contains("role_arn"));
        for missing in ["half", "nobody"] {
            assert!(
                load(missing).unwrap_err().contains("no profile"),
                "{missing}"
            );
        }
        fs::write(&credentials, "[default\naws_secret_access_key = sEcReT").unwrap();
        let broken = load("default").unwrap_err();
        assert!(
            broken.contains("can't be read") && !broken.contains("sEcReT"),
            "{broken}"
        );
    }

    #[tokio::test]
    async fn a_profile_with_a_token_is_read_again() {
        use std::sync::Arc;

        use time::{Duration, OffsetDateTime};

        use crate::s3::S3Bucket;
        use crate::s3::credentials::FreshSigner;
        use crate::sigv4::Region;

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        let write = |id: &str| {
            let keys = format!("aws_access_key_id={id}\naws_secret_access_key=s");
            fs::write(&file, format!("[rotated]\n{keys}\naws_session_token=t\n")).unwrap();
        };
        let provider = ProfileCredentials::named("rotated").files(&file, "none");
        let bucket = S3Bucket::aws("uploads", Region::us_east_1()).unwrap();
        write("FIRST");
        let signer = FreshSigner::provided(&bucket, Arc::new(provider)).await;
        let signer = signer.unwrap();
        let id = async |seconds| {
            let now = OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds);
            let signer = signer.at(now).await.unwrap();
            signer.credentials().access_key_id().to_owned()
        };
        assert_eq!(id(0).await, "FIRST");
        write("SECOND");
        assert_eq!(id(299).await, "FIRST");
        assert_eq!(id(300).await, "SECOND");
    }
}
