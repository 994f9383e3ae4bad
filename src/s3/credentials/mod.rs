//! Providers of credentials, and a signer that refreshes its credentials before they expire.

#[cfg(feature = "aws-credentials")]
mod aws_sdk;
mod environment;
mod fresh;
#[cfg(feature = "profile")]
mod profile;
mod provide;

#[cfg(feature = "aws-credentials")]
pub use aws_sdk::AwsSdkCredentials;
pub use environment::EnvironmentCredentials;
pub(super) use fresh::FreshSigner;
#[cfg(feature = "profile")]
pub use profile::ProfileCredentials;
pub use provide::ProvideCredentials;
