//! salvo: `compat` makes a tower service a handler.

use salvo::Router;
use salvo::http::ReqBody;
use salvo::prelude::TowerServiceCompat;

use crate::Uploads;

/// A router that hands everything below `/api/v1` to the service.
pub fn app(uploads: Uploads) -> Router {
    let handler = TowerServiceCompat::<ReqBody, _, _, _>::compat(uploads);
    Router::with_path("api/v1/{**rest}").goal(handler)
}

#[cfg(test)]
mod tests {
    use salvo::Service;
    use salvo::test::{ResponseExt, TestClient};

    use crate::testing::{BODY, COLLECTION, KEY, assert_created, uploads};

    #[tokio::test]
    async fn it_creates_an_asset() {
        let service = Service::new(super::app(uploads().await));
        let request = TestClient::post(format!("http://localhost{COLLECTION}"))
            .add_header("x-api-key", KEY, true)
            .add_header("content-type", "application/json", true)
            .body(BODY);
        let mut response = request.send(&service).await;
        assert_created(&response.take_bytes(None).await.unwrap());
    }
}
