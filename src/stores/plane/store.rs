//! The Plane store.

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

/// An [`AssetStore`], [`CredentialVerifier`] and [`PurgeStore`] over the tables of an existing Plane:
/// its workspaces, members, projects, API keys and assets.
///
/// The store never alters the schema. Its database role needs these privileges:
/// - `SELECT`, `INSERT`, `UPDATE` and `DELETE` on `file_assets`;
/// - `SELECT` on `workspaces`, `workspace_members`, `projects`, `api_tokens` and `users`;
/// - `UPDATE` of `api_tokens.last_used`.
///
/// A call takes one round trip. A create with an external reference or a cap takes two, and a purge step
/// usually takes up to five. The store is a handle: clones share its connections. Durability, poolers,
/// TLS, time and the handling of a server that is away are those of
/// [`PostgresStore`](crate::PostgresStore).
///
/// # Guarantees
/// 1. **Rows are Plane's.** A new row has every column as Plane writes it, and the store reads the rows
///    that Plane wrote. An asset without a type is `application/octet-stream`. One without a name has
///    the name in its key. One without a creator has the nil UUID as its creator. A value that this crate
///    can't express, such as a key with a line break, is [`StoreError::Failed`], which names the column.
/// 2. **Deleted rows don't count**: workspaces, memberships, projects, keys and assets with a
///    `deleted_at`, and members and users who aren't active.
/// 3. **Members see the whole workspace.** Any active member finds and completes any asset of the
///    workspace, as in Plane's own endpoint. The asset's origin and project and the member's role don't
///    matter.
/// 4. **Roles decide who deletes.** Administrators (role 20) may delete any asset, and members (15) the
///    assets that they created. Guests (5) and unknown roles may delete nothing. See
///    [`Workspace::deletion`].
/// 5. **Uniqueness among these stores.** Plane has no unique index for external references. An advisory
///    lock keeps all replicas from creating two assets with the same external pair. Plane's own writers
///    don't take this lock, so Plane can still create the same pair at the same moment.
///
/// # API keys
/// A key is valid while the key and its user are active, the key isn't deleted, and the key hasn't
/// expired. It has all scopes, because Plane has no scopes. [`CredentialKind::Bearer`] is never valid,
/// because Plane keeps no OAuth tokens in these tables. A key that Plane bound to one workspace opens
/// every workspace of its user, as in Plane.
///
/// Plane stores keys in plain text, so the store looks the key itself up in an index, and the look-up's
/// time may depend on the key. That weakens [`CredentialVerifier`]'s rule on timing. Keys are random,
/// and the time differences of an index are far too small to measure over a network.
///
/// The store writes `last_used` in the background: at most once a minute for each key, and for at most
/// 4,096 keys a minute. A failed write is logged, and has no other effect.
///
/// # Facts without a column of their own
/// | fact | column | when |
/// |---|---|---|
/// | the object name | `attributes.name` | always, as in Plane |
/// | the display name | `attributes.display_name` | if it differs from the object name |
/// | the announced SHA-256 | `attributes.checksum_sha256` | if one was announced |
/// | the stored object | `storage_metadata`: `ContentLength`, `ContentType`, `ContentEncoding`, `ETag`, `VersionId`, `ChecksumSHA256` | once the object store was asked |
/// | the reason of a rejection, a sentence | `storage_metadata.Rejected` | if the asset is rejected |
/// | since when the asset is pending | `storage_metadata.PendingSince` | after it was taken back, or if `created_at` is more than an hour off the server's clock |
/// | the object key to which the three facts above belong | `storage_metadata.Key` | with each change of the state |
/// | the object of a deleted asset is gone | `storage_metadata.ObjectRemoved`, `true` | until the row is removed |
/// | the number of consecutive failures to remove the object | `storage_metadata.RemovalFailures` | until the object is removed |
/// | when the purge tries again | `storage_metadata.RemovalRetryAt` | until the object is removed |
///
/// Times are seconds since 1970. When Plane duplicates an asset, it copies the metadata to a row with
/// another key. So this store ignores metadata whose `Key` is not the row's key. If metadata has no
/// `Key`, it ignores only `VersionId`.
///
/// To Plane itself, a rejected asset is one that was never uploaded. So its external reference is free
/// in this API, but taken in Plane's own API until the purge has deleted the asset.
///
/// # Completing an upload
/// Plane's own assets are in the same table, and their `size` is the largest size that their forms
/// accept. So a smaller object counts as complete. Completing an upload removes no object; only the
/// purge does, if the host runs it ([`Ownership::Shared`]).
///
/// # Upgrades of Plane
/// [`connect`](PlaneStore::connect) compares the tables with those that the statements need, and
/// [`schema_mismatches`](PlaneStore::schema_mismatches) does so again for a readiness probe. A call that
/// fails because a migration changed the tables is [`StoreError::Unavailable`]. Calls succeed again once
/// the tables fit.
///
/// # Purge
/// The purge touches only assets that this API could have created and that nothing has been attached to
/// since: `ISSUE_ATTACHMENT`s in a workspace that aren't archived and have no issue, draft, comment,
/// page, user or entity. The [caps](PendingCaps) count the same assets. Set caps on discarded assets
/// only if you run the purge: rows that Plane has deleted count too, until the purge removes them.
///
/// The next run condemns every deleted asset of that kind, whether Plane or this API deleted it. Once
/// the deletion is before [`PurgeStep::forget_before`], a run condemns the asset again and then removes
/// its row. In between, `storage_metadata` notes that the object is gone, because there is no column for
/// it. A row that another row refers to stays, without its object.
///
/// **Danger:** the purge also removes the objects of assets that Plane itself has deleted. If Plane
/// restores such a row, its object is gone.
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
    /// Runs a call. If it fails because the tables don't fit its statements, the error is one that may
    /// pass: a migration of Plane's is running, or this crate needs an upgrade.
    async fn call<T, W>(&self, work: impl FnOnce(Session) -> W + Send + 'static) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        match self.pg.call(work).await {
            Err(fault) if schema::may_have_caused(&fault) => Err(self.explain(fault).await),
            answer => answer,
        }
    }

    /// Returns [`Fault::Tables`] with the mismatches that the catalogue shows, or else with the fault's
    /// own text.
    async fn explain(&self, fault: Fault) -> Fault {
        match self.mismatches().await {
            Ok(found) if !found.is_empty() => Fault::Tables(schema::sentence(&found)),
            _ => Fault::Tables(fault.to_string()),
        }
    }

    async fn mismatches(&self) -> Result<Vec<SchemaMismatch>, Fault> {
        let compare = |mut session| async move { schema::mismatches(&mut session).await };
        self.pg.call(compare).await
    }
}

impl PlaneStore {
    /// Compares Plane's tables with the columns that this store's statements need. Returns the
    /// mismatches: columns that are missing, have another type or may not be read, and required columns
    /// of a new row that this store doesn't fill. The list is empty if the tables fit.
    ///
    /// Call this in the host's readiness probe. [`connect`](Self::connect) has made the same comparison.
    ///
    /// A migration of Plane's can change the tables under a running store. Calls that fail because of
    /// that are [`StoreError::Unavailable`] until the tables fit again, and their cause lists the same
    /// mismatches.
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
        // PostgreSQL's texts can't contain NUL, so no key with NUL exists.
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
