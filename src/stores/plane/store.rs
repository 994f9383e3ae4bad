//! A store over Plane's own tables.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::schema::SchemaMismatch;
use super::stamps::Stamps;
use super::{assets, create, directory, purge, schema};
use crate::asset::{
    Asset, AssetId, ChangeOutcome, NewAsset, Ownership, PendingCaps, StateChange, UserId,
    Workspace, WorkspaceSlug,
};
use crate::auth::{Credential, CredentialKind, CredentialVerifier, Principal};
use crate::error::Unavailable;
use crate::ports::purge::{Condemned, PurgeStep, PurgeStore, StoreTime};
use crate::ports::{AssetStore, CreateOutcome, StoreError};
use crate::stores::pg::{Fault, Pg, Session};

/// An [`AssetStore`], [`CredentialVerifier`] and [`PurgeStore`] over the tables of a Plane that is
/// already there: its workspaces, members, projects, API keys and assets.
///
/// It never alters the schema: `SELECT`, `INSERT`, `UPDATE` and `DELETE` on `file_assets`, `UPDATE` of
/// `api_tokens.last_used`, and `SELECT` on `workspaces`, `workspace_members`, `projects`, `api_tokens`
/// and `users` are all it needs. A call takes one round trip; a create with an external reference or a cap
/// takes two, a purge step usually up to five. A handle: its clones share the connections. What
/// [`PostgresStore`](crate::PostgresStore) says of durability, poolers, TLS, time and servers that are away
/// holds here, too.
///
/// # What holds
/// 1. **Rows are Plane's.** What is made here has every column as Plane writes it, and what Plane wrote is
///    read: an asset without a type is bytes, one without a name is called as in its key, one whose maker
///    is gone was made by the nil UUID. What can't be expressed, such as a key with a line break, is
///    [`StoreError::Failed`] and names the column.
/// 2. **What Plane has deleted is gone**: workspaces, memberships, projects, keys and assets with a
///    `deleted_at`, members and users who aren't active.
/// 3. **Any asset of the workspace** is found and completed by any active member, as in Plane's own
///    endpoint: whatever made it, whatever project it is in, whatever the member's role.
/// 4. **Roles say who deletes**: members (15) what they have made, administrators (20) any asset, guests
///    (5) and unknown roles none. See [`Workspace::deletion`].
/// 5. **Uniqueness among these stores.** Plane has no unique index for external references, so an advisory
///    lock keeps any number of replicas from making one pair twice. Plane's own writers don't know of it:
///    that one of them makes the same pair in the same moment can't be prevented.
///
/// # API keys
/// A key is valid while it and its user are active, it isn't deleted and its end, if it has one, is to
/// come. It has all scopes: Plane has none. [`CredentialKind::Bearer`] is never valid: Plane keeps no
/// OAuth tokens in these tables. A key that Plane bound to a workspace opens every workspace of its user,
/// as in Plane.
///
/// Plane keeps keys in the clear, and so they are looked up: [`CredentialVerifier`]'s rule on timing is
/// kept no further than an index does. Keys are drawn at random, and what an index's comparisons tell of
/// one is far below what a network lets through.
///
/// `last_used` is written behind the caller's back, at most once a minute for each key and for 4,096 keys in
/// a minute. That it fails is logged, and nothing else.
///
/// # Where further facts go
/// | fact | column | when |
/// |---|---|---|
/// | the name that is safe | `attributes.name` | always, as in Plane |
/// | the name for people | `attributes.display_name` | where it differs |
/// | the announced SHA-256 | `attributes.checksum_sha256` | where there is one |
/// | what the object store said | `storage_metadata`: `ContentLength`, `ContentType`, `ContentEncoding`, `ETag`, `VersionId`, `ChecksumSHA256` | once it was asked |
/// | that the asset is rejected, and why | `storage_metadata.Rejected`, a sentence | where it is |
/// | since when the upload is pending | `storage_metadata.PendingSince` | after it was taken back, or if `created_at` is more than an hour off the server's clock |
/// | the key that the last three were recorded for | `storage_metadata.Key` | with each change of the state |
/// | that a deleted asset's object is gone | `storage_metadata.ObjectRemoved`, `true` | until its row goes |
/// | how often in a row the object couldn't be removed | `storage_metadata.RemovalFailures` | until it is removed |
/// | when the clean-up tries that again | `storage_metadata.RemovalRetryAt` | until it is removed |
///
/// Times are seconds since 1970. When Plane duplicates an asset it copies the metadata to a row with
/// another key. This store ignores metadata whose `Key` is not the row's. From metadata without `Key`, it
/// ignores only `VersionId`.
///
/// To Plane itself a rejected asset is one that was never uploaded. So its external reference is free here,
/// and taken in Plane's own API until the clean-up has come by.
///
/// # Completion
/// Plane's own assets are in the same rows, and their `size` is the largest that their forms take. So a
/// smaller file counts as complete, and completion removes no object: only the clean-up does, if the host
/// runs it ([`Ownership::Shared`]).
///
/// # When Plane is upgraded
/// [`connect`](PlaneStore::connect) compares the tables with what the statements need, and
/// [`schema_mismatches`](PlaneStore::schema_mismatches) does so again for a readiness probe. A call that
/// fails because a migration has changed the tables is [`StoreError::Unavailable`], and the next one
/// succeeds once they are right.
///
/// # The clean-up
/// Touches nothing but what this endpoint has made and nobody has attached since: `ISSUE_ATTACHMENT`s in
/// a workspace, not archived, without issue, draft, comment, page, user and entity. The
/// [caps](PendingCaps) count the same. Set caps on discarded assets only if the clean-up runs: rows that
/// Plane has deleted count, too, until the clean-up removes them.
///
/// What is deleted, by whomever, is condemned with the next run, and once more when it was deleted before
/// [`PurgeStep::forget_before`]; then its row goes, too. In between the row notes that the object is gone,
/// beside whatever its metadata holds: there is no column for it. **Danger:** that goes for what Plane
/// itself has deleted as well. If Plane brings such a row back, its object isn't there any more. A row
/// that something else refers to stays, without its object.
///
/// ```no_run
/// use tower_asset_upload::{HeaderAuthenticator, PlaneStore};
///
/// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PlaneStore::connect("postgresql://plane:plane@plane-db/plane").await?;
/// let authenticator = HeaderAuthenticator::new(store.clone());
/// # let _ = authenticator;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PlaneStore {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) pg: Pg,
    pub(super) stamps: Arc<Stamps>,
}

impl Inner {
    /// Makes a call. One that fails because the tables aren't as its statements know them may succeed
    /// later: a migration of Plane's is under way, or a release of this crate is due.
    async fn call<T, W>(&self, work: impl FnOnce(Session) -> W + Send + 'static) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        match self.pg.call(work).await {
            Err(fault) if schema::may_have_caused(&fault) => Err(self.explained(fault).await),
            answer => answer,
        }
    }

    /// The same fault, with the names of the columns that have caused it where the catalogue tells.
    async fn explained(&self, fault: Fault) -> Fault {
        match self.mismatches().await {
            Ok(found) if !found.is_empty() => Fault::Tables(schema::sentence(&found)),
            _ => Fault::Tables(fault.to_string()),
        }
    }

    async fn mismatches(&self) -> Result<Vec<SchemaMismatch>, Fault> {
        let look = |mut session| async move { schema::mismatches(&mut session).await };
        self.pg.call(look).await
    }
}

impl PlaneStore {
    /// Compares Plane's tables with what this store's statements need: a column that is missing, that
    /// has another type or may not be read, and one that a new row has to fill and this store doesn't.
    /// Empty while all is well. For the host's readiness probe; [`connect`](Self::connect) has looked
    /// before.
    ///
    /// A migration of Plane's can change the tables under a running store. The calls that fail for that
    /// are [`StoreError::Unavailable`], whose cause has the same sentences, until the tables are right
    /// again.
    ///
    /// # Errors
    /// See [`StoreError`].
    ///
    /// ```no_run
    /// # async fn ready(store: tower_asset_upload::PlaneStore) -> Result<(), tower_asset_upload::ports::StoreError> {
    /// for mismatch in store.schema_mismatches().await? {
    ///     // file_assets.some_column is NOT NULL, has no default, and is not filled here
    ///     eprintln!("{mismatch}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn schema_mismatches(&self) -> Result<Vec<SchemaMismatch>, StoreError> {
        Ok(self.inner.mismatches().await?)
    }
}

#[async_trait]
impl AssetStore for PlaneStore {
    async fn enter(
        &self,
        slug: &WorkspaceSlug,
        caller: UserId,
    ) -> Result<Option<Workspace>, StoreError> {
        let name = slug.clone();
        let entered = self.inner.call(move |mut session| async move {
            directory::enter(&mut session, name.as_str(), caller).await
        });
        let entered = entered.await?;
        Ok(entered.map(|(id, deletion)| {
            Workspace::new(id, slug.clone())
                .with_deletion(deletion)
                .with_ownership(Ownership::Shared)
        }))
    }

    async fn create(
        &self,
        workspace: &Workspace,
        asset: NewAsset,
        caps: PendingCaps,
    ) -> Result<CreateOutcome, StoreError> {
        let workspace = workspace.id();
        let created = self.inner.call(move |mut session| async move {
            create::create(&mut session, workspace, &asset, caps).await
        });
        Ok(created.await?)
    }

    async fn find(&self, workspace: &Workspace, id: AssetId) -> Result<Option<Asset>, StoreError> {
        let workspace = workspace.id();
        let found = self.inner.call(move |mut session| async move {
            assets::find(&mut session, workspace, id).await
        });
        Ok(found.await?)
    }

    async fn set_state(
        &self,
        workspace: &Workspace,
        id: AssetId,
        change: StateChange,
    ) -> Result<ChangeOutcome, StoreError> {
        let workspace = workspace.id();
        let set = self.inner.call(move |mut session| async move {
            assets::set_state(&mut session, workspace, id, change).await
        });
        Ok(set.await?)
    }

    async fn delete(&self, workspace: &Workspace, id: AssetId) -> Result<bool, StoreError> {
        let workspace = workspace.id();
        let deleted = self.inner.call(move |mut session| async move {
            assets::delete(&mut session, workspace, id).await
        });
        Ok(deleted.await?)
    }
}

#[async_trait]
impl CredentialVerifier for PlaneStore {
    async fn verify(
        &self,
        credential: &Credential<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, Unavailable> {
        let secret = credential.expose_secret();
        // No text of the database holds a NUL.
        if credential.kind() != CredentialKind::ApiKey || secret.contains('\0') {
            return Ok(None);
        }
        let key = zeroize::Zeroizing::new(secret.to_owned());
        let found = self.inner.call(move |mut session| async move {
            directory::verify(&mut session, &key, now).await
        });
        let Some(key) = found.await? else {
            return Ok(None);
        };
        self.inner.stamps.used(&key, now);
        Ok(Some(Principal::with_all_scopes(key.user)))
    }
}

#[async_trait]
impl PurgeStore for PlaneStore {
    async fn time(&self) -> Result<StoreTime, StoreError> {
        let time = self
            .inner
            .pg
            .call(|mut session| async move { purge::time(&mut session).await });
        Ok(time.await?)
    }

    async fn purge(&self, step: &PurgeStep) -> Result<Vec<Condemned>, StoreError> {
        let step = step.clone();
        let purged = self
            .inner
            .call(move |mut session| async move { purge::purge(&mut session, &step).await });
        Ok(purged.await?)
    }
}

impl fmt::Debug for PlaneStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaneStore")
            .field("pg", &self.inner.pg)
            .finish_non_exhaustive()
    }
}
