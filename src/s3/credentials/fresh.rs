//! A signer whose credentials are replaced before they end.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arc_swap::{ArcSwap, Guard};
use time::{Duration, OffsetDateTime};

use crate::auth::Unavailable;
use crate::provider::ProvideCredentials;
use crate::s3::bucket::S3Bucket;
use crate::sigv4::{Credentials, Signer};

/// How long before their end credentials are replaced.
const AHEAD: Duration = Duration::minutes(5);
/// How long the provider is left alone after a failure, or after it gave credentials that end soon.
const PAUSE: Duration = Duration::seconds(10);

/// Signs with the credentials of now.
pub(crate) enum FreshSigner {
    /// With these until they end.
    Fixed(Box<Signer>),
    Refreshed(Refreshed),
}

/// Readers take no lock; a signer is replaced whole, so that id, secret and token always belong together.
pub(crate) struct Refreshed {
    current: ArcSwap<Signer>,
    source: Source,
}

struct Source {
    provider: Arc<dyn ProvideCredentials>,
    refreshing: AtomicBool,
    /// In seconds since 1970.
    not_before: AtomicI64,
}

/// The signer of now, for as long as it is needed.
pub(crate) enum Current<'a> {
    Fixed(&'a Signer),
    Refreshed(Guard<Arc<Signer>>),
}

impl Deref for Current<'_> {
    type Target = Signer;

    fn deref(&self) -> &Signer {
        match self {
            Self::Fixed(signer) => signer,
            Self::Refreshed(signer) => signer,
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
        let source = Source {
            provider,
            refreshing: AtomicBool::new(false),
            not_before: AtomicI64::new(i64::MIN),
        };
        Ok(Self::Refreshed(Refreshed {
            current: ArcSwap::from_pointee(bucket.signer(first)),
            source,
        }))
    }

    /// The signer to use at `now`.
    ///
    /// Near the end of the credentials one caller at a time asks the provider and waits for it; all
    /// others go on with what there is. Once that has ended, they are told to come again.
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

impl Refreshed {
    async fn at(&self, now: OffsetDateTime) -> Result<Guard<Arc<Signer>>, Unavailable> {
        let Self { current, source } = self;
        let before = current.load();
        let end = match before.credentials().expires_at() {
            Some(end) if end - now <= AHEAD => end,
            _ => return Ok(before),
        };
        let before = Guard::into_inner(before);
        let refreshed = match source.turn(now) {
            // Whoever had the turn before has replaced them meanwhile.
            Some(_turn) if current.load().credentials().expires_at() != Some(end) => Ok(()),
            // The turn is kept until the new signer stands, so that no newer one is overwritten.
            Some(_turn) => source.fetch(now).await.map(|credentials| {
                current.store(Arc::new(before.with(credentials)));
            }),
            None => Err(Unavailable::new("other credentials are being fetched")
                .retry_after(std::time::Duration::from_secs(1))),
        };
        let current = current.load();
        match (refreshed, current.credentials().expires_at()) {
            (Err(cause), Some(end)) if end <= now => Err(cause),
            _ => Ok(current),
        }
    }
}

impl Source {
    /// The right to ask the provider, for one caller at a time.
    fn turn(&self, now: OffsetDateTime) -> Option<Turn<'_>> {
        let due = now.unix_timestamp() >= self.not_before.load(Ordering::Relaxed);
        let first = due && !self.refreshing.swap(true, Ordering::Acquire);
        first.then(|| Turn(&self.refreshing))
    }

    async fn fetch(&self, now: OffsetDateTime) -> Result<Credentials, Unavailable> {
        let fetched = match self.provider.provide_credentials().await {
            Ok(credentials) if credentials.expires_at().is_some_and(|end| end <= now) => Err(
                Unavailable::new("the provider gave credentials that have expired"),
            ),
            fetched => fetched,
        };
        let again = match &fetched {
            Err(cause) => {
                tracing::warn!(
                    error = cause as &dyn std::error::Error,
                    "credentials could not be refreshed"
                );
                now + PAUSE
            }
            // Those that end soon need not be asked for again at once, but at their end at the latest.
            Ok(credentials) => match credentials.expires_at() {
                Some(end) if end - now <= AHEAD => end.min(now + PAUSE),
                _ => return fetched,
            },
        };
        self.not_before
            .store(again.unix_timestamp(), Ordering::Relaxed);
        fetched
    }
}

/// Given back when the caller is done, or gone.
struct Turn<'a>(&'a AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
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
    use std::sync::Mutex;

    use async_trait::async_trait;
    use time::macros::datetime;

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
    async fn a_caller_that_goes_away_gives_its_turn_back() {
        let signer = fresh(vec![until("A", 60), until("B", 120)]).await;
        let FreshSigner::Refreshed(Refreshed { source, .. }) = &signer else {
            panic!("it has a provider")
        };
        let turn = source.turn(START).unwrap();
        assert!(source.turn(START).is_none(), "one at a time");
        assert_eq!(
            id(&signer, 56 * 60).await.as_deref(),
            Some("A"),
            "others go on meanwhile"
        );
        drop(turn);
        assert_eq!(id(&signer, 56 * 60).await.as_deref(), Some("B"));
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
