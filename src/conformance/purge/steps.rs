//! What a step does.

use crate::conformance::seed::Seed;
use crate::conformance::verdict::Verdict;
use crate::conformance::world::World;
use crate::purge::PurgeStore;
use crate::store::AssetStore;

/// To be written.
pub async fn only_the_deleted_and_the_stale_are_condemned<Store>(store: Store) -> Verdict
where
    Store: AssetStore + PurgeStore + Seed,
{
    World::new(store).await.map(drop)
}
