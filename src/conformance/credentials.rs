//! The rules for a [`CredentialVerifier`].
//!
//! Rules touch only the credentials that they create, so they may run concurrently on one database.
#![expect(
    clippy::missing_errors_doc,
    reason = "a rule's error is always a fault of the store"
)]

use time::{Duration, OffsetDateTime};

use super::seed::SeedCredentials;
use super::verdict::{Broken, Rule, Verdict, answered, demand, equal};
use super::world::{NOW, TICK, next};
use crate::auth::{
    Credential, CredentialKind, CredentialRecord, CredentialVerifier, Principal, Scope, Scopes,
};

macro_rules! table {
    ($($rule:ident: $why:literal,)*) => {
        /// The rules of this suite, in the order in which they run.
        pub const RULES: &[Rule] = &[$(Rule::new(stringify!($rule), $why)),*];
    };
}

crate::__credential_rules!((table));

/// The single list of these rules. Passes them to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __credential_rules {
    (($($then:tt)+) $($with:tt)*) => {
        $($then)+! { $($with)*
            a_credential_tells_whose_it_is:
                "a request acts in the name of the user that the store returns",
            what_is_almost_a_credential_is_none:
                "a look-up that folds case, trims or compares prefixes makes guessing easy",
            a_credential_carries_what_it_was_granted:
                "a read-only token that can write is as dangerous as a stolen key",
            a_credential_ends_at_its_end:
                "nobody watches a token any more after its expiry",
            a_disabled_credential_is_none:
                "disabling a leaked key is its owner's only defence",
        }
    };
}

const KINDS: [CredentialKind; 2] = [CredentialKind::ApiKey, CredentialKind::Bearer];

/// A store with a fresh secret and its owner.
struct Fixture<Store> {
    store: Store,
    secret: String,
    owner: Principal,
}

impl<Store: CredentialVerifier + SeedCredentials> Fixture<Store> {
    fn new(store: Store) -> Self {
        let random: uuid::Uuid = next();
        Self {
            store,
            secret: format!("plane_api_{}", random.simple()),
            owner: Principal::with_all_scopes(next()),
        }
    }

    /// Returns the kinds of credentials that the store supports.
    async fn kinds(&self) -> Result<Vec<CredentialKind>, Broken> {
        let mut kinds = Vec::new();
        for kind in KINDS {
            if self.add(kind, |_| {}).await? {
                kinds.push(kind);
            }
        }
        demand(
            !kinds.is_empty(),
            "`seed_credential` supports neither API keys nor tokens",
        )?;
        Ok(kinds)
    }

    async fn add(
        &self,
        kind: CredentialKind,
        change: impl FnOnce(&mut CredentialRecord) + Send,
    ) -> Result<bool, Broken> {
        let credential = Credential::new(kind, &self.secret);
        let mut record = CredentialRecord::new(&credential, self.owner.clone());
        change(&mut record);
        let added = self.store.seed_credential(&credential, record).await;
        added.map_err(|error| Broken::new(format_args!("`seed_credential` failed: {error}")))
    }

    async fn must_add(
        &self,
        kind: CredentialKind,
        change: impl FnOnce(&mut CredentialRecord) + Send,
    ) -> Verdict {
        let added = self.add(kind, change).await?;
        demand(
            added,
            "`seed_credential` supports this kind only for some credentials",
        )
    }

    async fn verify(
        &self,
        kind: CredentialKind,
        secret: &str,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, Broken> {
        let credential = Credential::new(kind, secret);
        answered(self.store.verify(&credential, now).await)
    }

    async fn must_return(
        &self,
        kind: CredentialKind,
        now: OffsetDateTime,
        wanted: Option<&Principal>,
        what: &str,
    ) -> Verdict {
        let found = self.verify(kind, &self.secret, now).await?;
        equal(
            &found.as_ref(),
            &wanted,
            format_args!("`verify` of {what} ({})", kind.as_str()),
        )
    }
}

/// `verify` finds a credential by kind and secret, and returns its owner with all of its scopes.
/// Adding a credential again replaces it.
///
/// **Why.** The request then acts in that user's name.
pub async fn a_credential_tells_whose_it_is<Store>(store: Store) -> Verdict
where
    Store: CredentialVerifier + SeedCredentials,
{
    let fixture = Fixture::new(store);
    for kind in fixture.kinds().await? {
        fixture
            .must_return(kind, NOW, Some(&fixture.owner), "a credential")
            .await?;
        let other = Principal::with_all_scopes(next());
        let replaced = other.clone();
        fixture
            .must_add(kind, |record| record.principal = replaced)
            .await?;
        fixture
            .must_return(kind, NOW, Some(&other), "a credential that was replaced")
            .await?;
    }
    Ok(())
}

/// `verify` refuses text that is almost a secret: shorter, longer, in another case, with white
/// space, of the other kind, empty, or with the wildcards of a database.
///
/// **Why.** A secret is safe because it is hard to guess. Each of these makes guessing easier, or
/// unnecessary.
pub async fn what_is_almost_a_credential_is_none<Store>(store: Store) -> Verdict
where
    Store: CredentialVerifier + SeedCredentials,
{
    let fixture = Fixture::new(store);
    // Adds the secret as one kind only, so that it is unknown as the other kind.
    let mut kept = None;
    for kind in KINDS {
        if kept.is_none() && fixture.add(kind, |_| {}).await? {
            kept = Some(kind);
        }
    }
    let kept = kept.ok_or_else(|| Broken::new("`seed_credential` supports no kind"))?;
    fixture
        .must_return(kept, NOW, Some(&fixture.owner), "a credential")
        .await?;
    let secret = fixture.secret.as_str();
    let shorter = &secret[..secret.len() - 1];
    for (what, wrong) in [
        ("a shorter secret", shorter.to_owned()),
        ("a longer secret", format!("{secret}0")),
        ("another case", secret.to_uppercase()),
        ("white space at the end", format!("{secret} ")),
        ("white space at the start", format!(" {secret}")),
        ("a wildcard", format!("{shorter}_")),
        ("a wildcard", "%".to_owned()),
        ("an empty secret", String::new()),
    ] {
        for kind in KINDS {
            let found = fixture.verify(kind, &wrong, NOW).await?;
            let what = format!("`verify` of {what} ({})", kind.as_str());
            equal(&found, &None, what)?;
        }
    }
    for kind in KINDS {
        if kind != kept {
            fixture
                .must_return(kind, NOW, None, "a secret of the other kind")
                .await?;
        }
    }
    Ok(())
}

/// A credential has exactly the scopes that it was granted, down to none.
///
/// A store without scopes returns `false` from `seed_credential`, and the rule then demands nothing
/// more.
///
/// **Why.** Users hand out tokens because a token can be limited.
///
pub async fn a_credential_carries_what_it_was_granted<Store>(store: Store) -> Verdict
where
    Store: CredentialVerifier + SeedCredentials,
{
    let fixture = Fixture::new(store);
    for kind in fixture.kinds().await? {
        for scopes in [
            Scopes::none(),
            Scopes::none().with(Scope::AssetsRead),
            Scopes::none().with(Scope::AssetsWrite),
            Scopes::all(),
        ] {
            let narrow = Principal::new(fixture.owner.user, scopes);
            let granted = narrow.clone();
            if fixture
                .add(kind, |record| record.principal = granted)
                .await?
            {
                let what = format!("a credential for {scopes:?}");
                fixture.must_return(kind, NOW, Some(&narrow), &what).await?;
            } else {
                demand(
                    scopes != Scopes::all(),
                    "`seed_credential` keeps only some credentials",
                )?;
            }
        }
    }
    Ok(())
}

/// A credential is valid before its expiry, and not from that microsecond on. An expiry in the far
/// future is kept.
///
/// **Why.** If a store compares dates, a token lives up to a day longer. If an expiry overflows its
/// column, a token expires at once.
pub async fn a_credential_ends_at_its_end<Store>(store: Store) -> Verdict
where
    Store: CredentialVerifier + SeedCredentials,
{
    let fixture = Fixture::new(store);
    let end = NOW - Duration::nanoseconds(NOW.nanosecond().into());
    for kind in fixture.kinds().await? {
        fixture
            .must_add(kind, |record| record.expires_at = Some(end))
            .await?;
        let owner = Some(&fixture.owner);
        fixture
            .must_return(kind, end - Duration::DAY, owner, "a day before its end")
            .await?;
        fixture
            .must_return(kind, end - TICK, owner, "a moment before its end")
            .await?;
        fixture.must_return(kind, end, None, "its end").await?;
        fixture
            .must_return(kind, end + TICK, None, "a moment after its end")
            .await?;
        fixture
            .must_return(kind, end + Duration::DAY, None, "a day after its end")
            .await?;

        let far = time::Date::from_calendar_date(9999, time::Month::December, 31);
        let far = far.map_err(|_| super::world::unusable("the year 9999"))?;
        fixture
            .must_add(kind, |record| {
                record.expires_at = Some(far.midnight().assume_utc());
            })
            .await?;
        fixture
            .must_return(kind, NOW, owner, "long before its end")
            .await?;
    }
    Ok(())
}

/// A disabled credential is not valid, whatever its expiry. Once enabled again, it is valid.
///
/// **Why.** When a key leaks, disabling it is its owner's only defence.
pub async fn a_disabled_credential_is_none<Store>(store: Store) -> Verdict
where
    Store: CredentialVerifier + SeedCredentials,
{
    let fixture = Fixture::new(store);
    for kind in fixture.kinds().await? {
        for end in [None, Some(NOW + Duration::DAY)] {
            fixture
                .must_add(kind, |record| {
                    record.expires_at = end;
                    record.active = false;
                })
                .await?;
            fixture
                .must_return(kind, NOW, None, "one that is disabled")
                .await?;
            fixture
                .must_add(kind, |record| record.expires_at = end)
                .await?;
            fixture
                .must_return(kind, NOW, Some(&fixture.owner), "one that is active again")
                .await?;
        }
    }
    Ok(())
}
