//! The page to try it.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::routing::get;
use serde::Serialize;
use tower_asset_upload::asset::{AllowedTypes, UploadSize};

use super::seed::Demo;

/// Scripts and styles are the page's own; uploads, downloads and thumbnails go to the object store,
/// wherever that is.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob: http: https:; media-src http: https:; connect-src 'self' http: https:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, content type and text of each file.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("page/index.html")),
    ("/app.css", CSS, include_str!("page/app.css")),
    ("/access.js", SCRIPT, include_str!("page/access.js")),
    ("/api.js", SCRIPT, include_str!("page/api.js")),
    ("/app.js", SCRIPT, include_str!("page/app.js")),
    ("/choose.js", SCRIPT, include_str!("page/choose.js")),
    ("/confirm.js", SCRIPT, include_str!("page/confirm.js")),
    ("/dom.js", SCRIPT, include_str!("page/dom.js")),
    ("/failure.js", SCRIPT, include_str!("page/failure.js")),
    ("/folders.js", SCRIPT, include_str!("page/folders.js")),
    ("/gallery.js", SCRIPT, include_str!("page/gallery.js")),
    ("/leaving.js", SCRIPT, include_str!("page/leaving.js")),
    ("/limits.js", SCRIPT, include_str!("page/limits.js")),
    ("/names.js", SCRIPT, include_str!("page/names.js")),
    (
        "/object-store.js",
        SCRIPT,
        include_str!("page/object-store.js"),
    ),
    ("/overall.js", SCRIPT, include_str!("page/overall.js")),
    ("/pictures.js", SCRIPT, include_str!("page/pictures.js")),
    ("/row.js", SCRIPT, include_str!("page/row.js")),
    ("/session.js", SCRIPT, include_str!("page/session.js")),
    ("/speed.js", SCRIPT, include_str!("page/speed.js")),
    ("/storage.js", SCRIPT, include_str!("page/storage.js")),
    ("/uploads.js", SCRIPT, include_str!("page/uploads.js")),
    ("/words.js", SCRIPT, include_str!("page/words.js")),
];

/// `/demo.json`: the facts that the page needs about its server.
#[derive(Clone, Serialize)]
struct Settings {
    slug: String,
    /// Of the demo workspace only: credentials that were seeded never leave the server.
    api_key: Option<String>,
    max_size: u64,
    /// The accepted media types; `None` if every type is accepted.
    types: Option<Vec<String>>,
    base: &'static str,
}

pub(crate) fn routes(demo: Option<&Demo>, max_size: UploadSize) -> Router {
    // The server doesn't set `allowed_types` on its builder.
    let types = AllowedTypes::default();
    let types = types.list();
    let settings = axum::Json(Settings {
        slug: demo.map_or_else(String::new, |demo| demo.slug.clone()),
        api_key: demo.map(|demo| demo.api_key.clone()),
        max_size: max_size.bytes(),
        types: types.map(|types| types.into_iter().map(str::to_owned).collect()),
        base: "/api/v1",
    });
    let files = FILES
        .iter()
        .fold(Router::new(), |router, (path, content_type, text)| {
            router.route(path, file(content_type, text))
        });
    files.route(
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
