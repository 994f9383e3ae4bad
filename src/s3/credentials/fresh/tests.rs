use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use async_trait::async_trait;
use proptest::prelude::*;
use time::macros::datetime;
use tokio::sync::oneshot;

use super::*;
use crate::sigv4::Region;

fn bucket() -> S3Bucket {
    S3Bucket::aws("uploads", Region::us_east_1()).unwrap()
}

const START: OffsetDateTime = datetime!(2026-05-19 10:00 UTC);

/// Returns the given results in order, and then errors.
struct Script(Mutex<Vec<Result<Credentials, &'static str>>>);

#[async_trait]
impl ProvideCredentials for Script {
    async fn provide_credentials(&self) -> Result<Credentials, Unavailable> {
        let mut script = self.0.lock().unwrap();
        let next = if script.is_empty() {
            Err("the script has ended")
        } else {
            script.remove(0)
        };
        next.map_err(Unavailable::new)
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a line of a script, beside failures"
)]
fn until(id: &str, minutes: i64) -> Result<Credentials, &'static str> {
    Ok(Credentials::new(id, "s")
        .unwrap()
        .expiring_at(START + Duration::minutes(minutes)))
}

async fn fresh(script: Vec<Result<Credentials, &'static str>>) -> FreshSigner {
    let provider = Arc::new(Script(Mutex::new(script)));
    FreshSigner::provided(&bucket(), provider).await.unwrap()
}

async fn id(signer: &FreshSigner, seconds: i64) -> Option<String> {
    let now = START + Duration::seconds(seconds);
    signer
        .at(now)
        .await
        .ok()
        .map(|signer| signer.credentials().access_key_id().to_owned())
}

#[tokio::test]
async fn credentials_are_replaced_before_they_expire() {
    let signer = fresh(vec![until("A", 60), until("B", 120)]).await;
    assert_eq!(id(&signer, 0).await.as_deref(), Some("A"));
    assert_eq!(id(&signer, 54 * 60).await.as_deref(), Some("A"));
    assert_eq!(id(&signer, 55 * 60).await.as_deref(), Some("B"));
    assert_eq!(id(&signer, 100 * 60).await.as_deref(), Some("B"));
}

#[tokio::test]
async fn a_failed_provider_is_asked_again_after_a_pause() {
    let signer = fresh(vec![until("A", 60), Err("down"), until("B", 120)]).await;
    assert_eq!(id(&signer, 56 * 60).await.as_deref(), Some("A"));
    assert_eq!(
        id(&signer, 56 * 60 + 9).await.as_deref(),
        Some("A"),
        "not asked again yet"
    );
    assert_eq!(id(&signer, 56 * 60 + 10).await.as_deref(), Some("B"));
}

#[tokio::test]
async fn nothing_is_signed_with_expired_credentials() {
    let signer = fresh(vec![
        until("A", 1),
        Err("down"),
        until("A", 1),
        until("B", 60),
    ])
    .await;
    assert_eq!(id(&signer, 60).await, None);
    assert_eq!(
        id(&signer, 70).await,
        None,
        "the provider's credentials have expired, too"
    );
    assert_eq!(id(&signer, 80).await.as_deref(), Some("B"));
}

#[tokio::test]
async fn a_clock_that_was_ahead_does_not_stop_refreshes() {
    for ahead in [3600, 365 * 24 * 3600] {
        let signer = fresh(vec![until("A", 60), Err("down"), until("B", 120)]).await;
        assert_eq!(
            id(&signer, 56 * 60 + ahead).await,
            None,
            "the credentials have expired"
        );
        assert_eq!(
            id(&signer, 56 * 60).await.as_deref(),
            Some("B"),
            "the clock is right again"
        );
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_delays_by_one_pause() {
    let signer = fresh(vec![until("A", 60), Err("down"), until("B", 120)]).await;
    assert_eq!(id(&signer, 57 * 60).await.as_deref(), Some("A"));
    assert_eq!(id(&signer, 57 * 60 - 9).await.as_deref(), Some("A"));
    assert_eq!(id(&signer, 57 * 60 - 10).await.as_deref(), Some("B"));
}

/// Returns the expiry of a signed URL, in seconds from the start.
async fn form_ends(signer: &FreshSigner, seconds: i64) -> Option<i64> {
    use crate::sigv4::{Method, Presign};

    let now = START + Duration::seconds(seconds);
    let request = Presign::new(Method::Get, "https://b.example", "/", "k");
    let url = signer.at(now).await.ok()?.presign_at(&request, now).ok()?;
    Some((url.expires_at() - START).whole_seconds())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a line of a script, beside failures"
)]
fn token(id: &str) -> Result<Credentials, &'static str> {
    Ok(Credentials::new(id, "s")
        .and_then(|credentials| credentials.with_session_token("t"))
        .unwrap())
}

#[tokio::test]
async fn tokens_without_an_expiry_are_read_again_and_limit_signatures() {
    // The system clock differs from the test's, so the first request reads the token again.
    let signer = fresh(vec![token("0"), token("A"), token("B")]).await;
    assert_eq!(id(&signer, 0).await.as_deref(), Some("A"));
    assert_eq!(form_ends(&signer, 0).await, Some(600));
    assert_eq!(form_ends(&signer, 299).await, Some(600));
    assert_eq!(id(&signer, 299).await.as_deref(), Some("A"));
    assert_eq!(id(&signer, 300).await.as_deref(), Some("B"));
    assert_eq!(form_ends(&signer, 300).await, Some(900));
    // The provider fails from now on.
    assert_eq!(form_ends(&signer, 899).await, Some(900));
    assert_eq!(id(&signer, 900).await, None);

    let signer = fresh(vec![token("0"), token("A"), token("B"), token("C")]).await;
    assert_eq!(id(&signer, 1_000_000).await.as_deref(), Some("A"));
    assert_eq!(
        id(&signer, 0).await.as_deref(),
        Some("B"),
        "A was read while the clock was ahead"
    );
    assert_eq!(form_ends(&signer, 0).await, Some(600));
}

#[tokio::test]
async fn long_lived_credentials_are_read_once() {
    let lasting = Credentials::new("A", "s").unwrap();
    let signer = fresh(vec![Ok(lasting), until("B", 60)]).await;
    for seconds in [0, 1_000_000, -1_000_000] {
        assert_eq!(id(&signer, seconds).await.as_deref(), Some("A"));
        let hour = seconds + 3600;
        assert_eq!(form_ends(&signer, seconds).await, Some(hour));
    }
}

// ---------------------------------------------------------------- Concurrent and dropped requests

type Reply = Result<Credentials, &'static str>;

/// A provider that answers when the test calls `reply`.
#[derive(Default)]
struct ManualProvider {
    calls: Mutex<Vec<oneshot::Sender<Reply>>>,
    asked: AtomicUsize,
}

impl ManualProvider {
    /// Returns the number of questions that are not answered or abandoned yet.
    fn open(&self) -> usize {
        let mut calls = self.calls.lock().unwrap();
        calls.retain(|call| !call.is_closed());
        calls.len()
    }

    /// Answers the oldest open question. Returns `false` if there is none.
    fn reply(&self, reply: Reply) -> bool {
        let open = self.open() > 0;
        if open {
            let call = self.calls.lock().unwrap().remove(0);
            call.send(reply).unwrap();
        }
        open
    }
}

#[async_trait]
impl ProvideCredentials for ManualProvider {
    async fn provide_credentials(&self) -> Result<Credentials, Unavailable> {
        let (call, reply) = oneshot::channel();
        self.calls.lock().unwrap().push(call);
        self.asked.fetch_add(1, Ordering::SeqCst);
        match reply.await.unwrap() {
            Err("panic") => panic!("the test asked for a panic"),
            reply => reply.map_err(Unavailable::new),
        }
    }
}

/// A waker that remembers whether it was woken.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Request<'a> {
    future: BoxFuture<'a, Option<String>>,
    woken: Arc<Flag>,
}

impl<'a> Request<'a> {
    fn at(signer: &'a FreshSigner, seconds: i64) -> Self {
        Self {
            future: id(signer, seconds).boxed(),
            woken: Arc::new(Flag(AtomicBool::new(true))),
        }
    }

    /// Polls the request if it was woken, as an executor does.
    fn run(&mut self) -> Poll<Option<String>> {
        if !self.woken.0.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        let waker = Arc::clone(&self.woken).into();
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

fn is(id: &str) -> Poll<Option<String>> {
    Poll::Ready(Some(id.to_owned()))
}

fn with_manual_provider(first: Credentials) -> (FreshSigner, Arc<ManualProvider>) {
    let (bucket, provider) = (bucket(), Arc::new(ManualProvider::default()));
    let mut first_signer = FreshSigner::provided(&bucket, Arc::clone(&provider) as _).boxed();
    let mut context = Context::from_waker(Waker::noop());
    assert!(first_signer.as_mut().poll(&mut context).is_pending());
    provider.reply(Ok(first));
    match first_signer.as_mut().poll(&mut context) {
        Poll::Ready(signer) => (signer.unwrap(), provider),
        Poll::Pending => panic!("the question was answered"),
    }
}

#[test]
fn the_next_request_continues_a_refresh() {
    for ended in [false, true] {
        let (signer, provider) = with_manual_provider(until("A", 60).unwrap());
        let seconds = if ended { 61 * 60 } else { 56 * 60 };
        for _ in 0..5 {
            // The request times out before the provider answers.
            let mut request = Request::at(&signer, seconds);
            let _ = request.run();
            drop(request);
            assert_eq!(provider.open(), 1, "there is only the first question");
        }
        provider.reply(until("B", 120));
        assert_eq!(Request::at(&signer, seconds).run(), is("B"));
        assert_eq!(provider.open(), 0);
    }
}

#[test]
fn only_one_request_waits_while_the_credentials_are_valid() {
    let (signer, provider) = with_manual_provider(until("A", 60).unwrap());
    let mut first = Request::at(&signer, 56 * 60);
    assert_eq!(first.run(), Poll::Pending);
    for _ in 0..3 {
        assert_eq!(Request::at(&signer, 56 * 60).run(), is("A"));
    }
    drop(first);
    assert_eq!(Request::at(&signer, 56 * 60).run(), is("A"), "nobody waits");
    assert_eq!(provider.open(), 1);
}

#[test]
fn waiting_requests_are_woken_after_others_were_dropped() {
    let (signer, provider) = with_manual_provider(until("A", 60).unwrap());
    let mut requests: Vec<_> = (0..4).map(|_| Request::at(&signer, 61 * 60)).collect();
    for request in &mut requests {
        assert_eq!(request.run(), Poll::Pending);
    }
    // The first began the refresh, the last polled it last.
    requests.pop();
    requests.remove(0);
    provider.reply(until("B", 120));
    for request in &mut requests {
        assert_eq!(request.run(), is("B"));
    }
}

#[test]
fn a_provider_that_hangs_is_asked_again_after_a_minute() {
    let (signer, provider) = with_manual_provider(until("A", 60).unwrap());
    let mut stuck = Request::at(&signer, 61 * 60);
    assert_eq!(stuck.run(), Poll::Pending);
    let mut joins = Request::at(&signer, 61 * 60 + 59);
    assert_eq!(joins.run(), Poll::Pending);
    assert_eq!(provider.open(), 1);
    let mut next = Request::at(&signer, 62 * 60);
    assert_eq!(next.run(), Poll::Pending);
    // The abandoned requests get an error instead of waiting forever.
    for abandoned in [&mut stuck, &mut joins] {
        assert_eq!(abandoned.run(), Poll::Ready(None));
    }
    assert_eq!(provider.open(), 1, "the first question was abandoned");
    provider.reply(until("B", 120));
    assert_eq!(next.run(), is("B"));
}

/// Requests are minutes apart, and each gives up before the provider answers.
#[test]
fn an_unread_answer_is_used_later() {
    let (signer, provider) = with_manual_provider(until("A", 60).unwrap());
    let mut impatient = Request::at(&signer, 61 * 60);
    assert_eq!(impatient.run(), Poll::Pending);
    drop(impatient);
    provider.reply(until("B", 120));
    let mut next = Request::at(&signer, 70 * 60);
    assert_eq!(next.run(), is("B"));
    assert_eq!(provider.open(), 0, "the provider was asked once");
}

#[test]
fn a_provider_that_panics_fails_and_is_asked_again() {
    let (signer, provider) = with_manual_provider(until("A", 60).unwrap());
    let mut requests = [0, 1].map(|_| Request::at(&signer, 61 * 60));
    for request in &mut requests {
        assert_eq!(request.run(), Poll::Pending);
    }
    provider.reply(Err("panic"));
    for request in &mut requests {
        assert_eq!(request.run(), Poll::Ready(None));
    }
    let mut next = Request::at(&signer, 61 * 60 + 10);
    assert_eq!(next.run(), Poll::Pending);
    provider.reply(until("B", 120));
    assert_eq!(next.run(), is("B"));
}

#[tokio::test]
async fn all_waiting_requests_get_the_cause() {
    let (signer, provider) = with_manual_provider(until("A", 60).unwrap());
    let now = START + Duration::hours(2);
    let mut waiting = [0, 1].map(|_| signer.at(now).boxed());
    let mut context = Context::from_waker(Waker::noop());
    for request in &mut waiting {
        assert!(request.as_mut().poll(&mut context).is_pending());
    }
    provider.reply(Err("the vault is sealed"));
    for request in &mut waiting {
        match request.as_mut().poll(&mut context) {
            Poll::Ready(Err(cause)) => {
                assert_eq!(cause.to_string(), "unavailable: the vault is sealed");
            }
            Poll::Ready(Ok(_)) => panic!("signed with expired credentials"),
            Poll::Pending => panic!("the request still waits"),
        }
    }
    let paused = signer.at(now + Duration::seconds(4)).await.err().unwrap();
    assert_eq!(paused.retry_after_secs(), 6);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Advances the clock, or sets it back.
    Tick(i64),
    Ask,
    /// Drops a waiting request.
    Drop(usize),
    Reply(u8),
}

/// In seconds.
const JUMPS: [i64; 11] = [
    1, 5, 10, 61, 300, 3600, -5, -61, -3600, 1_000_000, -1_000_000,
];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => proptest::sample::select(&JUMPS[..]).prop_map(Step::Tick),
        4 => Just(Step::Ask),
        2 => (0..8_usize).prop_map(Step::Drop),
        2 => (0..4_u8).prop_map(Step::Reply),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    /// For any sequence of steps: no request waits forever; none signs with expired credentials;
    /// while the credentials are valid, only the request that begins a refresh waits; and after two
    /// pauses a request gets new credentials.
    #[test]
    fn any_sequence_of_requests_and_answers_is_handled(steps in steps(), without_end: bool) {
        let mut number = 0;
        let mut credentials = |now: i64, minutes: i64| {
            number += 1;
            let new = token(&format!("AKID{number}")).unwrap();
            if without_end {
                new
            } else {
                new.expiring_at(START + Duration::seconds(now + minutes * 60))
            }
        };
        let first = credentials(0, 7);
        let (signer, provider) = with_manual_provider(first);
        let mut now = 0;
        let mut waiting: Vec<Request<'_>> = Vec::new();
        for step in steps {
            match step {
                Step::Tick(seconds) => now += seconds,
                Step::Ask => {
                    let FreshSigner::Refreshed(refreshed) = &signer else { unreachable!() };
                    let at = START + Duration::seconds(now);
                    let ended = refreshed.current.load().life.has_ended(at);
                    let asked = provider.asked.load(Ordering::SeqCst);
                    let mut request = Request::at(&signer, now);
                    match request.run() {
                        Poll::Ready(found) => prop_assert!(found.is_some() || ended),
                        Poll::Pending => {
                            let begins = provider.asked.load(Ordering::SeqCst) > asked;
                            prop_assert!(ended || begins, "the credentials are valid, but the request waits");
                            waiting.push(request);
                        }
                    }
                }
                Step::Drop(position) => {
                    if position < waiting.len() {
                        waiting.remove(position);
                    }
                }
                Step::Reply(kind) => {
                    let reply = match kind {
                        0 => Err("down"),
                        1 => Ok(credentials(now, -1)),
                        2 => Ok(credentials(now, 2)),
                        _ => Ok(credentials(now, 60)),
                    };
                    provider.reply(reply);
                }
            }
            waiting.retain_mut(|request| request.run().is_pending());
            prop_assert!(provider.open() <= 1, "one question at a time");
        }
        if provider.reply(Err("down")) {
            waiting.retain_mut(|request| request.run().is_pending());
        }
        prop_assert!(waiting.is_empty(), "{} requests wait forever", waiting.len());

        // The next request notices the failure and then pauses.
        let _ = Request::at(&signer, now).run();
        provider.reply(Err("down"));
        let _ = Request::at(&signer, now).run();
        // One pause, and up to one more if the clock was set back.
        now += 20;
        let mut last = Request::at(&signer, now);
        let mut found = last.run();
        if found.is_pending() {
            provider.reply(Ok(credentials(now, 60)));
            found = last.run();
        }
        let FreshSigner::Refreshed(refreshed) = &signer else { unreachable!() };
        let at = START + Duration::seconds(now);
        prop_assert!(matches!(found, Poll::Ready(Some(_))), "{found:?}");
        prop_assert!(!refreshed.current.load().life.has_ended(at));
    }
}

#[tokio::test]
async fn credentials_that_expire_soon_are_not_fetched_for_every_signature() {
    let signer = fresh(vec![until("A", 4), until("B", 4), until("C", 60)]).await;
    for _ in 0..100 {
        assert_eq!(id(&signer, 0).await.as_deref(), Some("B"));
    }
    assert_eq!(id(&signer, 10).await.as_deref(), Some("C"));
}

/// Returns a new access key each time, with a secret and a token of the same number. Each expires a
/// few seconds after the latest time that the threads have reached.
#[derive(Default)]
struct Rotating {
    number: Mutex<i32>,
    second: AtomicI64,
}

fn numbered(number: i32) -> Credentials {
    Credentials::new(format!("AKID{number}"), format!("secret{number}"))
        .and_then(|credentials| credentials.with_session_token(format!("token{number}")))
        .unwrap()
}

#[async_trait]
impl ProvideCredentials for Rotating {
    async fn provide_credentials(&self) -> Result<Credentials, Unavailable> {
        // The other thread may continue the refresh.
        tokio::task::yield_now().await;
        let mut number = self.number.lock().unwrap();
        *number += 1;
        let second = self.second.load(Ordering::Relaxed);
        Ok(numbered(*number).expiring_at(START + AHEAD + Duration::seconds(second + 3)))
    }
}

/// While two threads refresh and sign, each signature uses the id, secret and token of one
/// credential.
#[test]
fn no_signature_mixes_two_credentials() {
    use crate::sigv4::{Method, Presign};

    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    };
    let (bucket, rotating) = (bucket(), Arc::new(Rotating::default()));
    let provided = FreshSigner::provided(&bucket, rotating.clone());
    let signer = runtime().block_on(provided).unwrap();
    let request = Presign::new(Method::Get, "https://b.example", "/", "k");
    let run = || {
        runtime().block_on(async {
            let mut seen = std::collections::BTreeSet::new();
            for second in 0..2000 {
                rotating.second.fetch_max(second, Ordering::Relaxed);
                let now = START + Duration::seconds(second);
                let Ok(current) = signer.at(now).await else {
                    continue;
                };
                // The credentials may expire while another thread is fetching new ones.
                let Ok(url) = current.presign_at(&request, now) else {
                    continue;
                };
                let id = current.credentials().access_key_id().to_owned();
                let number = id.trim_start_matches("AKID").parse().unwrap();
                assert!(url.as_str().contains(&format!("token{number}&")), "{id}");
                let whole =
                    numbered(number).expiring_at(current.credentials().expires_at().unwrap());
                let alone = Signer::new(whole, Region::us_east_1());
                assert_eq!(url, alone.presign_at(&request, now).unwrap(), "{id}");
                seen.insert(number);
            }
            seen.len()
        })
    };
    let seen = std::thread::scope(|scope| {
        [scope.spawn(run), scope.spawn(run)].map(|thread| thread.join().unwrap())
    });
    assert!(seen.iter().sum::<usize>() > 100, "refreshed {seen:?} times");
}
