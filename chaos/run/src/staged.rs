//! Where a run plays: in a world of its own, which goes away however the run ends.

use anyhow::{Result, anyhow};
use cli_world::{Progress, Stage};

use crate::run::Options;

/// Plays in a folder that is named after `what`; answers what came of it once the world is gone, or kept as asked for.
///
/// # Errors
/// Of the play; if it was interrupted.
pub async fn staged<T>(
    what: &str,
    options: &Options,
    progress: &dyn Progress,
    play: impl AsyncFnOnce(&Stage) -> Result<T>,
) -> Result<T> {
    let stage = Stage::new(what);
    let root = stage.layout.root().display();
    progress.progress(&format!("seed {}; the world is in {root}", options.seed));
    let outcome = tokio::select! {
        outcome = play(&stage) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
    };
    stage.leave(options.keep, progress).await;
    outcome
}
