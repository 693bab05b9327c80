//! Work that keeps a processor busy, on threads where no request waits for it.

use tokio::runtime::Handle;

use crate::error::BackupError;

/// Runs `work` beside the executor's threads; it is handed what waits for futures there.
///
/// # Errors
/// [`BackupError::Stopped`] when the process ends first.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce(&Handle) -> T + Send + 'static,
) -> Result<T, BackupError> {
    let runtime = Handle::current();
    let done = tokio::task::spawn_blocking(move || work(&runtime)).await;
    done.map_err(|_| BackupError::Stopped)
}
