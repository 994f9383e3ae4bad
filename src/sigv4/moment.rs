//! What stays the same for a day, and what for a second: written once and then copied whole.
//!
//! Deriving the day's key costs more than a signature, and a signer in a hurry signs many times a
//! second. So a signer keeps one [`Moment`], replaced when the second is over, and in it the [`Day`].

use std::sync::Arc;

use super::credentials::Credentials;
use super::dialect::Dialect;
use super::document::Document;
use super::json::Text;
use super::key::SigningKey;
use super::scope::{Region, Stamp};
use crate::asset::Pairs;

/// The key of a day and its scope.
pub(super) struct Day {
    pub(super) key: SigningKey,
    /// `AKID/20151229/us-east-1/s3/aws4_request`
    pub(super) credential: String,
    /// Where in `credential` the scope begins: after the access key id and its slash.
    scope_at: usize,
}

impl Day {
    fn derive(
        credentials: &Credentials,
        region: &Region,
        dialect: &Dialect,
        stamp: &Stamp,
    ) -> Self {
        let (id, date, region) = (credentials.access_key_id(), stamp.date(), region.as_str());
        Self {
            key: SigningKey::derive(dialect, credentials.secret(), date, region),
            credential: [id, date, region, dialect.service, dialect.terminator].join("/"),
            scope_at: id.len() + 1,
        }
    }

    /// `20151229/us-east-1/s3/aws4_request`
    pub(super) fn scope(&self) -> &str {
        &self.credential[self.scope_at..]
    }
}

/// A second, and whatever a form and a URL have in just these words as long as it lasts.
pub(super) struct Moment {
    pub(super) stamp: Stamp,
    pub(super) day: Arc<Day>,
    /// What every document ends with: the conditions on algorithm, credential, date and token.
    pub(super) conditions: Vec<u8>,
    /// The fields that belong to these conditions.
    pub(super) fields: Pairs,
    /// All that is before the value of the field with the signature: its name in quotes, a colon, a quote.
    pub(super) signature: String,
    /// A lifetime in seconds, and when what is signed now for so long ends: what was asked for when
    /// the second began will be asked for again.
    lifetime: (u32, Stamp),
}

impl Moment {
    /// A moment that passes for any.
    pub(super) fn first(credentials: &Credentials, region: &Region, dialect: &Dialect) -> Self {
        let day = Day::derive(credentials, region, dialect, &Stamp::FIRST);
        Self::of(
            credentials,
            dialect,
            Arc::new(day),
            Stamp::FIRST,
            (0, Stamp::FIRST),
        )
    }

    /// The moment of that stamp, a later or an earlier one of the same signer; `None` when what ends
    /// in so many seconds can't be written.
    pub(super) fn another(
        &self,
        credentials: &Credentials,
        region: &Region,
        dialect: &Dialect,
        stamp: Stamp,
        seconds: u32,
    ) -> Option<Self> {
        let lifetime = (seconds, stamp.later(seconds)?);
        let day = if stamp.date() == self.stamp.date() {
            Arc::clone(&self.day)
        } else {
            Arc::new(Day::derive(credentials, region, dialect, &stamp))
        };
        Some(Self::of(credentials, dialect, day, stamp, lifetime))
    }

    fn of(
        credentials: &Credentials,
        dialect: &Dialect,
        day: Arc<Day>,
        stamp: Stamp,
        lifetime: (u32, Stamp),
    ) -> Self {
        let prefix = dialect.field_prefix;
        let mut conditions = Document::default();
        let mut fields = Pairs::new();
        let always = [
            ("algorithm", dialect.algorithm),
            ("credential", &day.credential),
            ("date", stamp.as_str()),
        ];
        let token = credentials.session_token();
        let token = token.map(|token| ("security-token", token));
        for (name, value) in always.into_iter().chain(token) {
            let value = Text::new(value);
            conditions.condition(prefix, name, &value);
            value.push_to(&mut fields, prefix, name);
        }
        conditions.close();
        Self {
            conditions: conditions.as_bytes().to_vec(),
            fields,
            signature: ["\"", prefix, "signature\":\""].concat(),
            lifetime,
            stamp,
            day,
        }
    }

    /// When what is signed now for so many seconds ends.
    #[inline]
    pub(super) fn end(&self, seconds: u32) -> Option<Stamp> {
        match self.lifetime {
            (expected, end) if expected == seconds => Some(end),
            _ => self.stamp.later(seconds),
        }
    }
}
