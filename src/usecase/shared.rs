//! The ports and settings that the use cases share.

use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

use super::rejection::Rejection;
use crate::asset::{
    AssetId, Clock, IdSource, ObjectName, PendingCaps, ProjectId, RandomIds, SystemClock,
    Workspace, WorkspaceSlug,
};
use crate::auth::Principal;
use crate::ports::{AssetStore, ObjectStore};

pub(crate) type KeyStrategy = dyn Fn(&Workspace, Uuid, &ObjectName) -> String + Send + Sync;
pub(crate) type AssetUrl = dyn Fn(&Workspace, Option<ProjectId>, AssetId) -> String + Send + Sync;

/// The ports and settings of every use case.
pub(crate) struct UseCases<Store, Signer> {
    pub(crate) store: Store,
    pub(crate) signer: Signer,
    pub(crate) verifier: Option<Arc<dyn ObjectStore>>,
    pub(crate) checks_downloads: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) pending_caps: PendingCaps,
    pub(crate) key_strategy: Box<KeyStrategy>,
    pub(crate) asset_url: Box<AssetUrl>,
}

impl<Store, Signer> UseCases<Store, Signer> {
    pub(crate) fn new(store: Store, signer: Signer) -> Self {
        Self {
            store,
            signer,
            verifier: None,
            checks_downloads: true,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            pending_caps: PendingCaps::default(),
            key_strategy: Box::new(plane_key),
            asset_url: Box::new(plane_asset_url),
        }
    }
}

impl<Store: AssetStore, Signer> UseCases<Store, Signer> {
    /// Returns the workspace if the caller is an active member. Missing workspaces and non-members get
    /// the same rejection, so slugs can't be enumerated.
    pub(crate) async fn enter(
        &self,
        caller: &Principal,
        slug: &WorkspaceSlug,
    ) -> Result<Workspace, Rejection> {
        self.store
            .enter(slug, caller.user)
            .await?
            .ok_or(Rejection::WorkspaceNotFound)
    }
}

/// The default key strategy: `{workspace_id}/{32 hex digits}-{object name}`.
fn plane_key(workspace: &Workspace, random: Uuid, name: &ObjectName) -> String {
    let mut id = [0; 36];
    let id = workspace.id().as_uuid().hyphenated().encode_lower(&mut id);
    let mut hex = [0; 32];
    let hex = random.simple().encode_lower(&mut hex);
    let name = name.as_str();
    let mut key = String::with_capacity(id.len() + hex.len() + 2 + name.len());
    key.push_str(id);
    key.push('/');
    key.push_str(hex);
    key.push('-');
    key.push_str(name);
    key
}

/// Every character except the unreserved ones of RFC 3986, section 2.3.
const URI_COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The default asset URL: the path at which Plane serves an attachment. The literal `None` stands
/// for a missing project and issue (Plane's API page "Create workspace asset upload").
fn plane_asset_url(workspace: &Workspace, project: Option<ProjectId>, asset: AssetId) -> String {
    let mut project_text = [0; 36];
    let project: &str = match project {
        Some(id) => id.as_uuid().hyphenated().encode_lower(&mut project_text),
        None => "None",
    };
    let mut asset_text = [0; 36];
    let asset = asset.as_uuid().hyphenated().encode_lower(&mut asset_text);
    let slug = workspace.slug().as_str();
    let mut url = String::with_capacity(160 + slug.len());
    url.push_str("/api/assets/v2/workspaces/");
    url.extend(utf8_percent_encode(slug, URI_COMPONENT));
    url.push_str("/projects/");
    url.push_str(project);
    url.push_str("/issues/None/attachments/");
    url.push_str(asset);
    url.push('/');
    url
}

impl<Store, Signer> fmt::Debug for UseCases<Store, Signer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UseCases")
            .field("verifies", &self.verifier.is_some())
            .field("checks_downloads", &self.checks_downloads)
            .field("clock", &self.clock)
            .field("ids", &self.ids)
            .field("pending_caps", &self.pending_caps)
            .finish_non_exhaustive()
    }
}
