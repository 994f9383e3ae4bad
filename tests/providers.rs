//! The providers' presets: each picks what its store takes, and refuses what it doesn't.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use serde_json::json;
use support::{COLLECTION, KEY, NOW, call, decoded_policy, example_credentials, world};
use tokio::net::TcpListener;
use tower_asset_upload::asset::{Checksum, FixedClock, ObjectKey, ObjectName, UploadSize};
use tower_asset_upload::ports::{
    DownloadIntent, SignerError, UploadData, UploadIntent, UploadMethod,
};
use tower_asset_upload::s3::{
    InvalidBucket, InvalidS3Signer, ProvideCredentials, S3Bucket, S3Objects, S3PostSigner,
    S3PutSigner, S3Signer,
};
use tower_asset_upload::sigv4::{Credentials, FormFields, Region, ServerSideEncryption};
use tower_asset_upload::{
    AssetUploadService, HeaderAuthenticator, ObjectStore, Unavailable, UploadSigner,
};

/// A bucket, and what the documentation says of its store.
struct Documented {
    name: &'static str,
    bucket: S3Bucket,
    method: UploadMethod,
    checksums: bool,
    session_tokens: bool,
    /// The header that makes a URL good for one upload.
    single_use: Option<(&'static str, &'static str)>,
}

const IF_NONE_MATCH: (&str, &str) = ("If-None-Match", "*");

fn all() -> Vec<Documented> {
    use UploadMethod::{Post, Put};

    let region = |name: &str| Region::new(name).unwrap();
    let own = "https://s3.example.com";
    let account = "0123456789abcdef0123456789abcdef";
    let name = "uploads";
    let documented =
        |name, bucket: Result<S3Bucket, _>, method, checksums, session_tokens| Documented {
            name,
            bucket: bucket.unwrap(),
            method,
            checksums,
            session_tokens,
            single_use: match name {
                "AWS S3" | "Cloudflare R2" | "MinIO" | "Ceph Object Gateway" => Some(IF_NONE_MATCH),
                "Google Cloud Storage" => Some(("x-goog-if-generation-match", "0")),
                _ => None,
            },
        };
    vec![
        documented(
            "AWS S3",
            S3Bucket::aws(name, region("eu-central-1")),
            Post,
            true,
            true,
        ),
        documented(
            "Cloudflare R2",
            S3Bucket::cloudflare_r2(name, account),
            Put,
            true,
            true,
        ),
        documented(
            "Backblaze B2",
            S3Bucket::backblaze_b2(name, region("us-west-004")),
            Put,
            false,
            true,
        ),
        documented(
            "MinIO",
            S3Bucket::minio(name, Region::us_east_1(), own),
            Post,
            true,
            true,
        ),
        documented(
            "Garage",
            S3Bucket::garage(name, region("garage"), own),
            Post,
            true,
            false,
        ),
        documented(
            "Ceph Object Gateway",
            S3Bucket::ceph(name, region("default"), own),
            Post,
            false,
            true,
        ),
        documented(
            "Google Cloud Storage",
            S3Bucket::google_cloud_storage(name, Region::auto()),
            Post,
            false,
            false,
        ),
        documented(
            "DigitalOcean Spaces",
            S3Bucket::digitalocean_spaces(name, region("fra1")),
            Put,
            false,
            false,
        ),
        documented(
            "Wasabi",
            S3Bucket::wasabi(name, region("eu-central-1")),
            Put,
            false,
            true,
        ),
        documented(
            "This object store",
            S3Bucket::custom(name, Region::us_east_1(), own),
            Post,
            true,
            true,
        ),
    ]
}

fn temporary() -> Credentials {
    example_credentials().with_session_token("token").unwrap()
}

async fn sign(
    signer: &impl UploadSigner,
    checksum: Option<&Checksum>,
) -> Result<UploadData, SignerError> {
    let key = ObjectKey::new("w/photo.png").unwrap();
    let media_type = "image/png".parse().unwrap();
    let mut intent = UploadIntent::new(&key, &media_type, UploadSize::new(1024).unwrap());
    intent.checksum = checksum;
    signer.sign_upload(&intent, NOW).await
}

async fn download(signer: &impl UploadSigner) -> String {
    let key = ObjectKey::new("w/photo.png").unwrap();
    let media_type = "image/png".parse().unwrap();
    let name = ObjectName::clean("photo.png").unwrap();
    let intent = DownloadIntent::new(&key, &media_type, &name);
    signer.sign_download(&intent, NOW).await.unwrap()
}

#[tokio::test]
async fn each_store_is_uploaded_to_as_it_documents() {
    for Documented {
        name,
        bucket,
        method,
        single_use,
        ..
    } in all()
    {
        assert_eq!(bucket.upload_method(), method, "{name}");
        let known = name != "This object store";
        assert_eq!(!bucket.sources().is_empty(), known, "{name}");
        let signer = S3Signer::new(bucket.clone(), example_credentials()).unwrap();
        assert_eq!(signer.method(), method, "{name}");
        let data = sign(&signer, None).await.unwrap();
        assert_eq!(data.method(), method, "{name}");
        if method == UploadMethod::Post {
            assert_eq!(data.url(), bucket.post_url(), "{name}");
            assert!(data.headers().is_empty(), "{name}");
        } else {
            let at = format!("{}{}w/photo.png?", bucket.origin(), bucket.prefix());
            assert!(data.url().starts_with(&at), "{name}: {}", data.url());
            let headers: Vec<_> = data.headers().iter().collect();
            let mut expected = vec![("Content-Type", "image/png"), ("Content-Length", "1024")];
            expected.extend(single_use);
            assert_eq!(headers, expected, "{name}");
            assert!(data.fields().is_empty(), "{name}");
        }
        let scope = format!("%2F20260519%2F{}%2F", bucket.region().as_str());
        let url = download(&signer).await;
        assert!(url.contains(&scope), "{name}: {url}");
    }
}

#[tokio::test]
async fn google_is_spoken_to_in_its_own_words() {
    let bucket = S3Bucket::google_cloud_storage("uploads", Region::auto()).unwrap();
    let signer = S3Signer::new(bucket, example_credentials()).unwrap();
    let data = sign(&signer, None).await.unwrap();
    let names: Vec<_> = data.fields().iter().map(|(name, _)| name).collect();
    let expected = [
        "Content-Type",
        "key",
        "x-goog-algorithm",
        "x-goog-credential",
        "x-goog-date",
        "policy",
        "x-goog-signature",
    ];
    assert_eq!(names, expected);
    let policy = data.fields().iter().find(|(name, _)| *name == "policy");
    let policy = decoded_policy(policy.unwrap().1).to_string();
    assert!(
        policy.contains("GOOG4-HMAC-SHA256") && !policy.contains("x-amz-"),
        "{policy}"
    );
    let url = download(&signer).await;
    assert!(
        url.contains("X-Goog-Signature=") && !url.contains("X-Amz-"),
        "{url}"
    );
}

#[tokio::test]
async fn a_form_for_a_store_without_forms_is_refused() {
    let mut without = 0;
    for Documented {
        name,
        bucket,
        method,
        ..
    } in all()
    {
        let by_hand = S3PostSigner::new(bucket, example_credentials());
        let forms = S3Signer::post(by_hand.clone());
        if method == UploadMethod::Post {
            forms.unwrap();
            continue;
        }
        without += 1;
        let fault = forms.unwrap_err();
        assert!(
            matches!(fault, InvalidS3Signer::PostObject { .. }),
            "{name}: {fault:?}"
        );
        let said = fault.to_string();
        assert!(said.contains(name) && said.contains("PUT"), "{said}");
        // Whoever goes past that gets no form either.
        let signed = sign(&by_hand, None).await;
        assert!(
            matches!(signed, Err(SignerError::Failed(_))),
            "{name}: {signed:?}"
        );
    }
    assert_eq!(without, 4);
}

#[tokio::test]
async fn a_url_is_good_for_one_upload_where_the_store_documents_it() {
    for Documented {
        name,
        bucket,
        single_use,
        ..
    } in all()
    {
        assert_eq!(bucket.has_single_use_puts(), single_use.is_some(), "{name}");
        let signer = S3Signer::put(S3PutSigner::new(bucket.clone(), example_credentials()));
        let data = sign(&signer.unwrap(), None).await.unwrap();
        let sent = data.headers().iter().nth(2);
        assert_eq!(sent, single_use, "{name}");
        // What has to be sent is signed.
        let last = single_use.map_or("host".to_owned(), |(header, _)| header.to_lowercase());
        assert_eq!(signed_headers(data.url()).last().unwrap(), &last, "{name}");

        // Whatever the store can do, the host may do without.
        let reusable = bucket.clone().reusable_puts();
        assert!(!reusable.has_single_use_puts(), "{name}");
        let signer = S3PutSigner::new(reusable.clone(), example_credentials());
        let data = sign(&signer, None).await.unwrap();
        assert_eq!(data.headers().iter().nth(2), None, "{name}");
        assert_eq!(signed_headers(data.url()).last().unwrap(), "host", "{name}");
        // The last word counts.
        assert_eq!(
            reusable.single_use_puts(),
            bucket.clone().single_use_puts(),
            "{name}"
        );

        let described = bucket.single_use_puts();
        match (name, single_use) {
            ("This object store", _) => {
                let signer = S3PutSigner::new(described.unwrap(), example_credentials());
                let data = sign(&signer, None).await.unwrap();
                assert_eq!(data.headers().iter().nth(2), Some(IF_NONE_MATCH));
            }
            (_, Some(_)) => assert!(described.unwrap().has_single_use_puts(), "{name}"),
            (_, None) => {
                let fault = described.unwrap_err();
                assert!(
                    matches!(fault, InvalidBucket::SingleUse { .. }),
                    "{fault:?}"
                );
                assert!(fault.to_string().contains(name), "{fault}");
            }
        }
    }
}

fn signed_headers(url: &str) -> Vec<String> {
    let (_, rest) = url.split_once("-SignedHeaders=").unwrap();
    let names = rest.split('&').next().unwrap();
    names.split("%3B").map(str::to_owned).collect()
}

#[tokio::test]
async fn every_store_takes_urls() {
    for Documented { name, bucket, .. } in all() {
        let signer = S3Signer::put(S3PutSigner::new(bucket, example_credentials())).unwrap();
        assert_eq!(
            sign(&signer, None).await.unwrap().method(),
            UploadMethod::Put,
            "{name}"
        );
    }
}

/// Gives what it has.
struct Gives(Option<Credentials>);

#[async_trait]
impl ProvideCredentials for Gives {
    async fn provide_credentials(&self) -> Result<Credentials, Unavailable> {
        self.0.clone().ok_or_else(|| Unavailable::new("none"))
    }
}

#[tokio::test]
async fn session_tokens_are_refused_where_there_are_none() {
    for Documented {
        name,
        bucket,
        session_tokens,
        ..
    } in all()
    {
        let post = S3PostSigner::new(bucket.clone(), temporary());
        let put = S3PutSigner::new(bucket.clone(), temporary());
        let mut made = vec![
            S3Signer::new(bucket.clone(), temporary()),
            S3Signer::from_provider(bucket.clone(), Gives(Some(temporary()))).await,
            S3Signer::put(put),
        ];
        if bucket.upload_method() == UploadMethod::Post {
            made.push(S3Signer::post(post));
        }
        for signer in made {
            match signer {
                Ok(signer) => {
                    assert!(session_tokens, "{name}");
                    assert!(
                        download(&signer).await.contains("Security-Token=token"),
                        "{name}"
                    );
                }
                Err(fault) => {
                    assert!(!session_tokens, "{name}: {fault}");
                    assert!(
                        matches!(fault, InvalidS3Signer::SessionToken { .. }),
                        "{fault:?}"
                    );
                    assert!(fault.to_string().contains(name), "{fault}");
                }
            }
        }
        let none = S3Signer::from_provider(bucket.clone(), Gives(None)).await;
        assert!(
            matches!(none, Err(InvalidS3Signer::Unavailable(_))),
            "{name}: {none:?}"
        );
        let lasting = Gives(Some(example_credentials()));
        S3Signer::from_provider(bucket, lasting).await.unwrap();
    }
}

#[tokio::test]
async fn a_checksum_that_would_not_be_compared_is_refused() {
    let checksum = Checksum::new([7; 32]);
    for Documented {
        name,
        bucket,
        checksums,
        method,
        ..
    } in all()
    {
        let put = S3PutSigner::new(bucket.clone(), example_credentials());
        let signer = S3Signer::new(bucket, example_credentials()).unwrap();
        for signed in [
            sign(&signer, Some(&checksum)).await,
            sign(&put, Some(&checksum)).await,
        ] {
            match signed {
                Ok(data) => {
                    assert!(checksums, "{name}");
                    let pairs = match data.method() {
                        UploadMethod::Post => data.fields(),
                        _ => data.headers(),
                    };
                    let sent = ("x-amz-checksum-sha256", &*checksum.to_base64());
                    assert!(pairs.iter().any(|pair| pair == sent), "{name}: {method:?}");
                }
                Err(SignerError::Checksum) => assert!(!checksums, "{name}"),
                Err(other) => panic!("{name}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_client_hears_that_its_checksum_is_not_compared() {
    let store = world();
    let bucket = S3Bucket::backblaze_b2("uploads", Region::new("us-west-004").unwrap()).unwrap();
    let signer = S3Signer::new(bucket, example_credentials()).unwrap();
    let authenticator = HeaderAuthenticator::new(store.clone()).clock(FixedClock(NOW));
    let service = AssetUploadService::builder(store, signer, authenticator)
        .clock(FixedClock(NOW))
        .trust_clients()
        .build()
        .unwrap();
    let line = format!("POST {COLLECTION}");
    let mut body = json!({
        "name": "photo.png",
        "size": 10,
        "external_source": "s",
        "external_id": "1",
        "checksum_sha256": Checksum::new([7; 32]).to_base64(),
    });
    let refused = call(&service, &line, body.to_string()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let said = refused.json();
    assert_eq!(said["code"], "unsupported_checksum_sha256");
    assert_eq!(said["field"], "checksum_sha256");
    // Nothing was left behind: the same asset can be made without.
    body.as_object_mut().unwrap().remove("checksum_sha256");
    let made = call(&service, &line, body.to_string()).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.shown());
    assert_eq!(made.json()["upload_data"]["method"], "PUT");
    assert!(!made.shown().contains(KEY));
}

#[test]
fn fields_that_would_be_ignored_are_refused() {
    let signer = |bucket: S3Bucket| S3Signer::new(bucket, example_credentials()).unwrap();
    let bucket = |name: &str| {
        let found = all().into_iter().find(|documented| documented.name == name);
        found.expect(name).bucket
    };
    let kms = ServerSideEncryption::Kms {
        key_id: Some("key".into()),
        context: None,
        bucket_key: None,
    };
    for (store, fields, ignored) in [
        ("Garage", FormFields::new().acl("private"), "acl"),
        ("Garage", FormFields::new().tagging("<Tagging/>"), "tagging"),
        (
            "Garage",
            FormFields::new().storage_class("STANDARD_IA"),
            "x-amz-storage-class",
        ),
        (
            "Garage",
            FormFields::new()
                .success_action_status(201)
                .server_side_encryption(&kms),
            "x-amz-server-side-encryption",
        ),
        ("MinIO", FormFields::new().acl("private"), "acl"),
        ("MinIO", FormFields::new().tagging("<Tagging/>"), "tagging"),
        (
            "Ceph Object Gateway",
            FormFields::new().checksum_sha256(&Checksum::new([7; 32])),
            "x-amz-checksum-sha256",
        ),
        (
            "Google Cloud Storage",
            FormFields::new().storage_class("NEARLINE"),
            "x-amz-storage-class",
        ),
    ] {
        match signer(bucket(store)).fields(fields) {
            Err(fault @ InvalidS3Signer::Field { .. }) => {
                let said = fault.to_string();
                assert!(
                    said.contains(store) && said.contains(&format!("`{ignored}`")),
                    "{said}"
                );
            }
            other => panic!("{store}: {other:?}"),
        }
    }
    let harmless = || {
        FormFields::new()
            .success_action_status(201)
            .cache_control("private")
            .metadata("acl", "is no ACL here")
    };
    for Documented {
        name,
        bucket,
        method,
        ..
    } in all()
    {
        let made = signer(bucket.clone()).fields(harmless());
        if method == UploadMethod::Post {
            made.unwrap();
        } else {
            let fault = made.unwrap_err();
            assert!(
                matches!(fault, InvalidS3Signer::FieldsWithPut { .. }),
                "{name}: {fault:?}"
            );
        }
        signer(bucket.clone()).fields(FormFields::new()).unwrap();
        let unsound = signer(bucket).fields(FormFields::new().acl(""));
        assert!(
            matches!(unsound, Err(InvalidS3Signer::Fields(_))),
            "{name}: {unsound:?}"
        );
    }
}

/// What a store was asked with: the query, and whether there was a checksum's header.
async fn asked(bucket: S3Bucket) -> (String, bool) {
    let seen = Arc::new(Mutex::new(None));
    let seeing = Arc::clone(&seen);
    let app = axum::Router::new().fallback(move |request: Request| async move {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let mode = request.headers().contains_key("x-amz-checksum-mode");
        if request.method() == Method::HEAD {
            *seeing.lock().unwrap() = Some((query, mode));
        }
        let missing = "<Error><Code>NoSuchKey</Code></Error>";
        (StatusCode::NOT_FOUND, missing)
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let bucket = bucket.internal_endpoint(&endpoint).unwrap();
    let verifier = S3Objects::new(bucket, example_credentials()).clock(FixedClock(NOW));
    let key = ObjectKey::new("w/photo.png").unwrap();
    assert_eq!(verifier.head(&key).await.unwrap(), None);
    server.abort();
    let seen = seen.lock().unwrap().take();
    seen.unwrap()
}

/// B2 answers `x-amz-checksum-mode` with an error, and Google has no such header.
#[tokio::test]
async fn the_verifier_asks_in_words_that_the_store_knows() {
    for Documented {
        name,
        bucket,
        checksums,
        ..
    } in all()
    {
        let (query, mode) = asked(bucket).await;
        assert_eq!(mode, checksums, "{name}");
        assert_eq!(
            query.contains("x-amz-checksum-mode"),
            checksums,
            "{name}: {query}"
        );
        let google = name == "Google Cloud Storage";
        assert_eq!(
            query.contains("X-Goog-Signature="),
            google,
            "{name}: {query}"
        );
        assert_eq!(
            query.contains("X-Amz-Signature="),
            !google,
            "{name}: {query}"
        );
    }
}
