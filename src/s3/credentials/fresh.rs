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

use super::provide::ProvideCredentials;
use crate::asset::{Clock, SystemClock};
use crate::error::Unavailable;
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
                Err(Unavailable::new(paused).with_retry_after(left.unsigned_abs()))
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
            // Where requests are rare and give up early, an answer may be there since long ago.
            Some(refresh)
                if (now - refresh.begun_at).abs() < PATIENCE
                    || refresh.answer.clone().now_or_never().is_some() =>
            {
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
        let wait = refusal.0.retry_after();
        Self::new(refusal).with_retry_after(wait)
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
mod tests;
