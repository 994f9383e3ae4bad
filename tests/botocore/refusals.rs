//! What botocore signs, or might, and this crate refuses, each with the error it names.

use std::time::Duration;

use time::OffsetDateTime;
use tower_asset_upload::asset::ExpiresIn;
use tower_asset_upload::s3::S3Bucket;
use tower_asset_upload::sigv4::{
    Credentials, FormFields, Method, PostPolicy, PostPolicyBuilder, Presign, Region, SignedPost,
    Signer,
};

use super::random::Random;

pub(crate) struct Refusal {
    pub(crate) what: &'static str,
    pub(crate) error: &'static str,
    pub(crate) attempt: fn(&mut Random) -> Result<(), String>,
}

/// The variant of an error, without what it holds.
fn name(error: impl std::fmt::Debug) -> String {
    let shown = format!("{error:?}");
    let end = shown.find([' ', '(', '{']).unwrap_or(shown.len());
    shown[..end].to_owned()
}

fn credentials() -> Credentials {
    Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret").unwrap()
}

fn signer() -> Signer {
    Signer::new(credentials(), Region::us_east_1())
}

fn now(random: &mut Random) -> OffsetDateTime {
    let unix = i64::try_from(random.between(0, 4_102_444_800)).unwrap();
    OffsetDateTime::from_unix_timestamp(unix).unwrap()
}

fn built(policy: PostPolicyBuilder<'_>) -> Result<(), String> {
    policy.build().map(|_| ()).map_err(name)
}

fn with(add: impl FnOnce(FormFields) -> FormFields) -> Result<(), String> {
    built(PostPolicy::builder("uploads", "k").extra(add))
}

/// Any of those.
fn one_of(random: &mut Random, texts: &[&str]) -> String {
    (*random.pick(texts)).to_owned()
}

pub(crate) const ALL: [Refusal; 25] = [
    Refusal {
        what: "a key that S3 would fill in",
        error: "Substitution",
        attempt: |random| {
            let key = one_of(random, &["${filename}", "a/${filename}", "é${x}y", "$${"]);
            built(PostPolicy::builder("uploads", key))
        },
    },
    Refusal {
        what: "a prefix that S3 would fill in",
        error: "Substitution",
        attempt: |_| built(PostPolicy::builder("uploads", "k").key_starts_with("u/${filename}")),
    },
    Refusal {
        what: "a value that S3 would fill in",
        error: "Substitution",
        attempt: |_| with(|fields| fields.content_disposition("inline; filename=${filename}")),
    },
    Refusal {
        what: "a content type that S3 would fill in",
        error: "Substitution",
        attempt: |_| built(PostPolicy::builder("uploads", "k").content_type("${Content-Type}")),
    },
    Refusal {
        what: "no key",
        error: "Key",
        attempt: |_| built(PostPolicy::builder("uploads", "")),
    },
    Refusal {
        what: "a key of more than 1,024 bytes",
        error: "Key",
        attempt: |random| {
            let length = random.index(3_000) + 1;
            built(PostPolicy::builder(
                "uploads",
                "é".repeat(512) + &"k".repeat(length),
            ))
        },
    },
    Refusal {
        what: "no bucket in a form",
        error: "Bucket",
        attempt: |_| built(PostPolicy::builder("", "k")),
    },
    Refusal {
        what: "an empty range",
        error: "EmptyRange",
        attempt: |random| {
            let most = random.between(0, 1 << 40);
            let range = most + 1 + random.between(0, 9)..=most;
            built(PostPolicy::builder("uploads", "k").content_length(range))
        },
    },
    Refusal {
        what: "a header with a control character",
        error: "Control",
        attempt: |random| {
            let value = one_of(random, &["a\r\nb: c", "\0", "\u{7f}", "a\tb", "\u{85}"]);
            with(|fields| fields.cache_control(&value))
        },
    },
    Refusal {
        what: "an empty value",
        error: "Empty",
        attempt: |_| with(|fields| fields.acl("")),
    },
    Refusal {
        what: "an empty content type",
        error: "Empty",
        attempt: |_| built(PostPolicy::builder("uploads", "k").content_type("")),
    },
    Refusal {
        what: "a status that S3 doesn't answer",
        error: "Value",
        attempt: |random| {
            let status = *random.pick(&[0, 100, 202, 302, 404, u16::MAX]);
            with(|fields| fields.success_action_status(status))
        },
    },
    Refusal {
        what: "a metadata name that is none",
        error: "Name",
        attempt: |random| {
            let name = one_of(random, &["", "a b", "a:b", "é", "a\r\n", "\"", "a/b"]);
            with(|fields| fields.metadata(&name, "v"))
        },
    },
    Refusal {
        what: "a field given twice",
        error: "Twice",
        attempt: |_| with(|fields| fields.metadata("A", "1").metadata("a", "2")),
    },
    Refusal {
        what: "no time at all, or more than seven days",
        error: "None",
        attempt: |random| {
            let seconds = *random.pick(&[0, 604_801, 700_000, u64::from(u32::MAX) + 5, u64::MAX]);
            ExpiresIn::new(Duration::from_secs(seconds)).map_or(Err("None".to_owned()), |_| Ok(()))
        },
    },
    Refusal {
        what: "a region that is none",
        error: "InvalidRegion",
        attempt: |random| {
            let region = one_of(
                random,
                &["", "us east 1", "us-east-1/s3", "é", "a\nb", "a.b"],
            );
            Region::new(region).map(|_| ()).map_err(name)
        },
    },
    Refusal {
        what: "an access key id that a scope can't hold",
        error: "AccessKeyId",
        attempt: |random| {
            let id = one_of(random, &["", "a/b", "a b", "a\n", "é", "a,b"]);
            Credentials::new(id, "s").map(|_| ()).map_err(name)
        },
    },
    Refusal {
        what: "no secret",
        error: "SecretAccessKey",
        attempt: |_| Credentials::new("id", "").map(|_| ()).map_err(name),
    },
    Refusal {
        what: "a token that a header can't hold",
        error: "SessionToken",
        attempt: |random| {
            let token = one_of(random, &["", "a b", "a\r\n", "é", "\0"]);
            credentials()
                .with_session_token(token)
                .map(|_| ())
                .map_err(name)
        },
    },
    Refusal {
        what: "a bucket that a URL can't hold",
        error: "Name",
        attempt: |random| {
            let bucket = one_of(
                random,
                &["", "ab", "a/b", "a b", "a..b", ".ab", "bücket", "a?b"],
            );
            S3Bucket::aws(bucket, Region::us_east_1())
                .map(|_| ())
                .map_err(name)
        },
    },
    Refusal {
        what: "an endpoint that is none",
        error: "Endpoint",
        attempt: |random| {
            let texts = [
                "",
                "s3.example.com",
                "ftp://s3.example.com",
                "https://",
                "https://u:p@s3.example.com",
                "https://s3.example.com/?x",
                "https://s3.example.com/../up",
                "http://[::1",
                "a b",
            ];
            let endpoint = one_of(random, &texts);
            S3Bucket::custom("uploads", Region::us_east_1(), &endpoint)
                .map(|_| ())
                .map_err(name)
        },
    },
    Refusal {
        what: "a bucket that a host's name can't hold",
        error: "NoDnsLabel",
        attempt: |random| {
            let bucket = one_of(
                random,
                &["my.bucket", "MyBucket", "my_bucket", "-ab", "ab-"],
            );
            let endpoint = "https://s3.example.com";
            let place = S3Bucket::custom_virtual_hosted(bucket, Region::us_east_1(), endpoint);
            place.map(|_| ()).map_err(name)
        },
    },
    Refusal {
        what: "credentials that have ended",
        error: "CredentialsExpired",
        attempt: |random| {
            let now = now(random);
            let ended = credentials().expiring_at(now - Duration::from_secs(random.between(0, 99)));
            let request = Presign::new(Method::Put, "https://b.example", "/", "k");
            let signer = Signer::new(ended, Region::us_east_1());
            signer.presign_at(&request, now).map(|_| ()).map_err(name)
        },
    },
    Refusal {
        what: "a time before 1970",
        error: "Time",
        attempt: |random| {
            let before =
                OffsetDateTime::UNIX_EPOCH - Duration::from_secs(random.between(1, 1 << 30));
            let policy = PostPolicy::builder("uploads", "k").build().unwrap();
            signer()
                .sign_post_at(&policy, before)
                .map(|_| ())
                .map_err(name)
        },
    },
    Refusal {
        what: "more fields than S3 takes",
        error: "FormTooLarge",
        attempt: |random| {
            let value = "v".repeat(SignedPost::MAX_BYTES / 2 + random.index(9_999));
            let policy = PostPolicy::builder("uploads", "k").metadata("m", &value);
            let now = now(random);
            signer()
                .sign_post_at(&policy.build().unwrap(), now)
                .map(|_| ())
                .map_err(name)
        },
    },
];
