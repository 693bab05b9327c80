//! The suite that every engine runs from its own tests: what [`crate::Store`] promises, one check per promise.
//!
//! An engine gives a [`Factory`]; [`run`] answers a [`Report`] in which each check has passed, failed with what was
//! seen, or was skipped with the reason (a check that needs root, another process, or a disk that can be cut off).
//! Nothing here knows an engine, and nothing sleeps: checks wait for what they need, with a deadline.

mod commits;
mod limits;
mod process;
mod reads;
mod report;
mod survival;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;

pub use process::{WRITER_TASKS, write_until_killed};
pub use report::{Outcome, Report};

use crate::Store;

/// How the suite gets stores of one engine.
#[async_trait]
pub trait Factory: Send + Sync {
    /// Name of the engine, for the report.
    fn name(&self) -> &str;

    /// A new, empty place: a directory, or whatever else the engine can be opened on.
    async fn place(&self) -> Result<PathBuf, String>;

    /// Opens the store at a place, as after a start of the process.
    async fn open(&self, place: &Path) -> Result<Arc<dyn Store>, String>;

    /// Closes in order; the place can be opened again when this returns.
    async fn close(&self, store: Arc<dyn Store>) {
        drop(store);
    }

    /// Whether a place outlives its store. An engine in memory says no.
    fn is_durable(&self) -> bool {
        true
    }

    /// Whether a place can be opened again in this process once its store was closed; or why not.
    fn reopens(&self) -> Result<(), String> {
        Ok(())
    }

    /// A process that opens the place, then runs [`write_until_killed`] on it with its standard output. None: the
    /// checks that kill are skipped.
    fn writer_process(&self, _place: &Path) -> Option<Command> {
        None
    }

    /// A place on a disk that can lose power, see [`Factory::cut_power`]; or why there is none.
    async fn place_on_lossy_disk(&self) -> Result<PathBuf, String> {
        Err("this engine has no disk of its own that could lose power".into())
    }

    /// Loses all that was written to the place but not synced; answers where the rest is found.
    async fn cut_power(&self, _place: &Path) -> Result<PathBuf, String> {
        Err("this engine has no disk of its own that could lose power".into())
    }

    /// A place on a disk that is soon full, see [`Factory::relieve`]; or why there is none.
    async fn place_on_small_disk(&self) -> Result<PathBuf, String> {
        Err("this engine has no disk of its own that could be full".into())
    }

    /// Gives room to a place of [`Factory::place_on_small_disk`].
    async fn relieve(&self, _place: &Path) -> Result<(), String> {
        Err("this engine has no disk of its own that could be full".into())
    }
}

/// Why a check did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stop {
    Failed(String),
    Skipped(String),
}

impl<E: std::fmt::Display> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

type Checked = Result<(), Stop>;

/// Fails the check unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Stop::Failed(format!($($message)+)));
        }
    };
}
use ensure;

/// Runs every check, each on a place of its own.
pub async fn run(factory: &dyn Factory) -> Report {
    run_only(factory, |_| true).await
}

/// Runs the checks whose name is wanted.
pub async fn run_only(factory: &dyn Factory, wanted: impl Fn(&str) -> bool) -> Report {
    let mut report = Report::new(factory.name());
    macro_rules! checks {
        ($($name:literal $check:path)*) => {
            $(if wanted($name) { report.note($name, $check(factory).await); })*
        };
    }
    checks! {
        "ordering" reads::ordering
        "paging" reads::paging
        "snapshot-isolation" reads::snapshot_isolation
        "linearizable-snapshot" reads::linearizable_snapshot
        "slow-reader" reads::slow_reader
        "atomic-batch" commits::atomic_batch
        "fence-race" commits::fence_race
        "fence-leaves-others-alone" commits::fence_leaves_others_alone
        "unknown-outcome" commits::unknown_outcome
        "limits" limits::each_limit
        "largest-batch" limits::largest_batch
        "invalid" limits::invalid
        "clear-range-bound" limits::clear_range_bound
        "restart" survival::restart
        "kill" survival::kill
        "unsynced-loss" survival::unsynced_loss
        "disk-full" survival::disk_full
    }
    report
}

/// A store at a new place.
async fn fresh(factory: &dyn Factory) -> Result<Arc<dyn Store>, Stop> {
    Ok(factory.open(&factory.place().await?).await?)
}
