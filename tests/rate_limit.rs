//! So many requests in a time: what passes, and what the headers promise.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request as AxumRequest;
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use proptest::prelude::*;
use support::*;
use time::OffsetDateTime;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_asset_upload::asset::{Clock, FixedClock, WorkspaceSlug};
use tower_asset_upload::auth::{Credential, CredentialKind, ExtensionAuthenticator, Principal};
use tower_asset_upload::rate_limit::{RateKey, RateLimit, RateLimitLayer, RateLimitService};
use tower_asset_upload::{AssetStore, AssetUploadService, MemoryStore};

const ALICES: (&str, &str) = ("x-api-key", KEY);
const BOBS: (&str, &str) = ("x-api-key", "key-of-bob");
const ITEM: &str = "/api/v1/workspaces/my-workspace/assets/99999999-9999-4999-8999-999999999999/";

/// A clock to be set: nanoseconds after [`NOW`].
#[derive(Clone, Debug, Default)]
struct Settable(Arc<AtomicI64>);

impl Settable {
    fn advance(&self, by: Duration) {
        let nanos = i64::try_from(by.as_nanos()).unwrap();
        self.0.fetch_add(nanos, Ordering::SeqCst);
    }

    fn set_back(&self, by: Duration) {
        let nanos = i64::try_from(by.as_nanos()).unwrap();
        self.0.fetch_sub(nanos, Ordering::SeqCst);
    }
}

impl Clock for Settable {
    fn now(&self) -> OffsetDateTime {
        NOW + time::Duration::nanoseconds(self.0.load(Ordering::SeqCst))
    }
}

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

/// A layer under a clock to be set.
fn limit(requests: u32, period: Duration) -> (RateLimitLayer, Settable) {
    let clock = Settable::default();
    let limit = RateLimit::new(number(requests), period).unwrap();
    (RateLimitLayer::new(limit).clock(clock.clone()), clock)
}

/// The asset service behind it.
fn limited(
    layer: &RateLimitLayer,
) -> RateLimitService<AssetUploadService<MemoryStore, tower_asset_upload::s3::S3PostSigner>> {
    layer.layer(builder(&world()).build().unwrap())
}

async fn get_item<S, B>(service: &S, headers: &[(&str, &str)]) -> Answer
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone,
    S::Error: std::fmt::Debug,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    send(service, request(&format!("GET {ITEM}"), headers, "")).await
}

/// `(remaining, reset)`, the latter in seconds after [`NOW`].
fn standing(headers: &HeaderMap) -> (u64, i64) {
    let number = |name: &str| -> i64 {
        let mut values = headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("no {name}"));
        assert!(values.next().is_none(), "{name} twice");
        value.to_str().unwrap().parse().unwrap()
    };
    (
        number("x-ratelimit-remaining").unsigned_abs(),
        number("x-ratelimit-reset") - NOW.unix_timestamp(),
    )
}

/// What it took to be let through: its standing, or the seconds to wait.
fn outcome(answer: &Answer) -> Result<(u64, i64), (u64, i64)> {
    let standing = standing(&answer.headers);
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        Err(standing)
    } else {
        Ok(standing)
    }
}

// ---------------------------------------------------------------- What is said

#[tokio::test]
async fn sixty_a_minute_and_then_one_a_second() {
    let clock = Settable::default();
    let service = limited(&RateLimitLayer::default().clock(clock.clone()));
    for count in 1..=60_u32 {
        let answer = get_item(&service, &[ALICES]).await;
        assert_eq!(answer.status, 404);
        let left = u64::from(60 - count);
        assert_eq!(standing(&answer.headers), (left, i64::from(count)));
        assert!(!answer.headers.contains_key("retry-after"));
    }
    for _ in 0..3 {
        let answer = get_item(&service, &[ALICES]).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer.shown(), @r#"
            429
            content-type: application/json
            cache-control: no-store
            retry-after: 1
            x-ratelimit-remaining: 0
            x-ratelimit-reset: 1779185532
            {
              "code": "rate_limit_exceeded",
              "error_code": 5900,
              "error_message": "RATE_LIMIT_EXCEEDED"
            }
            "#);
        }
        assert_eq!(
            answer.body,
            r#"{"error_code":5900,"error_message":"RATE_LIMIT_EXCEEDED","code":"rate_limit_exceeded"}"#
        );
    }

    clock.advance(Duration::from_millis(999));
    let answer = get_item(&service, &[ALICES]).await;
    assert_eq!(outcome(&answer), Err((0, 60)));
    assert_eq!(answer.headers["retry-after"], "1");
    clock.advance(Duration::from_millis(1));
    assert_eq!(outcome(&get_item(&service, &[ALICES]).await), Ok((0, 61)));
    assert_eq!(outcome(&get_item(&service, &[ALICES]).await), Err((0, 61)));
    clock.advance(Duration::from_secs(10));
    assert_eq!(outcome(&get_item(&service, &[ALICES]).await), Ok((9, 62)));
    clock.advance(Duration::from_hours(1));
    assert_eq!(
        outcome(&get_item(&service, &[ALICES]).await),
        Ok((59, 3612))
    );
}

#[tokio::test]
async fn a_fraction_of_a_second_is_waited_out() {
    // One passes every 8,571 ms.
    let (layer, clock) = limit(7, Duration::from_mins(1));
    let service = limited(&layer);
    clock.advance(Duration::from_millis(400));
    for (left, reset) in [(6, 9), (5, 18), (4, 27), (3, 35), (2, 44), (1, 52), (0, 61)] {
        assert_eq!(
            outcome(&get_item(&service, &[ALICES]).await),
            Ok((left, reset))
        );
    }
    let answer = get_item(&service, &[ALICES]).await;
    assert_eq!(answer.headers["retry-after"], "9");
    clock.advance(Duration::from_secs(8));
    let answer = get_item(&service, &[ALICES]).await;
    assert_eq!(outcome(&answer), Err((0, 61)));
    assert_eq!(answer.headers["retry-after"], "1");
    clock.advance(Duration::from_secs(1));
    assert!(outcome(&get_item(&service, &[ALICES]).await).is_ok());
}

#[tokio::test]
async fn retry_after_can_name_the_rest_of_the_window() {
    let (layer, clock) = limit(3, Duration::from_hours(1));
    let service = limited(&layer.retry_when_full());
    for _ in 0..3 {
        assert!(outcome(&get_item(&service, &[ALICES]).await).is_ok());
    }
    clock.advance(Duration::from_millis(1500));
    let answer = get_item(&service, &[ALICES]).await;
    assert_eq!(outcome(&answer), Err((0, 3600)));
    assert_eq!(answer.headers["retry-after"], "3599");
    clock.advance(Duration::from_mins(19));
    let answer = get_item(&service, &[ALICES]).await;
    assert_eq!(answer.headers["retry-after"], "2459");
    clock.advance(Duration::from_secs(2459));
    assert_eq!(outcome(&get_item(&service, &[ALICES]).await), Ok((2, 4801)));
}

#[tokio::test]
async fn every_answer_says_how_its_sender_stands() {
    let (layer, _) = limit(100, Duration::from_mins(1));
    let service = limited(&layer);
    let mut left = 100;
    for (line, body, status) in [
        (format!("POST {COLLECTION}"), PHOTO, 200),
        (format!("POST {COLLECTION}"), "{", 400),
        (format!("PUT {COLLECTION}"), "", 405),
        (format!("OPTIONS {COLLECTION}"), "", 204),
        (format!("HEAD {ITEM}"), "", 404),
        (format!("DELETE {ITEM}"), "", 404),
        ("GET /nowhere".to_owned(), "", 404),
    ] {
        left -= 1;
        let answer = send(&service, request(&line, &[ALICES], body)).await;
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(standing(&answer.headers).0, left, "{line}");
    }
}

#[tokio::test]
async fn what_head_is_refused_with_has_no_body() {
    let (layer, _) = limit(1, Duration::from_mins(1));
    let service = limited(&layer);
    let head = || request(&format!("HEAD {ITEM}"), &[ALICES], "");
    assert_eq!(send(&service, head()).await.status, 404);
    let answer = send(&service, head()).await;
    assert_eq!(
        (answer.status, &*answer.body),
        (StatusCode::TOO_MANY_REQUESTS, &b""[..])
    );
    assert_eq!(answer.headers["content-length"], "86");
    assert_eq!(answer.headers["retry-after"], "60");
}

// ---------------------------------------------------------------- What is counted

#[tokio::test]
async fn each_credential_has_a_quota_of_its_own() {
    let (layer, _) = limit(2, Duration::from_mins(1));
    let service = limited(&layer);
    let token = ("authorization", "Bearer token-all");
    let same_text = ("authorization", &*format!("Bearer {KEY}"));
    for headers in [
        &[ALICES][..],
        &[BOBS],
        &[token],
        &[same_text],
        &[("x-api-key", "unknown")],
    ] {
        assert_eq!(outcome(&get_item(&service, headers).await), Ok((1, 30)));
        assert_eq!(outcome(&get_item(&service, headers).await), Ok((0, 60)));
        assert_eq!(outcome(&get_item(&service, headers).await), Err((0, 60)));
    }
    // The same ones, said otherwise.
    let lower = ("authorization", "bearer   token-all");
    for headers in [
        &[lower][..],
        &[ALICES, token],
        &[ALICES, ("authorization", "Basic x")],
    ] {
        assert_eq!(outcome(&get_item(&service, headers).await), Err((0, 60)));
    }
    assert_eq!(layer.held(), 5);
}

#[tokio::test]
async fn a_credential_that_is_not_valid_runs_into_its_own_limit() {
    let (layer, _) = limit(3, Duration::from_mins(1));
    let service = limited(&layer);
    let statuses = async |headers: &[(&str, &str)]| {
        let mut all = Vec::new();
        for _ in 0..5 {
            all.push(get_item(&service, headers).await.status.as_u16());
        }
        all
    };
    assert_eq!(
        statuses(&[("x-api-key", "guess")]).await,
        [401, 401, 401, 429, 429]
    );
    assert_eq!(
        statuses(&[("x-api-key", "key-expired")]).await,
        [401, 401, 401, 429, 429]
    );
    assert_eq!(statuses(&[ALICES]).await, [404, 404, 404, 429, 429]);
}

#[tokio::test]
async fn without_a_credential_nothing_is_counted() {
    let (layer, clock) = limit(1, Duration::from_mins(1));
    let service = limited(&layer);
    clock.advance(Duration::from_millis(1));
    for headers in [
        &[][..],
        &[("authorization", "Basic eDp5")],
        &[ALICES, BOBS],
        &[("x-api-key", "two words")],
        &[("authorization", "Bearer")],
    ] {
        for _ in 0..3 {
            let answer = get_item(&service, headers).await;
            assert_eq!(answer.status, 401, "{headers:?}");
            assert_eq!(standing(&answer.headers), (1, 1), "{headers:?}");
        }
    }
    // A browser's preflight has none.
    for _ in 0..3 {
        let preflight = request(&format!("OPTIONS {COLLECTION}"), &[], "");
        assert_eq!(send(&service, preflight).await.status, 204);
    }
    assert_eq!(layer.held(), 0);
}

#[tokio::test]
async fn callers_that_the_host_has_found() {
    let (layer, _) = limit(2, Duration::from_mins(1));
    let layer = layer.by_principal();
    let store = world();
    let service = layer.layer(
        AssetUploadService::builder(store, signer(), ExtensionAuthenticator)
            .trust_clients()
            .build()
            .unwrap(),
    );
    let from = |user: uuid::Uuid, headers| {
        let mut request = request(&format!("GET {ITEM}"), headers, "");
        let principal = Principal::with_all_scopes(user.into());
        request.extensions_mut().insert(principal);
        request
    };
    for user in [ALICE, BOB] {
        // Whatever else they send.
        for (headers, outcome_expected) in [
            (&[][..], Ok((1, 30))),
            (&[("x-api-key", "a")], Ok((0, 60))),
            (&[("x-api-key", "b")], Err((0, 60))),
        ] {
            let answer = send(&service, from(user, headers)).await;
            assert_eq!(outcome(&answer), outcome_expected);
        }
    }
    let stranger = get_item(&service, &[("x-api-key", "a")]).await;
    assert_eq!(stranger.status, 401);
    assert_eq!(standing(&stranger.headers), (2, 0));
    assert_eq!(layer.held(), 2);
}

/// As the documentation of `by` shows it: a middleware of the host's finds the workspace.
#[tokio::test]
async fn a_workspace_is_one_however_it_is_written() {
    #[derive(Clone)]
    struct Entered(WorkspaceSlug);

    let (layer, _) = limit(2, Duration::from_mins(1));
    let layer = layer.by(|head| {
        let Entered(workspace) = head.extensions.get()?;
        Some(RateKey::new(workspace.as_str()))
    });
    let store = world();
    let uploads = AssetUploadService::builder(store.clone(), signer(), ExtensionAuthenticator)
        .trust_clients()
        .build()
        .unwrap();
    let service = layer.layer(uploads.clone());
    let ask = async |user: uuid::Uuid, path: &str| {
        let mut request = request(&format!("GET {path}"), &[], "");
        let caller = Principal::with_all_scopes(user.into());
        if let Some(slug) = uploads.workspace_of(request.uri().path())
            && store.enter(&slug, caller.user).await.unwrap().is_some()
        {
            request.extensions_mut().insert(Entered(slug));
        }
        request.extensions_mut().insert(caller);
        send(&service, request).await
    };
    let written = |slug: &str| ITEM.replace("my-workspace", slug);
    // A stranger uses up nothing of it, however it is written.
    for slug in ["my-workspace", "m%79-workspace", "%zz", "%ff"] {
        let answer = ask(BOB, &written(slug)).await;
        assert_eq!(
            (answer.status, standing(&answer.headers)),
            (StatusCode::NOT_FOUND, (2, 0))
        );
    }
    assert_eq!(layer.held(), 0);
    for (slug, status) in [
        ("my-workspace", 404),
        ("%6dy-workspace", 404),
        ("m%79-workspace", 429),
        ("my%2Dworkspace", 429),
        ("my-workspace", 429),
    ] {
        assert_eq!(ask(ALICE, &written(slug)).await.status, status, "{slug}");
    }
    assert_eq!(layer.held(), 1);
    assert_eq!(ask(BOB, &written("other-workspace")).await.status, 404);
}

/// As the documentation of `by` mounts it: the middleware has to see the path that the service sees.
#[tokio::test]
async fn a_workspace_is_counted_under_nest_service() {
    #[derive(Clone)]
    struct Entered(WorkspaceSlug);

    let app_with = |around_the_service: bool| {
        let (layer, _) = limit(2, Duration::from_mins(1));
        let layer = layer.by(|head| {
            let Entered(workspace) = head.extensions.get()?;
            Some(RateKey::new(workspace.as_str()))
        });
        let uploads = builder(&world()).base_path("").build().unwrap();
        let limited = layer.layer(uploads.clone());
        let enter = from_fn(move |mut request: AxumRequest, next: Next| {
            if let Some(slug) = uploads.workspace_of(request.uri().path()) {
                request.extensions_mut().insert(Entered(slug));
            }
            next.run(request)
        });
        if around_the_service {
            Router::new().nest_service("/files", enter.layer(limited))
        } else {
            Router::new().nest_service("/files", limited).layer(enter)
        }
    };
    let item = ITEM.replace("/api/v1", "/files");
    let statuses = async |app: Router| {
        let mut statuses = Vec::new();
        for _ in 0..3 {
            let get = request(&format!("GET {item}"), &[ALICES], "").map(Body::new);
            statuses.push(app.clone().oneshot(get).await.unwrap().status().as_u16());
        }
        statuses
    };
    assert_eq!(statuses(app_with(true)).await, [404, 404, 429]);
    // What the documentation warns of.
    assert_eq!(statuses(app_with(false)).await, [404, 404, 404]);
}

#[tokio::test]
async fn a_service_tells_which_workspace_a_path_names() {
    let uploads = builder(&world()).build().unwrap();
    let collection = |slug: &str| format!("/api/v1/workspaces/{slug}/assets/");
    let w = WorkspaceSlug::new("w").ok();
    assert!(w.is_some());
    for path in [
        collection("w"),
        collection("%77"),
        ITEM.replace("my-workspace", "%77"),
    ] {
        assert_eq!(uploads.workspace_of(&path), w, "{path}");
    }
    assert_ne!(uploads.workspace_of(&collection("W")), w);
    for path in [
        "/",
        "/workspaces/w/assets/",
        "/api/v1/workspaces/w/",
        &collection("%ff"),
    ] {
        assert_eq!(uploads.workspace_of(path), None, "{path}");
    }
    let nested = builder(&world()).base_path("").build().unwrap();
    assert_eq!(nested.workspace_of("/workspaces/%77/assets/"), w);
    assert_eq!(nested.workspace_of(&collection("w")), None);
}

#[tokio::test]
async fn whatever_else_a_host_counts_by() {
    let (layer, _) = limit(1, Duration::from_mins(1));
    let layer = layer.by(|head| head.headers.get("x-tenant").map(RateKey::new));
    let service = limited(&layer);
    for (tenant, status) in [("a", 404), ("a", 429), ("b", 404), ("b", 429)] {
        let answer = get_item(&service, &[ALICES, ("x-tenant", tenant)]).await;
        assert_eq!(answer.status, status, "{tenant}");
    }
    assert_eq!(get_item(&service, &[ALICES]).await.status, 404);
}

#[tokio::test]
async fn what_is_left_out_is_handed_on_as_it_is() {
    let (layer, _) = limit(1, Duration::from_mins(1));
    let layer = layer.only(|head| head.uri.path().starts_with("/api/v1/workspaces/"));
    let uploads = builder(&world()).build_layer().unwrap();
    let host: Router = Router::new().route("/hello", get(|| async { "hello" }));
    let app = ServiceBuilder::new()
        .layer(layer)
        .layer(uploads)
        .service(host);
    let send = async |line: &str| {
        let request = request(line, &[ALICES], "").map(Body::new);
        app.clone().oneshot(request).await.unwrap()
    };
    for _ in 0..3 {
        let answer = send("GET /hello").await;
        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key("x-ratelimit-remaining"));
        assert!(!answer.headers().contains_key("x-ratelimit-reset"));
    }
    assert_eq!(send(&format!("GET {ITEM}")).await.status(), 404);
    assert_eq!(send(&format!("GET {ITEM}")).await.status(), 429);
    assert_eq!(send("GET /hello").await.status(), 200);
}

// ---------------------------------------------------------------- Where it can stand

#[tokio::test]
async fn mounted_in_axum() {
    let (layer, _) = limit(2, Duration::from_mins(1));
    let app: Router = Router::new()
        .route("/hello", get(|| async { "hello" }))
        .fallback_service(limited(&layer));
    let status = async |line: &str| {
        let request = request(line, &[ALICES], "").map(Body::new);
        app.clone()
            .oneshot(request)
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(status(&format!("GET {ITEM}")).await, 404);
    assert_eq!(status("GET /hello").await, 200);
    assert_eq!(status(&format!("GET {ITEM}")).await, 404);
    assert_eq!(status(&format!("GET {ITEM}")).await, 429);
    assert_eq!(status("GET /hello").await, 200, "it isn't behind the limit");
}

#[tokio::test]
async fn the_routes_of_a_router_count_together() {
    let (layer, _) = limit(2, Duration::from_mins(1));
    // axum makes a service of the layer for each of them.
    let app: Router = Router::new()
        .route("/a", get(|| async { "a" }))
        .route("/b", get(|| async { "b" }))
        .layer(layer);
    let mut statuses = Vec::new();
    for path in ["/a", "/b", "/a", "/b"] {
        let request = request(&format!("GET {path}"), &[ALICES], "").map(Body::new);
        statuses.push(
            app.clone()
                .oneshot(request)
                .await
                .unwrap()
                .status()
                .as_u16(),
        );
    }
    assert_eq!(statuses, [200, 200, 429, 429]);
}

#[tokio::test]
async fn any_bodies_and_any_error() {
    // Neither body is one that HTTP knows, and the service may fail.
    let inner = service_fn(|request: Request<&'static str>| async move {
        match *request.body() {
            "fail" => Err(BoxError::from("as it was told")),
            body => Ok(Response::new(body.len())),
        }
    });
    let (layer, _) = limit(3, Duration::from_mins(1));
    let service = layer.layer(inner);
    let send = async |body| {
        let request = Request::get("/")
            .header("x-api-key", "k")
            .body(body)
            .unwrap();
        service.clone().oneshot(request).await
    };
    let answer = send("five.").await.unwrap();
    assert_eq!(standing(answer.headers()), (2, 20));
    assert_eq!(answer.into_body().into_inner(), Some(5));
    assert_eq!(
        send("fail").await.unwrap_err().to_string(),
        "as it was told"
    );
    // What failed was counted all the same.
    assert_eq!(standing(send("").await.unwrap().headers()), (0, 60));
    assert_eq!(
        send("fail").await.unwrap().status(),
        429,
        "it was not asked"
    );
}

#[tokio::test]
async fn it_is_ready_when_the_other_is() {
    let (layer, _) = limit(1, Duration::from_mins(1));
    let failing = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(()))));
    let failing = failing.map_err(|never| match never {});
    let mut service = layer.layer(NeverReady(failing));
    let told = service.ready().await.map(|_| ()).unwrap_err();
    assert_eq!(told.to_string(), "not today");
}

#[derive(Clone)]
struct NeverReady<S>(S);

impl<S: Service<Request<()>, Error = BoxError>> Service<Request<()>> for NeverReady<S> {
    type Response = S::Response;
    type Error = BoxError;
    type Future = S::Future;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), BoxError>> {
        std::task::Poll::Ready(Err("not today".into()))
    }

    fn call(&mut self, request: Request<()>) -> S::Future {
        self.0.call(request)
    }
}

// ---------------------------------------------------------------- What it withstands

type Bare = RateLimitService<
    tower::util::ServiceFn<fn(Request<()>) -> Ready<Result<Response<()>, Infallible>>>,
>;

/// A service that does nothing but answer, behind the limit.
fn bare(layer: &RateLimitLayer) -> Bare {
    layer.layer(service_fn(|_| ready(Ok(Response::new(())))))
}

fn passes(service: &Bare, key: &str) -> bool {
    let request = Request::get("/").header("x-api-key", key).body(()).unwrap();
    let mut service = service.clone();
    let answer = at_once(service.call(request));
    answer.status() == 200
}

/// The answer of a future that has nothing to wait for.
fn at_once<F: Future<Output = Result<T, Infallible>>, T>(future: F) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(Ok(answer)) => answer,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn a_million_invented_keys_take_no_room() {
    const CAPACITY: usize = 1000;
    let (layer, _) = limit(5, Duration::from_mins(1));
    let layer = layer.capacity(NonZeroUsize::new(CAPACITY).unwrap());
    let flood = |from: u32| {
        let service = bare(&layer);
        let mut passed = 0;
        for invented in from..from + 500_000 {
            assert!(passes(&service, &format!("invented-{invented}")));
            // Someone who is there all along.
            if invented % 100 == 0 {
                passed += u32::from(passes(&service, "regular"));
            }
        }
        passed
    };
    let passed = std::thread::scope(|scope| {
        let floods = [0, 500_000].map(|from| scope.spawn(move || flood(from)));
        floods
            .map(|flood| flood.join().unwrap())
            .iter()
            .sum::<u32>()
    });
    let held = layer.held();
    assert!(
        (CAPACITY / 2..=CAPACITY * 11 / 10).contains(&held),
        "{held}"
    );
    assert_eq!(passed, 5, "what was counted for a regular was forgotten");
}

#[test]
fn the_smallest_capacity_works() {
    let (layer, _) = limit(2, Duration::from_mins(1));
    let layer = layer.capacity(NonZeroUsize::MIN);
    let service = bare(&layer);
    assert_eq!(
        [(); 4].map(|()| passes(&service, "a")),
        [true, true, false, false]
    );
    assert!(passes(&service, "b"));
    assert_eq!(layer.held(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_just_so_many_pass() {
    for round in 0..20 {
        let (layer, clock) = limit(10, Duration::from_mins(1));
        let service = limited(&layer);
        let barrier = Arc::new(tokio::sync::Barrier::new(64));
        let crowd: Vec<_> = (0..64)
            .map(|_| {
                let (service, barrier) = (service.clone(), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait().await;
                    outcome(&get_item(&service, &[ALICES]).await)
                })
            })
            .collect();
        let mut left = Vec::new();
        for member in crowd {
            match member.await.unwrap() {
                Ok((remaining, reset)) => {
                    let used = i64::try_from(10 - remaining).unwrap();
                    // Others may have come in between.
                    assert!((6 * used..=60).contains(&reset), "{remaining}, {reset}");
                    left.push(remaining);
                }
                Err(standing) => assert_eq!(standing, (0, 60)),
            }
        }
        left.sort_unstable();
        assert_eq!(left, (0..10).collect::<Vec<_>>(), "round {round}");
        clock.advance(Duration::from_secs(6));
        assert!(outcome(&get_item(&service, &[ALICES]).await).is_ok());
        assert!(outcome(&get_item(&service, &[ALICES]).await).is_err());
    }
}

#[test]
fn a_clock_that_is_set_back_locks_nobody_out() {
    for back in [1, 20, 59, 60, 61, 3600, 100 * 365 * 24 * 3600] {
        let (layer, clock) = limit(3, Duration::from_mins(1));
        let service = bare(&layer);
        clock.advance(Duration::from_secs(1000));
        exhaust(&service);
        clock.set_back(Duration::from_secs(back));
        let (passed, _, _, wait) = ask(&service);
        if !passed {
            let wait = wait.unwrap();
            assert!(wait <= 20, "{back} s back: {wait} s to wait");
            clock.advance(Duration::from_secs(wait));
            assert!(ask(&service).0, "{back} s back");
        }
        assert!(passes(&service, "new"));
    }
}

#[test]
fn a_clock_that_is_set_ahead_fills_the_quotas() {
    let (layer, clock) = limit(3, Duration::from_mins(1));
    let service = bare(&layer);
    while passes(&service, "k") {}
    clock.advance(Duration::from_hours(24 * 365 * 200));
    assert_eq!(
        [(); 4].map(|()| passes(&service, "k")),
        [true, true, true, false]
    );
}

#[tokio::test]
async fn no_credential_is_shown() {
    let (layer, _) = limit(2, Duration::from_mins(1));
    let mut service = limited(&layer);
    get_item(&service, &[ALICES]).await;
    let future = service.call(request(&format!("GET {ITEM}"), &[ALICES], ""));
    let shown = format!("{layer:?} {layer:#?} {service:?} {service:#?} {future:?}");
    drop(future);
    assert!(shown.contains("RateLimitLayer"), "{shown}");
    let digest = Credential::new(CredentialKind::ApiKey, KEY).digest();
    let digest = const_hex::encode(digest.as_bytes());
    for secret in [KEY, &KEY[..16], &digest, &digest[..16]] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let key = RateKey::from_headers(request("GET /", &[ALICES], "").headers()).unwrap();
    assert_eq!(format!("{key:?}"), "RateKey([redacted])");
}

#[test]
fn settings_keep_each_other() {
    let (layer, _) = limit(2, Duration::from_mins(1));
    let layer = layer
        .by(|_| Some(RateKey::new("all alike")))
        .capacity(NonZeroUsize::new(7).unwrap())
        .clock(FixedClock(NOW));
    let shown = format!("{layer:?}");
    assert!(
        shown.contains("requests: 2") && shown.contains("capacity: 7"),
        "{shown}"
    );
    let service = bare(&layer);
    assert_eq!(
        ["a", "b", "c"].map(|key| passes(&service, key)),
        [true, true, false]
    );
    // Clones count together; a setter begins anew, and leaves the others as they were.
    assert!(!passes(&bare(&layer.clone()), "d"));
    let other = layer.clone().clock(FixedClock(NOW));
    assert!(passes(&bare(&other), "d"));
    assert!(!passes(&bare(&layer), "d"));
    assert_eq!(layer.held(), 1);
}

// ---------------------------------------------------------------- What the headers promise

fn ask(service: &Bare) -> (bool, u64, i64, Option<u64>) {
    let request = Request::get("/").header("x-api-key", "k").body(()).unwrap();
    let answer = at_once(service.clone().call(request));
    let wait = answer.headers().get("retry-after");
    let wait = wait.map(|seconds| seconds.to_str().unwrap().parse().unwrap());
    let (remaining, reset) = standing(answer.headers());
    (answer.status() == 200, remaining, reset, wait)
}

/// Sends until one is refused; how many passed.
fn exhaust(service: &Bare) -> u64 {
    (0..1000).find(|_| !ask(service).0).unwrap()
}

proptest! {
    /// Whatever has happened before: `Remaining` is how many pass at once, at `Reset` the whole
    /// quota is there and a second earlier it isn't, and after `Retry-After` one passes.
    #[test]
    fn the_headers_are_true(
        requests in 1..40_u32,
        period in 1_000..200_000_u64,
        pauses in prop::collection::vec(0..3_000_u64, 1..80),
        what in 0..4,
    ) {
        let period = Duration::from_millis(period);
        let (layer, clock) = limit(requests, period);
        let service = bare(&layer);
        let mut last = (true, 0, 0, None);
        for pause in pauses {
            clock.advance(Duration::from_millis(pause));
            last = ask(&service);
        }
        let (passed, remaining, reset, wait) = last;
        prop_assert_eq!(passed, wait.is_none());
        let elapsed = Duration::from_nanos(clock.0.load(Ordering::SeqCst).unsigned_abs());
        let until = |second: i64| {
            Duration::from_secs(second.unsigned_abs()).saturating_sub(elapsed)
        };
        prop_assert!(until(reset) <= period + Duration::from_secs(1));
        match what {
            0 => prop_assert_eq!(exhaust(&service), remaining),
            1 => {
                clock.advance(until(reset));
                prop_assert_eq!(exhaust(&service), u64::from(requests));
            }
            2 => {
                if let Some(earlier) = until(reset).checked_sub(Duration::from_secs(1)) {
                    clock.advance(earlier);
                    prop_assert!(exhaust(&service) < u64::from(requests));
                }
            }
            _ => if let Some(wait) = wait {
                prop_assert!(wait >= 1);
                if wait > 1 {
                    clock.advance(Duration::from_secs(wait - 1));
                    prop_assert!(!ask(&service).0);
                    clock.set_back(Duration::from_secs(wait - 1));
                }
                clock.advance(Duration::from_secs(wait));
                prop_assert!(ask(&service).0);
            }
        }
    }

    /// A client that never pauses gets twice the number in a period at most, and the rate in the
    /// long run.
    #[test]
    fn no_more_than_the_rate(requests in 1..20_u32, step in 1..500_u64) {
        let (layer, clock) = limit(requests, Duration::from_secs(10));
        let service = bare(&layer);
        let step = Duration::from_millis(step);
        let mut passed = Vec::new();
        let mut elapsed = Duration::ZERO;
        while elapsed < Duration::from_secs(40) {
            passed.extend(ask(&service).0.then_some(elapsed));
            clock.advance(step);
            elapsed += step;
        }
        let most = u64::from(requests);
        for (position, from) in passed.iter().enumerate() {
            let within = |at: &&Duration| at.saturating_sub(*from) < Duration::from_secs(10);
            let within = passed[position..].iter().take_while(within);
            prop_assert!(within.count() as u64 <= 2 * most);
        }
        prop_assert!(passed.len() as u64 <= 5 * most);
    }
}
