//! The page to try it.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::routing::get;
use serde::Serialize;
use tower_asset_upload::asset::UploadSize;

use crate::seed::Demo;

/// Scripts and styles are the page's own; uploads, downloads and thumbnails go to the object store,
/// wherever that is.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob: http: https:; media-src http: https:; connect-src 'self' http: https:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the page has to know.
#[derive(Clone, Serialize)]
struct Settings {
    slug: String,
    /// Of the demo workspace only: credentials that were seeded never leave the server.
    api_key: Option<String>,
    max_size: u64,
    base: &'static str,
}

pub(crate) fn routes(demo: Option<&Demo>, max_size: UploadSize) -> Router {
    let settings = axum::Json(Settings {
        slug: demo.map_or_else(String::new, |demo| demo.slug.clone()),
        api_key: demo.map(|demo| demo.api_key.clone()),
        max_size: max_size.bytes(),
        base: "/api/v1",
    });
    Router::new()
        .route(
            "/",
            file("text/html; charset=utf-8", include_str!("page/index.html")),
        )
        .route(
            "/app.css",
            file("text/css; charset=utf-8", include_str!("page/app.css")),
        )
        .route(
            "/app.js",
            file(
                "text/javascript; charset=utf-8",
                include_str!("page/app.js"),
            ),
        )
        .route(
            "/demo.json",
            get(move || std::future::ready(([(CACHE_CONTROL, "no-store")], settings.clone()))),
        )
}

fn file(content_type: &'static str, text: &'static str) -> axum::routing::MethodRouter {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    get(move || std::future::ready((headers.clone(), text)))
}
