//! The state of each quota, in a cache of bounded size.

use std::convert::Infallible;
use std::fmt;
use std::hash::RandomState;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use governor::clock;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::key::RateKey;
use crate::asset::Clock;

type States = Cache<RateKey, Arc<InMemoryState>, UnitWeighter, RandomState>;

/// Holds, for each key, the moment at which its quota is full again; governor calls it the
/// theoretical arrival time. A key without an entry has its whole quota.
///
/// The cache drops keys that were seen once before keys that were seen often, so a flood of new
/// keys mostly drops itself. The hash is randomly seeded, so nobody can choose keys that collide.
#[derive(Clone)]
pub(super) struct Quotas {
    states: Arc<States>,
    clock: EpochClock,
    period: Duration,
}

impl Quotas {
    pub(super) fn new(capacity: NonZeroUsize, clock: EpochClock, period: Duration) -> Self {
        let capacity = capacity.get();
        let states = Cache::with(
            capacity,
            capacity as u64,
            UnitWeighter,
            RandomState::new(),
            DefaultLifecycle::default(),
        );
        Self {
            states: Arc::new(states),
            clock,
            period,
        }
    }

    /// Returns when the key's quota is full again. `None` if it is full.
    pub(super) fn full_at(&self, key: &RateKey) -> Option<Nanos> {
        let state = self.states.peek(key)?;
        // Returns an error from the closure: governor's way to read a state without changing it.
        let look = |full_at| Err::<((), Nanos), _>(full_at);
        state.measure_and_replace(&NotKeyed::NonKey, look).err()?
    }

    pub(super) fn len(&self) -> usize {
        self.states.len()
    }
}

impl StateStore for Quotas {
    type Key = RateKey;

    fn measure_and_replace<T, F, E>(&self, key: &RateKey, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let new = || Ok::<_, Infallible>(Arc::default());
        let Ok(state) = self.states.get_or_insert_with(key, new);
        state.measure_and_replace(&NotKeyed::NonKey, |full_at| {
            decide(full_at).or_else(|refused| {
                // A quota never takes longer than the period to refill. A later moment means that
                // the clock was set back, and would lock the key out until the clock has caught up.
                let latest = clock::Clock::now(&self.clock) + self.period;
                match full_at {
                    Some(full_at) if full_at > latest => decide(None),
                    _ => Err(refused),
                }
            })
        })
    }
}

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quotas")
            .field("len", &self.len())
            .field("capacity", &self.states.capacity())
            .finish_non_exhaustive()
    }
}

/// The crate's clock in governor's form: nanoseconds since 1970.
///
/// Reads zero until [`set`](Self::set). Governor counts from the clock's first reading and treats
/// earlier times as that moment; a first reading of zero rules earlier times out.
#[derive(Clone, Debug, Default)]
pub(super) struct EpochClock(Arc<OnceLock<Arc<dyn Clock>>>);

impl EpochClock {
    /// Sets the clock. Further calls have no effect.
    pub(super) fn set(&self, clock: Arc<dyn Clock>) {
        let _ = self.0.set(clock);
    }
}

impl clock::Clock for EpochClock {
    type Instant = Nanos;

    /// Clamped to the years 1970 to 2262, so that adding the longest period can't overflow.
    fn now(&self) -> Nanos {
        let nanos = self
            .0
            .get()
            .map_or(0, |clock| clock.now().unix_timestamp_nanos());
        let nanos = i64::try_from(nanos.max(0)).unwrap_or(i64::MAX);
        nanos.unsigned_abs().into()
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use time::macros::datetime;

    use super::*;
    use crate::asset::FixedClock;

    fn reading(at: OffsetDateTime) -> u64 {
        let clock = EpochClock::default();
        clock.set(Arc::new(FixedClock(at)));
        clock::Clock::now(&clock).as_u64()
    }

    #[test]
    fn times_out_of_range_are_clamped() {
        assert_eq!(clock::Clock::now(&EpochClock::default()).as_u64(), 0);
        assert_eq!(reading(datetime!(1969-12-31 0:00 UTC)), 0);
        assert_eq!(
            reading(datetime!(2026-05-19 10:11:12.5 UTC)),
            1_779_185_472_500_000_000
        );
        assert_eq!(reading(datetime!(9999-12-31 0:00 UTC)), i64::MAX as u64);
    }
}
