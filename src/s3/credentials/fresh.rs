//! A signer whose credentials are replaced before they end.

use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};
use futures_util::FutureExt;
use futures_util::future::{AbortHandle, BoxFuture, Shared, abortable};
use time::{Duration, OffsetDateTime};

use crate::auth::Unavailable;
use crate::clock::{Clock, SystemClock};
use crate::provider::ProvideCredentials;
use crate::s3::bucket::S3Bucket;
use crate::sigv4::{Credentials, Signer};

/// How long before their end credentials are replaced.
const AHEAD: Duration = Duration::minutes(5);
/// How long the provider is left alone after a failure, or after it gave credentials that end soon.
const PAUSE: Duration = Duration::seconds(10);
/// How long a provider may take to answer. A refresh that takes longer is abandoned, so that a
/// provider that hangs once is asked again.
const PATIENCE: Duration = Duration::minutes(1);
/// How long a session token without an end is taken to last from the moment that it was read. It is
/// read again when `AHEAD` is left of that: every five minutes.
const ASSUMED: Duration = Duration::minutes(10);

/// Signs with the credentials of now.
pub(crate) enum FreshSigner {
    /// With these until they end.
    Fixed(Box<Signer>),
    Refreshed(Refreshed),
}

/// While nothing has to be replaced, readers take no lock. A signer is replaced whole, so that id,
/// secret and token always belong together.
pub(crate) struct Refreshed {
    current: ArcSwap<Held>,
    provider: Arc<dyn ProvideCredentials>,
    state: Mutex<State>,
}

/// A signer and how long its credentials last.
pub(crate) struct Held {
    signer: Signer,
    life: Life,
}

#[derive(Clone, Copy)]
enum Life {
    Endless,
    Until(OffsetDateTime),
    /// A session token whose end is unknown, and when it was read.
    Since(OffsetDateTime),
}

#[derive(Default)]
struct State {
    refresh: Option<Refresh>,
    pause: Option<Pause>,
}

/// A question to the provider. It lives here and not in the request that asked it: whichever request
/// polls it next carries it on.
struct Refresh {
    answer: SharedAnswer,
    begun_at: OffsetDateTime,
    abandon: AbortHandle,
}

type SharedAnswer = Shared<BoxFuture<'static, Result<Credentials, Refusal>>>;

/// Measured by its distance from `since` in either direction, and never by the moment of its end: a
/// clock that was ahead for a moment would put that moment out of reach.
struct Pause {
    since: OffsetDateTime,
    length: Duration,
}

/// What a request does about a refresh.
enum Part {
    /// Others have replaced the credentials meanwhile.
    Nothing,
    Pauses {
        left: Duration,
    },
    Begins(SharedAnswer),
    Joins(SharedAnswer),
}

/// The signer of now, for as long as it is needed.
pub(crate) enum Current<'a> {
    Fixed(&'a Signer),
    Refreshed(Guard<Arc<Held>>),
}

impl Deref for Current<'_> {
    type Target = Signer;

    fn deref(&self) -> &Signer {
        match self {
            Self::Fixed(signer) => signer,
            Self::Refreshed(held) => &held.signer,
        }
    }
}

impl FreshSigner {
    /// Signs with these credentials until they end.
    pub(crate) fn fixed(bucket: &S3Bucket, credentials: Credentials) -> Self {
        Self::Fixed(Box::new(bucket.signer(credentials)))
    }

    /// Signs with what the provider gives, asked now and before the end of each.
    pub(crate) async fn provided(
        bucket: &S3Bucket,
        provider: Arc<dyn ProvideCredentials>,
    ) -> Result<Self, Unavailable> {
        let first = provider.provide_credentials().await?;
        // The signer's own clock comes with the first request. Where it differs from this one, what
        // is taken to be read long ago is read once more.
        let held = Held::new(first, SystemClock.now(), |first| bucket.signer(first));
        Ok(Self::Refreshed(Refreshed {
            current: ArcSwap::from_pointee(held),
            provider,
            state: Mutex::default(),
        }))
    }

    /// The signer to use at `now`.
    ///
    /// Near the end of the credentials one request asks the provider and waits for the answer; all
    /// others go on with the credentials that still hold. Once those have ended, every request waits.
    pub(crate) async fn at(&self, now: OffsetDateTime) -> Result<Current<'_>, Unavailable> {
        match self {
            Self::Fixed(signer) => Ok(Current::Fixed(signer)),
            Self::Refreshed(refreshed) => Ok(Current::Refreshed(refreshed.at(now).await?)),
        }
    }

    /// The signer of now, whether or not it should be replaced.
    fn current(&self) -> Current<'_> {
        match self {
            Self::Fixed(signer) => Current::Fixed(signer),
            Self::Refreshed(refreshed) => Current::Refreshed(refreshed.current.load()),
        }
    }

    /// Whether the credentials of now are temporary.
    pub(crate) fn has_session_token(&self) -> bool {
        self.current().credentials().session_token().is_some()
    }
}

impl Held {
    fn new(
        credentials: Credentials,
        now: OffsetDateTime,
        signer: impl FnOnce(Credentials) -> Signer,
    ) -> Self {
        let life = match (credentials.expires_at(), credentials.session_token()) {
            (Some(end), _) => Life::Until(end),
            (None, Some(_)) => Life::Since(now),
            (None, None) => Life::Endless,
        };
        let credentials = match life {
            // So that nothing signed outlives what is known of the token.
            Life::Since(read_at) => credentials.expiring_at(read_at.saturating_add(ASSUMED)),
            _ => credentials,
        };
        Self {
            signer: signer(credentials),
            life,
        }
    }
}

impl Life {
    /// `None` where there is no end.
    fn left(self, now: OffsetDateTime) -> Option<Duration> {
        match self {
            Self::Endless => None,
            Self::Until(end) => Some(end - now),
            Self::Since(read_at) => Some(ASSUMED - (now - read_at).abs()),
        }
    }

    fn is_due(self, now: OffsetDateTime) -> bool {
        self.left(now).is_some_and(|left| left <= AHEAD)
    }

    fn has_ended(self, now: OffsetDateTime) -> bool {
        self.left(now).is_some_and(|left| left <= Duration::ZERO)
    }
}

impl Refreshed {
    async fn at(&self, now: OffsetDateTime) -> Result<Guard<Arc<Held>>, Unavailable> {
        let held = self.current.load();
        if !held.life.is_due(now) {
            return Ok(held);
        }
        let has_ended = held.life.has_ended(now);
        drop(held);
        let refreshed = match self.part(now) {
            Part::Nothing => Ok(()),
            Part::Pauses { left } => {
                let paused = "the provider of credentials failed, and is asked again shortly";
                Err(Unavailable::new(paused).retry_after(left.unsigned_abs()))
            }
            // The first waits although its credentials hold. Forms would otherwise be signed for
            // ever shorter times where requests are rare and nobody carries the refresh on.
            Part::Begins(answer) => self.settle(&answer, answer.clone().await, now),
            Part::Joins(answer) if has_ended => self.settle(&answer, answer.clone().await, now),
            Part::Joins(answer) => match answer.clone().now_or_never() {
                Some(answered) => self.settle(&answer, answered, now),
                None => Ok(()),
            },
        };
        let held = self.current.load();
        if held.life.has_ended(now) {
            return Err(refreshed
                .err()
                .unwrap_or_else(|| Unavailable::new("the credentials have expired")));
        }
        Ok(held)
    }

    fn part(&self, now: OffsetDateTime) -> Part {
        let mut state = self.state();
        // Those who settle have the lock, so nothing is fetched twice.
        if !self.current.load().life.is_due(now) {
            return Part::Nothing;
        }
        match &state.refresh {
            Some(refresh) if (now - refresh.begun_at).abs() < PATIENCE => {
                return Part::Joins(refresh.answer.clone());
            }
            Some(_) => {}
            None => {
                let left = state.pause.as_ref().map(|pause| pause.left(now));
                if let Some(left) = left.filter(|left| left.is_positive()) {
                    return Part::Pauses { left };
                }
            }
        }
        let refresh = Refresh::begin(Arc::clone(&self.provider), now);
        let answer = refresh.answer.clone();
        let abandoned = state.refresh.replace(refresh);
        drop(state);
        if let Some(abandoned) = abandoned {
            // Requests that wait for it are woken and told.
            abandoned.abandon.abort();
        }
        Part::Begins(answer)
    }

    /// Takes over what the provider has answered, unless another request already has.
    fn settle(
        &self,
        answer: &SharedAnswer,
        answered: Result<Credentials, Refusal>,
        now: OffsetDateTime,
    ) -> Result<(), Unavailable> {
        let fetched = answered.map_err(Unavailable::from).and_then(|fetched| {
            if fetched.expires_at().is_some_and(|end| end <= now) {
                let expired = "the provider gave credentials that have expired";
                return Err(Unavailable::new(expired));
            }
            Ok(fetched)
        });
        let mut state = self.state();
        let own = |refresh: &mut Refresh| refresh.answer.ptr_eq(answer);
        let Some(settled) = state.refresh.take_if(own) else {
            return fetched.map(drop);
        };
        let fetched = fetched.map(|fetched| {
            let held = Held::new(fetched, now, |fetched| {
                self.current.load().signer.with(fetched)
            });
            let left = held.life.left(now);
            self.current.store(Arc::new(held));
            left
        });
        let pause = |length| Some(Pause { since: now, length });
        state.pause = match &fetched {
            Err(_) => pause(PAUSE),
            // Those that end soon need not be asked for again at once, but at their end at the latest.
            Ok(Some(left)) if *left <= AHEAD => pause(PAUSE.min(*left)),
            Ok(_) => None,
        };
        drop(state);
        drop(settled);
        if let Err(cause) = &fetched {
            tracing::warn!(
                error = cause as &dyn Error,
                "credentials could not be refreshed"
            );
        }
        fetched.map(drop)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refresh {
    fn begin(provider: Arc<dyn ProvideCredentials>, now: OffsetDateTime) -> Self {
        let asked = async move { provider.provide_credentials().await };
        // All who wait share the future: a panic would be every request's.
        let (asked, abandon) = abortable(AssertUnwindSafe(asked).catch_unwind());
        let answer = asked.map(|answered| match answered {
            Ok(Ok(fetched)) => fetched.map_err(Refusal::new),
            Ok(Err(_)) => Err(Refusal::of("the provider of credentials panicked")),
            Err(_) => Err(Refusal::of(
                "the provider of credentials did not answer within a minute",
            )),
        });
        Self {
            answer: answer.boxed().shared(),
            begun_at: now,
            abandon,
        }
    }
}

impl Pause {
    fn left(&self, now: OffsetDateTime) -> Duration {
        self.length - (now - self.since).abs()
    }
}

/// Why there are no other credentials, for all who waited for them.
#[derive(Clone, Debug)]
struct Refusal(Arc<Unavailable>);

impl Refusal {
    fn new(cause: Unavailable) -> Self {
        Self(Arc::new(cause))
    }

    fn of(cause: &str) -> Self {
        Self::new(Unavailable::new(cause))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(cause) => fmt::Display::fmt(cause, f),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()?.source()
    }
}

impl From<Refusal> for Unavailable {
    fn from(refusal: Refusal) -> Self {
        let wait = refusal.0.wait();
        Self::new(refusal).retry_after(wait)
    }
}

impl fmt::Debug for FreshSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreshSigner")
            .field("current", &*self.current())
            .field("refreshes", &matches!(self, Self::Refreshed(_)))
            .finish()
    }
}

#[cfg(test)]
mod tests {
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

    /// Gives what it was told to, in order, then nothing.
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
    async fn credentials_are_replaced_ahead_of_their_end() {
        let signer = fresh(vec![until("A", 60), until("B", 120)]).await;
        assert_eq!(id(&signer, 0).await.as_deref(), Some("A"));
        assert_eq!(id(&signer, 54 * 60).await.as_deref(), Some("A"));
        assert_eq!(id(&signer, 55 * 60).await.as_deref(), Some("B"));
        assert_eq!(id(&signer, 100 * 60).await.as_deref(), Some("B"));
    }

    #[tokio::test]
    async fn a_provider_that_fails_is_left_alone_for_a_while() {
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
    async fn after_the_end_nothing_is_signed_until_there_are_others() {
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
            "what the provider gave has expired, too"
        );
        assert_eq!(id(&signer, 80).await.as_deref(), Some("B"));
    }

    #[tokio::test]
    async fn a_clock_that_was_ahead_does_not_stop_refreshes() {
        for ahead in [3600, 365 * 24 * 3600] {
            let signer = fresh(vec![until("A", 60), Err("down"), until("B", 120)]).await;
            assert_eq!(id(&signer, 56 * 60 + ahead).await, None, "they have ended");
            assert_eq!(
                id(&signer, 56 * 60).await.as_deref(),
                Some("B"),
                "the clock is right again"
            );
        }
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_costs_a_pause_at_most() {
        let signer = fresh(vec![until("A", 60), Err("down"), until("B", 120)]).await;
        assert_eq!(id(&signer, 57 * 60).await.as_deref(), Some("A"));
        assert_eq!(id(&signer, 57 * 60 - 9).await.as_deref(), Some("A"));
        assert_eq!(id(&signer, 57 * 60 - 10).await.as_deref(), Some("B"));
    }

    /// The end of a form, in seconds from the start.
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
    async fn tokens_without_an_end_are_read_again_and_forms_do_not_outlive_them() {
        // The machine's clock is another one, so the first request reads once more.
        let signer = fresh(vec![token("0"), token("A"), token("B")]).await;
        assert_eq!(id(&signer, 0).await.as_deref(), Some("A"));
        assert_eq!(form_ends(&signer, 0).await, Some(600));
        assert_eq!(form_ends(&signer, 299).await, Some(600));
        assert_eq!(id(&signer, 299).await.as_deref(), Some("A"));
        assert_eq!(id(&signer, 300).await.as_deref(), Some("B"));
        assert_eq!(form_ends(&signer, 300).await, Some(900));
        // The source fails from now on.
        assert_eq!(form_ends(&signer, 899).await, Some(900));
        assert_eq!(id(&signer, 900).await, None);

        let signer = fresh(vec![token("0"), token("A"), token("B"), token("C")]).await;
        assert_eq!(id(&signer, 1_000_000).await.as_deref(), Some("A"));
        assert_eq!(
            id(&signer, 0).await.as_deref(),
            Some("B"),
            "read by a clock that was ahead"
        );
        assert_eq!(form_ends(&signer, 0).await, Some(600));
    }

    #[tokio::test]
    async fn lasting_credentials_are_read_once() {
        let lasting = Credentials::new("A", "s").unwrap();
        let signer = fresh(vec![Ok(lasting), until("B", 60)]).await;
        for seconds in [0, 1_000_000, -1_000_000] {
            assert_eq!(id(&signer, seconds).await.as_deref(), Some("A"));
            let hour = seconds + 3600;
            assert_eq!(form_ends(&signer, seconds).await, Some(hour));
        }
    }

    // ---------------------------------------------------------------- Requests that come and go

    type Reply = Result<Credentials, &'static str>;

    /// A provider that answers when it is told to.
    #[derive(Default)]
    struct Desk {
        calls: Mutex<Vec<oneshot::Sender<Reply>>>,
        asked: AtomicUsize,
    }

    impl Desk {
        /// Questions that somebody still waits for.
        fn open(&self) -> usize {
            let mut calls = self.calls.lock().unwrap();
            calls.retain(|call| !call.is_closed());
            calls.len()
        }

        /// Answers the oldest of them.
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
    impl ProvideCredentials for Desk {
        async fn provide_credentials(&self) -> Result<Credentials, Unavailable> {
            let (call, reply) = oneshot::channel();
            self.calls.lock().unwrap().push(call);
            self.asked.fetch_add(1, Ordering::SeqCst);
            match reply.await.unwrap() {
                Err("panic") => panic!("as it was told to"),
                reply => reply.map_err(Unavailable::new),
            }
        }
    }

    /// Counts as woken until it is polled.
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

        /// Polls it if it was woken, as an executor does.
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

    fn at_desk(first: Credentials) -> (FreshSigner, Arc<Desk>) {
        let (bucket, desk) = (bucket(), Arc::new(Desk::default()));
        let mut provided = FreshSigner::provided(&bucket, Arc::clone(&desk) as _).boxed();
        let mut context = Context::from_waker(Waker::noop());
        assert!(provided.as_mut().poll(&mut context).is_pending());
        desk.reply(Ok(first));
        match provided.as_mut().poll(&mut context) {
            Poll::Ready(signer) => (signer.unwrap(), desk),
            Poll::Pending => panic!("it was answered"),
        }
    }

    #[test]
    fn a_refresh_is_carried_on_by_the_next_request() {
        for ended in [false, true] {
            let (signer, desk) = at_desk(until("A", 60).unwrap());
            let seconds = if ended { 61 * 60 } else { 56 * 60 };
            for _ in 0..5 {
                // The request times out before the provider answers.
                let mut request = Request::at(&signer, seconds);
                let _ = request.run();
                drop(request);
                assert_eq!(desk.open(), 1, "the question that was asked first");
            }
            desk.reply(until("B", 120));
            assert_eq!(Request::at(&signer, seconds).run(), is("B"));
            assert_eq!(desk.open(), 0);
        }
    }

    #[test]
    fn one_request_waits_while_the_credentials_hold() {
        let (signer, desk) = at_desk(until("A", 60).unwrap());
        let mut first = Request::at(&signer, 56 * 60);
        assert_eq!(first.run(), Poll::Pending);
        for _ in 0..3 {
            assert_eq!(Request::at(&signer, 56 * 60).run(), is("A"));
        }
        drop(first);
        assert_eq!(Request::at(&signer, 56 * 60).run(), is("A"), "nobody waits");
        assert_eq!(desk.open(), 1);
    }

    #[test]
    fn whoever_waits_is_woken_also_when_others_are_gone() {
        let (signer, desk) = at_desk(until("A", 60).unwrap());
        let mut requests: Vec<_> = (0..4).map(|_| Request::at(&signer, 61 * 60)).collect();
        for request in &mut requests {
            assert_eq!(request.run(), Poll::Pending);
        }
        // The first began the refresh, the last polled it last.
        requests.pop();
        requests.remove(0);
        desk.reply(until("B", 120));
        for request in &mut requests {
            assert_eq!(request.run(), is("B"));
        }
    }

    #[test]
    fn a_provider_that_hangs_is_asked_again_after_a_minute() {
        let (signer, desk) = at_desk(until("A", 60).unwrap());
        let mut stuck = Request::at(&signer, 61 * 60);
        assert_eq!(stuck.run(), Poll::Pending);
        let mut joins = Request::at(&signer, 61 * 60 + 59);
        assert_eq!(joins.run(), Poll::Pending);
        assert_eq!(desk.open(), 1);
        let mut next = Request::at(&signer, 62 * 60);
        assert_eq!(next.run(), Poll::Pending);
        // They are told, and need not wait for ever.
        for abandoned in [&mut stuck, &mut joins] {
            assert_eq!(abandoned.run(), Poll::Ready(None));
        }
        assert_eq!(desk.open(), 1, "the first was given up");
        desk.reply(until("B", 120));
        assert_eq!(next.run(), is("B"));
    }

    #[test]
    fn a_provider_that_panics_fails_and_is_asked_again() {
        let (signer, desk) = at_desk(until("A", 60).unwrap());
        let mut requests = [0, 1].map(|_| Request::at(&signer, 61 * 60));
        for request in &mut requests {
            assert_eq!(request.run(), Poll::Pending);
        }
        desk.reply(Err("panic"));
        for request in &mut requests {
            assert_eq!(request.run(), Poll::Ready(None));
        }
        let mut next = Request::at(&signer, 61 * 60 + 10);
        assert_eq!(next.run(), Poll::Pending);
        desk.reply(until("B", 120));
        assert_eq!(next.run(), is("B"));
    }

    #[tokio::test]
    async fn all_who_waited_learn_the_cause() {
        let (signer, desk) = at_desk(until("A", 60).unwrap());
        let now = START + Duration::hours(2);
        let mut waiting = [0, 1].map(|_| signer.at(now).boxed());
        let mut context = Context::from_waker(Waker::noop());
        for request in &mut waiting {
            assert!(request.as_mut().poll(&mut context).is_pending());
        }
        desk.reply(Err("the vault is sealed"));
        for request in &mut waiting {
            match request.as_mut().poll(&mut context) {
                Poll::Ready(Err(cause)) => {
                    assert_eq!(cause.to_string(), "unavailable: the vault is sealed");
                }
                Poll::Ready(Ok(_)) => panic!("signed with what has ended"),
                Poll::Pending => panic!("not told"),
            }
        }
        let paused = signer.at(now + Duration::seconds(4)).await.err().unwrap();
        assert_eq!(paused.retry_after_secs(), 6);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// The clock goes on, or jumps.
        Tick(i64),
        Ask,
        /// A request goes away.
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
        /// No request waits for ever, none signs with credentials that have ended, only the one that
        /// begins a refresh waits while they hold, and two pauses later a request gets others.
        #[test]
        fn requests_come_and_go_in_any_order(steps in steps(), without_end: bool) {
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
            let (signer, desk) = at_desk(first);
            let mut now = 0;
            let mut waiting: Vec<Request<'_>> = Vec::new();
            for step in steps {
                match step {
                    Step::Tick(seconds) => now += seconds,
                    Step::Ask => {
                        let FreshSigner::Refreshed(refreshed) = &signer else { unreachable!() };
                        let at = START + Duration::seconds(now);
                        let ended = refreshed.current.load().life.has_ended(at);
                        let asked = desk.asked.load(Ordering::SeqCst);
                        let mut request = Request::at(&signer, now);
                        match request.run() {
                            Poll::Ready(found) => prop_assert!(found.is_some() || ended),
                            Poll::Pending => {
                                let begins = desk.asked.load(Ordering::SeqCst) > asked;
                                prop_assert!(ended || begins, "they hold, and it waits");
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
                        desk.reply(reply);
                    }
                }
                waiting.retain_mut(|request| request.run().is_pending());
                prop_assert!(desk.open() <= 1, "one question at a time");
            }
            if desk.reply(Err("down")) {
                waiting.retain_mut(|request| request.run().is_pending());
            }
            prop_assert!(waiting.is_empty(), "{} wait for ever", waiting.len());

            // A failure is noticed by the next request, which then pauses.
            let _ = Request::at(&signer, now).run();
            desk.reply(Err("down"));
            let _ = Request::at(&signer, now).run();
            // One pause, and up to another where the clock was set back.
            now += 20;
            let mut last = Request::at(&signer, now);
            let mut found = last.run();
            if found.is_pending() {
                desk.reply(Ok(credentials(now, 60)));
                found = last.run();
            }
            let FreshSigner::Refreshed(refreshed) = &signer else { unreachable!() };
            let at = START + Duration::seconds(now);
            prop_assert!(matches!(found, Poll::Ready(Some(_))), "{found:?}");
            prop_assert!(!refreshed.current.load().life.has_ended(at));
        }
    }

    #[tokio::test]
    async fn credentials_that_end_soon_are_not_asked_for_at_every_signature() {
        let signer = fresh(vec![until("A", 4), until("B", 4), until("C", 60)]).await;
        for _ in 0..100 {
            assert_eq!(id(&signer, 0).await.as_deref(), Some("B"));
        }
        assert_eq!(id(&signer, 10).await.as_deref(), Some("C"));
    }

    /// Hands out a new key each time, its secret and token named like it, for a few seconds more than
    /// the threads have come to.
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
            // The other thread may carry it on.
            tokio::task::yield_now().await;
            let mut number = self.number.lock().unwrap();
            *number += 1;
            let second = self.second.load(Ordering::Relaxed);
            Ok(numbered(*number).expiring_at(START + AHEAD + Duration::seconds(second + 3)))
        }
    }

    /// Two threads refresh and sign at once: whatever they sign is signed with one credential whole.
    #[test]
    fn no_signature_is_made_with_halves_of_two_credentials() {
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
                    // Whoever fetches at the moment may be held up for longer than they last.
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
}
