//! The crate's own stores: what every store has to do, and what only one in a file can.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "stores/conformance.rs"]
mod conformance;
#[cfg(feature = "sqlite")]
#[path = "stores/sqlite.rs"]
mod sqlite;

use std::sync::Arc;

use conformance::{Seed, World};
use tower_asset_upload::{
    AssetStore, CredentialRecord, MemoryStore, ProjectId, UserId, WorkspaceId, WorkspaceSlug,
};

/// For each promise a test of it: on the store by value, boxed and shared.
macro_rules! keeps_its_promises {
    ($store:ident, $open:expr) => {
        mod $store {
            use super::*;

            keeps_its_promises! { $open,
                only_active_members_enter,
                nothing_crosses_workspaces,
                projects_are_of_the_workspace_and_alive,
                project_then_pair_then_caps,
                a_pair_is_unique_while_it_lives,
                an_id_is_taken_once,
                of_many_that_create_one_pair_one_wins,
                caps_count_what_is_pending,
                caps_hold_when_many_create,
                states_are_kept_and_taken_back,
                what_is_not_there_is_not_changed,
                every_field_reads_back,
                a_dropped_call_is_whole_or_nothing,
            }

            #[tokio::test]
            async fn only_valid_credentials_verify() {
                let (store, _directory) = $open;
                conformance::only_valid_credentials_verify(store).await;
            }

            #[tokio::test]
            async fn seeding_again_changes_nothing() {
                let (store, _directory) = $open;
                let world = World::seed(&store);
                conformance::seeding_again_changes_nothing(store, world).await;
            }
        }
    };
    ($open:expr, $($promise:ident,)*) => {$(
        #[tokio::test]
        async fn $promise() {
            let (store, _directory) = $open;
            let boxed: Box<dyn AssetStore> = Box::new(store.clone());
            let shared: Arc<dyn AssetStore> = Arc::new(store.clone());
            conformance::$promise(boxed, World::seed(&store)).await;
            conformance::$promise(shared, World::seed(&store)).await;
            let world = World::seed(&store);
            conformance::$promise(store, world).await;
        }
    )*};
}

keeps_its_promises!(memory_store, (MemoryStore::new(), ()));
#[cfg(feature = "sqlite")]
keeps_its_promises!(sqlite_store, sqlite::fresh());

impl Seed for MemoryStore {
    fn add_workspace(&self, id: WorkspaceId, slug: WorkspaceSlug) {
        self.add_workspace(id, slug);
    }

    fn add_member(&self, workspace: WorkspaceId, user: UserId) {
        self.add_member(workspace, user);
    }

    fn add_project(&self, workspace: WorkspaceId, project: ProjectId) {
        self.add_project(workspace, project);
    }

    fn add_credential(&self, record: CredentialRecord) {
        self.add_credential(record);
    }

    fn remove_workspace(&self, id: WorkspaceId) {
        self.remove_workspace(id);
    }

    fn remove_member(&self, workspace: WorkspaceId, user: UserId) {
        self.remove_member(workspace, user);
    }

    fn remove_project(&self, workspace: WorkspaceId, project: ProjectId) {
        self.remove_project(workspace, project);
    }
}
