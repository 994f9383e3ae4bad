//! The rules for a [`CredentialVerifier`].
//!
//! They look at nothing but what they made, so any number of them may run on one database at once.
#![expect(
    clippy::missing_errors_doc,
    reason = "a rule's error is always what the store does wrong"
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

/// The one list of these rules; hands them to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __credential_rules {
    (($($then:tt)+) $($with:tt)*) => {
        $($then)+! { $($with)*
            a_credential_tells_whose_it_is:
                "a request is made in the name of whoever the store says",
            what_is_almost_a_credential_is_none:
                "a look-up that folds case, trims or compares a prefix makes guessing easy",
            a_credential_carries_what_it_was_granted:
                "a token for reading that may write is a stolen key",
            a_credential_ends_at_its_end:
                "a token that outlives its end is one that nobody watches any more",
            a_disabled_credential_is_none:
                "disabling a leaked key is all that its owner can do",
        }
    };
}

const KINDS: [CredentialKind; 2] = [CredentialKind::ApiKey, CredentialKind::Bearer];

/// A store, a secret that nobody has, and what of it the store can keep.
struct Desk<Store> {
    store: Store,
    secret: String,
    owner: Principal,
}

impl<Store: CredentialVerifier + SeedCredentials> Desk<Store> {
    fn new(store: Store) -> Self {
        let random: uuid::Uuid = next();
        Self {
            store,
            secret: format!("plane_api_{}", random.simple()),
            owner: Principal::with_all_scopes(next()),
        }
    }

    /// The kinds of credential that the store has.
    async fn kinds(&self) -> Result<Vec<CredentialKind>, Broken> {
        let mut kinds = Vec::new();
        for kind in KINDS {
            if self.add(kind, |_| {}).await? {
                kinds.push(kind);
            }
        }
        demand(
            !kinds.is_empty(),
            "`SeedCredentials` keeps neither API keys nor tokens",
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
        demand(added, "`seed_credential` keeps only some credentials")
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

    async fn is(
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

/// A credential is known by kind and secret, and tells its owner and all that it allows; one that
/// is added again is replaced.
///
/// **Why.** Everything that follows happens in that user's name.
pub async fn a_credential_tells_whose_it_is<Store>(store: Store) -> Verdict
where
    Store: CredentialVerifier + SeedCredentials,
{
    let desk = Desk::new(store);
    for kind in desk.kinds().await? {
        desk.is(kind, NOW, Some(&desk.owner), "a credential")
            .await?;
        let other = Principal::with_all_scopes(next());
        let replaced = other.clone();
        desk.must_add(kind, |record| record.principal = replaced)
            .await?;
        desk.is(kind, NOW, Some(&other), "a credential that was replaced")
            .await?;
    }
    Ok(())
}

/// What is nearly a secret is none: shorter, longer, in another case, with white space, of the
/// other kind, empty, with the wildcards of a database.
///
/// **Why.** Secrets are safe because they can't be guessed. Each of these makes guessing easier,
/// some make it needless.
pub async fn what_is_almost_a_credential_is_none<Store>(store: Store) -> Verdict
where
    Store: CredentialVerifier + SeedCredentials,
{
    let desk = Desk::new(store);
    // One kind alone, so that the other is of nobody.
    let mut kept = None;
    for kind in KINDS {
        if kept.is_none() && desk.add(kind, |_| {}).await? {
            kept = Some(kind);
        }
    }
    let kept = kept.ok_or_else(|| Broken::new("`SeedCredentials` keeps nothing"))?;
    desk.is(kept, NOW, Some(&desk.owner), "a credential")
        .await?;
    let secret = desk.secret.as_str();
    let shorter = &secret[..secret.len() - 1];
    for (what, wrong) in [
        ("a shorter secret", shorter.to_owned()),
        ("a longer secret", format!("{secret}0")),
        ("another case", secret.to_uppercase()),
        ("white space behind", format!("{secret} ")),
        ("white space before", format!(" {secret}")),
        ("a wildcard", format!("{shorter}_")),
        ("a wildcard", "%".to_owned()),
        ("nothing", String::new()),
    ] {
        for kind in KINDS {
            let found = desk.verify(kind, &wrong, NOW).await?;
            let what = format!("`verify` of {what} ({})", kind.as_str());
            equal(&found, &None, what)?;
        }
    }
    for kind in KINDS {
        if kind != kept {
            desk.is(kind, NOW, None, "a secret of the other kind")
                .await?;
        }
    }
    Ok(())
}

/// A credential that was granted fewer scopes than its owner has carries just those, down to none.
///
/// A store without scopes says so when it is seeded, and is asked for nothing more.
///
/// **Why.** A token is given away because it can do little.
pub async fn a_credential_carries_what_it_was_granted<Store>(store: Store) -> Verdict
where
    Store: CredentialVerifier + SeedCredentials,
{
    let desk = Desk::new(store);
    for kind in desk.kinds().await? {
        for scopes in [
            Scopes::none(),
            Scopes::none().with(Scope::AssetsRead),
            Scopes::none().with(Scope::AssetsWrite),
            Scopes::all(),
        ] {
            let narrow = Principal::new(desk.owner.user, scopes);
            let granted = narrow.clone();
            if desk.add(kind, |record| record.principal = granted).await? {
                let what = format!("a credential for {scopes:?}");
                desk.is(kind, NOW, Some(&narrow), &what).await?;
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

/// A credential is valid before its end and not from then on, to the microsecond; one whose end is
/// far away is valid.
///
/// **Why.** Comparing dates instead of times makes a token live a day longer; an end that overflows
/// a column makes it end at once.
pub async fn a_credential_ends_at_its_end<Store>(store: Store) -> Verdict
where
    Store: CredentialVerifier + SeedCredentials,
{
    let desk = Desk::new(store);
    let end = NOW - Duration::nanoseconds(NOW.nanosecond().into());
    for kind in desk.kinds().await? {
        desk.must_add(kind, |record| record.expires_at = Some(end))
            .await?;
        let owner = Some(&desk.owner);
        desk.is(kind, end - Duration::DAY, owner, "a day before its end")
            .await?;
        desk.is(kind, end - TICK, owner, "a moment before its end")
            .await?;
        desk.is(kind, end, None, "its end").await?;
        desk.is(kind, end + TICK, None, "a moment after its end")
            .await?;
        desk.is(kind, end + Duration::DAY, None, "a day after its end")
            .await?;

        let far = time::Date::from_calendar_date(9999, time::Month::December, 31);
        let far = far.map_err(|_| Broken::new("the kit itself is wrong about 9999"))?;
        desk.must_add(kind, |record| {
            record.expires_at = Some(far.midnight().assume_utc());
        })
        .await?;
        desk.is(kind, NOW, owner, "long before its end").await?;
    }
    Ok(())
}

/// A credential that is not active is none, whatever its end; active again, it is one.
///
/// **Why.** When a key leaks, disabling it is all that its owner can do.
pub async fn a_disabled_credential_is_none<Store>(store: Store) -> Verdict
where
    Store: CredentialVerifier + SeedCredentials,
{
    let desk = Desk::new(store);
    for kind in desk.kinds().await? {
        for end in [None, Some(NOW + Duration::DAY)] {
            desk.must_add(kind, |record| {
                record.expires_at = end;
                record.active = false;
            })
            .await?;
            desk.is(kind, NOW, None, "one that is disabled").await?;
            desk.must_add(kind, |record| record.expires_at = end)
                .await?;
            desk.is(kind, NOW, Some(&desk.owner), "one that is active again")
                .await?;
        }
    }
    Ok(())
}
