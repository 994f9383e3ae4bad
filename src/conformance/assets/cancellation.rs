//! Callers that hang up.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::asset::{StateChange, UploadState};
use crate::conformance::verdict::{Broken, Verdict, called, demand, equal};
use crate::conformance::world::{NO_CAPS, World, caps, duplicate, same};
use crate::ports::DirectoryStore;
use crate::ports::{AssetStore, CreateOutcome};

/// How many calls are dropped.
const CALLS: u32 = 128;

/// Begins a call and drops it: sooner or later, depending on `n`. What it answered, when it was
/// done before.
///
/// Even ones are polled at once, none to seven times over; odd ones are left alone for a while in
/// between, so that answers of other threads and machines can arrive.
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

/// A `create` that is dropped at any moment has made its asset as a whole or not at all: its pair
/// is taken by just that or is free, it counts as pending or doesn't, and other callers don't
/// notice.
///
/// **Why.** Clients hang up, and every proxy has a time limit: this happens hourly. A row without
/// its count, a pair that nobody has, a connection with an open transaction back in the pool are
/// what is left of it.
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
        // Whichever was first has the pair, and from here on for good.
        match world.create(&again).await? {
            CreateOutcome::New => {
                world.lacks(new.id, "nothing, as its pair was free").await?;
                world.holds(&again, &UploadState::Pending).await?;
            }
            taken => {
                demand(!n.is_multiple_of(16), "`create` works before it is polled")?;
                duplicate(&taken, &new, &UploadState::Pending)?;
                world.holds(&new, &UploadState::Pending).await?;
                world.lacks(again.id, "a duplicate").await?;
            }
        }
    }
    counted(&world, CALLS).await
}

/// A `set_state` or a `delete` that is dropped at any moment has been done as a whole or not at
/// all; other callers don't notice.
///
/// **Why.** As for `create`: an asset that is gone while its pair stays taken, or that counts as
/// pending when it is complete, can't be mended through the API.
pub async fn a_dropped_change_is_whole_or_nothing<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    let complete = StateChange::Complete(None);
    let mut made = Vec::new();
    for n in 0..CALLS {
        let new = world.asset_with("github", &n.to_string())?;
        world.make(&new).await?;
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
            CreateOutcome::New => world.lacks(new.id, "deleted, as its pair is free").await?,
            CreateOutcome::Duplicate(twin) => {
                let state = twin.state.clone();
                demand(
                    matches!(state, UploadState::Pending | UploadState::Uploaded(None)),
                    format_args!("a dropped call leaves {state:?}"),
                )?;
                same(&twin, new, &state, "the duplicate")?;
                // What was dropped may still be on its way; nothing comes after this.
                world.delete(new.id).await?;
                world.lacks(new.id, "deleted").await?;
                world.make(&again).await?;
            }
            other => {
                return Err(Broken::new(format_args!("`create` answers {other:?}")));
            }
        }
    }
    counted(&world, CALLS).await
}

/// That so many assets of the member's are pending.
async fn counted<Store: AssetStore + DirectoryStore>(
    world: &World<Store>,
    pending: u32,
) -> Verdict {
    let what = format!("{pending} assets are pending, yet `create`");
    let fits = world
        .create_capped(&world.asset()?, caps(pending + 1, pending + 1))
        .await?;
    equal(&fits, &CreateOutcome::New, &what)?;
    let full = world
        .create_capped(&world.asset()?, caps(pending + 1, 0))
        .await?;
    equal(&full, &CreateOutcome::TooManyPending, what)
}
