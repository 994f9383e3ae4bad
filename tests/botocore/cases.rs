//! Forms and URLs of all sorts, each as a question to botocore and as what this crate signs.
//!
//! A question is put together beside the signature and never read off it.

use std::time::Duration;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use tower_asset_upload::asset::{Checksum, ExpiresIn};
use tower_asset_upload::s3::S3Bucket;
use tower_asset_upload::sigv4::{
    Credentials, FormFields, Method, PostPolicy, Presign, Region, ServerSideEncryption, Signer,
};

use super::random::Random;

pub(crate) struct Case {
    pub(crate) question: Value,
    pub(crate) ours: Ours,
}

pub(crate) enum Ours {
    Url(String),
    Form {
        url: String,
        fields: Vec<(String, String)>,
        document: Value,
        key_is_chosen: bool,
    },
}

/// Who signs for which bucket, and where that is.
struct World {
    signer: Signer,
    bucket: String,
    post_url: String,
    origin: String,
    prefix: String,
    /// The same for botocore.
    described: Value,
}

/// Fewer than cases, as a client of boto3 takes long to make.
pub(crate) struct Worlds(Vec<World>);

const AWS_REGIONS: [&str; 6] = [
    "us-east-1",
    "eu-central-1",
    "ap-southeast-2",
    "sa-east-1",
    "us-gov-west-1",
    "cn-north-1",
];
const OTHER_REGIONS: [&str; 5] = ["us-east-1", "eu-west-3", "auto", "garage", "fra1"];
/// The bucket goes into the path. Written as clients write them: botocore keeps other spellings.
const ENDPOINTS: [&str; 12] = [
    "http://127.0.0.1:9000",
    "http://[::1]:9000",
    "https://[2001:db8::1]",
    "https://[2001:db8::a]:8443",
    "https://s3.example.com",
    "https://s3.example.com/",
    "http://s3.example.com",
    "http://s3.example.com:443",
    "https://s3.example.com:80",
    "http://localhost:4566",
    "http://minio.local:9000/base/path",
    "https://s3.example.com/base/",
];
/// The bucket goes into the host's name.
const HOSTING_ENDPOINTS: [&str; 6] = [
    "https://s3.example.com",
    "http://s3.example.com:9000",
    "https://fra1.digitaloceanspaces.com",
    "https://s3.example.com:8443",
    "http://localhost:4566",
    "https://s3.example.com/base/path",
];
const LABEL_BUCKETS: [&str; 4] = [
    "uploads",
    "a-b-c",
    "0123",
    "bucket-with-a-long-name-0123456789",
];
const BUCKETS: [&str; 8] = [
    "uploads",
    "a-b-c",
    "0123",
    "my.bucket.name",
    "www.example.com",
    "MyBucket",
    "my_bucket",
    "bucket-with-a-long-name-0123456789",
];
const TOKENS: [&str; 3] = [
    "FwoGZXIvYXdzEXAMPLETOKEN//////////wEaD==",
    "~!@#$%^&*()_+-={}[]|:;<>,.?/'\"\\`",
    "a",
];

impl Worlds {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self((0..150).map(|_| World::new(random)).collect())
    }
}

impl World {
    fn new(random: &mut Random) -> Self {
        let (kind, region) = match random.between(0, 3) {
            0 => (0, *random.pick(&AWS_REGIONS)),
            kind => (kind, *random.pick(&OTHER_REGIONS)),
        };
        let own = Region::new(region).unwrap();
        let (bucket, endpoint, place) = match kind {
            0 => {
                let bucket = *random.pick(&BUCKETS);
                (bucket, None, S3Bucket::aws(bucket, own.clone()))
            }
            1 => {
                let (bucket, endpoint) = (*random.pick(&BUCKETS), *random.pick(&ENDPOINTS));
                let place = S3Bucket::custom(bucket, own.clone(), endpoint);
                (bucket, Some(endpoint), place)
            }
            _ => {
                let bucket = *random.pick(&LABEL_BUCKETS);
                let endpoint = *random.pick(&HOSTING_ENDPOINTS);
                let place = S3Bucket::custom_virtual_hosted(bucket, own.clone(), endpoint);
                (bucket, Some(endpoint), place)
            }
        };
        let post_url = place.unwrap().post_url().to_owned();
        let (origin, prefix) = split(&post_url);

        let id = *random.pick(&["AKIAIOSFODNN7EXAMPLE", "a+b=c@d.example", "~"]);
        let secret = *random.pick(&["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "s", "pä ss\"文"]);
        let token = (!random.once_in(3)).then(|| match random.index(4) {
            3 => "Zm9v+/=".repeat(200),
            known => TOKENS[known].to_owned(),
        });
        let mut credentials = Credentials::new(id, secret).unwrap();
        if let Some(token) = &token {
            credentials = credentials.with_session_token(token).unwrap();
        }
        let described = json!({
            "region": region,
            "endpoint": endpoint,
            "id": id,
            "secret": secret,
            "token": token,
            // With AWS botocore decides for itself where a bucket can't stand in the host's name.
            "virtual": kind != 1,
        });
        Self {
            signer: Signer::new(credentials, own),
            bucket: bucket.to_owned(),
            post_url,
            origin,
            prefix,
            described,
        }
    }
}

/// Scheme and host, and the path before a key.
fn split(post_url: &str) -> (String, String) {
    let host_at = post_url.find("://").unwrap() + 3;
    let path_at = post_url[host_at..].find('/').unwrap() + host_at;
    let (origin, path) = post_url.split_at(path_at);
    (
        origin.to_owned(),
        format!("{}/", path.trim_end_matches('/')),
    )
}

#[rustfmt::skip]
const PIECES: [&str; 72] = [
    "photo.png", "2026", "w", " ", "  ", "+", "/", "//", "///", "%", "%%", "%20", "%2F", "%2f", "%zz",
    ".", "..", "/./", "/../", "../", "./", "'", "\"", "\"\"", "`", "\n", "\r\n", "\t", "\0", "\u{1}",
    "\u{7f}", "\u{80}", "\u{a0}", "é", "e\u{301}", "ß", "文件", "名", "🎉", "👩‍👩‍👧", "\u{2028}",
    "\u{202e}", "\u{feff}", "\u{fffd}", "\u{10ffff}", "&", "&amp;", "=", "?", "#", "~", "$", "{", "}",
    "\\", "\\n", "<script>", "</script>", ":", ";", ",", "@", "!", "*", "(", ")", "[", "]", "|", "^",
    "_-", "?X-Amz-Expires=1",
];

/// Text that nobody wrote by hand, of 1 to 1,024 bytes.
fn text(random: &mut Random) -> String {
    let mut text = String::new();
    let pieces = match random.index(50) {
        0 => 400,
        short => 1 + short as u64 % 9,
    };
    for _ in 0..pieces {
        let piece = random.pick(&PIECES);
        if text.len() + piece.len() <= 1024 {
            text.push_str(piece);
        }
    }
    // What S3 would substitute; refused, and tested there.
    text.replace("${", "$-")
}

/// The same for what becomes a header.
fn header_value(random: &mut Random) -> String {
    let text: String = text(random).chars().filter(|c| !c.is_control()).collect();
    let text = text.replace("${", "$-");
    if text.is_empty() {
        "v".to_owned()
    } else {
        text
    }
}

fn moment(random: &mut Random) -> OffsetDateTime {
    // From 1970 to 2100.
    let unix = random.between(0, 4_102_444_800);
    OffsetDateTime::from_unix_timestamp(i64::try_from(unix).unwrap()).unwrap()
}

fn lifetime(random: &mut Random) -> ExpiresIn {
    let seconds = match random.index(10) {
        0 => 1,
        1 => 604_800,
        _ => random.between(1, 604_801),
    };
    ExpiresIn::new(Duration::from_secs(seconds)).unwrap()
}

fn checksum(random: &mut Random) -> Checksum {
    Checksum::new(std::array::from_fn(|_| random.next().to_le_bytes()[0]))
}

/// A form's further fields, as this crate adds them and as S3 names them.
struct Fields {
    ours: FormFields,
    theirs: Vec<(String, String)>,
}

type Adding = fn(FormFields, &str) -> FormFields;

const TEXT_FIELDS: [(&str, Adding); 9] = [
    ("acl", FormFields::acl),
    (
        "success_action_redirect",
        FormFields::success_action_redirect,
    ),
    ("Cache-Control", FormFields::cache_control),
    ("Content-Disposition", FormFields::content_disposition),
    ("Content-Encoding", FormFields::content_encoding),
    ("Expires", FormFields::expires),
    ("tagging", FormFields::tagging),
    ("x-amz-storage-class", FormFields::storage_class),
    (
        "x-amz-website-redirect-location",
        FormFields::website_redirect_location,
    ),
];

impl Fields {
    fn random(random: &mut Random) -> Self {
        let mut fields = Self {
            ours: FormFields::new(),
            theirs: Vec::new(),
        };
        for (name, add) in TEXT_FIELDS {
            if random.once_in(8) {
                let value = header_value(random);
                fields.add(name, &value, |fields| add(fields, &value));
            }
        }
        if random.once_in(4) {
            let status = *random.pick(&[200, 201, 204]);
            fields.add("success_action_status", &status.to_string(), |fields| {
                fields.success_action_status(status)
            });
        }
        if random.once_in(4) {
            let sum = checksum(random);
            fields.add("x-amz-checksum-sha256", &sum.to_base64(), |fields| {
                fields.checksum_sha256(&sum)
            });
        }
        match random.index(6) {
            0 => fields.add("x-amz-server-side-encryption", "AES256", |fields| {
                fields.server_side_encryption(&ServerSideEncryption::Aes256)
            }),
            1 => fields.add_kms(&header_value(random)),
            _ => {}
        }
        for name in ["origin", "A-b.C_9"] {
            if random.once_in(4) {
                let value = header_value(random);
                let wire = format!("x-amz-meta-{}", name.to_lowercase());
                fields.add(&wire, &value, |fields| fields.metadata(name, &value));
            }
        }
        fields
    }

    fn add(&mut self, name: &str, value: &str, add: impl FnOnce(FormFields) -> FormFields) {
        self.ours = add(std::mem::take(&mut self.ours));
        self.theirs.push((name.to_owned(), value.to_owned()));
    }

    fn add_kms(&mut self, key: &str) {
        let encryption = ServerSideEncryption::Kms {
            key_id: Some(key.to_owned()),
            context: Some("e30=".to_owned()),
            bucket_key: Some(true),
        };
        self.add("x-amz-server-side-encryption", "aws:kms", |fields| {
            fields.server_side_encryption(&encryption)
        });
        for (name, value) in [
            ("aws-kms-key-id", key),
            ("context", "e30="),
            ("bucket-key-enabled", "true"),
        ] {
            let name = format!("x-amz-server-side-encryption-{name}");
            self.theirs.push((name, value.to_owned()));
        }
    }
}

impl Case {
    pub(crate) fn form(worlds: &Worlds, random: &mut Random) -> Self {
        let world = random.pick(&worlds.0);
        let (now, lifetime) = (moment(random), lifetime(random));
        let key = text(random);
        let key_is_chosen = random.once_in(10);
        let Fields { ours, theirs } = Fields::random(random);

        let mut policy = PostPolicy::builder(&world.bucket, &key)
            .expires_in(lifetime)
            .extra(|_| ours);
        let mut fields = Vec::new();
        let mut conditions = Vec::new();
        if key_is_chosen {
            policy = policy.key_starts_with(&key);
        }
        match random.index(4) {
            0 => {}
            1 => {
                let prefix = *random.pick(&["", "image/", "a\"b\\"]);
                policy = policy.content_type_starts_with(prefix);
                conditions.push(json!(["starts-with", "$Content-Type", prefix]));
            }
            _ => {
                let exact = header_value(random);
                policy = policy.content_type(exact.clone());
                conditions.push(json!({ "Content-Type": exact }));
                fields.push(("Content-Type".to_owned(), exact));
            }
        }
        if !random.once_in(4) {
            let least = random.between(0, 3);
            let most = match random.index(4) {
                0 => least,
                1 => 5 * 1024 * 1024 * 1024,
                _ => random.between(least, 1 << 40),
            };
            policy = policy.content_length(least..=most);
            conditions.push(json!(["content-length-range", least, most]));
        }
        // How botocore is told of a prefix.
        let chosen = if key_is_chosen { "${filename}" } else { "" };
        let their_key = format!("{key}{chosen}");
        fields.push(("key".to_owned(), their_key.clone()));
        for (name, value) in theirs {
            let condition = Map::from_iter([(name.clone(), json!(value))]);
            conditions.push(condition.into());
            fields.push((name, value));
        }

        let form = world
            .signer
            .sign_post_at(&policy.build().unwrap(), now)
            .unwrap();
        let signed: Vec<_> = form
            .fields()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let policy = &signed[signed.len() - 2].1;
        let document = base64_simd::STANDARD.decode_to_vec(policy).unwrap();
        Self {
            question: json!({
                "kind": "form",
                "world": world.described,
                "now": now.unix_timestamp(),
                "expires_in": lifetime.as_secs(),
                "bucket": world.bucket,
                "key": their_key,
                "fields": fields,
                "conditions": conditions,
                "our_policy": policy,
            }),
            ours: Ours::Form {
                url: world.post_url.clone(),
                document: serde_json::from_slice(&document).unwrap(),
                fields: signed,
                key_is_chosen,
            },
        }
    }

    pub(crate) fn url(worlds: &Worlds, random: &mut Random) -> Self {
        let world = random.pick(&worlds.0);
        let (now, lifetime) = (moment(random), lifetime(random));
        let key = text(random);
        let methods = [
            (Method::Get, "get_object"),
            (Method::Head, "head_object"),
            (Method::Put, "put_object"),
            (Method::Delete, "delete_object"),
        ];
        let (method, operation) = *random.pick(&methods);
        let request = Presign::new(method, &world.origin, &world.prefix, &key).expires_in(lifetime);
        let mut params = Params {
            request,
            theirs: Map::new(),
        };
        match method {
            Method::Get | Method::Head => params.of_a_download(random),
            Method::Put => params.of_an_upload(random),
            _ => params.of_a_version(random),
        }
        let url = world.signer.presign_at(&params.request, now).unwrap();
        Self {
            question: json!({
                "kind": "url",
                "world": world.described,
                "now": now.unix_timestamp(),
                "expires_in": lifetime.as_secs(),
                "operation": operation,
                "bucket": world.bucket,
                "key": key,
                "params": params.theirs,
            }),
            ours: Ours::Url(url.into_string()),
        }
    }
}

/// What a URL demands further, as this crate adds it and as boto3 calls it.
struct Params<'a> {
    request: Presign<'a>,
    theirs: Map<String, Value>,
}

type Overriding<'a> = fn(Presign<'a>, String) -> Presign<'a>;

impl<'a> Params<'a> {
    fn add(
        &mut self,
        name: &str,
        value: impl Into<Value>,
        add: impl FnOnce(Presign<'a>) -> Presign<'a>,
    ) {
        self.request = add(self.request.clone());
        self.theirs.insert(name.to_owned(), value.into());
    }

    /// botocore writes these in the order in which they come; this crate always in this one.
    fn of_a_download(&mut self, random: &mut Random) {
        let overrides: [(&str, Overriding<'a>); 5] = [
            ("ResponseCacheControl", Presign::response_cache_control),
            (
                "ResponseContentDisposition",
                Presign::response_content_disposition,
            ),
            (
                "ResponseContentEncoding",
                Presign::response_content_encoding,
            ),
            (
                "ResponseContentLanguage",
                Presign::response_content_language,
            ),
            ("ResponseContentType", Presign::response_content_type),
        ];
        for (name, add) in overrides {
            if random.once_in(4) {
                let value = text(random);
                self.add(name, value.clone(), |request| add(request, value));
            }
        }
        self.of_a_version(random);
        if random.once_in(4) {
            self.add("ChecksumMode", "ENABLED", Presign::checksum_mode);
        }
    }

    fn of_a_version(&mut self, random: &mut Random) {
        if random.once_in(4) {
            let version = *random.pick(&[
                "null",
                "3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo",
            ]);
            self.add("VersionId", version, |request| request.version_id(version));
        }
    }

    fn of_an_upload(&mut self, random: &mut Random) {
        if !random.once_in(3) {
            let content_type = *random.pick(&[
                "image/png",
                "text/plain; charset=utf-8",
                "text/plain;  charset=\"utf-8\"",
                " image/png ",
                "text/plain;\tcharset=utf-8",
            ]);
            self.add("ContentType", content_type, |request| {
                request.content_type(content_type)
            });
        }
        if random.once_in(2) {
            let bytes = random.between(0, 5 * 1024 * 1024 * 1024 + 1);
            self.add("ContentLength", bytes, |request| {
                request.content_length(bytes)
            });
        }
        if random.once_in(3) {
            let sum = checksum(random);
            self.add("ChecksumSHA256", sum.to_base64(), |request| {
                request.checksum_sha256(&sum)
            });
        }
        if random.once_in(2) {
            self.add("IfNoneMatch", "*", Presign::if_none_match_any);
        }
    }
}
