//! Waits for the operating system to ask the process to end.

use tokio::signal::unix::{SignalKind, signal as listen};

/// Returns at the first SIGTERM or SIGINT. The second one does what it does by default only if the process has not
/// ended by then and nobody listens: call this once, then shut the task group down with a deadline.
///
/// # Panics
/// If the process may not install signal handlers, which no supported system forbids.
pub async fn signal() {
    let mut terminate = listen(SignalKind::terminate()).expect("SIGTERM can be handled");
    let mut interrupt = listen(SignalKind::interrupt()).expect("SIGINT can be handled");
    tokio::select! {
        _ = terminate.recv() => tracing::info!("asked to end by SIGTERM"),
        _ = interrupt.recv() => tracing::info!("asked to end by SIGINT"),
    }
}
