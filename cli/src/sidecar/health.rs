//! Whether the process runs, and whether it can do its work.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tower_asset_upload::asset::{ObjectKey, UserId, WorkspaceSlug};
use tower_asset_upload::ports::StoreError;
use tower_asset_upload::s3::S3Objects;
use tower_asset_upload::{AssetStore, BoxError, ObjectStore, PlaneStore};
use uuid::Uuid;

use crate::Failure;

/// A probe waits no longer for either answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// What the answers are asked of, and for: a workspace and an object that nobody has.
struct Checks {
    store: PlaneStore,
    verifier: S3Objects,
    slug: WorkspaceSlug,
    key: ObjectKey,
}

#[derive(Serialize)]
struct Readiness {
    database: String,
    object_store: String,
}

/// `/healthz` and `/readyz`, for whoever restarts this server and whoever sends requests to it.
pub(crate) fn routes(store: PlaneStore, verifier: S3Objects) -> Result<Router, Failure> {
    let name = "readyz";
    let checks = Checks {
        store,
        verifier,
        slug: WorkspaceSlug::new(name).map_err(|fault| fault.to_string())?,
        key: ObjectKey::new(name).map_err(|fault| fault.to_string())?,
    };
    Ok(Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .with_state(Arc::new(checks)))
}

/// Which of the two doesn't answer is for the prober; why is for the log. Where Plane's tables aren't
/// as they should be, the prober is told by name: that is for its operator to mend.
async fn ready(State(checks): State<Arc<Checks>>) -> (StatusCode, Json<Readiness>) {
    let nobody = UserId::new(Uuid::nil());
    let database = async {
        let mismatches = checks.store.schema_mismatches().await?;
        if mismatches.is_empty() {
            checks.store.enter(&checks.slug, nobody).await?;
        }
        Ok::<_, StoreError>(mismatches)
    };
    let (mismatches, object) = tokio::join!(
        answer("the database", database),
        answer("the object store", checks.verifier.head(&checks.key)),
    );
    let unfit = mismatches.iter().flatten().map(ToString::to_string);
    let unfit = unfit.collect::<Vec<_>>().join("; ");
    if !unfit.is_empty() {
        tracing::warn!("Plane's tables don't fit: {unfit}");
    }
    let word = |answers| if answers { "ok" } else { "unavailable" };
    let readiness = Readiness {
        database: if unfit.is_empty() {
            word(mismatches.is_some()).to_owned()
        } else {
            unfit
        },
        object_store: word(object.is_some()).to_owned(),
    };
    let is_ready = readiness.database == "ok" && readiness.object_store == "ok";
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness))
}

/// `None`, and a line in the log, where there is no answer in time.
async fn answer<T, E: Into<BoxError>>(
    whose: &str,
    answer: impl Future<Output = Result<T, E>>,
) -> Option<T> {
    let cause: BoxError = match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => return Some(answer),
        Ok(Err(fault)) => fault.into(),
        Err(elapsed) => elapsed.into(),
    };
    tracing::warn!(%cause, "{whose} doesn't answer");
    None
}
