//! actix-web: a bridge. actix-web has its own request type and http 0.2, so the parts are copied.

use actix_web::http::StatusCode;
use actix_web::{Error, HttpRequest, HttpResponse, error, web};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;

use crate::Uploads;

/// Register with `app.app_data(web::Data::new(uploads)).default_service(web::to(bridge))`.
pub async fn bridge(
    request: HttpRequest,
    body: Bytes,
    uploads: web::Data<Uploads>,
) -> Result<HttpResponse, Error> {
    let mut to = http::Request::builder()
        .method(request.method().as_str())
        .uri(request.uri().to_string());
    for (name, value) in request.headers() {
        to = to.header(name.as_str(), value.as_bytes());
    }
    let to = to.body(Full::new(body)).map_err(error::ErrorBadRequest)?;
    let Ok(answer) = uploads.get_ref().clone().oneshot(to).await;
    let (head, body) = answer.into_parts();
    let Ok(body) = body.collect().await;
    let status = StatusCode::from_u16(head.status.as_u16()).map_err(error::ErrorBadGateway)?;
    let mut from = HttpResponse::build(status);
    for (name, value) in &head.headers {
        from.append_header((name.as_str(), value.as_bytes()));
    }
    Ok(from.body(body.to_bytes()))
}

#[cfg(test)]
mod tests {
    use actix_web::{App, test, web};

    use crate::testing::{BODY, COLLECTION, KEY, assert_created, uploads};

    #[actix_web::test]
    async fn it_creates_an_asset() {
        let app = App::new()
            .app_data(web::Data::new(uploads().await))
            .default_service(web::to(super::bridge));
        let app = test::init_service(app).await;
        let request = test::TestRequest::post()
            .uri(COLLECTION)
            .insert_header(("x-api-key", KEY))
            .insert_header(("content-type", "application/json"))
            .set_payload(BODY);
        let answer = test::call_and_read_body(&app, request.to_request()).await;
        assert_created(&answer);
    }
}
