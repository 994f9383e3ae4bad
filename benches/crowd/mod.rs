//! Callers that call at once. As in `rounds`, what is compared is measured in turns, and medians over
//! the turns are shown; what a call needs is made before its turn, and what it leaves behind is cleared
//! away after it, neither of which counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;
use tower_asset_upload::AssetStore;
use tower_asset_upload::asset::Workspace;
use tower_asset_upload::purge::PurgeStore;

use self::call::{Call, Task};
use crate::SIZES;
use crate::filled::Filled;
use crate::rounds::median;

mod call;

/// How many call at once.
const CROWD: usize = 64;

/// How long a turn is at least, where `Call::most_in_a_turn` lets it.
const TURN: Duration = Duration::from_millis(40);
/// How many turns, if they fit into `PATIENCE`, with all that is made before and cleared away after.
const TURNS: usize = 60;
const LEAST_TURNS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(20);

const STORES: usize = SIZES.len();

/// Measures every call and prints it, as a line of a table for each number of callers.
pub async fn measure<Store>(name: &str, stores: &[Filled<Store>; STORES])
where
    Store: AssetStore + PurgeStore + Clone + 'static,
{
    println!(
        "\n| {name} | callers | calls per second with 10^3 | 10^4 | 10^5 | 10^6 \
         | times as long with 10^6 | p50, p99 in µs with 10^3 | with 10^6 |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for filled in stores {
        // Opens what connections there are.
        turn(filled, Call::Enter, CROWD, 4).await;
    }
    // The turns of the clean-up are so long that others would get few.
    let clean_up = [Call::Purge];
    for together in [&Call::OF_CALLERS[..], &clean_up] {
        let mut cases = Vec::new();
        for call in together {
            for callers in [1, CROWD] {
                cases.push(Case::new(stores, *call, callers).await);
            }
        }
        let start = Instant::now();
        for round in 0..TURNS {
            if round >= LEAST_TURNS && start.elapsed() > PATIENCE {
                break;
            }
            for case in &mut cases {
                case.take_turns(stores).await;
            }
        }
        cases.iter().for_each(Case::print);
    }
}

/// So many callers that make one call.
struct Case {
    call: Call,
    callers: usize,
    /// How many calls of each caller fill a turn, store by store.
    times: [usize; STORES],
    turns: [Vec<Turn>; STORES],
}

impl Case {
    async fn new<Store>(stores: &[Filled<Store>; STORES], call: Call, callers: usize) -> Self
    where
        Store: AssetStore + PurgeStore + Clone + 'static,
    {
        let mut times = [0; STORES];
        for (times, filled) in times.iter_mut().zip(stores) {
            *times = fitting(filled, call, callers).await;
        }
        let turns = Default::default();
        Self {
            call,
            callers,
            times,
            turns,
        }
    }

    async fn take_turns<Store>(&mut self, stores: &[Filled<Store>; STORES])
    where
        Store: AssetStore + PurgeStore + Clone + 'static,
    {
        for (at, filled) in stores.iter().enumerate() {
            let turn = turn(filled, self.call, self.callers, self.times[at]).await;
            self.turns[at].push(turn);
        }
    }

    fn print(&self) {
        let rates = self
            .turns
            .each_ref()
            .map(|turns| turns.iter().map(Turn::rate).collect::<Vec<_>>());
        let longer = rates[0].iter().zip(&rates[STORES - 1]);
        let longer = median(longer.map(|(few, many)| few / many).collect());
        println!(
            "| {} | {} | {} | {longer:.2} | {} | {} |",
            self.call.name(),
            self.callers,
            rates.map(|rates| grouped(median(rates))).join(" | "),
            percentiles(&self.turns[0]),
            percentiles(&self.turns[STORES - 1]),
        );
    }
}

/// How many calls of each caller fill a turn.
async fn fitting<Store>(filled: &Filled<Store>, call: Call, callers: usize) -> usize
where
    Store: AssetStore + PurgeStore + Clone + 'static,
{
    let mut times = 1;
    while 2 * times * callers <= call.most_in_a_turn() {
        // Of two, as the machine does other things, too.
        let [this, that] = [
            turn(filled, call, callers, times).await,
            turn(filled, call, callers, times).await,
        ];
        if this.taken.min(that.taken) >= TURN {
            break;
        }
        times *= 2;
    }
    times
}

struct Turn {
    /// From the first call's begin to the last one's end.
    taken: Duration,
    latencies: Vec<Duration>,
}

impl Turn {
    /// Calls per second.
    fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "some thousand")]
        let calls = self.latencies.len() as f64;
        calls / self.taken.as_secs_f64()
    }
}

async fn turn<Store>(filled: &Filled<Store>, call: Call, callers: usize, times: usize) -> Turn
where
    Store: AssetStore + PurgeStore + Clone + 'static,
{
    let tasks = call.prepare(filled, callers * times).await;
    let completed: Vec<_> = tasks.iter().filter_map(Task::completes).collect();
    let mut tasks = tasks.into_iter();
    let gate = Arc::new(Barrier::new(callers));
    let crowd: Vec<_> = (0..callers)
        .map(|_| {
            let (store, workspace) = (filled.store.clone(), filled.workspace.clone());
            let own = tasks.by_ref().take(times).collect();
            tokio::spawn(caller(store, workspace, own, Arc::clone(&gate)))
        })
        .collect();
    let (mut begin, mut end, mut latencies) = (None, None, Vec::new());
    for caller in crowd {
        let (from, to, own) = caller.await.unwrap();
        begin = begin.into_iter().chain([from]).min();
        end = end.into_iter().chain([to]).max();
        latencies.extend(own);
    }
    call.clear(filled, completed).await;
    Turn {
        taken: end.unwrap() - begin.unwrap(),
        latencies,
    }
}

/// Begins when all do; tells when it began and ended, and what each call took.
async fn caller<Store: AssetStore + PurgeStore>(
    store: Store,
    workspace: Workspace,
    tasks: Vec<Task>,
    gate: Arc<Barrier>,
) -> (Instant, Instant, Vec<Duration>) {
    let mut latencies = Vec::with_capacity(tasks.len());
    gate.wait().await;
    let begin = Instant::now();
    let mut last = begin;
    for (number, task) in tasks.into_iter().enumerate() {
        task.run(&store, &workspace).await;
        let now = Instant::now();
        latencies.push(now - last);
        last = now;
        // A store that never waits would leave the others waiting.
        if number % 16 == 15 {
            tokio::task::yield_now().await;
            last = Instant::now();
        }
    }
    (begin, last, latencies)
}

/// The median and the 99th percentile of the latencies, where there are enough of them.
fn percentiles(turns: &[Turn]) -> String {
    let all = turns.iter().flat_map(|turn| &turn.latencies);
    let mut sorted: Vec<_> = all.copied().collect();
    sorted.sort_unstable();
    let at = |hundredth: usize| {
        let micros = sorted[sorted.len() * hundredth / 100].as_secs_f64() * 1e6;
        if micros < 100.0 {
            format!("{micros:.1}")
        } else {
            grouped(micros)
        }
    };
    let last = if sorted.len() < 100 {
        "–".to_owned()
    } else {
        at(99)
    };
    format!("{}, {last}", at(50))
}

/// A whole number with its thousands apart.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
