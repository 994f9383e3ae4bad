//! Whether the process runs, and whether it can do its work.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tower_asset_upload::s3::S3Verifier;
use tower_asset_upload::{
    AssetStore, BoxError, ObjectKey, ObjectVerifier, PlaneStore, UserId, WorkspaceSlug,
};
use uuid::Uuid;

use crate::Failure;

/// A probe waits no longer for either answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// What the answers are asked of, and for: a workspace and an object that nobody has.
struct Checks {
    store: PlaneStore,
    verifier: S3Verifier,
    slug: WorkspaceSlug,
    key: ObjectKey,
}

#[derive(Serialize)]
struct Readiness {
    database: &'static str,
    object_store: &'static str,
}

/// `/healthz` and `/readyz`, for whoever restarts this server and whoever sends requests to it.
pub(crate) fn routes(store: PlaneStore, verifier: S3Verifier) -> Result<Router, Failure> {
    let name = "readyz";
    let checks = Checks {
        store,
        verifier,
        slug: WorkspaceSlug::new(name).ok_or("no slug")?,
        key: ObjectKey::new(name).map_err(|fault| fault.to_string())?,
    };
    Ok(Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .with_state(Arc::new(checks)))
}

/// Which of the two doesn't answer is for the prober; why is for the log.
async fn ready(State(checks): State<Arc<Checks>>) -> (StatusCode, Json<Readiness>) {
    let nobody = UserId::new(Uuid::nil());
    let (database, object_store) = tokio::join!(
        answers("the database", checks.store.enter(&checks.slug, nobody)),
        answers("the object store", checks.verifier.inspect(&checks.key)),
    );
    let status = if database && object_store {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let word = |answers| if answers { "ok" } else { "unavailable" };
    let readiness = Readiness {
        database: word(database),
        object_store: word(object_store),
    };
    (status, Json(readiness))
}

async fn answers<T, E: Into<BoxError>>(
    whose: &str,
    answer: impl Future<Output = Result<T, E>>,
) -> bool {
    let cause: BoxError = match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(_)) => return true,
        Ok(Err(fault)) => fault.into(),
        Err(elapsed) => elapsed.into(),
    };
    tracing::warn!(%cause, "{whose} doesn't answer");
    false
}
