//! Runs many calls at the same moment.

use std::sync::Arc;

use tokio::sync::Barrier;

use super::runner::panicked;
use super::verdict::Broken;

/// The number of concurrent callers: more than a pool has connections.
pub(super) const CALLERS: usize = 64;

/// How often a race is repeated. A store that passes one round in three passes all six about once
/// in 700 runs.
pub(super) const ROUNDS: usize = 6;

/// Starts all calls at one moment, each in its own task. Returns their results in the order of the
/// calls.
pub(super) async fn together<T, Call>(
    calls: usize,
    call: impl Fn(usize) -> Call,
) -> Result<Vec<T>, Broken>
where
    T: Send + 'static,
    Call: Future<Output = Result<T, Broken>> + Send + 'static,
{
    let start = Arc::new(Barrier::new(calls));
    let tasks: Vec<_> = (0..calls)
        .map(|n| {
            let (start, call) = (Arc::clone(&start), call(n));
            tokio::spawn(async move {
                start.wait().await;
                // Otherwise the task that arrives last would start before the others.
                tokio::task::yield_now().await;
                call.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(calls);
    for task in tasks {
        answers.push(task.await.map_err(panicked)??);
    }
    Ok(answers)
}
