//! Which origins' scripts may call, as Plane says.

use std::time::Duration;

use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, RETRY_AFTER, USER_AGENT,
};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// An origin as browsers send it (RFC 6454, section 6.2); `None` for anything else.
pub(crate) fn origin(text: &str) -> Option<HeaderValue> {
    let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let (scheme, host) = text.split_once("://")?;
    let host: Authority = host.parse().ok()?;
    let sound = ["http", "https"].contains(&scheme) && !host.as_str().contains('@');
    sound.then(|| HeaderValue::from_str(&text).ok()).flatten()
}

/// Scripts of these origins may call; without any, those of all. Plane lets browsers send cookies along,
/// and its own web client does: they are let through, and mean nothing here.
pub(crate) fn layer(origins: Option<Vec<HeaderValue>>, allow_delete: bool) -> CorsLayer {
    let origins = origins.map_or_else(AllowOrigin::mirror_request, AllowOrigin::list);
    let mut methods = vec![Method::GET, Method::HEAD, Method::POST, Method::PATCH];
    if allow_delete {
        methods.push(Method::DELETE);
    }
    CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(true)
        .allow_methods(methods)
        .allow_headers([
            ACCEPT,
            AUTHORIZATION,
            CONTENT_TYPE,
            USER_AGENT,
            HeaderName::from_static("x-api-key"),
            HeaderName::from_static("x-csrftoken"),
            HeaderName::from_static("x-requested-with"),
        ])
        .expose_headers([
            RETRY_AFTER,
            HeaderName::from_static("x-ratelimit-remaining"),
            HeaderName::from_static("x-ratelimit-reset"),
        ])
        .max_age(Duration::from_hours(24))
}
