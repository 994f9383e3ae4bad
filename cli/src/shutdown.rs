//! Serving until a signal, and a little longer.

use std::future::Future;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

use crate::Failure;

/// How long requests under way may take once the server was told to stop.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Serves until SIGTERM or Ctrl-C, then lets requests under way finish.
pub(crate) async fn serve(listener: TcpListener, app: Router) -> Result<(), Failure> {
    let (told, mut stopping) = tokio::sync::watch::channel(false);
    let signal = signal()?;
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        signal.await;
        tracing::info!("stopping");
        told.send_replace(true);
    });
    let deadline = async move {
        // An error means that the server has ended by itself.
        if stopping.wait_for(|stopping| *stopping).await.is_ok() {
            tokio::time::sleep(GRACE).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = server => ended.map_err(|fault| format!("the server failed: {fault}")),
        () = deadline => {
            tracing::warn!("some requests took longer than {GRACE:?} to end; they were cut off");
            Ok(())
        }
    }
}

#[cfg(unix)]
fn signal() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let handler = |kind| signal(kind).map_err(|fault| format!("can't handle signals: {fault}"));
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signal() -> Result<impl Future<Output = ()>, Failure> {
    Ok(async {
        // Without a handler there is only the hard way to stop, and nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}
