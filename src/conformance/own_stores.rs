//! Implements [`SeedCredentials`] for the crate's own stores.

use async_trait::async_trait;

use super::seed::SeedCredentials;
use crate::auth::{Credential, CredentialRecord};
use crate::error::BoxError;
use crate::ports::CredentialStore;
use crate::stores::MemoryStore;
#[cfg(feature = "postgres")]
use crate::stores::PostgresStore;
#[cfg(feature = "sqlite")]
use crate::stores::SqliteStore;

macro_rules! seed {
    ($store:ty) => {
        #[async_trait]
        impl SeedCredentials for $store {
            async fn seed_credential(
                &self,
                _: &Credential<'_>,
                record: CredentialRecord,
            ) -> Result<bool, BoxError> {
                CredentialStore::add_credential(self, record).await?;
                Ok(true)
            }
        }
    };
}

seed!(MemoryStore);
#[cfg(feature = "postgres")]
seed!(PostgresStore);
#[cfg(feature = "sqlite")]
seed!(SqliteStore);
