//! The store's threads. SQLite blocks its thread, so it never runs on a thread of the host's runtime.

use std::convert::Infallible;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_channel::oneshot;
use futures_timer::Delay;
use rusqlite::Connection;

use super::fault::Fault;
use super::schema::explain;
use crate::ports::StoreError;

/// The most calls that share a commit. Each of them waits until the slowest one is done.
const MAX_BATCH: usize = 256;

/// How long dropping the last handle waits for the threads to end.
const CLOSING: Duration = Duration::from_secs(1);

/// Threads that serve one queue. Dropping this lets the threads finish, and waits for them for up to a
/// second.
pub(super) struct Workers {
    /// `None` only during the drop.
    queue: Option<SyncSender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
    /// Disconnected once every thread has ended.
    running: Mutex<Receiver<Infallible>>,
    limits: Limits,
}

/// The limits of a queue and of its calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most calls in the queue.
    pub(super) queue: NonZeroUsize,
    /// The time limit for a call, from the moment at which it is queued.
    pub(super) call_timeout: Duration,
}

impl Workers {
    /// Starts one thread for each connection. A free thread takes the next call.
    pub(super) fn of_readers(connections: Vec<Connection>, limits: Limits) -> Result<Self, Fault> {
        let (queue, jobs) = sync_channel(limits.queue.get());
        let jobs = Arc::new(Mutex::new(jobs));
        let (runs, running) = channel();
        let threads = connections.into_iter().map(|connection| {
            let (jobs, runs) = (Arc::clone(&jobs), runs.clone());
            spawn("asset-store-read", runs, move || read(&connection, &jobs))
        });
        Ok(Self {
            threads: threads.collect::<Result<_, _>>()?,
            queue: Some(queue),
            running: Mutex::new(running),
            limits,
        })
    }

    /// Starts a single thread. Calls that wait at the same time share one transaction, because each
    /// commit waits for a full sync of the disk.
    pub(super) fn of_writer(connection: Connection, limits: Limits) -> Result<Self, Fault> {
        let (queue, jobs) = sync_channel(limits.queue.get());
        let (runs, running) = channel();
        let thread = spawn("asset-store-write", runs, move || write(connection, &jobs))?;
        Ok(Self {
            threads: vec![thread],
            queue: Some(queue),
            running: Mutex::new(running),
            limits,
        })
    }

    /// Runs `work` on one of the threads.
    ///
    /// If the future is dropped or its time is over before `work` has begun, `work` is never run. Later,
    /// `work` runs to its end.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Call {
            work: Some(work),
            outcome: None,
            reply,
        });
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => StoreError::unavailable("the store's queue is full"),
            TrySendError::Disconnected(_) => ended(),
        })?;
        let (mut answer, mut end) = (answer, Delay::new(self.limits.call_timeout));
        poll_fn(|context| match Pin::new(&mut answer).poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer.unwrap_or_else(|_| Err(ended()))),
            Poll::Pending => Pin::new(&mut end).poll(context).map(|()| {
                let limit = self.limits.call_timeout;
                let late = format!("SQLite did not answer within {limit:?}");
                Err(StoreError::unavailable(late))
            }),
        })
        .await
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue = None;
        // A waker that one of these threads calls may drop the last handle. A thread can't wait for
        // itself.
        let own = thread::current().id();
        if self
            .threads
            .iter()
            .any(|thread| thread.thread().id() == own)
        {
            return;
        }
        let running = self
            .running
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Err(RecvTimeoutError::Timeout) = running.recv_timeout(CLOSING) {
            tracing::warn!("SQLite is still busy: it closes the file when it has finished");
            return;
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn ended() -> StoreError {
    StoreError::failed("the store's thread has ended")
}

/// Starts a thread that holds `runs` until it ends.
fn spawn(
    name: &str,
    runs: Sender<Infallible>,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, Fault> {
    let named = thread::Builder::new().name(name.to_owned());
    let body = move || {
        body();
        drop(runs);
    };
    named.spawn(body).map_err(Fault::Thread)
}

fn read(connection: &Connection, jobs: &Mutex<Receiver<Box<dyn Job>>>) {
    let next = || {
        let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.recv()
    };
    while let Ok(mut job) = next() {
        job.run(connection, Isolation::None);
        job.answer(Ok(()));
    }
}

fn write(connection: Connection, jobs: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = jobs.recv() {
        let others = jobs.try_iter().take(MAX_BATCH - 1);
        let mut batch: Vec<_> = std::iter::once(first).chain(others).collect();
        let committed = commit(&connection, &mut batch).map_err(Arc::new);
        for job in batch {
            job.answer(committed.as_ref().copied());
        }
    }
    // Copies the write-ahead log into the file, unless another process is using it. This doesn't wait.
    let _ = connection.busy_timeout(Duration::ZERO);
    let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    let _ = connection.close();
}

fn commit(connection: &Connection, batch: &mut [Box<dyn Job>]) -> Result<(), Fault> {
    // A transaction whose rollback failed must not stay open.
    if !connection.is_autocommit() {
        execute(connection, "ROLLBACK")?;
    }
    // With the write lock taken at the start, no statement of the batch can fail for the lock.
    execute(connection, "BEGIN IMMEDIATE")?;
    for job in batch {
        job.run(connection, Isolation::Savepoint);
        // Some errors, such as a full disk, roll the whole transaction back, with the changes of earlier
        // jobs.
        if connection.is_autocommit() {
            return Err(Fault::RolledBack);
        }
    }
    execute(connection, "COMMIT").inspect_err(|_| {
        if !connection.is_autocommit() {
            let _ = execute(connection, "ROLLBACK");
        }
    })
}

fn execute(connection: &Connection, sql: &str) -> Result<(), Fault> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

#[derive(Clone, Copy)]
enum Isolation {
    /// No transaction: each statement is its own.
    None,
    /// A savepoint: a call that fails rolls back its own changes, and no others.
    Savepoint,
}

/// Work for a thread, with the sender of its answer.
trait Job: Send {
    /// Runs the work, unless its caller has stopped waiting.
    fn run(&mut self, connection: &Connection, isolation: Isolation);

    /// Sends the answer. `committed` is the outcome of the transaction that the work was in.
    fn answer(self: Box<Self>, committed: Result<(), &Arc<Fault>>);
}

struct Call<T, W> {
    work: Option<W>,
    outcome: Option<Result<T, Fault>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, W> Job for Call<T, W>
where
    T: Send,
    W: FnOnce(&Connection) -> Result<T, Fault> + Send,
{
    fn run(&mut self, connection: &Connection, isolation: Isolation) {
        if self.reply.is_canceled() {
            return;
        }
        self.outcome = self.work.take().map(|work| match isolation {
            Isolation::None => caught(connection, work),
            Isolation::Savepoint => saved(connection, work),
        });
    }

    fn answer(self: Box<Self>, committed: Result<(), &Arc<Fault>>) {
        let answer = match (self.outcome, committed) {
            (Some(Err(own)), _) => Err(own.into()),
            (_, Err(fault)) => Err(fault.into()),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => return,
        };
        let _ = self.reply.send(answer);
    }
}

fn saved<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    execute(connection, "SAVEPOINT call")?;
    let outcome = caught(connection, work);
    let undone = match &outcome {
        Ok(_) => Ok(()),
        Err(_) if connection.is_autocommit() => return outcome,
        Err(_) => execute(connection, "ROLLBACK TO call"),
    };
    let closed = undone.and_then(|()| execute(connection, "RELEASE call"));
    if let Err(fault) = closed {
        // Half a call must not be committed, so the whole transaction is rolled back.
        let _ = execute(connection, "ROLLBACK");
        return outcome.and(Err(fault));
    }
    outcome
}

/// Runs `work`. A panic becomes this call's error, so the thread goes on.
fn caught<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let outcome = catch_unwind(AssertUnwindSafe(|| work(connection)));
    let outcome = outcome.unwrap_or(Err(Fault::Panicked));
    outcome.map_err(|fault| explain(connection, fault))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::Context;

    use super::*;

    fn wait<T>(call: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(call)
    }

    fn table() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE t (n INTEGER NOT NULL)")
            .unwrap();
        connection
    }

    fn limits(queue: usize) -> Limits {
        Limits {
            queue: NonZeroUsize::new(queue).unwrap(),
            call_timeout: Duration::from_mins(1),
        }
    }

    fn add(n: i64) -> impl FnOnce(&Connection) -> Result<(), Fault> + Send + 'static {
        move |connection| {
            connection.execute("INSERT INTO t VALUES (?1)", [n])?;
            Ok(())
        }
    }

    fn sum(workers: &Workers) -> i64 {
        let sum = |connection: &Connection| {
            Ok(connection.query_row("SELECT total(n) FROM t", [], |row| row.get::<_, f64>(0))?)
        };
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        let sum = wait(workers.call(sum)).unwrap() as i64;
        sum
    }

    /// Keeps the single thread busy until the sender is dropped.
    fn block(
        workers: &Workers,
    ) -> (
        mpsc::Sender<()>,
        impl Future<Output = Result<(), StoreError>>,
    ) {
        let (release, released) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel::<()>();
        let mut call = Box::pin(workers.call(move |_| {
            let _ = begun.send(());
            let _ = released.recv();
            Ok(())
        }));
        poll(&mut call);
        begins.recv().unwrap();
        (release, call)
    }

    fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) {
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(pin!(future).poll(&mut context).is_pending());
    }

    #[test]
    fn a_call_that_fails_or_panics_rolls_back_only_its_own_work() {
        let workers = Workers::of_writer(table(), limits(16)).unwrap();
        let (release, blocked) = block(&workers);
        let mut good = Box::pin(workers.call(add(1)));
        let mut bad = Box::pin(workers.call(|connection| {
            add(10)(connection)?;
            Err::<(), _>(Fault::Row("n"))
        }));
        let mut worse = Box::pin(workers.call(|connection| {
            add(100)(connection)?;
            panic!("on purpose") as Result<(), _>
        }));
        let mut last = Box::pin(workers.call(add(2)));
        poll(&mut good);
        poll(&mut bad);
        poll(&mut worse);
        poll(&mut last);
        drop(release);
        wait(blocked).unwrap();
        wait(good).unwrap();
        assert!(matches!(wait(bad), Err(StoreError::Failed(_))));
        assert!(matches!(wait(worse), Err(StoreError::Failed(_))));
        wait(last).unwrap();
        assert_eq!(sum(&workers), 3);
    }

    #[test]
    fn when_the_commit_fails_so_does_every_call_of_the_batch() {
        let connection = table();
        connection
            .execute_batch(
                "PRAGMA foreign_keys = ON; CREATE TABLE parent (n INTEGER PRIMARY KEY); \
                 CREATE TABLE child (n REFERENCES parent (n) DEFERRABLE INITIALLY DEFERRED)",
            )
            .unwrap();
        let workers = Workers::of_writer(connection, limits(16)).unwrap();
        let (release, blocked) = block(&workers);
        let mut good = Box::pin(workers.call(add(1)));
        let mut orphan = Box::pin(workers.call(|connection| {
            connection.execute("INSERT INTO child VALUES (7)", [])?;
            Ok(())
        }));
        poll(&mut good);
        poll(&mut orphan);
        drop(release);
        wait(blocked).unwrap();
        assert!(wait(good).is_err());
        assert!(wait(orphan).is_err());
        assert_eq!(sum(&workers), 0);
        wait(workers.call(add(5))).unwrap();
        assert_eq!(sum(&workers), 5);
    }

    #[test]
    fn when_the_transaction_ends_early_all_its_calls_fail() {
        let workers = Workers::of_writer(table(), limits(16)).unwrap();
        let (release, blocked) = block(&workers);
        let mut good = Box::pin(workers.call(add(1)));
        let mut ending = Box::pin(workers.call(|connection| {
            connection.execute_batch("ROLLBACK")?;
            Err::<(), _>(Fault::RolledBack)
        }));
        poll(&mut good);
        poll(&mut ending);
        drop(release);
        wait(blocked).unwrap();
        assert!(matches!(wait(good), Err(StoreError::Unavailable(_))));
        assert!(matches!(wait(ending), Err(StoreError::Unavailable(_))));
        assert_eq!(sum(&workers), 0);
    }

    #[test]
    fn a_full_disk_is_unavailable_and_passes() {
        let connection = table();
        let full = |yes: bool| {
            let pages = if yes { 1 } else { 1_000_000 };
            move |connection: &Connection| {
                let limit = format!("PRAGMA max_page_count = {pages}");
                Ok(connection.query_row(&limit, [], |_| Ok(()))?)
            }
        };
        let many = |connection: &Connection| {
            let sql = "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n LIMIT 50000) \
                       INSERT INTO t SELECT 0 FROM n";
            connection.execute(sql, [])?;
            Ok(())
        };
        let workers = Workers::of_writer(connection, limits(16)).unwrap();
        wait(workers.call(full(true))).unwrap();
        assert!(matches!(
            wait(workers.call(many)),
            Err(StoreError::Unavailable(_))
        ));
        wait(workers.call(full(false))).unwrap();
        wait(workers.call(many)).unwrap();
        wait(workers.call(add(1))).unwrap();
        assert_eq!(sum(&workers), 1);
    }

    #[test]
    fn work_whose_caller_has_left_is_not_begun() {
        let workers = Workers::of_writer(table(), limits(16)).unwrap();
        let (release, blocked) = block(&workers);
        let mut dropped = Box::pin(workers.call(add(1)));
        poll(&mut dropped);
        drop(dropped);
        drop(release);
        wait(blocked).unwrap();
        assert_eq!(sum(&workers), 0);
    }

    #[test]
    fn a_full_queue_is_unavailable() {
        let workers = Workers::of_writer(table(), limits(1)).unwrap();
        let (release, blocked) = block(&workers);
        let mut queued = Box::pin(workers.call(add(1)));
        poll(&mut queued);
        assert!(matches!(
            wait(workers.call(add(2))),
            Err(StoreError::Unavailable(_))
        ));
        drop(release);
        wait(blocked).unwrap();
        wait(queued).unwrap();
    }

    #[test]
    fn a_call_times_out_even_while_sqlite_is_busy() {
        let short = Limits {
            call_timeout: Duration::from_millis(20),
            ..limits(16)
        };
        let workers = Workers::of_writer(table(), short).unwrap();
        let (release, blocked) = block(&workers);
        // One call is running and one is waiting. Neither can be answered before `release`.
        for late in [wait(blocked), wait(workers.call(add(1)))] {
            let Err(StoreError::Unavailable(cause)) = late else {
                panic!("{late:?}");
            };
            assert!(cause.to_string().contains("within 20ms"), "{cause}");
        }
        drop(release);
        assert_eq!(
            sum(&workers),
            0,
            "a call that times out in the queue changes nothing"
        );
    }

    #[test]
    fn dropping_the_last_handle_waits_only_briefly() {
        for workers in [
            Workers::of_writer(table(), limits(16)).unwrap(),
            Workers::of_readers(vec![table()], limits(16)).unwrap(),
        ] {
            let (release, blocked) = block(&workers);
            std::mem::forget(blocked);
            let (dropped, ended) = mpsc::channel();
            thread::spawn(move || {
                drop(workers);
                let _ = dropped.send(());
            });
            // The thread goes on until `release` is dropped, which happens later.
            let ended = ended.recv_timeout(Duration::from_mins(1));
            ended.expect("the drop waits for a thread that is busy");
            drop(release);
        }
    }

    #[test]
    fn a_reader_survives_a_panic() {
        let workers = Workers::of_readers(vec![table()], limits(1)).unwrap();
        let panics = |_: &Connection| -> Result<(), Fault> { panic!("on purpose") };
        assert!(wait(workers.call(panics)).is_err());
        assert_eq!(sum(&workers), 0);
    }

    #[test]
    fn a_worker_thread_may_drop_the_last_handle() {
        let workers = Workers::of_writer(table(), limits(1)).unwrap();
        let (release, _) = block(&workers);
        let (moved, arrives) = mpsc::channel::<Workers>();
        let mut call = Box::pin(workers.call(move |_| {
            drop(arrives.recv());
            Ok(())
        }));
        poll(&mut call);
        std::mem::forget(call);
        drop(release);
        moved.send(workers).unwrap();
    }
}
