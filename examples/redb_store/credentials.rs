//! API keys and tokens, stored by their digest.

use async_trait::async_trait;
use redb::{TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tower_asset_upload::auth::{
    Credential, CredentialDigest, CredentialKind, CredentialRecord, CredentialVerifier, Principal,
    Scopes,
};
use tower_asset_upload::ports::StoreError;
use tower_asset_upload::{CredentialStore, Unavailable};
use uuid::Uuid;

use super::{RedbStore, Result, corrupted};

/// Credentials by kind and SHA-256. The secret isn't stored. The time of a look-up says nothing about
/// it, because a client can't steer the digest of a secret that it doesn't know.
const CREDENTIALS: TableDefinition<(&str, [u8; 32]), &[u8]> = TableDefinition::new("credentials");

#[derive(Serialize, Deserialize)]
struct Row {
    user: Uuid,
    scopes: String,
    expires_at: Option<(i64, u32)>,
    active: bool,
}

pub(crate) fn make_table(transaction: &WriteTransaction) -> Result<()> {
    transaction.open_table(CREDENTIALS)?;
    Ok(())
}

#[async_trait]
impl CredentialStore for RedbStore {
    async fn add_credential(&self, record: CredentialRecord) -> Result<(), StoreError> {
        let row = Row {
            user: *record.principal.user.as_uuid(),
            scopes: record.principal.scopes.to_string(),
            expires_at: record
                .expires_at
                .map(|end| (end.unix_timestamp(), end.nanosecond())),
            active: record.active,
        };
        let row = serde_json::to_vec(&row).map_err(StoreError::failed)?;
        self.write(move |transaction| {
            let mut table = transaction.open_table(CREDENTIALS)?;
            let key = (record.kind.as_str(), *record.digest.as_bytes());
            table.insert(key, &*row)?;
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl CredentialVerifier for RedbStore {
    async fn verify(
        &self,
        credential: &Credential<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, Unavailable> {
        let (kind, digest) = (credential.kind(), credential.digest());
        let record = self.read(move |transaction| {
            let table = transaction.open_table(CREDENTIALS)?;
            let found = table.get((kind.as_str(), *digest.as_bytes()))?;
            found.map(|row| read(kind, digest, row.value())).transpose()
        });
        // Every failure is `Unavailable`. `Ok(None)` would tell the client that its credential is
        // invalid.
        let record = record.await.map_err(|error| match error {
            StoreError::Unavailable(cause) => cause,
            other => Unavailable::new(other),
        })?;
        Ok(record.and_then(|record| record.principal_at(now).cloned()))
    }
}

fn read(kind: CredentialKind, digest: CredentialDigest, bytes: &[u8]) -> Result<CredentialRecord> {
    let row: Row = serde_json::from_slice(bytes).map_err(|_| corrupted("a credential"))?;
    let end = |(seconds, nanos)| {
        let end = OffsetDateTime::from_unix_timestamp(seconds);
        end.and_then(|end| end.replace_nanosecond(nanos))
    };
    let expires_at = row.expires_at.map(end).transpose();
    Ok(CredentialRecord {
        kind,
        digest,
        principal: Principal::new(row.user.into(), Scopes::parse(&row.scopes)),
        expires_at: expires_at.map_err(|_| corrupted("an end"))?,
        active: row.active,
    })
}
