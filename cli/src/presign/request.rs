//! What is to be signed.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tower_asset_upload::asset::{Checksum, Clock, ExpiresIn, Pairs, SystemClock};
use tower_asset_upload::s3::S3Bucket;
use tower_asset_upload::sigv4::{
    Credentials, FormFields, Method, PostPolicy, Presign, Region, Signer,
};

use super::action::Action;
use super::flags::{Flag, dashed};

/// Why a request wasn't signed: one sentence, and the member it is about.
#[derive(Debug)]
pub(crate) struct Fault {
    member: Option<&'static str>,
    text: String,
}

impl Fault {
    pub(crate) fn general(text: impl Display) -> Self {
        Self {
            member: None,
            text: format!("{text}"),
        }
    }

    pub(crate) fn at(member: &'static str, text: impl Display) -> Self {
        Self {
            member: Some(member),
            text: format!("{text}"),
        }
    }

    pub(crate) fn of_a_flag(self) -> String {
        match self.member {
            None => self.text,
            Some(member) => format!("{} {}", dashed(member), self.text),
        }
    }

    pub(crate) fn of_a_member(self) -> String {
        match self.member {
            None => self.text,
            Some(member) => format!("{member} {}", self.text),
        }
    }
}

/// What a request says, each member of its type.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    action: Action,
    bucket: String,
    key: String,
    region: Option<String>,
    endpoint: Option<String>,
    #[serde(default)]
    virtual_hosted: bool,
    #[serde(default)]
    google: bool,
    expires_in: Option<u64>,
    now: Option<String>,
    content_type: Option<String>,
    checksum_sha256: Option<String>,
    size: Option<u64>,
    #[serde(default)]
    single_use: bool,
    min_size: Option<u64>,
    max_size: Option<u64>,
    #[serde(default)]
    meta: BTreeMap<String, String>,
    acl: Option<String>,
    cache_control: Option<String>,
    content_disposition: Option<String>,
    content_encoding: Option<String>,
    storage_class: Option<String>,
    success_action_status: Option<u64>,
    success_action_redirect: Option<String>,
    response_content_disposition: Option<String>,
    response_content_type: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Signed {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) fields: Pairs,
    pub(crate) headers: Pairs,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) expires_at: OffsetDateTime,
}

type AddField = fn(FormFields, &str) -> FormFields;

/// Where a bucket is, in pieces.
struct Place {
    post_url: String,
    origin: String,
    prefix: String,
}

impl Place {
    fn of(bucket: &S3Bucket) -> Self {
        let post_url = bucket.post_url();
        let host_at = post_url.find("://").map_or(0, |at| at + 3);
        let path_at = post_url[host_at..]
            .find('/')
            .map_or(post_url.len(), |at| host_at + at);
        let (origin, path) = post_url.split_at(path_at);
        Self {
            post_url: post_url.to_owned(),
            origin: origin.to_owned(),
            prefix: format!("{}/", path.trim_end_matches('/')),
        }
    }
}

impl Request {
    /// Takes the members, when they are known, of their type and of use for the action.
    pub(crate) fn read(mut members: Map<String, Value>) -> Result<Self, Fault> {
        members.retain(|_, value| !value.is_null());
        let action = match members.get("action") {
            Some(action) => Action::deserialize(action).ok(),
            None => None,
        }
        .ok_or_else(|| Fault::general("say what to sign: form, get, put, head or delete"))?;
        for (name, value) in members.iter().filter(|(name, _)| *name != "action") {
            let flag = Flag::named(name).ok_or_else(|| {
                Fault::general(format!("{name:?} is no member; --help lists them as flags"))
            })?;
            if !flag.kind.accepts(value) {
                return Err(Fault::at(flag.name, flag.kind.accepted()));
            }
            if !flag.actions.contains(&action) {
                let wanted: Vec<_> = flag.actions.iter().map(|action| action.name()).collect();
                let text = format!(
                    "goes with {} only, not with {}",
                    wanted.join(" and "),
                    action.name()
                );
                return Err(Fault::at(flag.name, text));
            }
        }
        for name in ["bucket", "key"] {
            if !members.contains_key(name) {
                return Err(Fault::at(name, "is missing"));
            }
        }
        Self::deserialize(Value::Object(members)).map_err(Fault::general)
    }

    pub(crate) fn sign(&self, credentials: &Credentials) -> Result<Signed, Fault> {
        let now = self.now()?;
        let lifetime = self.lifetime()?;
        let region = self.region()?;
        let place = Place::of(&self.bucket(region.clone())?);
        let signer = if self.google {
            Signer::google(credentials.clone(), region)
        } else {
            Signer::new(credentials.clone(), region)
        };
        match self.action {
            Action::Form => self.form(&signer, &place, lifetime, now),
            Action::Get => self.url(Method::Get, &signer, &place, lifetime, now),
            Action::Put => self.url(Method::Put, &signer, &place, lifetime, now),
            Action::Head => self.url(Method::Head, &signer, &place, lifetime, now),
            Action::Delete => self.url(Method::Delete, &signer, &place, lifetime, now),
        }
    }

    fn form(
        &self,
        signer: &Signer,
        place: &Place,
        lifetime: ExpiresIn,
        now: OffsetDateTime,
    ) -> Result<Signed, Fault> {
        let mut policy = PostPolicy::builder(&self.bucket, &self.key).expires_in(lifetime);
        if let Some(content_type) = &self.content_type {
            policy = policy.content_type(content_type);
        }
        match (self.min_size, self.max_size) {
            (least, Some(most)) => policy = policy.content_length(least.unwrap_or(0)..=most),
            (Some(_), None) => {
                return Err(Fault::at("min_size", "needs the largest size beside it"));
            }
            (None, None) => {}
        }
        let fields = self.fields()?;
        let policy = policy.extra(|_| fields).build().map_err(Fault::general)?;
        let form = signer.sign_post_at(&policy, now).map_err(Fault::general)?;
        Ok(Signed {
            method: "POST",
            url: place.post_url.clone(),
            expires_at: form.expires_at(),
            fields: form.into_fields(),
            headers: Pairs::new(),
        })
    }

    fn fields(&self) -> Result<FormFields, Fault> {
        let mut fields = FormFields::new();
        if let Some(status) = self.success_action_status {
            // What has no room in the type is none of the three that are accepted either.
            fields = fields.success_action_status(u16::try_from(status).unwrap_or_default());
        }
        if let Some(checksum) = self.checksum()? {
            fields = fields.checksum_sha256(&checksum);
        }
        let texts: [(&Option<String>, AddField); 6] = [
            (&self.acl, FormFields::acl),
            (&self.cache_control, FormFields::cache_control),
            (&self.content_disposition, FormFields::content_disposition),
            (&self.content_encoding, FormFields::content_encoding),
            (&self.storage_class, FormFields::storage_class),
            (
                &self.success_action_redirect,
                FormFields::success_action_redirect,
            ),
        ];
        for (value, add) in texts {
            if let Some(value) = value {
                fields = add(fields, value);
            }
        }
        Ok(self
            .meta
            .iter()
            .fold(fields, |fields, (name, value)| fields.metadata(name, value)))
    }

    fn url(
        &self,
        method: Method,
        signer: &Signer,
        place: &Place,
        lifetime: ExpiresIn,
        now: OffsetDateTime,
    ) -> Result<Signed, Fault> {
        if !(1..=1024).contains(&self.key.len()) {
            return Err(Fault::at("key", "must have 1 to 1,024 bytes"));
        }
        let mut headers = Pairs::new();
        let mut request =
            Presign::new(method, &place.origin, &place.prefix, &self.key).expires_in(lifetime);
        if let Some(content_type) = &self.content_type {
            if http::HeaderValue::from_str(content_type).is_err() {
                return Err(Fault::at(
                    "content_type",
                    "must be a media type, as in image/png",
                ));
            }
            headers.push("content-type", content_type);
            request = request.content_type(content_type);
        }
        if let Some(size) = self.size {
            headers.push("content-length", &size.to_string());
            request = request.content_length(size);
        }
        if let Some(checksum) = self.checksum()? {
            headers.push("x-amz-checksum-sha256", &checksum.to_base64());
            request = request.checksum_sha256(&checksum);
        }
        if self.single_use {
            (request, headers) = self.once(request, headers);
        }
        if let Some(value) = &self.response_content_disposition {
            request = request.response_content_disposition(value);
        }
        if let Some(value) = &self.response_content_type {
            request = request.response_content_type(value);
        }
        let url = signer.presign_at(&request, now).map_err(Fault::general)?;
        Ok(Signed {
            method: method.as_str(),
            expires_at: url.expires_at(),
            url: url.into_string(),
            fields: Pairs::new(),
            headers,
        })
    }

    /// Adds the condition that there is no object yet, in the store's dialect.
    fn once<'p>(&self, request: Presign<'p>, mut headers: Pairs) -> (Presign<'p>, Pairs) {
        if self.google {
            headers.push("x-goog-if-generation-match", "0");
            (request.if_generation_match(0), headers)
        } else {
            headers.push("if-none-match", "*");
            (request.if_none_match_any(), headers)
        }
    }

    fn now(&self) -> Result<OffsetDateTime, Fault> {
        let Some(now) = &self.now else {
            return Ok(SystemClock.now());
        };
        OffsetDateTime::parse(now, &Rfc3339)
            .map_err(|_| Fault::at("now", "must be a time as in 2026-05-19T10:11:12Z"))
    }

    fn lifetime(&self) -> Result<ExpiresIn, Fault> {
        let Some(seconds) = self.expires_in else {
            return Ok(ExpiresIn::default());
        };
        ExpiresIn::new(Duration::from_secs(seconds)).map_err(|_| {
            Fault::at(
                "expires_in",
                "must be 1 to 604800 seconds: seven days at most",
            )
        })
    }

    /// A region is never guessed: a wrong one only shows when someone uploads.
    fn region(&self) -> Result<Region, Fault> {
        let region = match &self.region {
            Some(region) => region,
            None if self.google => "auto",
            None => {
                return Err(Fault::at(
                    "region",
                    "is missing: give the bucket's, as in us-east-1",
                ));
            }
        };
        Region::new(region).map_err(|fault| Fault::at("region", format!("is none: {fault}")))
    }

    fn bucket(&self, region: Region) -> Result<S3Bucket, Fault> {
        let google = self.google.then_some("https://storage.googleapis.com");
        match self.endpoint.as_deref().or(google) {
            Some(endpoint) if self.virtual_hosted => {
                S3Bucket::custom_virtual_hosted(&self.bucket, region, endpoint)
            }
            Some(endpoint) => S3Bucket::custom(&self.bucket, region, endpoint),
            None if self.virtual_hosted => {
                let text = "goes with an endpoint or Google; addresses of AWS are so already where they can be";
                return Err(Fault::at("virtual_hosted", text));
            }
            None => S3Bucket::aws(&self.bucket, region),
        }
        .map_err(Fault::general)
    }

    fn checksum(&self) -> Result<Option<Checksum>, Fault> {
        let checksum = self.checksum_sha256.as_deref().map(str::parse).transpose();
        checksum.map_err(|fault| Fault::at("checksum_sha256", fault))
    }
}
