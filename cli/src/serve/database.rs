//! Which store the server keeps its assets in.

use std::fs;
use std::sync::Arc;

use tower_asset_upload::auth::CredentialVerifier;
use tower_asset_upload::purge::PurgeStore;
use tower_asset_upload::{
    AssetStore, CredentialStore, DirectoryStore, MemoryStore, PostgresStore, SqliteStore,
};

use super::options::{DatabaseUrl, Options};
use crate::stop::Stop;

pub(crate) enum Database {
    Memory(MemoryStore),
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

impl Database {
    pub(crate) async fn open(options: &Options) -> Result<Self, Stop> {
        let path = match options.database()? {
            DatabaseUrl::Memory => return Ok(Self::Memory(MemoryStore::new())),
            DatabaseUrl::Postgres(url) => {
                let connected = PostgresStore::connect(&url).await;
                return connected
                    .map(Self::Postgres)
                    .map_err(|fault| format!("can't open the database: {fault}").into());
            }
            DatabaseUrl::Sqlite(path) => path,
            DatabaseUrl::Default => {
                let made = fs::create_dir_all(&options.data_dir);
                made.map_err(|fault| {
                    format!("can't make {}: {fault}", options.data_dir.display())
                })?;
                options.data_dir.join("assets.sqlite3")
            }
        };
        let opened = SqliteStore::open(&path);
        opened
            .map(Self::Sqlite)
            .map_err(|fault| format!("can't open the database {}: {fault}", path.display()).into())
    }

    pub(crate) fn assets(&self) -> Arc<dyn AssetStore> {
        match self {
            Self::Memory(store) => Arc::new(store.clone()),
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    pub(crate) fn condemned(&self) -> Arc<dyn PurgeStore> {
        match self {
            Self::Memory(store) => Arc::new(store.clone()),
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    pub(crate) fn directory(&self) -> Arc<dyn DirectoryStore> {
        match self {
            Self::Memory(store) => Arc::new(store.clone()),
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    pub(crate) fn keys(&self) -> Arc<dyn CredentialStore> {
        match self {
            Self::Memory(store) => Arc::new(store.clone()),
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    pub(crate) fn credentials(&self) -> Arc<dyn CredentialVerifier> {
        match self {
            Self::Memory(store) => Arc::new(store.clone()),
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }
}
