//! Candidates measured side by side, in turns of a fraction of a millisecond, so that whatever else
//! the machine does hits all of them alike. Ratios are taken within a round and their median is
//! shown: they hold on a noisy machine, absolute figures drift.
#![allow(dead_code, reason = "each bench uses its part of it")]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long a candidate runs in one round.
const TURN: Duration = Duration::from_micros(300);

/// Something to measure: runs itself so many times.
pub struct Candidate<'a> {
    pub name: &'static str,
    pub allocations: u64,
    run: Box<dyn FnMut(u32) + 'a>,
    clear: Box<dyn FnMut() + 'a>,
}

impl<'a> Candidate<'a> {
    pub fn new<T>(name: &'static str, mut work: impl FnMut() -> T + 'a) -> Self {
        // The first call may fill a cache.
        black_box(work());
        let allocations = counting::allocations_of(|| _ = black_box(work()));
        Self {
            name,
            allocations,
            run: Box::new(move |times| {
                for _ in 0..times {
                    black_box(work());
                }
            }),
            clear: Box::new(|| {}),
        }
    }

    /// What undoes the work of a turn; behind it, and not counted.
    pub fn clearing(mut self, clear: impl FnMut() + 'a) -> Self {
        self.clear = Box::new(clear);
        self
    }

    fn time(&mut self, times: u32) -> Duration {
        let start = Instant::now();
        (self.run)(times);
        let taken = start.elapsed();
        (self.clear)();
        taken
    }

    /// How many calls fill a turn.
    fn fitting(&mut self) -> u32 {
        let mut times = 1;
        while self.time(times) < TURN && times < 1 << 24 {
            times *= 2;
        }
        times
    }
}

/// What came of it: nanoseconds per call, by candidate and round.
pub struct Measured(Vec<Vec<f64>>);

pub fn side_by_side(candidates: &mut [Candidate<'_>], rounds: usize) -> Measured {
    let times: Vec<u32> = candidates.iter_mut().map(Candidate::fitting).collect();
    let mut measured = vec![Vec::with_capacity(rounds); candidates.len()];
    for _ in 0..rounds {
        for (position, candidate) in candidates.iter_mut().enumerate() {
            let taken = candidate.time(times[position]).as_nanos();
            #[expect(clippy::cast_precision_loss, reason = "a few microseconds' worth")]
            measured[position].push(taken as f64 / f64::from(times[position]));
        }
    }
    Measured(measured)
}

impl Measured {
    /// The median time of a candidate, in nanoseconds.
    pub fn nanos(&self, candidate: usize) -> f64 {
        median(self.0[candidate].clone())
    }

    /// How many times as long one takes as another: the median over the rounds.
    pub fn ratio(&self, candidate: usize, to: usize) -> f64 {
        let pairs = self.0[candidate].iter().zip(&self.0[to]);
        median(pairs.map(|(this, other)| this / other).collect())
    }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Whether a target is met, as the tables say it.
pub fn verdict(target: &str, met: bool) -> String {
    format!("{target}: {}", if met { "met" } else { "MISSED" })
}

/// Whether this is a measurement and not a listing or a test of the harness.
pub fn is_wanted() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}
