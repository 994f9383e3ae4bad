//! What holds for every name, type, reference and body.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::*;
use tower_asset_upload::asset::{AllowedTypes, ObjectKey, ObjectName};
use tower_asset_upload::sigv4::{Credentials, FormFields, PostPolicy, Region, Signer};

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Text that attackers send: syntax of JSON, forms, headers, paths and S3, and any Unicode.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("${filename}".to_owned()),
        Just("\"},{\"bucket\":\"evil\"}".to_owned()),
        Just("\"],[\"starts-with\",\"$key\",\"\"".to_owned()),
        Just("\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\npublic-read".to_owned()),
        Just("../".to_owned()),
        Just("\\".to_owned()),
        Just("\u{202e}".to_owned()),
        Just("\0".to_owned()),
        Just("e\u{301}".to_owned()),
        "\\PC{0,8}",
        "(?s).{0,8}",
        "[a-z.]{0,12}",
        "a{200,300}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// The fields of a form as a list, and its policy's conditions.
fn form(json: &Value) -> (Vec<(String, String)>, Vec<Value>) {
    let fields = json["upload_data"]["fields"].as_object().unwrap();
    let policy = decoded_policy(fields["policy"].as_str().unwrap());
    let fields = fields
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    (fields, policy["conditions"].as_array().unwrap().clone())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_policy_allows_just_what_was_asked_for(
        name in hostile(),
        media_type in prop_oneof![Just("image/png".to_owned()), Just(String::new()), hostile()],
        external_id in hostile(),
        external_source in hostile(),
        size in 1..=5_242_880_u64,
    ) {
        let service = builder(&world()).allowed_types(AllowedTypes::any()).build().unwrap();
        let body = json!({
            "name": name, "type": media_type, "size": size,
            "external_id": external_id, "external_source": external_source,
        });
        let answer = run(call(&service, &format!("POST {COLLECTION}"), body.to_string()));
        prop_assert!(!answer.status.is_server_error(), "{}", answer.shown());
        if answer.status != StatusCode::OK {
            prop_assert!(answer.status == StatusCode::BAD_REQUEST, "{}", answer.shown());
            return Ok(());
        }
        let (fields, conditions) = form(&answer.json());

        let value = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let key = value("key").unwrap();
        let prefix = format!("{MINE}/00000000000040008000000000000001-");
        let cleaned = ObjectName::clean(&name).unwrap();
        prop_assert_eq!(key, prefix + cleaned.as_str());
        let substitutes = key.contains("${");
        prop_assert!(!substitutes && key.matches('/').count() == 1 && !key.contains(".."));
        prop_assert!(!key.chars().any(char::is_control) && cleaned.as_str().len() <= 255);
        let signed_type = value("Content-Type").unwrap();
        prop_assert!(signed_type.is_ascii() && signed_type == signed_type.to_ascii_lowercase());

        // Every field but the last two has its condition, exactly one, and there is none besides but
        // the bucket and the size.
        let mut expected = vec![json!({"bucket": "uploads"}), json!(["content-length-range", 1, size])];
        for (name, value) in &fields {
            if name != "policy" && name != "x-amz-signature" {
                expected.push(json!({name: value}));
            }
        }
        let sorted = |list: &[Value]| {
            let mut texts: Vec<_> = list.iter().map(Value::to_string).collect();
            texts.sort();
            texts
        };
        prop_assert_eq!(sorted(&conditions), sorted(&expected));
    }

    #[test]
    fn cleaning_a_name_twice_changes_nothing(name in hostile()) {
        if let Ok(once) = ObjectName::clean(&name) {
            prop_assert_eq!(ObjectName::clean(once.as_str()), Ok(once.clone()));
            let key = format!("w/{once}");
            prop_assert!(ObjectKey::new(key).is_ok());
        }
    }

    #[test]
    fn a_document_holds_just_the_values_it_was_given(
        bucket in "[a-z]{3,20}",
        key in hostile(),
        media_type in hostile(),
        cache in hostile(),
        meta in hostile(),
    ) {
        let built = PostPolicy::builder(&*bucket, &*key)
            .content_type(&*media_type)
            .content_length(1..=9)
            .extra(|fields: FormFields| fields.cache_control(&cache).metadata("m", &meta))
            .build();
        let Ok(policy) = built else { return Ok(()) };
        let signer = Signer::new(Credentials::new("AKID", "secret").unwrap(), Region::us_east_1());
        let Ok(post) = signer.sign_post_at(&policy, NOW) else { return Ok(()) };
        let document: Value = serde_json::from_str(&post.document()).unwrap();
        prop_assert_eq!(
            document,
            json!({"expiration": "2026-05-19T11:11:12Z", "conditions": [
                {"bucket": bucket}, ["content-length-range", 1, 9], {"Content-Type": media_type}, {"key": key},
                {"Cache-Control": cache}, {"x-amz-meta-m": meta},
                {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
                {"x-amz-credential": "AKID/20260519/us-east-1/s3/aws4_request"},
                {"x-amz-date": "20260519T101112Z"},
            ]})
        );
    }

    #[test]
    fn no_body_breaks_the_service(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let service = builder(&world()).build().unwrap();
        for method in ["POST", "PATCH"] {
            let path = if method == "POST" { COLLECTION.to_owned() } else { format!("{COLLECTION}{ALICE}/") };
            let answer = run(call(&service, &format!("{method} {path}"), body.clone()));
            prop_assert!(answer.status.is_client_error(), "{}", answer.shown());
        }
    }

    #[test]
    fn no_json_breaks_the_service(body in json_like(), pick in 0..6_usize, other in json_like()) {
        let service = builder(&world()).build().unwrap();
        let names = ["name", "size", "type", "project_id", "external_id", "external_source"];
        let mut object = json!({"name": "a.png", "size": 1});
        object[names[pick]] = other;
        for body in [body.to_string(), object.to_string()] {
            let answer = run(call(&service, &format!("POST {COLLECTION}"), body));
            prop_assert!(!answer.status.is_server_error(), "{}", answer.shown());
        }
    }

    #[test]
    fn no_path_or_header_breaks_the_service(path in "/[!-~]{0,60}", slug in "[!-~]{0,30}", key in "[ -~]{0,30}") {
        let service = builder(&world()).build().unwrap();
        for path in [path, format!("/api/v1/workspaces/{slug}/assets/"), format!("{COLLECTION}{slug}")] {
            let Ok(uri) = path.parse::<http::Uri>() else { continue };
            for key in [KEY, &key] {
                let mut request = request(&format!("POST {COLLECTION}"), &[("x-api-key", key)], PHOTO);
                *request.uri_mut() = uri.clone();
                let answer = run(send(&service, request));
                prop_assert!(!answer.status.is_server_error(), "{}", answer.shown());
            }
        }
    }
}

/// Any JSON, a few levels deep.
fn json_like() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        hostile().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::hash_map(hostile(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
