//! Many callers at the same moment.

use std::sync::Arc;

use tokio::sync::Barrier;

use super::runner::panicked;
use super::verdict::Broken;

/// How many callers "at once" are: more than a pool has connections.
pub(super) const CALLERS: usize = 64;

/// How often they try. A race that is lost one time in three is missed one time in some thousand.
pub(super) const ROUNDS: usize = 6;

/// Starts all calls at one moment, each in a task of its own, and gives what they answered in their
/// order.
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
                // The last one to arrive goes on at once; it shall be no further than the others.
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
