//! The threads that talk to SQLite, so that no runtime of the host's is ever blocked.

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

/// The most calls that share a commit. All of them wait for the slowest.
const MAX_BATCH: usize = 256;

/// How long the drop of the last handle waits for the threads to end.
const CLOSING: Duration = Duration::from_secs(1);

/// Threads that serve one queue. Dropping it lets them finish, and waits for that, but not for long.
pub(super) struct Workers {
    /// `None` only while it is being dropped.
    queue: Option<SyncSender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
    /// Disconnected once every thread has ended.
    running: Mutex<Receiver<Infallible>>,
    limits: Limits,
}

/// How much a crew takes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Calls in the queue.
    pub(super) queue: NonZeroUsize,
    /// For a call, from the moment it is queued.
    pub(super) call_timeout: Duration,
}

impl Workers {
    /// One thread for each connection; a call goes to whichever is free.
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

    /// A single thread, in which the calls that wait at one time share a transaction: with a full
    /// sync for each commit, that is what makes many callers fast.
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

    /// Has `work` done in one of the threads.
    ///
    /// A future that is dropped, or runs out of time, before its work was begun has changed nothing;
    /// later, the work is done to the end.
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
            TrySendError::Full(_) => StoreError::unavailable("the queue of the store is full"),
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
        // A waker that a thread of the crew calls may drop the last handle; it can't wait for itself.
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
            tracing::warn!("SQLite is still busy: the file is closed when it has finished");
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

/// A thread that holds `runs` until it ends.
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
    // The log goes back into the file, unless another process has it in use: nobody waits for that.
    let _ = connection.busy_timeout(Duration::ZERO);
    let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    let _ = connection.close();
}

fn commit(connection: &Connection, batch: &mut [Box<dyn Job>]) -> Result<(), Fault> {
    // A transaction that could not even be rolled back must not stay open for ever.
    if !connection.is_autocommit() {
        execute(connection, "ROLLBACK")?;
    }
    // Taking the write lock at once means that no statement of the batch can find it taken.
    execute(connection, "BEGIN IMMEDIATE")?;
    for job in batch {
        job.run(connection, Isolation::Savepoint);
        // A full disk, for one, ends the transaction, and with it what the jobs before have done.
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
    /// A statement stands alone.
    None,
    /// What fails takes back what it did, and nothing that others did.
    Savepoint,
}

/// Work for a thread, and who waits for it.
trait Job: Send {
    /// Does the work, unless nobody waits for it any more.
    fn run(&mut self, connection: &Connection, isolation: Isolation);

    /// Tells how it went, once what was done is on the disk or is known not to be.
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
        // Half a call must not be committed with the others: better none of them.
        let _ = execute(connection, "ROLLBACK");
        return outcome.and(Err(fault));
    }
    outcome
}

/// A panic is this call's failure and nobody else's.
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

    fn sum(crew: &Workers) -> i64 {
        let sum = |connection: &Connection| {
            Ok(connection.query_row("SELECT total(n) FROM t", [], |row| row.get::<_, f64>(0))?)
        };
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        let sum = wait(crew.call(sum)).unwrap() as i64;
        sum
    }

    /// Keeps the crew's one thread busy until the sender is dropped.
    fn block(
        crew: &Workers,
    ) -> (
        mpsc::Sender<()>,
        impl Future<Output = Result<(), StoreError>>,
    ) {
        let (release, released) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel::<()>();
        let mut call = Box::pin(crew.call(move |_| {
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
    fn a_call_that_fails_or_panics_takes_back_its_own_work_only() {
        let crew = Workers::of_writer(table(), limits(16)).unwrap();
        let (release, blocked) = block(&crew);
        let mut good = Box::pin(crew.call(add(1)));
        let mut bad = Box::pin(crew.call(|connection| {
            add(10)(connection)?;
            Err::<(), _>(Fault::Row("n"))
        }));
        let mut worse = Box::pin(crew.call(|connection| {
            add(100)(connection)?;
            panic!("on purpose") as Result<(), _>
        }));
        let mut last = Box::pin(crew.call(add(2)));
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
        assert_eq!(sum(&crew), 3);
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
        let crew = Workers::of_writer(connection, limits(16)).unwrap();
        let (release, blocked) = block(&crew);
        let mut good = Box::pin(crew.call(add(1)));
        let mut orphan = Box::pin(crew.call(|connection| {
            connection.execute("INSERT INTO child VALUES (7)", [])?;
            Ok(())
        }));
        poll(&mut good);
        poll(&mut orphan);
        drop(release);
        wait(blocked).unwrap();
        assert!(wait(good).is_err());
        assert!(wait(orphan).is_err());
        assert_eq!(sum(&crew), 0);
        wait(crew.call(add(5))).unwrap();
        assert_eq!(sum(&crew), 5);
    }

    #[test]
    fn when_the_transaction_ends_early_nothing_of_it_is_answered_as_done() {
        let crew = Workers::of_writer(table(), limits(16)).unwrap();
        let (release, blocked) = block(&crew);
        let mut good = Box::pin(crew.call(add(1)));
        let mut ending = Box::pin(crew.call(|connection| {
            connection.execute_batch("ROLLBACK")?;
            Err::<(), _>(Fault::RolledBack)
        }));
        poll(&mut good);
        poll(&mut ending);
        drop(release);
        wait(blocked).unwrap();
        assert!(matches!(wait(good), Err(StoreError::Unavailable(_))));
        assert!(matches!(wait(ending), Err(StoreError::Unavailable(_))));
        assert_eq!(sum(&crew), 0);
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
        let crew = Workers::of_writer(connection, limits(16)).unwrap();
        wait(crew.call(full(true))).unwrap();
        assert!(matches!(
            wait(crew.call(many)),
            Err(StoreError::Unavailable(_))
        ));
        wait(crew.call(full(false))).unwrap();
        wait(crew.call(many)).unwrap();
        wait(crew.call(add(1))).unwrap();
        assert_eq!(sum(&crew), 1);
    }

    #[test]
    fn work_that_nobody_waits_for_is_not_begun() {
        let crew = Workers::of_writer(table(), limits(16)).unwrap();
        let (release, blocked) = block(&crew);
        let mut dropped = Box::pin(crew.call(add(1)));
        poll(&mut dropped);
        drop(dropped);
        drop(release);
        wait(blocked).unwrap();
        assert_eq!(sum(&crew), 0);
    }

    #[test]
    fn a_full_queue_is_unavailable() {
        let crew = Workers::of_writer(table(), limits(1)).unwrap();
        let (release, blocked) = block(&crew);
        let mut queued = Box::pin(crew.call(add(1)));
        poll(&mut queued);
        assert!(matches!(
            wait(crew.call(add(2))),
            Err(StoreError::Unavailable(_))
        ));
        drop(release);
        wait(blocked).unwrap();
        wait(queued).unwrap();
    }

    #[test]
    fn a_call_is_answered_in_time_whatever_sqlite_does() {
        let hasty = Limits {
            call_timeout: Duration::from_millis(20),
            ..limits(16)
        };
        let crew = Workers::of_writer(table(), hasty).unwrap();
        let (release, blocked) = block(&crew);
        // One is being done and one is waiting; neither can be answered before `release`.
        for late in [wait(blocked), wait(crew.call(add(1)))] {
            let Err(StoreError::Unavailable(cause)) = late else {
                panic!("{late:?}");
            };
            assert!(cause.to_string().contains("within 20ms"), "{cause}");
        }
        drop(release);
        assert_eq!(sum(&crew), 0, "what was not begun in time is not done");
    }

    #[test]
    fn dropping_the_last_handle_does_not_wait_for_ever() {
        for crew in [
            Workers::of_writer(table(), limits(16)).unwrap(),
            Workers::of_readers(vec![table()], limits(16)).unwrap(),
        ] {
            let (release, blocked) = block(&crew);
            std::mem::forget(blocked);
            let (dropped, ended) = mpsc::channel();
            thread::spawn(move || {
                drop(crew);
                let _ = dropped.send(());
            });
            // Its thread goes on until `release` is dropped, which is later.
            let ended = ended.recv_timeout(Duration::from_mins(1));
            ended.expect("the drop waits for a thread that is busy");
            drop(release);
        }
    }

    #[test]
    fn a_reader_survives_a_panic() {
        let crew = Workers::of_readers(vec![table()], limits(1)).unwrap();
        let panics = |_: &Connection| -> Result<(), Fault> { panic!("on purpose") };
        assert!(wait(crew.call(panics)).is_err());
        assert_eq!(sum(&crew), 0);
    }

    #[test]
    fn the_last_handle_may_go_in_a_thread_of_the_crew() {
        let crew = Workers::of_writer(table(), limits(1)).unwrap();
        let (release, _) = block(&crew);
        let (moved, arrives) = mpsc::channel::<Workers>();
        let mut call = Box::pin(crew.call(move |_| {
            drop(arrives.recv());
            Ok(())
        }));
        poll(&mut call);
        std::mem::forget(call);
        drop(release);
        moved.send(crew).unwrap();
    }
}
