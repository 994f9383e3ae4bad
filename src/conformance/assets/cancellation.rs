//! Rules about dropped calls.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::asset::{StateChange, UploadState};
use crate::conformance::verdict::{Broken, Verdict, called, demand, equal};
use crate::conformance::world::{NO_CAPS, World, caps, duplicate, same};
use crate::ports::DirectoryStore;
use crate::ports::{AssetStore, CreateOutcome};

/// The number of dropped calls.
const CALLS: u32 = 128;

/// Starts a call and drops it after a time that depends on `n`. Returns the result if the call
/// ended before.
///
/// An even `n` polls the call without a pause, zero to seven times. An odd `n` waits between polls,
/// so that results from other threads and machines can arrive.
pub(in crate::conformance) async fn dropped<T>(n: u32, call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    if n.is_multiple_of(2) {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..n / 2 % 8 {
            if let Poll::Ready(answer) = call.as_mut().poll(&mut context) {
                return Some(answer);
            }
        }
        None
    } else {
        let patience = Duration::from_micros(u64::from(n) * 40);
        tokio::time::timeout(patience, call).await.ok()
    }
}

/// A dropped `create` has created its asset completely or not at all: the external pair belongs to
/// this asset or is free, the asset counts as pending or doesn't, and other callers notice nothing.
///
/// **Why.** Clients hang up, and every proxy has a time limit, so this happens hourly. Possible
/// leftovers are a row that isn't counted, an external pair without an asset, and a pooled
/// connection with an open transaction.
pub async fn a_dropped_create_is_whole_or_nothing<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let mut begun = Vec::new();
    for n in 0..CALLS {
        let new = world.asset_with("github", &n.to_string())?;
        let call = world.store.create(&world.home, new.clone(), NO_CAPS);
        let answer = dropped(n, call).await;
        if let Some(answer) = answer {
            let created = called("create", answer)?;
            equal(&created, &CreateOutcome::New, "`create`")?;
        }
        begun.push((n, new));
    }
    for (n, new) in begun {
        let again = world.asset_with("github", &n.to_string())?;
        // From here on the external pair belongs to the asset that was created first.
        match world.create(&again).await? {
            CreateOutcome::New => {
                world
                    .must_lack(new.id, "its external pair was free")
                    .await?;
                world.must_hold(&again, &UploadState::Pending).await?;
            }
            taken => {
                demand(!n.is_multiple_of(16), "`create` acts before it is polled")?;
                duplicate(&taken, &new, &UploadState::Pending)?;
                world.must_hold(&new, &UploadState::Pending).await?;
                world
                    .must_lack(again.id, "a duplicate is not created")
                    .await?;
            }
        }
    }
    counted(&world, CALLS).await
}

/// A dropped `set_state` or `delete` has been done completely or not at all. Other callers notice
/// nothing.
///
/// **Why.** A deleted asset whose external pair stays taken, or a completed asset that counts as
/// pending, can't be repaired through the API.
pub async fn a_dropped_change_is_whole_or_nothing<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let complete = StateChange::Complete(None);
    let mut made = Vec::new();
    for n in 0..CALLS {
        let new = world.asset_with("github", &n.to_string())?;
        world.must_create(&new).await?;
        made.push(new);
    }
    for (n, new) in (0..CALLS).zip(&made) {
        if n < CALLS / 2 {
            let call = world.store.delete(&world.home, new.id);
            dropped(n, call).await;
        } else {
            let call = world.store.set_state(&world.home, new.id, complete.clone());
            dropped(n - CALLS / 2, call).await;
        }
    }
    for (n, new) in (0..CALLS).zip(&made) {
        let again = world.asset_with("github", &n.to_string())?;
        match world.create(&again).await? {
            CreateOutcome::New => {
                world
                    .must_lack(new.id, "its external pair is free, so it was deleted")
                    .await?;
            }
            CreateOutcome::Duplicate(existing) => {
                let state = existing.state.clone();
                demand(
                    matches!(state, UploadState::Pending | UploadState::Uploaded(None)),
                    format_args!("a dropped call left the asset in the state {state:?}"),
                )?;
                same(&existing, new, &state, "the duplicate")?;
                // The dropped call may still take effect. `delete` ends the asset in any case.
                world.delete(new.id).await?;
                world.must_lack(new.id, "it was deleted").await?;
                world.must_create(&again).await?;
            }
            other => {
                return Err(Broken::new(format_args!("`create` returns {other:?}")));
            }
        }
    }
    counted(&world, CALLS).await
}

/// Checks that exactly `pending` assets of `member` count as pending.
async fn counted<Store: AssetStore + DirectoryStore>(
    world: &World<Store>,
    pending: u32,
) -> Verdict {
    let what = format!("`create` with {pending} pending assets");
    let fits = world
        .create_capped(&world.asset()?, caps(pending + 1, pending + 1))
        .await?;
    equal(&fits, &CreateOutcome::New, &what)?;
    let full = world
        .create_capped(&world.asset()?, caps(pending + 1, 0))
        .await?;
    equal(&full, &CreateOutcome::TooManyPending, what)
}
