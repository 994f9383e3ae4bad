//! A signer that replaces its credentials before they expire.

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

/// The time before their expiry at which credentials are replaced.
const AHEAD: Duration = Duration::minutes(5);
/// The pause between questions to a provider that failed, or whose credentials expire soon.
const PAUSE: Duration = Duration::seconds(10);
/// The time that a provider may take to answer. A refresh that takes longer is abandoned, so that a
/// provider that hung once is asked again.
const ANSWER_TIMEOUT: Duration = Duration::minutes(1);
/// The assumed lifetime of a session token without an expiry, counted from when it was read. It is
/// read again when `AHEAD` remains of it: every five minutes.
const ASSUMED_LIFETIME: Duration = Duration::minutes(10);

/// Signs with credentials that are valid now.
pub(crate) enum FreshSigner {
    /// Fixed credentials.
    Fixed(Box<Signer>),
    Refreshed(Refreshed),
}

/// Credentials from a provider. Readers take no lock unless the credentials are about to expire.
/// The signer is replaced as a whole, so access key id, secret and session token always belong
/// together.
pub(crate) struct Refreshed {
    current: ArcSwap<Held>,
    provider: Arc<dyn ProvideCredentials>,
    state: Mutex<State>,
}

/// A signer and the lifetime of its credentials.
pub(crate) struct Held {
    signer: Signer,
    life: Life,
}

#[derive(Clone, Copy)]
enum Life {
    LongLived,
    Until(OffsetDateTime),
    /// A session token with unknown expiry, and the time when it was read.
    Since(OffsetDateTime),
}

#[derive(Default)]
struct State {
    refresh: Option<Refresh>,
    pause: Option<Pause>,
}

/// A running question to the provider. It is stored here and not in the request that asked, so that
/// any request can poll it to its end.
struct Refresh {
    answer: SharedAnswer,
    begun_at: OffsetDateTime,
    abandon: AbortHandle,
}

type SharedAnswer = Shared<BoxFuture<'static, Result<Credentials, RefreshError>>>;

/// A pause between questions to the provider.
///
/// It is measured as the distance from `since` in either direction. A stored end could be
/// unreachable: the clock may have been ahead for a moment when it was computed.
struct Pause {
    since: OffsetDateTime,
    length: Duration,
}

/// The part of one request in a refresh.
enum Role {
    /// Another request has replaced the credentials already.
    Nothing,
    Pauses {
        left: Duration,
    },
    Begins(SharedAnswer),
    Joins(SharedAnswer),
}

/// A reference to the signer that is valid now.
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
    /// Creates a signer with fixed credentials.
    pub(crate) fn fixed(bucket: &S3Bucket, credentials: Credentials) -> Self {
        Self::Fixed(Box::new(bucket.signer(credentials)))
    }

    /// Creates a signer with the provider's credentials. Asks now, and again before the credentials
    /// expire.
    pub(crate) async fn provided(
        bucket: &S3Bucket,
        provider: Arc<dyn ProvideCredentials>,
    ) -> Result<Self, Unavailable> {
        let first = provider.provide_credentials().await?;
        // The signer's own clock comes with the first request. If it differs from the system clock,
        // a token without an expiry is read once more.
        let held = Held::new(first, SystemClock.now(), |first| bucket.signer(first));
        Ok(Self::Refreshed(Refreshed {
            current: ArcSwap::from_pointee(held),
            provider,
            state: Mutex::default(),
        }))
    }

    /// Returns the signer to use at `now`.
    ///
    /// Shortly before the credentials expire, one request asks the provider and waits for the
    /// answer. Other requests use the current credentials. Once these have expired, every request
    /// waits.
    pub(crate) async fn at(&self, now: OffsetDateTime) -> Result<Current<'_>, Unavailable> {
        match self {
            Self::Fixed(signer) => Ok(Current::Fixed(signer)),
            Self::Refreshed(refreshed) => Ok(Current::Refreshed(refreshed.at(now).await?)),
        }
    }

    /// Returns the current signer, even if it should be replaced.
    fn current(&self) -> Current<'_> {
        match self {
            Self::Fixed(signer) => Current::Fixed(signer),
            Self::Refreshed(refreshed) => Current::Refreshed(refreshed.current.load()),
        }
    }

    /// Returns whether the current credentials are temporary.
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
            (None, None) => Life::LongLived,
        };
        let credentials = match life {
            // Nothing that is signed may outlive the assumed lifetime of the token.
            Life::Since(read_at) => {
                credentials.expiring_at(read_at.saturating_add(ASSUMED_LIFETIME))
            }
            _ => credentials,
        };
        Self {
            signer: signer(credentials),
            life,
        }
    }
}

impl Life {
    /// Returns the remaining lifetime, or `None` for long-lived credentials.
    fn left(self, now: OffsetDateTime) -> Option<Duration> {
        match self {
            Self::LongLived => None,
            Self::Until(end) => Some(end - now),
            Self::Since(read_at) => Some(ASSUMED_LIFETIME - (now - read_at).abs()),
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
        let refreshed = match self.role(now) {
            Role::Nothing => Ok(()),
            Role::Pauses { left } => {
                let paused = "the credentials provider failed and will be asked again shortly";
                Err(Unavailable::new(paused).with_retry_after(left.unsigned_abs()))
            }
            // The request that begins a refresh waits, although its credentials are valid. If
            // requests are rare and nobody waited, the refresh would not continue, and forms would
            // get ever shorter lifetimes.
            Role::Begins(answer) => self.settle(&answer, answer.clone().await, now),
            Role::Joins(answer) if has_ended => self.settle(&answer, answer.clone().await, now),
            Role::Joins(answer) => match answer.clone().now_or_never() {
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

    fn role(&self, now: OffsetDateTime) -> Role {
        let mut state = self.state();
        // `settle` takes the same lock, so nothing is fetched twice.
        if !self.current.load().life.is_due(now) {
            return Role::Nothing;
        }
        match &state.refresh {
            // If requests are rare and give up early, an unread answer may be older than the
            // timeout.
            Some(refresh)
                if (now - refresh.begun_at).abs() < ANSWER_TIMEOUT
                    || refresh.answer.clone().now_or_never().is_some() =>
            {
                return Role::Joins(refresh.answer.clone());
            }
            Some(_) => {}
            None => {
                let left = state.pause.as_ref().map(|pause| pause.left(now));
                if let Some(left) = left.filter(|left| left.is_positive()) {
                    return Role::Pauses { left };
                }
            }
        }
        let refresh = Refresh::begin(Arc::clone(&self.provider), now);
        let answer = refresh.answer.clone();
        let abandoned = state.refresh.replace(refresh);
        drop(state);
        if let Some(abandoned) = abandoned {
            // This wakes the requests that wait for it, with an error.
            abandoned.abandon.abort();
        }
        Role::Begins(answer)
    }

    /// Stores the provider's answer, unless another request has stored it already.
    fn settle(
        &self,
        answer: &SharedAnswer,
        answered: Result<Credentials, RefreshError>,
        now: OffsetDateTime,
    ) -> Result<(), Unavailable> {
        let fetched = answered.map_err(Unavailable::from).and_then(|fetched| {
            if fetched.expires_at().is_some_and(|end| end <= now) {
                let expired = "the credentials provider returned expired credentials";
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
            // Credentials that expire soon are not asked for again at once, but at their expiry at
            // the latest.
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
        // All waiting requests share the future, so a panic would reach each of them.
        let (asked, abandon) = abortable(AssertUnwindSafe(asked).catch_unwind());
        let answer = asked.map(|answered| match answered {
            Ok(Ok(fetched)) => fetched.map_err(RefreshError::new),
            Ok(Err(_)) => Err(RefreshError::of("the credentials provider panicked")),
            Err(_) => Err(RefreshError::of(
                "the credentials provider did not answer within one minute",
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

/// Error of a refresh, shared by all requests that waited for it.
#[derive(Clone, Debug)]
struct RefreshError(Arc<Unavailable>);

impl RefreshError {
    fn new(cause: Unavailable) -> Self {
        Self(Arc::new(cause))
    }

    fn of(cause: &str) -> Self {
        Self::new(Unavailable::new(cause))
    }
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(cause) => fmt::Display::fmt(cause, f),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl Error for RefreshError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()?.source()
    }
}

impl From<RefreshError> for Unavailable {
    fn from(error: RefreshError) -> Self {
        let wait = error.0.retry_after();
        Self::new(error).with_retry_after(wait)
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
