//! Writes `api_tokens.last_used` in the background.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::{Duration, OffsetDateTime};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::directory::{self, ApiKey};
use crate::stores::pg::Pg;

/// A key is stamped at most once in this time.
const INTERVAL: Duration = Duration::MINUTE;

/// The most keys that are remembered. Further keys in the same minute get no stamp.
const MAX_KEYS: usize = 4096;

/// Stamps keys one after the other, over at most one connection.
pub(super) struct Stamps {
    pg: Pg,
    runtime: Handle,
    uses: Mutex<Uses>,
}

impl Stamps {
    pub(super) fn new(pg: Pg, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            pg,
            runtime,
            uses: Mutex::default(),
        })
    }

    /// Records the use of a key. A task writes it, so this returns at once.
    pub(super) fn used(self: &Arc<Self>, key: &ApiKey, now: OffsetDateTime) {
        if self.uses().note(key.id, key.last_used, now) {
            let stamps = Arc::clone(self);
            self.runtime.spawn(async move { stamps.write().await });
        }
    }

    async fn write(&self) {
        while let Some((key, used)) = self.next() {
            let written = self.pg.call(move |mut session| async move {
                directory::stamp(&mut session, key, used).await
            });
            if let Err(fault) = written.await {
                tracing::warn!(%fault, "the use of API keys is not noted");
                self.uses().due.clear();
            }
        }
    }

    fn next(&self) -> Option<(Uuid, OffsetDateTime)> {
        let mut uses = self.uses();
        let next = uses.due.pop();
        uses.writing = next.is_some();
        next
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        // No code panics while it holds the lock, and a lost stamp does no harm.
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Uses {
    noted: HashMap<Uuid, OffsetDateTime>,
    due: Vec<(Uuid, OffsetDateTime)>,
    writing: bool,
}

impl Uses {
    /// Notes the use of a key. Returns whether the caller must start a writer.
    fn note(&mut self, key: Uuid, last_used: Option<OffsetDateTime>, now: OffsetDateTime) -> bool {
        let fresh = |used: OffsetDateTime| now - used < INTERVAL;
        if last_used.is_some_and(fresh) || self.noted.get(&key).copied().is_some_and(fresh) {
            return false;
        }
        if self.noted.len() >= MAX_KEYS {
            self.noted.retain(|_, used| fresh(*used));
        }
        if self.noted.len() >= MAX_KEYS || self.due.len() >= MAX_KEYS {
            return false;
        }
        self.noted.insert(key, now);
        self.due.push((key, now));
        !std::mem::replace(&mut self.writing, true)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-05-04 03:02:01 UTC);

    fn key(n: usize) -> Uuid {
        Uuid::from_u128(n as u128)
    }

    #[test]
    fn a_key_is_due_once_a_minute() {
        let mut uses = Uses::default();
        assert!(uses.note(key(1), None, NOW));
        assert!(!uses.note(key(2), None, NOW), "a writer is running already");
        for (at, due) in [(59, 2), (60, 3)] {
            uses.note(key(1), None, NOW + Duration::seconds(at));
            assert_eq!(uses.due.len(), due, "after {at} s");
        }
        let other_replica = NOW + Duration::seconds(30);
        uses.note(key(3), Some(other_replica), NOW + Duration::seconds(60));
        assert_eq!(uses.due.len(), 3, "another replica has stamped it");
    }

    #[test]
    fn at_most_max_keys_are_remembered_each_minute() {
        let mut uses = Uses::default();
        for n in 0..MAX_KEYS + 100 {
            uses.note(key(n), None, NOW);
        }
        assert_eq!((uses.noted.len(), uses.due.len()), (MAX_KEYS, MAX_KEYS));
        uses.due.clear();
        let later = NOW + INTERVAL;
        uses.note(key(MAX_KEYS + 1), None, later);
        assert_eq!((uses.noted.len(), uses.due.len()), (1, 1));
    }
}
