//! poem: `compat` makes a tower service an endpoint.

use poem::endpoint::TowerCompatExt;
use poem::{IntoEndpoint, Route};

use crate::Uploads;

/// `nest_no_strip` keeps the whole path, so the service keeps its base path.
pub fn app(uploads: Uploads) -> impl IntoEndpoint {
    Route::new().nest_no_strip("/api/v1", uploads.compat())
}

#[cfg(test)]
mod tests {
    use poem::test::TestClient;

    use crate::testing::{BODY, COLLECTION, KEY, assert_created, uploads};

    #[tokio::test]
    async fn it_creates_an_asset() {
        let client = TestClient::new(super::app(uploads().await));
        let request = client.post(COLLECTION).header("x-api-key", KEY);
        let request = request.header("content-type", "application/json");
        let response = request.body(BODY).send().await;
        response.assert_status_is_ok();
        assert_created(&response.0.into_body().into_bytes().await.unwrap());
    }
}
