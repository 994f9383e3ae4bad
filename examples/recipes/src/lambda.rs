//! AWS Lambda: `lambda_http` runs any tower service.

use lambda_http::{Error, Request, run};

use crate::Uploads;

/// The `main` of a function behind API Gateway or a function URL.
pub async fn main(uploads: Uploads) -> Result<(), Error> {
    run(tower::ServiceBuilder::new()
        .map_request(|request: Request| request)
        .service(uploads))
    .await
}

#[cfg(test)]
mod tests {
    use lambda_http::{Body, IntoResponse, Request};
    use tower::ServiceExt;

    use crate::testing::{BODY, COLLECTION, KEY, assert_created, uploads};

    #[tokio::test]
    async fn it_creates_an_asset() {
        let mut request = Request::new(Body::from(BODY));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = COLLECTION.parse().unwrap();
        let headers = request.headers_mut();
        headers.insert("x-api-key", KEY.parse().unwrap());
        headers.insert("content-type", "application/json".parse().unwrap());
        let response = uploads().await.oneshot(request).await.unwrap();
        // As the runtime answers the event.
        let response = response.into_response().await;
        assert_created(response.body());
    }
}
