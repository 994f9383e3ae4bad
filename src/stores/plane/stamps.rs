//! When keys were used last, written behind the callers' backs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::{Duration, OffsetDateTime};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::directory::{self, ApiKey};
use crate::stores::pg::Pg;

/// A key's stamp may be that old.
const EVERY: Duration = Duration::MINUTE;

/// So many keys are remembered. Those that come on top in the same minute stay without their stamp.
const MOST: usize = 4096;

/// Stamps keys, one after the other over one connection at most.
pub(super) struct Stamps {
    pg: Pg,
    runtime: Handle,
    book: Mutex<Book>,
}

impl Stamps {
    pub(super) fn new(pg: Pg, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            pg,
            runtime,
            book: Mutex::default(),
        })
    }

    /// Sees to it that the key's use is noted, and waits for nothing.
    pub(super) fn used(self: &Arc<Self>, key: &ApiKey, now: OffsetDateTime) {
        if self.book().note(key.id, key.last_used, now) {
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
                self.book().due.clear();
            }
        }
    }

    fn next(&self) -> Option<(Uuid, OffsetDateTime)> {
        let mut book = self.book();
        let next = book.due.pop();
        book.writing = next.is_some();
        next
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing panics while it is held; and a stamp that is lost is no harm.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Book {
    noted: HashMap<Uuid, OffsetDateTime>,
    due: Vec<(Uuid, OffsetDateTime)>,
    writing: bool,
}

impl Book {
    /// Whether somebody has to start writing.
    fn note(&mut self, key: Uuid, last_used: Option<OffsetDateTime>, now: OffsetDateTime) -> bool {
        let fresh = |used: OffsetDateTime| now - used < EVERY;
        if last_used.is_some_and(fresh) || self.noted.get(&key).copied().is_some_and(fresh) {
            return false;
        }
        if self.noted.len() >= MOST {
            self.noted.retain(|_, used| fresh(*used));
        }
        if self.noted.len() >= MOST || self.due.len() >= MOST {
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
        let mut book = Book::default();
        assert!(book.note(key(1), None, NOW));
        assert!(!book.note(key(2), None, NOW), "one writes already");
        for (at, due) in [(59, 2), (60, 3)] {
            book.note(key(1), None, NOW + Duration::seconds(at));
            assert_eq!(book.due.len(), due, "after {at} s");
        }
        let other_replica = NOW + Duration::seconds(30);
        book.note(key(3), Some(other_replica), NOW + Duration::seconds(60));
        assert_eq!(book.due.len(), 3, "another replica has stamped it");
    }

    #[test]
    fn memory_is_bounded_and_free_again_after_a_minute() {
        let mut book = Book::default();
        for n in 0..MOST + 100 {
            book.note(key(n), None, NOW);
        }
        assert_eq!((book.noted.len(), book.due.len()), (MOST, MOST));
        book.due.clear();
        let later = NOW + EVERY;
        book.note(key(MOST + 1), None, later);
        assert_eq!((book.noted.len(), book.due.len()), (1, 1));
    }
}
