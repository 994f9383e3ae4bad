//! Each way to mount the service: under axum, under bare hyper over a socket, as a layer.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request as AxumRequest;
use axum::middleware::{self, Next};
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use support::*;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_asset_upload::auth::{ExtensionAuthenticator, Principal};
use tower_asset_upload::{AssetStore, AssetUploadService, UploadSigner};

fn post(path: &str) -> Request<Full<Bytes>> {
    request(&format!("POST {path}"), &[("x-api-key", KEY)], PHOTO)
}

async fn status<S, B>(app: &S, request: Request<Full<Bytes>>) -> u16
where
    S: Service<AxumRequest, Response = Response<B>> + Clone,
    S::Error: std::fmt::Debug,
{
    let request = request.map(Body::new);
    app.clone()
        .oneshot(request)
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn axum_route_service() {
    let uploads = builder(&world()).build().unwrap();
    let app: Router = Router::new()
        .route_service("/api/v1/workspaces/{slug}/assets/", uploads.clone())
        .route_service("/api/v1/workspaces/{slug}/assets/{asset_id}/", uploads);
    assert_eq!(status(&app, post(COLLECTION)).await, 200);
    let item = format!("{COLLECTION}99999999-9999-4999-8999-999999999999/");
    let get = request(&format!("GET {item}"), &[("x-api-key", KEY)], "");
    assert_eq!(status(&app, get).await, 404);
    assert_eq!(status(&app, post("/api/v1/other")).await, 404);
}

#[tokio::test]
async fn axum_nest_service_strips_the_prefix() {
    let uploads = builder(&world()).base_path("").build().unwrap();
    let app: Router = Router::new().nest_service("/deep/uploads", uploads);
    assert_eq!(
        status(&app, post("/deep/uploads/workspaces/my-workspace/assets/")).await,
        200
    );
    assert_eq!(
        status(&app, post("/deep/uploads/workspaces/my-workspace/assets")).await,
        200
    );
    assert_eq!(status(&app, post(COLLECTION)).await, 404);
}

#[tokio::test]
async fn a_prefix_that_the_router_strips_is_noticed_once_with_its_remedy() {
    for (nested_at, remedy) in [
        ("/api/v1", r#"`.base_path("")`"#),
        ("/api", r#"`.base_path("/v1")`"#),
    ] {
        let log = Log::default();
        let _guard = log.listen();
        let uploads = builder(&world()).build().unwrap();
        let app: Router = Router::new().nest_service(nested_at, uploads);
        let nowhere = request(&format!("GET {nested_at}/elsewhere"), &[], "");
        assert_eq!(status(&app, nowhere).await, 404);
        assert_eq!(log.text(), "", "any other path is nobody's mistake");
        for _ in 0..3 {
            let request = post(COLLECTION).map(Body::new);
            let answer = app.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), 404);
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["code"], "path_not_found");
        }
        let text = log.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("WARN") && text.contains(remedy), "{text}");

        // The remedy works.
        let rest = remedy.split('"').nth(1).unwrap();
        let uploads = builder(&world()).base_path(rest).build().unwrap();
        let app: Router = Router::new().nest_service(nested_at, uploads);
        assert_eq!(status(&app, post(COLLECTION)).await, 200);
    }
}

#[tokio::test]
async fn a_layer_says_nothing_of_the_paths_of_others() {
    let log = Log::default();
    let _guard = log.listen();
    let uploads = builder(&world()).build_layer().unwrap();
    let own =
        Router::new().fallback(|request: AxumRequest| async move { request.uri().to_string() });
    let app = ServiceBuilder::new().layer(uploads).service(own);
    let path = COLLECTION.strip_prefix("/api/v1").unwrap();
    let answer = app.oneshot(post(path).map(Body::new)).await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, path, "handed on untouched");
    assert_eq!(log.text(), "");
}

#[tokio::test]
async fn axum_fallback_service_beside_own_routes() {
    let app: Router = Router::new()
        .route("/hello", get(|| async { "hello" }))
        .fallback_service(builder(&world()).build().unwrap());
    assert_eq!(status(&app, request("GET /hello", &[], "")).await, 200);
    assert_eq!(status(&app, post(COLLECTION)).await, 200);
    assert_eq!(status(&app, post("/nothing")).await, 404);
}

#[tokio::test]
async fn axum_layer_in_front_of_a_router() {
    let uploads = builder(&world()).build_layer().unwrap();
    let own: Router = Router::new().fallback(|request: AxumRequest| async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        format!(
            "{} {} {}",
            head.method,
            head.uri,
            String::from_utf8_lossy(&body)
        )
    });
    // A layer of `Router::layer` sees a request only once a route was found: it goes around the router.
    let app = ServiceBuilder::new().layer(uploads).service(own);
    assert_eq!(status(&app, post(COLLECTION)).await, 200);
    let others = post("/api/v1/workspaces/my-workspace/other?x=y").map(Body::new);
    let answer = app.oneshot(others).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        body,
        format!("POST /api/v1/workspaces/my-workspace/other?x=y {PHOTO}"),
        "handed on untouched"
    );
}

#[tokio::test]
async fn axum_router_layer() {
    let uploads = builder(&world()).build_layer().unwrap();
    let app: Router = Router::new()
        .fallback(|| async { "fallback" })
        .layer(uploads);
    assert_eq!(status(&app, post(COLLECTION)).await, 200);
    assert_eq!(status(&app, request("GET /x", &[], "")).await, 200);
}

#[tokio::test]
async fn a_principal_of_the_hosts_own_middleware() {
    let uploads = AssetUploadService::builder(world(), signer(), ExtensionAuthenticator)
        .trust_clients()
        .build()
        .unwrap();
    let session = |mut request: AxumRequest, next: Next| async move {
        if request.headers().contains_key("x-session") {
            request
                .extensions_mut()
                .insert(Principal::with_all_scopes(ALICE.into()));
        }
        next.run(request).await
    };
    let app: Router = Router::new()
        .fallback_service(uploads)
        .layer(middleware::from_fn(session));
    assert_eq!(
        status(
            &app,
            request(&format!("POST {COLLECTION}"), &[("x-session", "1")], PHOTO)
        )
        .await,
        200
    );
    assert_eq!(
        status(&app, post(COLLECTION)).await,
        401,
        "without the middleware nobody gets in"
    );
}

#[tokio::test]
async fn bare_hyper_over_a_socket() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = builder(&world()).build().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new();
                connection
                    .serve_connection(TokioIo::new(stream), service)
                    .await
                    .unwrap();
            });
        }
    });
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .build_http::<Full<Bytes>>();
    let send = |line: String, body: &'static str| {
        let mut request = request(&line, &[("x-api-key", KEY)], body);
        *request.uri_mut() = format!("http://{address}{}", request.uri())
            .parse()
            .unwrap();
        client.request(request)
    };
    let made = send(format!("POST {COLLECTION}"), PHOTO).await.unwrap();
    assert_eq!(made.status(), 200);
    let made = made.into_body().collect().await.unwrap().to_bytes();
    let id = serde_json::from_slice::<serde_json::Value>(&made).unwrap()["asset_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let item = format!("{COLLECTION}{id}/");
    assert_eq!(
        send(format!("PATCH {item}"), "").await.unwrap().status(),
        204
    );
    let got = send(format!("GET {item}"), "").await.unwrap();
    let length = got.headers()["content-length"].clone();
    got.into_body().collect().await.unwrap();
    let headed = send(format!("HEAD {item}"), "").await.unwrap();
    assert_eq!(headed.headers()["content-length"], length);
    assert_eq!(
        send(format!("DELETE {item}"), "").await.unwrap().status(),
        204
    );
}

/// A service that is not ready until it was polled, and says so if it is called before.
#[derive(Clone, Default)]
struct NeedsPolling {
    ready: bool,
}

impl Service<Request<Full<Bytes>>> for NeedsPolling {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        self.ready = true;
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called before it was ready"
        );
        std::future::ready(Ok(Response::new(Full::from("inner"))))
    }
}

#[tokio::test]
async fn the_layer_keeps_the_inner_services_contract() {
    let mut service = ServiceBuilder::new()
        .layer(builder(&world()).build_layer().unwrap())
        .service(NeedsPolling::default());
    for path in ["/other", COLLECTION, "/other", "/other"] {
        let answer = service
            .ready()
            .await
            .unwrap()
            .call(post(path))
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    }
}

#[tokio::test]
async fn an_inner_error_stays_what_it_is() {
    let failing = service_fn(|_: Request<Full<Bytes>>| async {
        Err::<Response<Full<Bytes>>, _>("inner error")
    });
    let service = ServiceBuilder::new()
        .layer(builder(&world()).build_layer().unwrap())
        .service(failing);
    assert_eq!(
        service.clone().oneshot(post("/other")).await.unwrap_err(),
        "inner error"
    );
    assert_eq!(
        service.oneshot(post(COLLECTION)).await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn ports_may_be_boxed_or_shared() {
    fn takes<S: AssetStore + 'static, G: UploadSigner + 'static>(store: S, signer: G) {
        let _ = AssetUploadService::builder(store, signer, ExtensionAuthenticator)
            .trust_clients()
            .build()
            .unwrap();
    }
    takes(world(), signer());
    takes(Arc::new(world()), Arc::new(signer()));
    takes(
        Box::new(world()) as Box<dyn AssetStore>,
        Box::new(signer()) as Box<dyn UploadSigner>,
    );
    takes(
        Arc::new(world()) as Arc<dyn AssetStore>,
        Arc::new(signer()) as Arc<dyn UploadSigner>,
    );
}

#[test]
fn the_service_is_send_sync_and_cheap_to_clone() {
    fn check<T: Send + Sync + Clone + 'static>(_: &T) {}
    let service = builder(&world()).build().unwrap();
    check(&service);
    assert_eq!(size_of_val(&service), size_of::<usize>());
}

#[test]
fn what_is_dangerous_has_to_be_named() {
    use tower_asset_upload::service::BuildError;

    let plain = || AssetUploadService::builder(world(), signer(), ExtensionAuthenticator);
    let refused = |built: Result<_, BuildError>| built.map(|_: AssetUploadService<_, _>| ());
    assert_eq!(refused(plain().build()), Err(BuildError::Unverified));
    assert_eq!(
        plain().build_layer().map(|_| ()),
        Err(BuildError::Unverified)
    );
    let sentence = BuildError::Unverified.to_string();
    assert!(sentence.contains("`verify_with(objects)`") && sentence.contains("`trust_clients()`"));

    assert_eq!(refused(plain().trust_clients().build()), Ok(()));
    let nothing = Says::new(|_| Ok(None));
    assert_eq!(refused(plain().verify_with(nothing).build()), Ok(()));

    let unsound = plain().trust_clients().base_path("/a?b").build();
    assert!(matches!(unsound, Err(BuildError::BasePath(_))));
}
